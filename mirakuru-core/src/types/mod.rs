//! Plain public values.

mod exit;
mod owner;
mod scope;
mod signal;
mod stream;

pub use exit::{Exit, ExpectedExit};
pub use owner::Owner;
pub use scope::Scope;
pub use signal::{ParseSignalError, Signal};
pub use stream::Stream;
