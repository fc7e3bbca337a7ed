//! The process whose listener counts.

/// The process whose listening socket shows that a process is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Owner {
    /// The started process or one of its descendants. A listener of another process is an error.
    #[default]
    Tree,
    /// Any process that begins to listen after the start, as the proxy of `docker run` or a unit of
    /// `systemd-run`.
    Any,
}
