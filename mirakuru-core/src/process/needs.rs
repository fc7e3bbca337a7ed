//! The leases of what a process needs.

use std::sync::Arc;

use crate::resources::placeholders::OtherValues;
use crate::server::Needed;
use crate::server::failure_report::ServerView;

/// The leases of what a process needs, in the order of its executor.
#[derive(Clone, Default)]
pub(crate) struct NeedLeases(Arc<Vec<NeedLease>>);

/// The lease of a process that another one needs.
pub(crate) struct NeedLease {
    pub(crate) needed: Needed,
    /// Of the process, and of those that it needs itself.
    pub(crate) views: Vec<Arc<ServerView>>,
    /// Ends the lease when it is dropped.
    pub(crate) _hold: Box<dyn Send + Sync>,
}

impl NeedLeases {
    pub(crate) fn new(leases: Vec<NeedLease>) -> Self {
        Self(Arc::new(leases))
    }

    /// Returns the connections to the needed processes.
    pub(crate) fn needed(&self) -> Vec<Needed> {
        self.0.iter().map(|lease| lease.needed.clone()).collect()
    }

    /// Returns what texts may name of each needed process.
    pub(crate) fn values(&self) -> impl Iterator<Item = OtherValues> {
        self.0.iter().map(|lease| lease.needed.values.clone())
    }

    /// Returns true if all needed processes run. Otherwise, that may be why a start fails.
    pub(crate) fn are_running(&self) -> bool {
        self.0.iter().all(|lease| lease.needed.is_running())
    }

    /// Returns the views of all processes that are needed, for a report.
    pub(crate) fn views(&self) -> Vec<Arc<ServerView>> {
        self.0.iter().flat_map(|lease| &lease.views).cloned().collect()
    }
}
