//! Shared memory, which the kernel does not remove with the processes that made it.

use std::fs;
use std::path::PathBuf;

use mirakuru_core::{Executor, Process, Signal};
use mirakuru_tests::starting::{SHORT, StartSoon};

/// Makes a segment of System V and a file in `/dev/shm`, and ignores SIGTERM.
const SERVER: &str = "import ctypes, mmap, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if ctypes.CDLL(None).shmget(0, 4096, 0o1600) < 0: sys.exit('no segment')
with open(sys.argv[1], 'w+b') as file:
    file.truncate(4096)
    memory = mmap.mmap(file.fileno(), 4096)
print('ready', flush=True)
time.sleep(300)";

/// Returns a server, and the path of the file that it makes.
fn server(name: &str) -> (Executor, PathBuf) {
    let file = PathBuf::from(format!("/dev/shm/mirakuru-{name}-{}", std::process::id()));
    let server = Executor::new(["python3", "-c", SERVER]).arg(&file);
    (server.output("^ready").stop_timeout(SHORT), file)
}

/// Returns the number of segments that a process has created.
fn segments(creator: u32) -> usize {
    let text = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let creator = creator.to_string();
    text.lines().filter(|line| line.split_whitespace().nth(4) == Some(&creator)).count()
}

#[test]
fn shared_memory_of_a_process_that_was_killed_or_crashed_is_removed() {
    type End = fn(&mut Process);
    let ends: [(&str, End); 3] = [
        ("stopped", |process| assert!(process.stop().unwrap().was_killed())),
        ("killed", |process| assert!(process.kill().is_ok())),
        ("aborted", |process| {
            process.signal(Signal::new(9)).unwrap();
            let _ = process.stop();
        }),
    ];
    for (how, end) in ends {
        let (server, file) = server(how);
        let mut process = server.start_soon();
        let pid = process.pid();
        assert!(file.exists() && segments(pid) == 1, "{how}");
        end(&mut process);
        assert_eq!(segments(pid), 0, "{how}");
        // std does not tell with musl when a file was created.
        assert_eq!(file.exists(), cfg!(target_env = "musl"), "{how}");
        let _ = fs::remove_file(file);
    }
}

#[test]
fn a_file_that_an_orderly_stop_leaves_is_left() {
    let (_, file) = server("orderly");
    let orderly = SERVER.replace("signal.SIG_IGN", "lambda *_: sys.exit(0)");
    let server = Executor::new(["python3", "-c", &orderly]).arg(&file).output("^ready");
    assert!(!server.start_soon().stop().unwrap().was_killed());
    fs::remove_file(file).unwrap();
}

#[test]
fn shared_memory_that_another_process_uses_is_left() {
    let (server, file) = server("used");
    let mut first = server.start_soon();
    let script = "import mmap, sys, time
with open(sys.argv[1], 'r+b') as file: memory = mmap.mmap(file.fileno(), 4096)
print('ready', flush=True)
time.sleep(300)";
    let second = Executor::new(["python3", "-c", script]).arg(&file).output("^ready").start_soon();
    first.kill().unwrap();
    assert!(file.exists(), "{} uses it", second.pid());
    fs::remove_file(file).unwrap();
}

#[test]
fn a_file_that_was_there_before_the_start_is_left() {
    let (server, file) = server("older");
    fs::write(&file, "older").unwrap();
    // The clock of the file system has a resolution of milliseconds.
    Executor::new("sleep 0.3").start_soon().wait_timeout(mirakuru_tests::starting::LONG).unwrap();
    server.start_soon().kill().unwrap();
    assert!(file.exists());
    fs::remove_file(file).unwrap();
}
