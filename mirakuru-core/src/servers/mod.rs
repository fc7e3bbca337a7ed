//! Presets: servers that many suites need, each an [`Executor`] that is ready to start.
//!
//! Everything about a preset can be changed by the methods of [`Executor`]: add arguments, set-up,
//! variables or conditions, or another [`stop_signal`](Executor::stop_signal). A
//! [`file`](Executor::file) with the path of one of the preset's replaces that.
//!
//! ```no_run
//! # use mirakuru_core::servers;
//! let postgres = servers::postgres().after_ready("createdb app").start()?;
//! println!("{}", postgres.render("postgresql://postgres@127.0.0.1:{port}/app")?);
//! # Ok::<(), mirakuru_core::Error>(())
//! ```
//!
//! All of them listen on `127.0.0.1` only, keep their files in `{dir}`, which is removed at the end, and
//! trade durability for speed where they can. They find programs in the directories where Debian and
//! Homebrew keep servers, after those of `PATH`; of PostgreSQL, the latest version. The start of one that
//! is not installed fails with [`NotFound`](crate::ErrorKind::NotFound), and the error names the packages.
//! The [name](Executor::name) of each is that of its function, so `MIRAKURU_USE_POSTGRES=localhost:5432` has
//! tests [use a PostgreSQL that runs already](Executor::external).
//!
//! A preset is also the definition of a shared process:
//!
//! ```
//! # use mirakuru_core::{Process, Shared, servers, with_process};
//! static FILES: Shared = Shared::new(servers::static_files);
//!
//! #[with_process(servers::static_files)]
//! #[test]
//! fn answers(files: &Process) {
//!     println!("{}", files.url());
//! }
//!
//! assert!(FILES.lease().unwrap().is_running());
//! ```

mod azurite;
mod etcd;
mod haproxy;
mod mariadb;
mod memcached;
mod mosquitto;
mod moto;
mod nats;
mod nginx;
mod openssh;
mod postgres;
mod prometheus;
mod rabbitmq;
mod redis;
mod slapd;
mod smtp;
mod static_files;
mod zookeeper;

pub use azurite::azurite;
pub use etcd::etcd;
pub use haproxy::haproxy;
pub use mariadb::mariadb;
pub use memcached::memcached;
pub use mosquitto::mosquitto;
pub use moto::moto;
pub use nats::nats;
pub use nginx::nginx;
pub use openssh::openssh;
pub use postgres::postgres;
pub use prometheus::prometheus;
pub use rabbitmq::rabbitmq;
pub use redis::redis;
pub use slapd::slapd;
pub use smtp::smtp;
pub use static_files::static_files;
pub use zookeeper::zookeeper;

use crate::command::CommandLine;
use crate::executor::Executor;
use crate::resources::program;
use crate::sys::{self, Account};

/// Describes a server with the name of its preset, whose programs may be in directories that are not in
/// `PATH`.
fn server(name: &str, command: impl Into<CommandLine>) -> Executor {
    Executor::new(command).name(name).env("PATH", program::path_with_servers())
}

/// Returns the first program that is installed, or the first one if none is.
fn first_installed<const N: usize>(programs: [&'static str; N]) -> &'static str {
    programs.into_iter().find(|name| program::find_server(name).is_some()).unwrap_or(programs[0])
}

/// Runs a server that refuses root as the user of its package, if the tests run as root.
fn not_as_root(server: Executor, user: &str) -> Executor {
    if !is_root() {
        return server;
    }
    let exists = Account::find(user).is_ok_and(|entry| entry.is_some());
    server.user(if exists { user } else { "nobody" })
}

fn is_root() -> bool {
    sys::effective_user() == 0
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_packages_of_each_program_are_known() {
        let servers = [
            azurite(),
            etcd(),
            haproxy(),
            mariadb(),
            memcached(),
            mosquitto(),
            moto(),
            nats(),
            nginx(),
            openssh(),
            postgres(),
            prometheus(),
            rabbitmq(),
            redis(),
            slapd(),
            smtp(),
            static_files(),
            zookeeper(),
        ];
        for server in servers {
            let words = server.spec().command.words().unwrap();
            let name = Path::new(&words[0]).file_name().unwrap().to_str().unwrap();
            assert!(program::how_to_install(name).is_some(), "{words:?}");
        }
    }
}
