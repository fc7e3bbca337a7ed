use std::sync::Mutex;

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers};
use postgres::{Client, Error, NoTls};
use rstest::{fixture, rstest};

fn connect(server: &Process, database: &str) -> Result<Client, Error> {
    Client::connect(&format!("postgresql://postgres@{}/{database}", server.addr()), NoTls)
}

/// Makes the database that each test gets a copy of.
fn create_template(server: &Process) -> Result<(), Error> {
    connect(server, "postgres")?.batch_execute("CREATE DATABASE app")?;
    connect(server, "app")?
        .batch_execute("CREATE TABLE items AS SELECT generate_series(1, 9) AS number")
}

#[process_fixture]
fn cluster() -> Executor {
    servers::postgres().after_ready_with(create_template)
}

/// Sessions that create and drop databases, kept for the next test.
static IDLE: Mutex<Vec<Client>> = Mutex::new(Vec::new());

fn maintenance(server: &Process) -> Result<Client, Error> {
    let idle = IDLE.lock().unwrap().pop().filter(|session| !session.is_closed());
    idle.map_or_else(|| connect(server, "postgres"), Ok)
}

struct Database {
    client: Client,
    server: Lease,
}

impl Database {
    fn new(server: Lease) -> Result<Self, Error> {
        let mut maintenance = maintenance(&server)?;
        let name = server.unique();
        // With `fsync` off, copying files takes less time than logging their pages.
        let copy = format!("CREATE DATABASE {name} TEMPLATE app STRATEGY file_copy");
        maintenance.batch_execute(&copy)?;
        IDLE.lock().unwrap().push(maintenance);
        Ok(Self { client: connect(&server, name)?, server })
    }

    fn remove(&self) -> Result<(), Error> {
        let mut maintenance = maintenance(&self.server)?;
        let name = self.server.unique();
        // `DROP DATABASE` would sleep for 100 ms if a session were still ending.
        maintenance.batch_execute(&format!(
            "SELECT pg_terminate_backend(pid, 5) FROM pg_stat_activity WHERE datname = '{name}'"
        ))?;
        maintenance.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))?;
        IDLE.lock().unwrap().push(maintenance);
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("the database of the test is still there: {error}");
        }
    }
}

#[fixture]
fn database(#[from(cluster)] server: Lease) -> Database {
    Database::new(server).unwrap()
}

#[rstest]
#[case(2)]
#[case(5)]
fn sees_only_its_own_changes(mut database: Database, #[case] number: i32) {
    database.client.execute("DELETE FROM items WHERE number <= $1", &[&number]).unwrap();
    let left = database.client.query_one("SELECT count(*) FROM items", &[]).unwrap();
    assert_eq!(left.get::<_, i64>(0), i64::from(9 - number));
}
