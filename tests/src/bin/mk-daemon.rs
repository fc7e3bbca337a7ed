//! Goes to the background by double fork and setsid, prints `daemon PID`, and waits for SIGTERM.
//! `mk-daemon [--port PORT] [--pid-file PATH] [--clear-env] [--ignore-term] [--title]`
//!
//! `--title` writes over its command line, as servers do that show there what they are doing.

use std::env;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Command};

use mirakuru_tests::program::{self, Args, Signals, StartLog, say, sleep_forever};
use nix::unistd::{ForkResult, fork, setsid};

fn main() -> io::Result<()> {
    let mut args = Args::from_env();
    let clears_env = args.flag("--clear-env");
    if args.flag("--is-daemon") {
        return serve(args);
    }
    fork_and_leave()?;
    setsid()?;
    fork_and_leave()?;
    program::limit_life();
    StartLog::from_env().started();
    if clears_env { Err(run_again_without_environment()) } else { serve(args) }
}

fn fork_and_leave() -> io::Result<()> {
    // SAFETY: no other thread runs in this program yet.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => process::exit(0),
        ForkResult::Child => Ok(()),
    }
}

/// Only an exec clears what others see of an environment.
fn run_again_without_environment() -> io::Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(err) => return err,
    };
    let mut command = Command::new(program);
    command.env_clear().args(env::args_os().skip(1)).arg("--is-daemon");
    if let Some(path) = StartLog::from_env().path() {
        command.arg("--start-log").arg(path);
    }
    command.exec()
}

fn serve(mut args: Args) -> io::Result<()> {
    let start_log = StartLog::at(args.value("--start-log"));
    let port: Option<u16> = args.value("--port");
    let pid_file: Option<PathBuf> = args.value("--pid-file");
    let ignores_term = args.flag("--ignore-term");
    let has_title = args.flag("--title");
    args.end();

    if ignores_term {
        let _ = Signals::catchable().block(); // They are never waited for.
    } else {
        let to_remove = pid_file.clone();
        program::exit_on_term(move || end(to_remove, &start_log));
    }
    if has_title {
        hide_command_line(b"daemon: waiting")?;
    }
    program::become_ready(None)?;
    let listener = port.map(|port| TcpListener::bind(("127.0.0.1", port))).transpose()?;
    pid_file.map(|path| program::write_pid_file(&path)).transpose()?;
    say(format_args!("daemon {}", process::id()))?;
    match listener {
        Some(listener) => accept(&listener),
        None => sleep_forever(),
    }
}

fn end(pid_file: Option<PathBuf>, start_log: &StartLog) {
    if let Some(path) = pid_file {
        let _ = fs::remove_file(path); // It is not there yet at the very start.
    }
    start_log.stopped();
}

fn accept(listener: &TcpListener) -> io::Result<()> {
    loop {
        // Each connection is closed at once.
        listener.accept()?;
    }
}

/// Writes over the memory that the kernel shows as the command line.
fn hide_command_line(title: &[u8]) -> io::Result<()> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name may hold blanks, so fields are counted from the third, which follows it; the
    // addresses are the 48th and the 49th.
    let fields = stat.rsplit(')').next().unwrap_or("");
    let mut addresses = fields.split_whitespace().skip(45).map_while(|field| field.parse().ok());
    let (Some(start), Some(end)) = (addresses.next(), addresses.next()) else {
        return Err(io::Error::other("no addresses in /proc/self/stat"));
    };
    let start: u64 = start;
    let end: u64 = end;
    let mut line = vec![0; (end - start) as usize];
    let shown = title.len().min(line.len() - 1);
    line[..shown].copy_from_slice(&title[..shown]);
    OpenOptions::new().write(true).open("/proc/self/mem")?.write_all_at(&line, start)
}
