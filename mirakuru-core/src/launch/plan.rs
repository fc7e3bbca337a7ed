//! An executor made concrete: everything checked, every placeholder given its value.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::command::{self, Environment, Stdin};
use crate::diagnostics::port_owner;
use crate::error::{Error, ErrorKind, Result};
use crate::launch::spec::ProcessSpec;
use crate::output::LogFiles;
use crate::readiness::{ConditionSpec, Conditions, StartContext};
use crate::resources::placeholders::{Placeholders, Texts};
use crate::resources::ports::{self, Reservation};
use crate::resources::program;
use crate::resources::temp_path::TempPath;
use crate::supervisor::{Client, InheritedFds, Settings, SupervisorCommand};
use crate::syntax::address::{Address, Place, Port, Url};
use crate::sys::{self, FD_SLOTS};
use crate::types::Signal;
use crate::types::Stream;

/// No limit is longer than this, so that the time at which it is over can be told.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What one process is made from, and made from again when it is restarted.
pub(crate) struct LaunchPlan {
    pub(crate) name: String,
    pub(crate) values: Placeholders,
    pub(crate) files: LogFiles,
    pub(crate) timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) stop_signal: Signal,
    pub(crate) kill_signal: Signal,
    pub(crate) expect_exit: Option<i32>,
    words: Vec<OsString>,
    program: PathBuf,
    environment: Environment,
    /// The folder that the process runs in.
    dir: PathBuf,
    current_dir: Option<PathBuf>,
    stdin: Stdin,
    wanted: Vec<ConditionSpec>,
    fatal: Vec<String>,
    /// Where the process is handed a socket that listens.
    listens: Vec<SocketAddr>,
    /// Where the process says that it is ready, if it is to do so.
    notify_socket: Option<TempPath>,
    ready_fd: Option<i32>,
}

impl LaunchPlan {
    /// The plan, and what keeps its ports until a supervisor does.
    pub(crate) fn new(spec: &ProcessSpec, keep: Reservation) -> Result<(Self, Vec<OwnedFd>)> {
        Self::checked(spec, keep).map_err(|error| match spec.display_name() {
            // A command without words has no name.
            name if name.is_empty() => error,
            name => error.about(&name),
        })
    }

    fn checked(spec: &ProcessSpec, keep: Reservation) -> Result<(Self, Vec<OwnedFd>)> {
        check_limits(spec)?;
        spec.environment.check()?;
        check_channels(spec)?;
        let words = words(spec)?;
        let (values, ports) = Placeholders::for_texts(texts(spec, &words), &spec.known_bins, keep)?;
        let files = |name: &str| LogFiles::create(name, splits_output(&spec.wanted));
        let plan = Self::with_values(spec, words, values, files)?;
        Ok((plan, ports))
    }

    /// The plan by which another process has started the server.
    pub(crate) fn of_another(
        spec: &ProcessSpec,
        values: Placeholders,
        files: LogFiles,
    ) -> Result<Self> {
        Self::with_values(spec, words(spec)?, values, |_| Ok(files))
    }

    fn with_values(
        spec: &ProcessSpec,
        words: Vec<OsString>,
        values: Placeholders,
        files: impl FnOnce(&str) -> Result<LogFiles>,
    ) -> Result<Self> {
        let words = words.iter().map(|word| values.render_os(word)).collect::<Result<Vec<_>>>()?;
        let environment = rendered(&spec.environment, &values)?;
        let current_dir =
            spec.current_dir.as_ref().map(|dir| values.render_path(dir)).transpose()?;
        let dir = working_folder(current_dir.as_deref(), &values)?;
        let program = program::find(&words[0], &environment, &dir)?;
        let listens = spec.listens.iter().map(|address| listening_address(address, &values));
        let listens = listens.collect::<Result<_>>()?;
        let notifies = spec.wanted.iter().any(|wanted| matches!(wanted, ConditionSpec::Notify));
        let name = spec.display_name();
        Ok(Self {
            files: files(&name)?,
            name,
            values,
            timeout: spec.timeout.min(LONGEST),
            stop_timeout: spec.stop_timeout.min(LONGEST),
            stop_signal: spec.stop_signal,
            kill_signal: spec.kill_signal,
            expect_exit: spec.expect_exit,
            words,
            program,
            environment,
            dir,
            current_dir,
            stdin: spec.stdin.clone(),
            wanted: spec.wanted.clone(),
            fatal: spec.fatal.clone(),
            listens,
            notify_socket: notifies.then(TempPath::reserve),
            ready_fd: ready_fds(spec).next(),
        })
    }

    /// The conditions of one start, none of which holds before it.
    pub(crate) fn conditions(&self) -> Result<Conditions> {
        let all = Conditions::new(&self.wanted, &self.fatal, &self.start_context());
        let checked = all.and_then(|mut all| all.check_before_start().map(|()| all));
        checked.map_err(|error| {
            let error = error.about(&self.name);
            error.with_report(|report| report.command = Some(self.command_line()))
        })
    }

