//! A database for each test, copied from one that was made once.

use std::process::Command;

use mirakuru_rstest::{Executor, Lease, Shared, servers};
use mirakuru_tests::need;
use rstest::{fixture, rstest};

static POSTGRES: Shared = Shared::new(postgres);

fn postgres() -> Executor {
    let schema = "CREATE TABLE items AS SELECT * FROM generate_series(1, 1000) AS number";
    let psql = ["psql", "-h", "{dir}", "-p", "{port}", "-U", "postgres", "-qc"];
    let command = |database, sql| [&psql[..], &[sql, database]].concat();
    servers::postgres()
        .name("postgres-with-databases")
        .after_ready(command("postgres", "CREATE DATABASE app"))
        .after_ready(command("app", schema))
}

/// A copy of the database `app`.
struct Database {
    server: Lease,
}

impl Database {
    fn new(server: Lease) -> Self {
        let database = Self { server };
        let name = database.name();
        database.run("postgres", &format!("CREATE DATABASE {name} TEMPLATE app"));
        database
    }

    fn name(&self) -> &str {
        self.server.unique()
    }

    fn query(&self, sql: &str) -> String {
        self.run(self.name(), sql)
    }

    fn run(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new("psql");
        psql.args(["-U", "postgres", "-qAtc", sql, database]).arg("-h").arg(self.server.dir());
        let output = psql.arg("-p").arg(self.server.port().to_string()).output().unwrap();
        assert!(output.status.success(), "{sql}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.run("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name()));
    }
}

#[fixture]
fn database() -> Option<Database> {
    need("psql")?;
    Some(Database::new(POSTGRES.lease().unwrap()))
}

#[rstest]
fn each_test_has_a_database_of_its_own(
    database: Option<Database>,
    #[values(1, 2, 3, 4, 5)] number: i32,
) {
    let Some(database) = database else { return };
    assert_eq!(database.query("SELECT count(*) FROM items"), "1000");
    database.query(&format!("DELETE FROM items WHERE number <= {number}"));
    assert_eq!(database.query("SELECT count(*) FROM items"), (1000 - number).to_string());
}
