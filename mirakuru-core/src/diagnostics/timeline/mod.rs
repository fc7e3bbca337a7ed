//! What happened to servers and tests in a run, as a page: `MIRAKURU_TIMELINE=run.html`.
//!
//! Each process appends events to one file of the run, a line each, and draws the page from all of them
//! when it exits. An event is one of Chrome's trace format, so the file is a trace as it is, but for
//! the brackets around it. What a killed process has written stays.

mod file;
mod json;
mod page;

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::sys;
use file::EventFile;
use json::{array, object, text};

/// The process of the trace whose threads are the servers.
const SERVERS: u32 = 1;

static FILE: LazyLock<Option<EventFile>> = LazyLock::new(|| {
    let file = EventFile::of_run()?;
    sys::at_exit(draw);
    Some(file)
});

/// Has the page drawn after everything that is registered later was done.
pub(crate) fn register() {
    LazyLock::force(&FILE);
}

extern "C" fn draw() {
    if let Some(file) = &*FILE {
        // Unwinding out of a C function would abort the process.
        let _ = std::panic::catch_unwind(|| page::draw(file));
    }
}

/// A server in the page.
#[derive(Clone)]
pub(crate) struct Track {
    supervisor: i32,
    name: String,
    logs: Vec<PathBuf>,
}

impl Track {
    /// Returns none if no page is wanted.
    pub(crate) fn of(
        supervisor: i32,
        name: &str,
        logs: impl FnOnce() -> Vec<PathBuf>,
    ) -> Option<Self> {
        FILE.as_ref()?;
        Some(Self { supervisor, name: name.to_owned(), logs: logs() })
    }

    /// The server is being started.
    pub(crate) fn starts(&self) {
        let paths = array(self.logs.iter().map(|path| text(&path.display().to_string())));
        let args = object(&[("name", text(&self.name)), ("logs", paths)]);
        write("M", "thread_name", SERVERS, self.supervisor as u64, &[("args", args)]);
        self.write("i", "starts", &[("s", text("t"))]);
    }

    /// A command of its set-up has run.
    pub(crate) fn step(&self, began: Instant, command: &str) {
        self.spans("step", command, began, &[]);
    }

    /// It is ready, and why it counts as that.
    pub(crate) fn ready(&self, began: Instant, why: &str) {
        self.spans("starting", "starting", began, &[("why", text(why))]);
        self.write("B", "ready", &[]);
        wait(&self.name, began, "start of");
    }

    /// It could not be started.
    pub(crate) fn failed(&self, began: Instant, why: &str) {
        self.spans("failed", "failed to start", began, &[("why", text(why))]);
        wait(&self.name, began, "start of");
    }

    /// A test has got it.
    pub(crate) fn leased(self, began: Instant, is_exclusive: bool) -> Lease {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        wait(&self.name, began, "lease of");
        let id = format!("{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let lease = Lease { track: self, id, is_exclusive, test: test() };
        lease.write("b");
        lease
    }

    fn write(&self, kind: &str, name: &str, more: &[(&str, String)]) {
        let args = object(&[("test", text(&test())), ("o", self.offsets())]);
        let fields = [&[("ts", micros(Duration::ZERO).to_string()), ("args", args)], more].concat();
        write(kind, name, SERVERS, self.supervisor as u64, &fields);
    }

    fn spans(&self, category: &str, name: &str, began: Instant, more: &[(&str, String)]) {
        let args = [&[("test", text(&test())), ("o", self.offsets())], more].concat();
        let fields =
            [&span(began)[..], &[("cat", text(category)), ("args", object(&args))]].concat();
        write("X", name, SERVERS, self.supervisor as u64, &fields);
    }

    /// Returns how long its logs are, by which the page finds the lines of a moment.
    fn offsets(&self) -> String {
        let length = |path: &PathBuf| path.metadata().map_or(0, |it| it.len()).to_string();
        array(self.logs.iter().map(length))
    }
}

/// A server has ended, and how.
pub(crate) fn ended(supervisor: i32, how: impl FnOnce() -> String) {
    if FILE.is_some() {
        let args = object(&[("how", text(&how())), ("test", text(&test()))]);
        let fields = [("ts", micros(Duration::ZERO).to_string()), ("args", args)];
        write("E", "ready", SERVERS, supervisor as u64, &fields);
    }
}

/// A lease in the page. Dropping it is its end.
pub(crate) struct Lease {
    track: Track,
    id: String,
    is_exclusive: bool,
    test: String,
}

impl Lease {
    fn write(&self, kind: &str) {
        let Track { supervisor, name, .. } = &self.track;
        let args = object(&[
            ("server", supervisor.to_string()),
            ("exclusive", self.is_exclusive.to_string()),
            ("test", text(&self.test)),
            ("o", self.track.offsets()),
        ]);
        let fields = [
            ("ts", micros(Duration::ZERO).to_string()),
            ("cat", text("lease")),
            ("id", text(&self.id)),
            ("args", args),
        ];
        write(kind, name, std::process::id(), thread_number(), &fields);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.write("e");
    }
}

/// The test has waited for something.
fn wait(server: &str, began: Instant, what: &str) {
    let (test, thread) = (test(), thread_number());
    let pid = std::process::id();
    let program = std::env::current_exe().unwrap_or_default();
    let program = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let named = |name: &str| [("args", object(&[("name", text(name))]))];
    write("M", "process_name", pid, thread, &named(&program));
    write("M", "thread_name", pid, thread, &named(&test));
    let args = object(&[("test", text(&test))]);
    let fields = [&span(began)[..], &[("cat", text("wait")), ("args", args)]].concat();
    write("X", &format!("{what} {server}"), pid, thread, &fields);
}

/// Returns the name of the test on this thread.
fn test() -> String {
    let thread = thread::current();
    let named = thread.name().filter(|name| *name != "main").map(str::to_owned);
    named.or_else(|| std::env::var("NEXTEST_TEST_NAME").ok()).unwrap_or_else(|| "main".to_owned())
}

/// Returns the number of this thread, as a trace can have it.
fn thread_number() -> u64 {
    sys::thread_number() % 1_000_000
}

/// Returns the time before now in microseconds, by the clock that all processes have.
fn micros(before: Duration) -> u128 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    now.saturating_sub(before).as_micros()
}

fn span(began: Instant) -> [(&'static str, String); 2] {
    let elapsed = began.elapsed();
    [("ts", micros(elapsed).to_string()), ("dur", elapsed.as_micros().to_string())]
}

fn write(kind: &str, name: &str, pid: u32, thread: u64, fields: &[(&str, String)]) {
    let head = [
        ("ph", text(kind)),
        ("name", text(name)),
        ("pid", pid.to_string()),
        ("tid", thread.to_string()),
    ];
    if let Some(file) = &*FILE {
        file.append(&object(&[&head, fields].concat()));
    }
}
