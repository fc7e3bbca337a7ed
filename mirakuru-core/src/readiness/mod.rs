//! The conditions for "started", and the one loop that waits for them.
//!
//! Conditions only observe. What to do with a process that does not meet them is for the caller.

mod any_port;
mod command;
mod custom;
mod fail_on;
mod http;
mod output;
mod ownership;
mod pid_file;
mod ready_fd;
mod sd_notify;
mod tcp;
mod unix_socket;
mod wait;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use custom::{Attempt, Probe, Readiness};
pub use http::{Http, Status};

use crate::command::{CommandLine, Environment};
use crate::error::{Error, ErrorKind, Result};
use crate::output::Banner;
use crate::output::LogFiles;
use crate::resources::placeholders::Placeholders;
use crate::supervisor::Client;
use crate::syntax::address::{Address, Port};
use crate::sys::Watcher;
use fail_on::Fatal;
use wait::{Wait, check_alive};

/// What the user asked to be waited for, with placeholders.
#[derive(Clone, Debug)]
pub(crate) enum ConditionSpec {
    Output(Banner),
    Tcp(String),
    Http(Http),
    UnixSocket(PathBuf),
    PidFile(PathBuf),
    Command(CommandLine),
    Notify,
    ReadyFd(i32),
    Own(Arc<dyn Probe>),
}

/// What a condition has to know of the process.
pub(crate) struct StartContext<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: &'a Placeholders,
    pub(crate) environment: &'a Environment,
    /// The folder that the process runs in.
    pub(crate) dir: &'a Path,
    pub(crate) files: &'a LogFiles,
    /// Where the process is handed a socket that listens.
    pub(crate) listens: &'a [SocketAddr],
}

/// One condition of one start.
trait Condition {
    /// What is waited for, as a noun.
    fn what(&self) -> String;

    /// Whether the condition would hold without the process, and why.
    fn precheck(&mut self) -> Option<String> {
        None
    }

    /// Looks once, and returns by the deadline of the attempt.
    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness>;

    /// More on why it does not hold than each look can tell, for a report.
    fn diagnose(&self) -> Option<String> {
        None
    }

    /// What the reader can do about it, if its time is over.
    fn way_out(&self) -> Option<String> {
        None
    }

    /// Lets the watcher wake up for this condition. Returns whether it does.
    fn watch(&self, _watcher: &mut Watcher) -> bool {
        false
    }

    /// Hears what the process says by itself, also while another condition is waited for.
    fn listen(&mut self, _attempt: &Attempt<'_>) -> Result<()> {
        Ok(())
    }

    /// What wakes up who listens.
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Whether, after a look, the kernel tells when to look again.
    fn is_told(&self) -> bool {
        true
    }

    /// Until when the process has asked to be given time.
    fn extended(&self) -> Option<Instant> {
        None
    }

    /// Where the process answered.
    fn found(&self) -> Endpoint {
        Endpoint::default()
    }

    /// The values that the process has told.
    fn captured(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Whether the condition is one of a process that goes on living.
    fn requires_running(&self) -> bool {
        true
    }
}

/// Where a process answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) addr: Option<SocketAddr>,
    pub(crate) url: Option<String>,
}

impl ConditionSpec {
    /// The texts in which placeholders may stand.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::Tcp(address) => vec![address],
            Self::Http(http) => http.texts(),
            Self::UnixSocket(path) | Self::PidFile(path) => path.to_str().into_iter().collect(),
            Self::Command(command) => command.texts(),
            Self::Output(_) | Self::Notify | Self::ReadyFd(_) | Self::Own(_) => Vec::new(),
        }
    }

    /// The placeholders that get their value when this holds.
    pub(crate) fn captured(&self) -> Vec<String> {
        match self {
            Self::Output(banner) => banner.groups(),
            Self::Tcp(address) if is_any_port(address) => vec!["port".to_owned()],
            Self::Http(http) if http.has_any_port() => vec!["port".to_owned()],
            _ => Vec::new(),
        }
    }

    /// Whether this can only be looked at when the process has told something.
    fn comes_late(&self, values: &Placeholders) -> Result<bool> {
        if let Self::Own(_) = self {
            return Ok(values.has_captures()); // It may ask for what the process tells.
        }
        self.texts()
            .into_iter()
            .try_fold(false, |late, text| Ok(late || values.needs_captures(text)?))
    }

    fn condition(&self, around: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        let StartContext { values, files, .. } = around;
        Ok(match self {
            Self::Output(banner) => Box::new(output::Output::new(banner, files)?),
            Self::Tcp(address) => {
                let address = Address::parse(&values.render(address)?).map_err(Error::invalid)?;
                match address.port {
                    Port::Any => Box::new(any_port::AnyPort::new(&address, around.listens)?),
                    _ => Box::new(tcp::Tcp::at(&address, around.listens)?),
                }
            }
            Self::Http(http) => Box::new(http.condition(around)?),
            Self::UnixSocket(path) => {
                Box::new(unix_socket::UnixSocket::new(absolute(path, around)?)?)
            }
            Self::PidFile(path) => Box::new(pid_file::PidFile::new(absolute(path, around)?)),
            Self::Command(command) => Box::new(command::Command::new(command, around)?),
            Self::Notify => Box::new(sd_notify::Notify::default()),
            Self::ReadyFd(number) => Box::new(ready_fd::ReadyFd::new(*number)),
            Self::Own(probe) => Box::new(custom::CustomProbe(Arc::clone(probe))),
        })
    }
}

