//! A database for each test, copied from one that was made once. Copy this file.

use std::sync::Mutex;
use std::thread;

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers};
use rstest::fixture;
use tokio_postgres::NoTls;

const SCHEMA: &str = include_str!("../../src/schema.sql");

/// One server for all tests.
#[process_fixture]
fn postgres_server() -> Executor {
    servers::postgres().after_ready_with(create_template)
}

/// Makes the database that those of the tests are copied from.
fn create_template(server: &Process) -> Result<(), postgres::Error> {
    connect(server, "postgres")?.batch_execute("CREATE DATABASE template_of_tests")?;
    connect(server, "template_of_tests")?.batch_execute(SCHEMA)
}

fn url(server: &Process, database: &str) -> String {
    format!("postgresql://postgres@{}/{database}", server.addr())
}

fn connect(server: &Process, database: &str) -> Result<postgres::Client, postgres::Error> {
    postgres::Client::connect(&url(server, database), NoTls)
}

/// A database that no other test has.
pub struct Database {
    server: Lease,
}

#[fixture]
pub fn database(postgres_server: Lease) -> Database {
    // Without `file_copy`, PostgreSQL would write a log of all that is in the copy.
    let name = postgres_server.unique();
    let create = format!("CREATE DATABASE {name} TEMPLATE template_of_tests STRATEGY file_copy");
    maintain(&postgres_server, &[&create]).unwrap();
    Database { server: postgres_server }
}

impl Database {
    /// Connects to the database of this test.
    pub async fn connect(&self) -> tokio_postgres::Client {
        let url = url(&self.server, self.server.unique());
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.server.unique();
        // `DROP DATABASE` sleeps 100 ms if a session of the database is still ending: end them first.
        let end = format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        if let Err(error) = maintain(&self.server, &[&end, &drop]) {
            eprintln!("the database {name} is left: {error}"); // A panic could be the second one.
        }
    }
}

/// Runs statements, on a session that is kept for the next test.
fn maintain(server: &Process, statements: &[&str]) -> Result<(), postgres::Error> {
    static IDLE: Mutex<Vec<postgres::Client>> = Mutex::new(Vec::new());

    let run = || {
        let idle = IDLE.lock().unwrap().pop();
        let mut client = idle.map_or_else(|| connect(server, "postgres"), Ok)?;
        statements.iter().try_for_each(|statement| client.batch_execute(statement))?;
        IDLE.lock().unwrap().push(client);
        Ok(())
    };
    // This client blocks, which a thread of tokio does not allow.
    thread::scope(|scope| scope.spawn(run).join().unwrap())
}
