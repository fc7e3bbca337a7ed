//! The output of a process, in files.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::banner::{self, Scanner, Stream};
use crate::error::{Error, ErrorKind, Output, Result, Seconds};
use crate::run;
use crate::supervisor::{Client, Phase};
use crate::sys::{self, Watcher};

/// How many lines an error report shows.
const LINES_SHOWN: usize = 20;

/// How many lines are compared with a pattern that none of them matches.
const LINES_COMPARED: usize = 200;

/// What a process has written to its standard output and standard error.
///
/// Both go to one file, in the order in which they were written, unless a
/// [`Banner`](crate::Banner) is looked for on one stream only: then each has a file of its own, and
/// the text here is that of standard output followed by that of standard error. The file stays
/// when the process ends; those of the last few runs of the tests are kept in the target folder,
/// below `mirakuru`.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::Executor;
/// use std::time::Duration;
///
/// let process = Executor::shell("echo started; sleep 60").start()?;
/// let line = process.log().wait_for("^start", Duration::from_secs(10))?;
/// assert_eq!(line, "started");
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Log {
    files: Files,
    /// Where the lease of the calling test began, for each file.
    start: Vec<u64>,
    client: Weak<Client>,
}

/// The files that one process writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) stdout: PathBuf,
    /// If it is not the same file.
    pub(crate) stderr: Option<PathBuf>,
}

thread_local! {
    /// The leases of the test on this thread, by the file of their process.
    static LEASES: RefCell<HashMap<PathBuf, Leased>> = RefCell::default();
}

/// A process that a test leases.
struct Leased {
    /// Where the first lease began, for each file.
    start: Vec<u64>,
    /// How many leases there are now.
    count: usize,
    /// Whether the test, which fails, has shown what was written since.
    is_shown: bool,
}

impl Files {
    /// Makes new files. With `split`, each stream has one of its own.
    pub(crate) fn create(name: &str, split: bool) -> Result<Self> {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name: String =
            name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(40).collect();
        let stem = format!("{name}-{}-{serial}", std::process::id());
        let folder = run::log_folder()?;
        let stdout = folder.join(format!("{stem}.log"));
        let stderr = split.then(|| folder.join(format!("{stem}.err.log")));
        Ok(Self { stdout, stderr })
    }

    /// The files of a server that another process has started.
    pub(crate) fn of_another(stdout: PathBuf, stderr: Option<PathBuf>) -> Self {
        Self { stdout, stderr }
    }

    /// Opens the files for a supervisor to write to: standard output, standard error.
    pub(crate) fn open(&self) -> Result<(File, File)> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).mode(0o600).open(path);
            file.map_err(|e| Error::os(format!("the log `{}` cannot be opened", path.display()), e))
        };
        Ok((open(&self.stdout)?, open(self.stderr.as_ref().unwrap_or(&self.stdout))?))
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.stdout.as_path()).chain(self.stderr.as_deref())
    }

    /// The files that a stream, or any stream, goes to.
    pub(crate) fn of(&self, stream: Option<Stream>) -> Vec<PathBuf> {
        match (stream, &self.stderr) {
            (Some(Stream::Stdout), _) | (_, None) => vec![self.stdout.clone()],
            (Some(Stream::Stderr), Some(stderr)) => vec![stderr.clone()],
            (None, Some(stderr)) => vec![self.stdout.clone(), stderr.clone()],
        }
    }

    /// Readers of what is written from now on.
    pub(crate) fn readers(
        &self,
        stream: Option<Stream>,
        scanner: impl Fn() -> Result<Scanner>,
    ) -> Result<Vec<Reader>> {
        let reader = |path: PathBuf| {
            let start = path.metadata().map_or(0, |meta| meta.len());
            Ok(Reader::new(path, start, scanner()?))
        };
        self.of(stream).into_iter().map(reader).collect()
    }

    /// Forgets what was written so far.
    pub(crate) fn clear(&self) {
        for path in self.paths() {
            // If it cannot be done, it goes on growing.
            let _ = OpenOptions::new().write(true).truncate(true).open(path);
        }
    }

    /// The last line.
    pub(crate) fn last_line(&self) -> Option<String> {
        self.whole(Weak::new()).excerpt(1).lines.pop().filter(|line| !line.is_empty())
    }

    fn lengths(&self) -> Vec<u64> {
        self.paths().map(|path| path.metadata().map_or(0, |meta| meta.len())).collect()
    }

    pub(crate) fn log(&self, client: Weak<Client>) -> Log {
        let mut log = self.whole(client);
        LEASES.with_borrow(|leases| {
            if let Some(leased) = leases.get(&self.stdout) {
                log.start.clone_from(&leased.start);
            }
        });
        log
    }

    /// All that was written, whoever has leased the process.
    fn whole(&self, client: Weak<Client>) -> Log {
        Log { files: self.clone(), start: vec![0; self.paths().count()], client }
    }

    /// The last lines, for a report.
    pub(crate) fn tail(&self) -> Output {
        self.whole(Weak::new()).excerpt(LINES_SHOWN)
    }

    /// A lease begins on the calling test's thread.
    pub(crate) fn begin_lease(&self) {
        LEASES.with_borrow_mut(|leases| {
            let leased = leases.entry(self.stdout.clone()).or_insert_with(|| Leased {
                start: self.lengths(),
                count: 0,
                is_shown: false,
            });
            leased.count += 1;
        });
    }

    pub(crate) fn end_lease(&self) {
        // Thread locals may be gone already when a lease is dropped late.
        let _ = LEASES.try_with(|leases| {
            let mut leases = leases.borrow_mut();
            let Some(leased) = leases.get_mut(&self.stdout) else { return };
            leased.count -= 1;
            if leased.count == 0 {
                leases.remove(&self.stdout);
            }
        });
    }
}

