//! Each test has a database of its own. Run them by `cargo test -p with-postgres`.

mod harness;

use harness::{Database, database};
use rstest::rstest;
use with_postgres::{balance, transfer};

#[rstest]
#[tokio::test]
async fn money_arrives(database: Database) {
    let mut client = database.connect().await;
    transfer(&mut client, "ada", "bob", 70).await.unwrap();
    assert_eq!(balance(&client, "ada").await.unwrap(), 30);
    assert_eq!(balance(&client, "bob").await.unwrap(), 70);
}

#[rstest]
#[tokio::test]
async fn a_transfer_of_too_much_changes_nothing(database: Database) {
    let mut client = database.connect().await;
    transfer(&mut client, "ada", "bob", 101).await.unwrap_err();
    assert_eq!(balance(&client, "ada").await.unwrap(), 100);
    assert_eq!(balance(&client, "bob").await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn no_test_sees_what_another_does(
    database: Database,
    #[values(1, 2, 3, 4, 5)] transfers: i64,
) {
    let mut client = database.connect().await;
    for _ in 0..transfers {
        transfer(&mut client, "ada", "bob", 1).await.unwrap();
    }
    assert_eq!(balance(&client, "bob").await.unwrap(), transfers);
}
