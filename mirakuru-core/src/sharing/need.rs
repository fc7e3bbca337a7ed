//! Shared processes that other ones need.

use std::sync::Arc;

use super::registry::{self, Entry};
use super::shared::Shared;
use crate::error::Result;
use crate::executor::{Executor, Need, Sharing};
use crate::process::NeedLease;
use crate::types::Scope;

/// Finds the entry of a shared process.
struct Find<F>(F);

impl<F: Fn() -> Result<Arc<Entry>> + Send + Sync> Sharing for Find<F> {
    fn key(&self) -> Result<String> {
        let entry = (self.0)()?;
        registry::key(entry.executor(), entry.scope())
    }

    fn scope(&self) -> Result<Scope> {
        Ok((self.0)()?.scope())
    }

    fn needs(&self) -> Result<Vec<Need>> {
        Ok((self.0)()?.executor().all_needs())
    }

    fn lease(&self) -> Result<NeedLease> {
        (self.0)()?.need()
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
