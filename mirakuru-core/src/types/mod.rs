//! Plain values, most of them public.

mod exit;
mod owner;
mod scope;
mod signal;
pub(crate) mod sorted;
mod stream;

pub use exit::{Exit, ExpectedExit};
pub use owner::Owner;
pub use scope::Scope;
pub use signal::{ParseSignalError, Signal};
pub use stream::Stream;
