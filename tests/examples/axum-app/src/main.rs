//! Keeps notes in PostgreSQL, and counts in Redis how often each was read.

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use redis::AsyncCommands;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_postgres::NoTls;

type AnyError = Box<dyn Error + Send + Sync>;

struct Servers {
    postgres: tokio_postgres::Client,
    redis: redis::Client,
}

#[derive(Serialize)]
struct Note {
    id: i32,
    text: String,
    reads: u64,
}

/// An error of a server, which becomes a response.
struct Failure(AnyError);

impl<E: Into<AnyError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("error: {}", self.0);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let (postgres, connection) = tokio_postgres::connect(&env::var("DATABASE_URL")?, NoTls).await?;
    tokio::spawn(connection);
    postgres.batch_execute(include_str!("schema.sql")).await?;
    let redis = redis::Client::open(env::var("REDIS_URL")?)?;
    let app = Router::new()
        .route("/", get("Send a note by POST to /notes.\n"))
        .route("/notes", post(write))
        .route("/notes/{id}", get(read))
        .with_state(Arc::new(Servers { postgres, redis }));
    let listener = TcpListener::bind(format!("127.0.0.1:{}", env::var("PORT")?)).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn write(
    State(servers): State<Arc<Servers>>,
    text: String,
) -> Result<(StatusCode, Json<Note>), Failure> {
    let sql = "INSERT INTO notes (text) VALUES ($1) RETURNING id";
    let row = servers.postgres.query_one(sql, &[&text]).await?;
    Ok((StatusCode::CREATED, Json(Note { id: row.try_get(0)?, text, reads: 0 })))
}

async fn read(
    State(servers): State<Arc<Servers>>,
    Path(id): Path<i32>,
) -> Result<Response, Failure> {
    let sql = "SELECT text FROM notes WHERE id = $1";
    let Some(row) = servers.postgres.query_opt(sql, &[&id]).await? else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let mut redis = servers.redis.get_multiplexed_async_connection().await?;
    let reads = redis.incr(format!("reads:{id}"), 1).await?;
    Ok(Json(Note { id, text: row.try_get(0)?, reads }).into_response())
}