impl Log {
    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.files.stdout
    }

    /// Returns all that was written. Bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(&self) -> Result<String> {
        self.read_from(&vec![0; self.start.len()])
    }

    /// Returns what was written since the lease of the calling test began; for a process of its
    /// own, all.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn since_lease(&self) -> Result<String> {
        self.read_from(&self.start)
    }

    /// Returns the last `n` lines.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn tail(&self, n: usize) -> Result<String> {
        let text = self.read()?;
        let lines: Vec<_> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(n)..].join("\n"))
    }

    /// Waits until a line matches the regular expression `pattern`, and returns the line. Lines
    /// that were written before the lease of the calling test began do not count.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) if no such line comes in time, [`Exited`](ErrorKind::Exited)
    /// if the process has ended without it, [`InvalidInput`](ErrorKind::InvalidInput) if the
    /// pattern is faulty.
    pub fn wait_for(&self, pattern: &str, timeout: Duration) -> Result<String> {
        let deadline = sys::deadline_after(timeout);
        let mut watcher = Watcher::new();
        let mut readers = Vec::new();
        for (path, start) in self.files.paths().zip(&self.start) {
            watcher.watch(path);
            readers.push(Reader::new(path.to_owned(), *start, Scanner::new(pattern, 1)?));
        }
        loop {
            watcher.clear();
            // Before the look at the log, so that the last lines of an ended process are seen.
            let client = self.client.upgrade();
            let ended = client.as_ref().is_none_or(|client| client.state().phase != Phase::Running);
            for reader in &mut readers {
                if let Some(line) = reader.look(deadline)? {
                    return Ok(line);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if ended || left.is_zero() {
                return Err(self.not_found(pattern, timeout, ended));
            }
            let fds = client.iter().map(|client| client.as_fd()).chain(watcher.as_fd());
            let step = left.min(Reader::STEP);
            let _ = sys::wait_readable(&fds.collect::<Vec<_>>(), Some(step)); // Looked at anyway.
        }
    }

    fn not_found(&self, pattern: &str, timeout: Duration, ended: bool) -> Error {
        let since = if self.is_whole() { "" } else { " since the test's lease began" };
        let what = format!("no line of output{since} matched `{pattern}`");
        let error = if ended {
            Error::new(ErrorKind::Exited, format!("{what}, and the process has ended"))
        } else {
            Error::new(ErrorKind::Timeout, format!("{what} within {}", Seconds(timeout)))
        };
        let files = self.files.paths().zip(&self.start);
        let lines: Vec<_> = files.flat_map(|(path, start)| lines_behind(path, *start)).collect();
        error.with_report(|report| {
            report.output = Some(self.excerpt(LINES_SHOWN));
            report.way_out = banner::near_miss(pattern, &lines);
        })
    }

    /// Whether nothing was written before the lease began.
    fn is_whole(&self) -> bool {
        self.start.iter().all(|start| *start == 0)
    }

    /// The last lines since the lease began, and how much came before them.
    pub(crate) fn excerpt(&self, shown: usize) -> Output {
        let label = if self.is_whole() { "output" } else { "output since this test leased it" };
        let (mut lines, mut omitted) = (Vec::new(), 0);
        for ((path, start), length) in self.files.paths().zip(&self.start).zip(self.files.lengths())
        {
            let (last, before) = last_lines(path, *start, length, shown);
            lines.extend(last);
            omitted += before;
        }
        Output { label, lines, omitted, paths: self.files.of(None) }
    }

    /// Whether the test on this thread has yet to show this output. It counts as shown from now on,
    /// as long as the test leases the process: each of several leases would show the same.
    pub(crate) fn is_to_be_shown(&self) -> bool {
        let was_shown = LEASES.try_with(|leases| {
            let mut leases = leases.borrow_mut();
            let leased = leases.get_mut(&self.files.stdout);
            leased.is_some_and(|leased| std::mem::replace(&mut leased.is_shown, true))
        });
        !was_shown.unwrap_or(false)
    }

    fn read_from(&self, start: &[u64]) -> Result<String> {
        let mut text = String::new();
        for (path, start) in self.files.paths().zip(start) {
            text.push_str(&String::from_utf8_lossy(&read_part(path, *start, u64::MAX)?));
        }
        Ok(text)
    }
}

/// The last lines of what is between `start` and `end`, and how many bytes come before them. Not
/// more than a chunk is read, however long the file is.
fn last_lines(path: &Path, start: u64, end: u64, shown: usize) -> (Vec<String>, u64) {
    let begin = start.max(end.saturating_sub(CHUNK));
    let bytes = read_part(path, begin, CHUNK).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let (before, last) = lines.split_at(lines.len().saturating_sub(shown));
    let before: usize = before.iter().map(|line| line.len()).sum();
    let last = last.iter().map(|line| line.trim_end_matches(['\n', '\r']).to_owned()).collect();
    (last, begin - start.min(begin) + before as u64)
}

/// The last lines that were written behind `start`, for a closer look at them.
fn lines_behind(path: &Path, start: u64) -> Vec<String> {
    let length = path.metadata().map_or(0, |meta| meta.len());
    last_lines(path, start, length, LINES_COMPARED).0
}

/// Reads a part of a file, which ends earlier where the file does.
fn read_part(path: &Path, start: u64, length: u64) -> Result<Vec<u8>> {
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    read().map_err(|e| Error::os(format!("the log `{}` cannot be read", path.display()), e))
}

/// How much of a file is read at once.
const CHUNK: u64 = 256 * 1024; // 256 KiB

/// Looks for a pattern in a file that grows.
pub(crate) struct Reader {
    path: PathBuf,
    start: u64,
    read: u64,
    scanner: Scanner,
}

impl Reader {
    /// How often to look though nothing has woken up who waits: a watch may be lost, and another
    /// thread may read what this one waits for.
    pub(crate) const STEP: Duration = Duration::from_millis(20);

    pub(crate) fn new(path: PathBuf, start: u64, scanner: Scanner) -> Self {
        Self { path, start, read: start, scanner }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines of what it looks through, for a report.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines_behind(&self.path, self.start)
    }

    /// How often the pattern has come, for a report.
    pub(crate) fn seen(&self) -> usize {
        self.scanner.seen()
    }

    /// Reads on, to the end or until the deadline. Returns the line that was looked for, once it is
    /// there.
    pub(crate) fn look(&mut self, deadline: Instant) -> Result<Option<String>> {
        loop {
            let bytes = read_part(&self.path, self.read, CHUNK)?;
            self.read += bytes.len() as u64;
            if bytes.is_empty() {
                return Ok(None);
            }
            let found = self.scanner.feed(&bytes);
            if found.is_some() || Instant::now() >= deadline {
                return Ok(found);
            }
        }
    }
}