    /// What the conditions have to know of the process.
    pub(crate) fn start_context(&self) -> StartContext<'_> {
        StartContext {
            name: &self.name,
            values: &self.values,
            environment: &self.environment,
            dir: &self.dir,
            files: &self.files,
            listens: &self.listens,
        }
    }

    /// Makes the sockets that the process is handed.
    pub(crate) fn listen(&self) -> Result<Vec<OwnedFd>> {
        let listen = |address: &SocketAddr| match TcpListener::bind(address) {
            Ok(listener) => Ok(OwnedFd::from(listener)),
            Err(error) => {
                let in_use = error.kind() == io::ErrorKind::AddrInUse;
                let error = Error::os(format!("{address} cannot be listened on"), error);
                let help = || port_owner::help(&[*address], None);
                let error = error.about(&self.name);
                Err(if in_use { error.with_help(help()) } else { error })
            }
        };
        self.listens.iter().map(listen).collect()
    }

    /// Starts a supervisor for the process.
    pub(crate) fn launch(&self, holds: &InheritedFds) -> Result<Arc<Client>> {
        let (stdout, stderr) = self.files.open()?;
        let launch = SupervisorCommand {
            name: self.name.clone(),
            program: self.program.clone(),
            arguments: self.words.clone(),
            environment: self.environment.clone(),
            stdout,
            stderr,
            settings: Settings {
                stop_signal: self.stop_signal.number(),
                kill_signal: self.kill_signal.number(),
                stop_timeout: self.stop_timeout,
                notify_socket: self.notify_socket.as_ref().map(|socket| socket.path().to_owned()),
                ready_fd: self.ready_fd,
                dir: self.values.dir().map(Path::to_owned),
                // Absolute, because a restart begins where the last one has gone to.
                current_dir: self.current_dir.as_ref().map(|_| self.dir.clone()),
            },
        };
        Client::launch(launch, holds).map_err(|e| Error::os("the supervisor cannot be started", e))
    }

    /// Leaves all files to the supervisor, whatever becomes of this process.
    pub(crate) fn disarm(&mut self) {
        self.values.disarm();
        self.notify_socket.iter_mut().for_each(TempPath::disarm);
    }

    /// Removes the files that a killed supervisor has left, so that the next one can make them.
    pub(crate) fn remove_files(&self) {
        self.values.remove_dir();
        self.notify_socket.iter().for_each(TempPath::remove);
    }

    /// What the process reads from, and what writes to it.
    pub(crate) fn stdin(&self) -> Result<(Option<OwnedFd>, Option<File>)> {
        let failed = |e| Error::os("the standard input cannot be made", e);
        match &self.stdin {
            Stdin::Null => Ok((None, None)),
            Stdin::Piped => {
                let (read, write) = sys::pipe().map_err(failed)?;
                Ok((Some(read), Some(File::from(write))))
            }
            Stdin::File(path) => {
                let what = |e| Error::os(format!("`{}` cannot be read", path.display()), e);
                Ok((Some(File::open(path).map_err(what)?.into()), None))
            }
            Stdin::Open(file) => Ok((Some(file.reopen().map_err(failed)?.into()), None)),
            Stdin::Bytes(bytes) => {
                let path = self.files.of(None)[0].with_extension("stdin");
                fs::write(&path, bytes).map_err(failed)?;
                let file = File::open(&path).map_err(failed)?;
                let _ = fs::remove_file(&path); // The open file is all that is needed.
                Ok((Some(file.into()), None))
            }
        }
    }

    /// The command in one line.
    pub(crate) fn command_line(&self) -> String {
        command::in_one_line(&self.words)
    }

    /// Returns the TCP addresses that the executor names: in its conditions, as sockets that the
    /// process is handed, and by `{port}`.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let texts = self.wanted.iter().flat_map(ConditionSpec::texts);
        let texts = texts.filter_map(|text| self.values.render(text).ok());
        let named =
            texts.filter_map(|text| tcp_address(&text)).filter_map(|it| ports::resolve(&it).ok());
        let reserved = self.values.ports().values().map(|port| (Ipv4Addr::LOCALHOST, *port).into());
        named.flatten().chain(self.listens.iter().copied()).chain(reserved).collect()
    }

    /// Says why the process could not be given its folder.
    pub(crate) fn no_folder(&self, errno: i32) -> Error {
        let dir = self.values.dir().or(self.current_dir.as_deref()).unwrap_or(&self.dir);
        let what = format!("the folder `{}` cannot be made or entered", dir.display());
        Error::os(what, std::io::Error::from_raw_os_error(errno))
    }

    /// Says why the program could not be run.
    pub(crate) fn cannot_run(&self, errno: i32) -> Error {
        program::cannot_run(&self.program, errno)
    }
}

/// Returns the address in a text that is one, or a URL at one.
fn tcp_address(text: &str) -> Option<Address> {
    let address = match Url::parse(text) {
        Ok(Url { place: Place::Tcp { address, .. }, .. }) => Some(address),
        _ => Address::parse(text).ok(),
    };
    address.filter(|address| address.port != Port::Any)
}

