//! A process that another one needs, and the chain of those that need each other.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::process::NeedLease;
use crate::types::Scope;

/// A shared process that another one needs; see [`Executor::needs`](crate::Executor::needs).
///
/// It is made of a reference to a static [`Shared`](crate::Shared), or of a function that returns an
/// [`Executor`](crate::Executor).
#[derive(Clone)]
pub struct Need(Arc<dyn Sharing>);

/// What can be asked of a shared process that another one needs.
pub(crate) trait Sharing: Send + Sync {
    /// Returns what tells the process from others.
    fn key(&self) -> Result<String>;

    fn scope(&self) -> Result<Scope>;

    /// Returns what the process itself needs.
    fn needs(&self) -> Result<Vec<Need>>;

    /// Returns the same process, whatever is described later.
    fn resolved(&self) -> Result<Need>;

    /// Leases the process for the calling test, for a process that needs it.
    fn lease(&self) -> Result<NeedLease>;
}

/// No chain of needs is longer.
const LONGEST_CHAIN: usize = 16;

thread_local! {
    /// The names of the processes whose needs are being looked at.
    static CHAIN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Need {
    pub(crate) fn new(sharing: impl Sharing + 'static) -> Self {
        Self(Arc::new(sharing))
    }

    pub(crate) fn sharing(&self) -> &dyn Sharing {
        &*self.0
    }
}

impl fmt::Debug for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Need").finish_non_exhaustive()
    }
}

/// A link in the chain of processes that need each other, as long as its needs are looked at.
pub(crate) struct Chain;

impl Chain {
    /// Adds a process to the chain. Fails if the chain is too long: its processes need each other.
    pub(crate) fn enter(name: String) -> Result<Self> {
        CHAIN.with_borrow_mut(|chain| {
            if chain.len() < LONGEST_CHAIN {
                chain.push(name);
                return Ok(Self);
            }
            Err(too_long(chain, &name))
        })
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        CHAIN.with_borrow_mut(|chain| chain.pop());
    }
}

fn too_long(chain: &[String], name: &str) -> Error {
    let Some(first) = chain.iter().rposition(|it| it == name) else {
        let what =
            format!("more than {LONGEST_CHAIN} processes need each other: {}", chain.join(", "));
        return Error::invalid(what);
    };
    let others = chain[first + 1..].iter().map(|it| format!("`{it}`, which needs "));
    let what = format!("`{name}` needs {}`{name}`", others.collect::<String>());
    Error::invalid(what).with_help("one of them has to start without the other")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter_all(names: &[&str]) -> Error {
        let entered = names.iter().cycle().map(|name| Chain::enter((*name).to_owned()));
        let mut links = Vec::new();
        for link in entered {
            match link {
                Ok(link) => links.push(link),
                Err(error) => return error,
            }
        }
        unreachable!("no chain is endless")
    }

    #[test]
    fn a_cycle_is_named_from_its_beginning_to_its_end() {
        for (names, wanted) in [
            (&["app"][..], "`app` needs `app`"),
            (&["app", "db"], "`app` needs `db`, which needs `app`"),
            (&["c", "a", "b"], "`a` needs `b`, which needs `c`, which needs `a`"),
        ] {
            let error = enter_all(names).to_string();
            assert_eq!(error, wanted);
        }
    }

    #[test]
    fn a_chain_that_was_left_can_be_entered_again() {
        for _ in 0..2 * LONGEST_CHAIN {
            Chain::enter("app".to_owned()).unwrap();
        }
    }
}
