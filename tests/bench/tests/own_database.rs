//! 40 tests, each with a database of its own that is made from one with 1,000 rows.

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers};
use postgres::{Client, NoTls};
use rstest::{fixture, rstest};

type Outcome<T = ()> = Result<T, postgres::Error>;

fn connect(server: &Process, database: &str) -> Outcome<Client> {
    let url = format!("postgresql://postgres@127.0.0.1:{}/{database}", server.port());
    Client::connect(&url, NoTls)
}

fn create_items(server: &Process) -> Outcome {
    connect(server, "postgres")?.batch_execute("CREATE DATABASE app STRATEGY file_copy")?;
    let sql = "CREATE TABLE items AS SELECT * FROM generate_series(1, 1000) AS number";
    connect(server, "app")?.batch_execute(sql)
}

#[process_fixture]
fn cluster() -> Executor {
    servers::postgres().after_ready_with(create_items)
}

struct Database {
    client: Option<Client>,
    maintenance: Client,
    server: Lease,
}

impl Database {
    fn new(server: Lease) -> Outcome<Self> {
        let mut maintenance = connect(&server, "postgres")?;
        let name = server.unique();
        // `fsync` is off, so to copy files costs less than to log what is in them.
        maintenance
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE app STRATEGY file_copy"))?;
        let client = Some(connect(&server, name)?);
        Ok(Self { client, maintenance, server })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.client = None;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.server.unique());
        self.maintenance.batch_execute(&drop).expect("the database is there");
    }
}

#[fixture]
fn database(#[from(cluster)] server: Lease) -> Database {
    Database::new(server).expect("the server has the template")
}

#[rstest]
fn has_its_rows(
    mut database: Database,
    #[values(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
        25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39
    )]
    number: i32,
) {
    let client = database.client.as_mut().expect("it is connected");
    let delete = "DELETE FROM items WHERE number <= $1";
    client.execute(delete, &[&number]).expect("there are items");
    let row = client.query_one("SELECT count(*) FROM items", &[]).expect("there is a count");
    assert_eq!(row.get::<_, i64>(0), i64::from(1000 - number));
}
