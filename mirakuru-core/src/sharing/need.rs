//! Shared processes that other ones need.

use std::sync::Arc;

use super::registry::{self, Entry};
use super::shared::Shared;
use crate::error::Result;
use crate::executor::{Executor, Need, Sharing};
use crate::process::NeedLease;
use crate::types::Scope;

impl Sharing for Arc<Entry> {
    fn key(&self) -> Result<String> {
        Ok(Entry::key(self).to_owned())
    }

    fn scope(&self) -> Result<Scope> {
        Ok(Entry::scope(self))
    }

    fn needs(&self) -> Result<Vec<Need>> {
        Ok(self.executor().all_needs())
    }

    fn resolved(&self) -> Result<Need> {
        Ok(Need::new(Self::clone(self)))
    }

    fn lease(&self) -> Result<NeedLease> {
        self.need()
    }
}

/// Finds the entry of a shared process each time.
struct Find<F>(F);

impl<F: Fn() -> Result<Arc<Entry>> + Send + Sync> Sharing for Find<F> {
    fn key(&self) -> Result<String> {
        (self.0)()?.key()
    }

    fn scope(&self) -> Result<Scope> {
        Sharing::scope(&(self.0)()?)
    }

    fn needs(&self) -> Result<Vec<Need>> {
        (self.0)()?.needs()
    }

    fn resolved(&self) -> Result<Need> {
        (self.0)()?.resolved()
    }

    fn lease(&self) -> Result<NeedLease> {
        Sharing::lease(&(self.0)()?)
    }
}

impl From<&'static Shared> for Need {
    fn from(shared: &'static Shared) -> Self {
        Self::new(Find(|| shared.entry()))
    }
}

impl<F: Fn() -> Executor + Send + Sync + 'static> From<F> for Need {
    fn from(definition: F) -> Self {
        Self::new(Find(move || registry::entry(definition(), None)))
    }
}
