//! The contract of a readiness condition.
//!
//! A [`ConditionSpec`] is what an executor says, with placeholders. It builds a [`Condition`], which
//! is polled during one start. Both stand in the condition's own file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::attempt::Attempt;
use super::identity::Identity;
use crate::command::Environment;
use crate::error::{Error, Result};
use crate::output::LogFiles;
use crate::resources::placeholders::Placeholders;
use crate::syntax::address::Address;
use crate::sys::Account;
use crate::types::Owner;

/// A readiness condition as the executor describes it.
pub(crate) trait ConditionSpec: fmt::Debug + Send + Sync {
    /// Returns the name of the builder's method, which no other kind of condition has. It is part of the
    /// identity, and messages about a template name it.
    fn key(&self) -> &'static str;

    /// Returns the texts in which placeholders may stand. Default: none.
    fn templates(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Returns the names of the placeholders to which this condition gives values when it holds.
    /// Default: none.
    fn captures(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns what the process must be given, or must do, for this condition.
    fn requirements(&self) -> Requirements {
        Requirements::default()
    }

    /// Adds to the identity everything that the condition says.
    ///
    /// # Errors
    ///
    /// Fails if the condition cannot be told from another one; its process cannot be shared then.
    fn identify(&self, identity: &mut Identity) -> Result<()>;

    /// Builds the condition for one start, and reports what is wrong with its texts.
    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>>;
}

/// The requirements of a condition on its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requirements {
    /// Each stream of output goes to a log file of its own.
    pub(crate) separate_streams: bool,
    /// The process has a socket for `sd_notify`.
    pub(crate) notify_socket: bool,
    /// The process has a pipe at this descriptor.
    pub(crate) ready_fd: Option<i32>,
    /// The process must still run when all conditions hold. Without it, the condition may also hold
    /// for a process that exited.
    pub(crate) running_process: bool,
    /// The condition can be asked of a server that was not started here.
    pub(crate) asks_by_network: bool,
    /// The condition may read captured values although none of its templates mentions one.
    pub(crate) captured_values: bool,
}

impl Requirements {
    /// The requirements of a condition that needs an address and no process.
    pub(super) fn by_network() -> Self {
        Self { asks_by_network: true, ..Self::default() }
    }

    /// Returns true if the process says itself that it is ready.
    pub(super) fn is_announced(&self) -> bool {
        !self.running_process || self.notify_socket || self.ready_fd.is_some()
    }
}

impl Default for Requirements {
    fn default() -> Self {
        Self {
            separate_streams: false,
            notify_socket: false,
            ready_fd: None,
            running_process: true,
            asks_by_network: false,
            captured_values: false,
        }
    }
}

/// One condition of one start.
pub(crate) trait Condition {
    /// Names what is waited for, as a noun phrase.
    fn describe(&self) -> String;

    /// Returns why the condition would hold without the process, if it would. Called before the
    /// process is started. Default: it would not.
    fn precheck(&mut self) -> Option<Conflict> {
        None
    }

    /// Checks once whether the condition holds, and returns by the deadline of the attempt. An error
    /// ends the wait.
    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll>;

    /// Reads what the process announces by itself. Called before each poll, also while another
    /// condition is waited for: a process that nothing reads from would block. Default: nothing.
    fn observe(&mut self, _attempt: &Attempt<'_>) -> Result<Observed> {
        Ok(Observed::default())
    }

    /// Returns what an error report says beyond the last poll. Default: nothing.
    fn explain(&self) -> Explanation {
        Explanation::default()
    }

    /// Returns what the report of a long wait says beyond the last poll. Default: nothing.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// A reason why a condition holds before the process is started.
pub(crate) struct Conflict {
    pub(crate) why: String,
    /// The other process, if it is known.
    pub(crate) pid: Option<i32>,
}

/// The result of one poll.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Poll {
    /// The condition holds.
    Ready(Found),
    /// The condition does not hold yet.
    Pending {
        /// The observation, in the words of a report.
        seen: String,
        wake: Wake,
    },
}

impl Poll {
    /// Pending, and only another poll can tell when that changes.
    pub(super) fn pending(seen: impl Into<String>) -> Self {
        Self::Pending { seen: seen.into(), wake: Wake::Timer }
    }