fn words(spec: &ProcessSpec) -> Result<Vec<OsString>> {
    let mut words = spec.command.words()?;
    words.extend(spec.more_args.iter().cloned());
    command::check_words(&words)?;
    Ok(words)
}

/// All texts in which placeholders may stand.
fn texts<'a>(spec: &'a ProcessSpec, words: &'a [OsString]) -> Texts<'a> {
    let values = spec.environment.changes.iter().filter_map(|(_, value)| value.as_ref());
    let texts = words.iter().chain(values).filter_map(|text| text.to_str());
    let dir = spec.current_dir.iter().filter_map(|dir| dir.to_str());
    let listens = spec.listens.iter().map(String::as_str);
    Texts {
        early: texts.chain(dir).chain(listens).collect(),
        late: spec.wanted.iter().flat_map(ConditionSpec::texts).collect(),
        captured: spec.captured(),
    }
}

fn listening_address(text: &str, values: &Placeholders) -> Result<SocketAddr> {
    let address = Address::parse(&values.render(text)?).map_err(Error::invalid)?;
    if address.port == Port::Any {
        let what = format!("`{text}`: nobody could know which port that is; write `{{port}}`");
        return Err(Error::invalid(what));
    }
    let found = ports::resolve(&address)?;
    Ok(found[0])
}

fn ready_fds(spec: &ProcessSpec) -> impl Iterator<Item = i32> {
    spec.wanted.iter().filter_map(|wanted| match wanted {
        ConditionSpec::ReadyFd(number) => Some(*number),
        _ => None,
    })
}

/// What a process is handed has to have a place, and lines are looked for while something is waited
/// for.
fn check_channels(spec: &ProcessSpec) -> Result<()> {
    let handed = spec.listens.len();
    let first_free = FD_SLOTS.start + handed as i32;
    if handed > FD_SLOTS.len() - 1 {
        return Err(Error::invalid(format!("{handed} sockets to listen on are too many")));
    }
    let mut ready_fds = ready_fds(spec);
    match (ready_fds.next(), ready_fds.next()) {
        (Some(number), _) if !(first_free..FD_SLOTS.end).contains(&number) => {
            let last = FD_SLOTS.end - 1;
            return Err(Error::invalid(format!(
                "the readiness descriptor {number} is not one from {first_free} to {last}"
            )));
        }
        (_, Some(_)) => return Err(Error::invalid("a process has one readiness descriptor")),
        _ => {}
    }
    if spec.wanted.is_empty() && !spec.fatal.is_empty() {
        let what =
            "`fail_on` needs a condition to wait for: without one, a process is ready at once";
        return Err(Error::invalid(what));
    }
    Ok(())
}

fn rendered(environment: &Environment, values: &Placeholders) -> Result<Environment> {
    let changes = environment.changes.iter().map(|(name, value)| {
        let value = value.as_ref().map(|value| values.render_os(value)).transpose()?;
        Ok((name.clone(), value))
    });
    Ok(Environment { clear: environment.clear, changes: changes.collect::<Result<_>>()? })
}

fn working_folder(current_dir: Option<&Path>, values: &Placeholders) -> Result<PathBuf> {
    let own = std::env::current_dir().map_err(|e| Error::os("the tests' own folder is gone", e))?;
    let Some(dir) = current_dir else { return Ok(own) };
    let dir = own.join(dir);
    // The process's own folder is made by its supervisor, and nothing is in it before.
    match values.dir() {
        Some(made) if dir == made => {}
        Some(made) if dir.starts_with(made) => {
            let what = format!("there is no folder `{}` at the start", dir.display());
            let help = "the folder that {dir} stands for is made empty: run in {dir} itself";
            return Err(Error::new(ErrorKind::NotFound, what).with_help(help));
        }
        _ => program::check_directory(&dir)?,
    }
    Ok(dir)
}

/// Each stream needs a file of its own only if somebody looks at one of them alone.
fn splits_output(wanted: &[ConditionSpec]) -> bool {
    let stream = |wanted: &ConditionSpec| match wanted {
        ConditionSpec::Output(banner) => banner.stream,
        _ => None,
    };
    wanted.iter().filter_map(stream).any(|stream| matches!(stream, Stream::Stdout | Stream::Stderr))
}

fn check_limits(spec: &ProcessSpec) -> Result<()> {
    let limits = [("timeout", spec.timeout), ("stop_timeout", spec.stop_timeout)];
    if let Some((name, _)) = limits.iter().find(|(_, limit)| limit.is_zero()) {
        return Err(Error::invalid(format!("the time limit `{name}` is zero")));
    }
    let signals = [("stop_signal", spec.stop_signal), ("kill_signal", spec.kill_signal)];
    if let Some((name, signal)) = signals.iter().find(|(_, signal)| !signal.is_valid()) {
        let number = signal.number();
        return Err(Error::invalid(format!("`{name}`: {number} is not the number of a signal")));
    }
    match spec.expect_exit {
        Some(code) if !(-64..=255).contains(&code) => {
            Err(Error::invalid(format!("no process exits with code {code}")))
        }
        _ => Ok(()),
    }
}
