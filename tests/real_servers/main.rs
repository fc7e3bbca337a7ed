//! Real servers, as a distribution packages them, and what their clients see.

mod background;
mod external;
mod memcached;
mod nginx;
mod nginx_doors;
mod own_data;
mod postgres;
mod presets;
mod python;
mod redis;
mod redis_shared;
mod speaking;
mod table;
mod together;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use mirakuru_rstest::Process;
use mirakuru_tests::alive;

/// Longer than any step takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Returns a server's processes: the main one first, then its descendants.
fn tree(process: &Process) -> Vec<u32> {
    let mut tree = vec![process.pid()];
    let mut next = 0;
    while let Some(&pid) = tree.get(next) {
        tree.extend(children(pid));
        next += 1;
    }
    tree
}

/// Returns the children of a process and of its threads.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")));
    let text: String = lists.flatten().collect();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[track_caller]
fn assert_gone(pids: &[u32]) {
    let left: Vec<_> = pids.iter().filter(|pid| alive(pid)).collect();
    assert!(left.is_empty(), "{left:?} of {pids:?} are still there");
}

/// Returns true if the kernel refuses the connection.
fn refuses(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn refuses_unix(socket: &Path) -> bool {
    UnixStream::connect(socket).is_err_and(|error| {
        matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound)
    })
}

/// A client of a protocol of lines.
struct Client<S>(BufReader<S>);

impl Client<TcpStream> {
    #[track_caller]
    fn tcp(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the server accepts");
        stream.set_read_timeout(Some(LIMIT)).expect("the limit is not zero");
        Self(BufReader::new(stream))
    }

    /// Returns true if no answer comes within a time that is long enough for many.
    #[track_caller]
    fn waits_in_vain(&mut self) -> bool {
        self.0.get_ref().set_read_timeout(Some(Duration::from_millis(100))).expect("not zero");
        let waited = self.0.fill_buf().map(drop);
        self.0.get_ref().set_read_timeout(Some(LIMIT)).expect("not zero");
        waited.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

impl Client<UnixStream> {
    #[track_caller]
    fn unix(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("the server accepts");
        stream.set_read_timeout(Some(LIMIT)).expect("the limit is not zero");
        Self(BufReader::new(stream))
    }
}

impl<S: Read + Write> Client<S> {
    #[track_caller]
    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("the server reads");
    }

    /// Returns the next line without its end; empty at the end of the stream.
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server answers");
        line.trim_end().to_owned()
    }
}
