//! The servers to start.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;

/// When a server counts as started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    Tcp,
    Http,
    Unix,
    PidFile,
    Banner,
}

impl Condition {
    pub fn from_name(name: &str) -> Outcome<Self> {
        Ok(match name {
            "tcp" => Self::Tcp,
            "http" => Self::Http,
            "unix" => Self::Unix,
            "pid_file" => Self::PidFile,
            "banner" => Self::Banner,
            _ => return Err(format!("there is no condition `{name}`").into()),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Unix => "unix",
            Self::PidFile => "pid_file",
            Self::Banner => "banner",
        }
    }
}

/// A server: its condition, and its control file.
#[derive(Clone, Debug)]
pub struct Server {
    pub condition: Condition,
    pub control: String,
    mode: String,
}

impl Server {
    pub fn new(condition: Condition, control: &str) -> Self {
        Self { condition, control: control.to_owned(), mode: condition.name().to_owned() }
    }

    /// Returns one that prints so many bytes before it listens.
    pub fn with_log(bytes: &str, control: &str) -> Self {
        Self { mode: format!("log {bytes}"), ..Self::new(Condition::Tcp, control) }
    }

    /// Returns one that prints so many bytes and exits with code 1.
    pub fn that_fails(bytes: &str) -> Self {
        Self { mode: format!("fail {bytes}"), ..Self::new(Condition::Banner, "-") }
    }

    /// Returns its command line. The target is its port or path.
    pub fn command(&self, target: &str) -> Vec<String> {
        let program = env::current_exe().expect("this program has a path");
        let program = program.with_file_name("bench-server").display().to_string();
        let words = self.mode.split(' ').chain([target, &self.control]).map(str::to_owned);
        [program].into_iter().chain(words).collect()
    }

    /// Returns a free port or path, for a peer that does not find one itself.
    pub fn target(&self) -> Outcome<String> {
        Ok(match self.condition {
            Condition::Tcp | Condition::Http => free_port()?.to_string(),
            Condition::Unix | Condition::PidFile => scratch().display().to_string(),
            Condition::Banner => String::from("-"),
        })
    }
}

/// Returns a port that is free, and that no server of this worker has had: of 200 random ports, two are often the same.
fn free_port() -> Outcome<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut given = GIVEN.lock().expect("no holder panics");
        if given.len() > 10_000 {
            given.clear();
        }
        if given.insert(port) {
            return Ok(port);
        }
    }
}

/// Returns a path that no other server has.
pub(crate) fn scratch() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("{}-{number}", std::process::id()))
}

/// Returns when the server became ready, by `CLOCK_MONOTONIC` in nanoseconds.
///
/// `start` may return before the server has written that down.
pub fn wait_until_stamped(control: &str) -> Outcome<Option<u64>> {
    if control == "-" {
        return Ok(None);
    }
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        let text = fs::read_to_string(control)?;
        if let Some(stamp) = text.lines().nth(1).filter(|_| text.matches('\n').count() == 2) {
            return Ok(Some(stamp.parse()?));
        }
        std::thread::yield_now();
    }
    Err("the server has not written down when it was ready".into())
}
