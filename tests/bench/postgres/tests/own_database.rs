//! 40 tests, each with a database of its own that is made from one with 1,000 rows.

use mirakuru_rstest::{process_fixture, servers, Executor, Lease, Process};
use postgres::{Client, NoTls};
use rstest::{fixture, rstest};

type Outcome<T = ()> = Result<T, postgres::Error>;

fn connect(server: &Process, database: &str) -> Outcome<Client> {
    let url = format!("postgresql://postgres@127.0.0.1:{}/{database}", server.port());
    Client::connect(&url, NoTls)
}

fn create_items(server: &Process) -> Outcome {
    connect(server, "postgres")?.batch_execute("CREATE DATABASE app")?;
    let sql = "CREATE TABLE items AS SELECT * FROM generate_series(1, 1000) AS number";
    connect(server, "app")?.batch_execute(sql)
}

#[process_fixture]
fn postgres() -> Executor {
    servers::postgres().after_ready_with(create_items)
}

struct Database {
    client: Option<Client>,
    server: Lease,
}

impl Drop for Database {
    fn drop(&mut self) {
        self.client = None;
        let dropped = connect(&self.server, "postgres")
            .and_then(|mut it| it.batch_execute(&format!("DROP DATABASE {}", self.server.unique())));
        dropped.expect("the database is there");
    }
}

#[fixture]
fn database(#[from(postgres)] server: Lease) -> Database {
    let name = server.unique();
    let create = format!("CREATE DATABASE {name} TEMPLATE app");
    let created = connect(&server, "postgres").and_then(|mut it| it.batch_execute(&create));
    created.expect("the template is there");
    let client = Some(connect(&server, name).expect("it was created"));
    Database { client, server }
}

#[rstest]
fn has_its_rows(
    mut database: Database,
    #[values(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
        27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39
    )]
    number: i32,
) {
    let client = database.client.as_mut().expect("it is connected");
    client.execute("DELETE FROM items WHERE number <= $1", &[&number]).expect("there are items");
    let row = client.query_one("SELECT count(*) FROM items", &[]).expect("there is a count");
    assert_eq!(row.get::<_, i64>(0), i64::from(1000 - number));
}
