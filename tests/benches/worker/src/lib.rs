//! A worker starts and stops servers in one way, as `run` asks on its standard input, and answers with what it
//! has measured.

pub mod by_hand;
pub mod clock;
pub mod direct;
pub mod processes;
mod requests;
mod server;

pub use requests::answer_requests;
pub use server::{Condition, Server, wait_until_stamped};

pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A way to start and to stop servers.
pub trait Peer: Sync {
    type Running: Send;

    /// Starts a server and returns when it is ready.
    fn start(&self, server: &Server) -> Outcome<Self::Running>;

    /// Stops a server and returns when it has ended.
    fn stop(&self, running: Self::Running) -> Outcome;

    /// Returns the processes beside this one that it has for a server.
    fn helpers(&self, _running: &Self::Running) -> Vec<i32> {
        Vec::new()
    }
}
