//! Helpers of the suites.

pub(crate) mod http;
pub(crate) mod processes;
pub(crate) mod random;
pub(crate) mod skipped;
pub mod starting;
pub mod test_process;

use std::env;
use std::fs;
use std::net::TcpListener;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Waits until the condition holds; panics if it does not within the limit.
///
/// This is the only poll that tests may use.
#[track_caller]
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < end, "the condition did not hold within {limit:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Returns a port of 127.0.0.1 that was free a moment ago.
#[track_caller]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the kernel has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Returns true if the port is in the range from which the kernel chooses.
#[track_caller]
pub fn is_ephemeral(port: u16) -> bool {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let range = range.expect("the kernel says which ports it gives out");
    let mut ends = range.split_whitespace().filter_map(|word| word.parse().ok());
    let (first, last) = (ends.next().unwrap_or(0), ends.next().unwrap_or(u16::MAX));
    (first..=last).contains(&port)
}

/// Returns the number of starts in a start log; 0 if there is no such file.
pub fn starts(log: &Path) -> usize {
    count(log, "start ")
}

/// Returns the number of orderly stops in a start log; 0 if there is no such file.
pub fn stops(log: &Path) -> usize {
    count(log, "stop ")
}

fn count(log: &Path, word: &str) -> usize {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter(|line| line.starts_with(word)).count()
}

/// Creates a directory, which is removed with its contents when the guard is dropped.
#[track_caller]
pub fn scratch_dir() -> ScratchDir {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // The time distinguishes it from what a killed run with the same process id left.
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos());
    let path = env::temp_dir().join(format!("mk-{}-{now:x}-{number}", process::id()));
    fs::create_dir(&path).unwrap_or_else(|err| panic!("cannot create {}: {err}", path.display()));
    ScratchDir(path)
}

/// The guard of [`scratch_dir`].
#[derive(Debug)]
pub struct ScratchDir(PathBuf);

impl Deref for ScratchDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for ScratchDir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // A test may have removed it.
    }
}
