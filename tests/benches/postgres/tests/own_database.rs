//! 40 tests, each with a database of its own that is made from one with 1,000 rows.

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers};
use postgres::{Client, NoTls};
use rstest::{fixture, rstest};
use std::sync::Mutex;

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

/// Sessions that create and drop databases, kept for the next test.
static IDLE: Mutex<Vec<Client>> = Mutex::new(Vec::new());

fn maintenance(server: &Process) -> Outcome<Client> {
    let idle = IDLE.lock().expect("no holder panics").pop();
    idle.map_or_else(|| connect(server, "postgres"), Ok)
}

struct Database {
    client: Option<Client>,
    server: Lease,
}

impl Database {
    fn new(server: Lease) -> Outcome<Self> {
        let mut maintenance = maintenance(&server)?;
        let name = server.unique();
        // `fsync` is off, so to copy files costs less than to log what is in them.
        maintenance
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE app STRATEGY file_copy"))?;
        let client = Some(connect(&server, name)?);
        IDLE.lock().expect("no holder panics").push(maintenance);
        Ok(Self { client, server })
    }

    fn remove(&mut self) -> Outcome {
        self.client = None;
        let name = self.server.unique();
        let mut maintenance = maintenance(&self.server)?;
        // A session that is still ending would cost `DROP DATABASE` a sleep of 100 ms.
        maintenance.batch_execute(&format!(
            "SELECT pg_terminate_backend(pid, 5) FROM pg_stat_activity WHERE datname = '{name}'"
        ))?;
        maintenance.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))?;
        IDLE.lock().expect("no holder panics").push(maintenance);
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.remove().expect("the database is there");
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