    /// Pending until one of these paths changes.
    pub(super) fn pending_on(
        seen: impl Into<String>,
        paths: impl IntoIterator<Item = PathBuf>,
    ) -> Self {
        Self::Pending { seen: seen.into(), wake: Wake::Paths(paths.into_iter().collect()) }
    }
}

/// The event that wakes a wait for a pending condition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Time alone: the kernel does not report what is waited for.
    Timer,
    /// A change of one of these files, or a new file in one of these directories.
    Paths(Vec<PathBuf>),
    /// The descriptor that [`Condition::observe`] returned.
    Announced,
}

/// The facts about the process that a condition found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) endpoint: Endpoint,
    /// The values of captured placeholders, by their names.
    pub(crate) captures: BTreeMap<String, String>,
}

impl Found {
    /// The process answered at this address.
    pub(super) fn at(addr: SocketAddr) -> Self {
        let endpoint = Endpoint { addr: Some(addr), url: None };
        Self { endpoint, captures: BTreeMap::new() }
    }

    /// The process answered at this address, whose port it has chosen itself.
    pub(super) fn at_chosen(addr: SocketAddr) -> Self {
        let captures = BTreeMap::from([("port".to_owned(), addr.port().to_string())]);
        Self { captures, ..Self::at(addr) }
    }
}

/// Adds up what several conditions found: the first endpoint and all captures count.
impl FromIterator<Found> for Found {
    fn from_iter<I: IntoIterator<Item = Self>>(all: I) -> Self {
        all.into_iter().fold(Self::default(), |mut sum, found| {
            sum.endpoint.addr = sum.endpoint.addr.or(found.endpoint.addr);
            sum.endpoint.url = sum.endpoint.url.or(found.endpoint.url);
            sum.captures.extend(found.captures);
            sum
        })
    }
}

/// Where a process answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) addr: Option<SocketAddr>,
    pub(crate) url: Option<String>,
}

/// The result of [`Condition::observe`].
#[derive(Default)]
pub(crate) struct Observed {
    /// Becomes readable when the process announces more.
    pub(super) fd: Option<Arc<dyn AsFd>>,
    /// The process asked for time until then.
    pub(super) extended_until: Option<Instant>,
}

/// The explanation of a report for a condition that did not hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// More than the last poll saw.
    pub(super) seen: Option<String>,
    /// Advice to the reader.
    pub(super) help: Option<String>,
}

/// The facts about the process that a condition is built from.
pub(crate) struct StartContext<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: &'a Placeholders,
    pub(crate) environment: &'a Environment,
    /// The working directory of the process.
    pub(crate) dir: &'a Path,
    pub(crate) files: &'a LogFiles,
    /// The addresses of the listening sockets that the process inherits.
    pub(crate) listens: &'a [SocketAddr],
    /// The ports that the executor names: the process has not chosen them itself.
    pub(crate) named_ports: Vec<u16>,
    /// A connection is made even where the kernel proves that the process listens.
    pub(crate) connects: bool,
    /// Whose listener counts.
    pub(crate) owner: Owner,
    /// Where the server is, if it runs already.
    pub(crate) external: Option<Address>,
    /// Who says that it does.
    pub(crate) external_source: Option<&'a str>,
    /// Tells the definition from others at its next start, if it can be told.
    pub(crate) definition: Option<u64>,
    /// The user that the process runs as, if it is another one.
    pub(crate) account: Option<&'a Account>,
}

impl StartContext<'_> {
    /// Returns where the server is looked for.
    pub(super) fn located(&self, address: Address) -> Address {
        self.external.clone().unwrap_or(address)
    }

    /// Returns the path of a file as the process sees it.
    pub(super) fn file_path(&self, path: &Path) -> Result<PathBuf> {
        let path = self.values.render_path(path)?;
        match path.file_name() {
            Some(_) => Ok(self.dir.join(path)),
            None => Err(Error::invalid(format!("`{}` is not the path of a file", path.display()))),
        }
    }
}
