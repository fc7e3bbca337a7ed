//! The code of the guide: each module is one block of it, or two. `tests/tidy` compares them.

#![allow(clippy::unwrap_used, reason = "a test panics")]

#[cfg(has_redis)]
mod app_after_redis;
#[cfg(has_redis)]
mod async_test;
#[cfg(all(has_nginx, has_openssl))]
mod certificate;
#[cfg(has_redis)]
mod config_file;
mod docker;
#[cfg(has_redis)]
mod empty_redis;
#[cfg(has_redis)]
mod front_door;
#[cfg(has_postgres)]
mod migrations;
#[cfg(has_postgres)]
mod own_database;
#[cfg(has_redis)]
mod runs_already;
#[cfg(has_redis)]
mod shared;
#[cfg(has_redis)]
mod spawned_task;
