//! A server that another one needs.

use std::sync::Arc;

use crate::resources::placeholders::OtherValues;
use crate::supervisor::Client;

/// A server that another one needs, as long as it is leased.
#[derive(Clone)]
pub(crate) struct Needed {
    pub(super) client: Arc<Client>,
    /// What texts may name of it.
    pub(crate) values: OtherValues,
}

impl Needed {
    pub(crate) fn is_running(&self) -> bool {
        self.client.state().is_running()
    }

    /// Returns what no other server has.
    pub(super) fn mark(&self) -> String {
        self.client.info().mark
    }
}
