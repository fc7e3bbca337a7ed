//! The development environment: `cargo run -p axum-app --example dev` starts PostgreSQL with a database,
//! Redis, the application and nginx in front of it. Ctrl-C stops all of them, and nothing is left.

use std::time::Duration;

use mirakuru_rstest::{Executor, Result, Stack, servers};

fn main() -> Result<()> {
    let database = "createdb -h 127.0.0.1 -p {port} -U postgres app";
    let app = Executor::new("cargo run --bin axum-app")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PORT", "{port}")
        .env("DATABASE_URL", "postgresql://postgres@{postgres.addr}/app")
        .env("REDIS_URL", "redis://{redis.addr}/")
        .http("http://127.0.0.1:{port}/")
        .timeout(Duration::from_secs(300)); // Cargo may have to build it first.
    let proxy = "location / { proxy_pass http://{app.addr}; }";
    Stack::new()
        .add("postgres", servers::postgres().after_ready(database))
        .add("redis", servers::redis())
        .add("app", app)
        .add("web", servers::nginx().file("{dir}/server.d/app.conf", proxy))
        .run()
}
