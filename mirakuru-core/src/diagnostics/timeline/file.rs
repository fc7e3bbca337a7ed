//! The file to which the processes of one run append events.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::diagnostics::runner::{self, Runner};
use crate::diagnostics::time_limit::Pauses;
use crate::diagnostics::{progress, settings};
use crate::sys;

const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct EventFile {
    /// The page that is drawn from it.
    pub(super) page: PathBuf,
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Opens the file of this run, if a page is wanted. That of an earlier run is emptied.
    pub(super) fn of_run() -> Option<Self> {
        let page = settings::timeline()?;
        let runner = runner::find().ok().flatten();
        let page = base(runner).join(page);
        let path = page.with_extension("events");
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = opened.and_then(|file| begin(file, &path, &name_of(runner)));
        let failed = |error| progress::print(&format!("no timeline: {}: {error}", path.display()));
        file.map_err(failed).ok().map(|file| Self { page, path, file })
    }

    /// Appends a line, in one call, so that those of several processes do not mix.
    pub(super) fn append(&self, event: &str) {
        let _ = (&self.file).write_all(format!("{event}\n").as_bytes()); // The disk may be full.
    }

    /// Returns the events of all processes until now. The first line names the run.
    pub(super) fn read(&self) -> Vec<String> {
        let text = fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let whole = |line: &&str| line.starts_with('{') && line.ends_with('}');
        text.lines().filter(whole).map(str::to_owned).collect()
    }

    /// Returns true for the first process of the run that claims to report this. It is called while no
    /// other process does.
    pub(super) fn claim(&self, report: &str) -> bool {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let is_first = text.lines().all(|line| line != report);
        if is_first {
            self.append(report);
        }
        is_first
    }

    /// Calls a function while no other process does.
    pub(super) fn alone(&self, act: impl FnOnce()) {
        let Ok(file) = File::open(&self.path) else { return };
        let mut pauses = Pauses::within(LOCK_TIMEOUT);
        while !sys::try_lock(&file) && pauses.pause() {}
        act();
    }
}

/// Empties a file of another run.
fn begin(file: File, path: &Path, run: &str) -> io::Result<File> {
    let mut pauses = Pauses::within(LOCK_TIMEOUT);
    let lock = File::open(path)?;
    while !sys::try_lock(&lock) && pauses.pause() {}
    let mut first = String::new();
    BufReader::new(&file).read_line(&mut first)?;
    if first.trim_end() != run {
        file.set_len(0)?;
        (&file).write_all(format!("{run}\n").as_bytes())?;
    }
    Ok(file)
}

fn name_of(runner: Option<Runner>) -> String {
    match runner {
        Some(Runner { pid, started }) => format!("run {pid} {started}"),
        None => format!("run {}", std::process::id()),
    }
}

/// Returns where the user has started the runner. A test runs in the directory of its package.
fn base(runner: Option<Runner>) -> PathBuf {
    let of_runner = runner.and_then(|it| fs::read_link(format!("/proc/{}/cwd", it.pid)).ok());
    let own = || std::env::current_dir().unwrap_or_default();
    let of_workspace = || {
        let own = own();
        let workspace = own.ancestors().find(|dir| dir.join("Cargo.lock").is_file());
        workspace.map(Path::to_owned)
    };
    of_runner.or_else(of_workspace).unwrap_or_else(own)
}
