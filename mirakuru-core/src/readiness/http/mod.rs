//! An HTTP URL that answers.

#[cfg(feature = "http")]
mod condition;
mod excerpt;
#[cfg(feature = "http")]
mod prepare;
#[cfg(feature = "http")]
mod request;
mod spec;
mod status;
#[cfg(feature = "http")]
mod transport;
#[cfg(not(feature = "http"))]
mod without;

pub(super) use excerpt::excerpt;
pub use spec::Http;
pub use status::Status;
