//! An HTTP URL that answers.

mod condition;
mod excerpt;
mod request;
mod spec;
mod status;
mod transport;

pub(super) use excerpt::excerpt;
pub use spec::Http;
pub use status::Status;
