//! A development environment by one command: PostgreSQL with a database, Redis, an application that uses
//! both, and nginx in front of it. `cargo run -p mirakuru-rstest --example dev` runs it until Ctrl-C.

use mirakuru_rstest::{Executor, Http, Result, Stack, servers};

/// It stands for your application, such as `Executor::new("cargo run")`.
const APPLICATION: &str = r#"
import http.server, os

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        for name in ["DATABASE_URL", "REDIS_URL"]:
            self.wfile.write((name + "=" + os.environ[name] + "\n").encode())

    def log_message(self, text, *values):
        print(text % values, flush=True)

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"#;

const SCHEMA: &str = "
CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL);
INSERT INTO notes (text) VALUES ('the first');
";

const PROXY: &str = "location / { proxy_pass http://{app.addr}; }";

fn main() -> Result<()> {
    stack().run()
}

/// Tests can start the same processes, by `stack().start()`.
fn stack() -> Stack {
    let database = servers::postgres()
        .file("{dir}/schema.sql", SCHEMA)
        .after_ready("createdb app")
        .after_ready("psql -q -v ON_ERROR_STOP=1 -f {dir}/schema.sql app");
    let app = Executor::new(["python3", "-c", APPLICATION])
        .env("PORT", "{port}")
        .env("DATABASE_URL", "postgresql://postgres@{postgres.addr}/app")
        .env("REDIS_URL", "redis://{redis.addr}/")
        .http(Http::get("http://127.0.0.1:{port}/"));
    let web = servers::nginx()
        .file("{dir}/server.d/app.conf", PROXY)
        .http(Http::get("http://127.0.0.1:{port}/"));
    Stack::new()
        .add("postgres", database)
        .add("redis", servers::redis())
        .add("app", app)
        .add("web", web)
}
