use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers};
use rstest::{fixture, rstest};
use tokio_postgres::{Client, NoTls};

#[process_fixture]
fn cluster() -> Executor {
    servers::postgres()
        .after_ready("createdb app")
        .after_ready("psql -qc 'CREATE TABLE items (number int)' app")
}

async fn connect(server: &Process, database: &str) -> Client {
    let url = format!("postgresql://postgres@{}/{database}", server.addr());
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

struct Database {
    client: Client,
    _server: Lease, // It runs as long as this test.
}

#[fixture]
async fn database(cluster: Lease) -> Database {
    let name = cluster.unique();
    let copy = format!("CREATE DATABASE {name} TEMPLATE app");
    connect(&cluster, "postgres").await.batch_execute(&copy).await.unwrap();
    Database { client: connect(&cluster, name).await, _server: cluster }
}

#[rstest]
#[case(2)]
#[case(5)]
#[tokio::test]
async fn has_its_own_items(#[future(awt)] database: Database, #[case] number: i32) {
    database.client.execute("INSERT INTO items VALUES ($1)", &[&number]).await.unwrap();
    let items = database.client.query("SELECT number FROM items", &[]).await.unwrap();
    assert_eq!(items.iter().map(|item| item.get(0)).collect::<Vec<i32>>(), [number]);
}
