use std::process::Command;

use mirakuru_rstest::{Executor, Lease, process_fixture, servers};
use rstest::rstest;

#[process_fixture]
fn database() -> Executor {
    servers::postgres()
        .file("{dir}/items.sql", include_str!("../migrations/1_items.sql"))
        .file("{dir}/seed.sql", include_str!("../migrations/2_seed.sql"))
        .after_ready("createdb app")
        .after_ready("psql -qv ON_ERROR_STOP=1 -f {dir}/items.sql -f {dir}/seed.sql app")
}

#[rstest]
fn has_the_seed(database: Lease) {
    let url = database.render("postgresql://postgres@127.0.0.1:{port}/app").unwrap();
    let query = ["-Atc", "SELECT sum(price) FROM items"];
    let client = Command::new("psql").arg(url).args(query).output();
    assert_eq!(String::from_utf8(client.unwrap().stdout).unwrap(), "7\n");
}
