//! Accounts in PostgreSQL. The tests are in `tests/accounts.rs`.

use tokio_postgres::{Client, Error};

/// Moves money from one account to another, or does nothing if there is not enough.
pub async fn transfer(database: &mut Client, from: &str, to: &str, sum: i64) -> Result<(), Error> {
    const ADD: &str = "UPDATE accounts SET balance = balance + $2 WHERE owner = $1";
    let transaction = database.transaction().await?;
    transaction.execute(ADD, &[&to, &sum]).await?;
    transaction.execute(ADD, &[&from, &-sum]).await?;
    transaction.commit().await
}

/// Returns what is in an account.
pub async fn balance(database: &Client, owner: &str) -> Result<i64, Error> {
    let row =
        database.query_one("SELECT balance FROM accounts WHERE owner = $1", &[&owner]).await?;
    row.try_get(0)
}