/// How long the first look may take, where one may hang.
const FIRST_LIMIT: Duration = Duration::from_secs(1);

/// How long the next look may take. One that hangs may do so for ever, or be slow; so each one gets
/// more time than the one before.
fn next_limit(looks: u32) -> Duration {
    FIRST_LIMIT * (1 << looks.min(10))
}

fn is_any_port(address: &str) -> bool {
    Address::parse(address).is_ok_and(|address| address.port == Port::Any)
}

/// A path as the process sees it.
fn absolute(path: &Path, around: &StartContext<'_>) -> Result<PathBuf> {
    let path = around.values.render_path(path)?;
    match path.file_name() {
        Some(_) => Ok(around.dir.join(path)),
        None => Err(Error::invalid(format!("`{}` is not the path of a file", path.display()))),
    }
}

impl fmt::Debug for dyn Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

/// All conditions of one start.
pub(crate) struct Conditions {
    all: Vec<Box<dyn Condition>>,
    /// Those that need what the process tells while it starts.
    late: Vec<ConditionSpec>,
    fatal: Vec<Fatal>,
}

impl Conditions {
    /// The conditions, rendered and checked.
    pub(crate) fn new(
        wanted: &[ConditionSpec],
        fatal: &[String],
        around: &StartContext<'_>,
    ) -> Result<Self> {
        let (mut all, mut late) = (Vec::new(), Vec::new());
        for wanted in wanted {
            match wanted.comes_late(around.values)? {
                true => late.push(wanted.clone()),
                false => all.push(wanted.condition(around)?),
            }
        }
        let fatal = fatal.iter().map(|pattern| Fatal::new(pattern, around.files));
        Ok(Self { all, late, fatal: fatal.collect::<Result<_>>()? })
    }

    /// What is waited for, in one line.
    pub(crate) fn what(&self) -> String {
        match self.all.as_slice() {
            [] => "its program runs".to_owned(),
            all => all.iter().map(|one| one.what()).collect::<Vec<_>>().join(", "),
        }
    }

    /// Fails if one of the conditions would hold without the process.
    pub(crate) fn check_before_start(&mut self) -> Result<()> {
        for condition in &mut self.all {
            let Some(why) = condition.precheck() else { continue };
            let error = Error::new(ErrorKind::AlreadyRunning, format!("already running: {why}"));
            return Err(error.with_help(
                "what is there would pass for this process: stop or remove it, or let each process \
                 have an address of its own by {port} or {dir}",
            ));
        }
        Ok(())
    }

    /// Waits until all conditions hold.
    pub(crate) fn wait(
        &mut self,
        around: &StartContext<'_>,
        client: &Client,
        began: Instant,
        limit: Duration,
    ) -> Result<Endpoint> {
        let fatal = std::mem::take(&mut self.fatal);
        let mut wait = Wait::new(around.values, client, fatal, began, limit);
        wait.for_all(&mut self.all)?;
        around.values.set_captured(self.captured());
        if !self.late.is_empty() {
            let late = self.late.iter().map(|wanted| wanted.condition(around));
            self.all.extend(late.collect::<Result<Vec<_>>>()?);
            wait.for_all(&mut self.all)?;
            // One of them may have found a port, at a host that was told.
            around.values.set_captured(self.captured());
        }
        if self.all.iter().any(|condition| condition.requires_running()) {
            check_alive(&client.state(), || "it had answered before".to_owned())?;
        }
        Ok(self.found())
    }

    fn captured(&self) -> BTreeMap<String, String> {
        self.all.iter().flat_map(|condition| condition.captured()).collect()
    }

    fn found(&self) -> Endpoint {
        let all = self.all.iter().map(|condition| condition.found());
        all.fold(Endpoint::default(), |found, Endpoint { addr, url }| Endpoint {
            addr: found.addr.or(addr),
            url: found.url.or(url),
        })
    }
}
