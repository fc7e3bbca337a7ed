//! What an executor says, checked and with every placeholder resolved.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::external::External;
use super::set_up::SetUp;
use super::spec::ProcessSpec;
use super::step::{Step, StepContext, StepKind};
use super::{validate, working_dir};
use crate::command::{self, CommandLine, Environment, Stdin};
use crate::diagnostics::time_limit::multiplied;
use crate::error::{Error, Result};
use crate::output::LogFiles;
use crate::readiness::{ConditionSet, ConditionSpec, StartContext};
use crate::resources::placeholders::{Others, Placeholders};
use crate::resources::ports::{self, Reservation};
use crate::resources::program;
use crate::resources::temp_dir;
use crate::resources::temp_path::TempPath;
use crate::supervisor::Interrupt;
use crate::syntax::address::{Address, Place, Port, Url};
use crate::types::{ExpectedExit, Owner, Signal};

/// The longest time limit, so that every deadline can be represented.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The plan from which one process is started, and started again at a restart.
pub(crate) struct LaunchPlan {
    pub(crate) name: String,
    pub(crate) values: Placeholders,
    pub(crate) files: LogFiles,
    pub(crate) timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) stop_signal: Signal,
    pub(crate) kill_signal: Signal,
    pub(crate) expect_exit: Option<ExpectedExit>,
    pub(super) words: Vec<OsString>,
    pub(crate) program: PathBuf,
    pub(super) environment: Environment,
    /// The working directory of the process, as an absolute path.
    pub(super) dir: PathBuf,
    /// The working directory as the executor names it, if it does.
    pub(super) current_dir: Option<PathBuf>,
    pub(super) stdin: Stdin,
    pub(crate) set_up: SetUp,
    conditions: Vec<Arc<dyn ConditionSpec>>,
    fail_on: Vec<String>,
    /// The addresses of the listening sockets that the process inherits.
    pub(super) listens: Vec<SocketAddr>,
    connects: bool,
    owner: Owner,
    definition: Option<u64>,
    /// The socket for `sd_notify`, if a condition requires one.
    pub(super) notify_socket: Option<TempPath>,
    pub(super) ready_fd: Option<i32>,
    /// The placeholder of a port that the process is given, if nothing is waited for.
    pub(crate) unawaited_port: Option<String>,
    /// The placeholder of a port that is waited for, if no port is given to the process.
    pub(crate) ungiven_port: Option<String>,
    /// A word of the command that would have a meaning in a shell, which does not run it.
    pub(crate) word_for_a_shell: Option<String>,
    /// The server that the process stands for, if that was not started here.
    pub(crate) external: Option<External>,
    /// Ends the process while another thread starts it.
    pub(crate) interrupt: Option<Arc<Interrupt>>,
    /// What stands before each line of output on standard output, if it is printed there.
    pub(super) prefix: Option<String>,
}

/// What is reserved for a start: the values of placeholders, and the descriptors that keep ports.
pub(crate) type Reserved = (Placeholders, Vec<OwnedFd>);

impl LaunchPlan {
    /// Checks a spec, and reserves its ports. The descriptors keep them reserved until a supervisor has
    /// them.
    pub(crate) fn reserve(spec: &ProcessSpec, reservation: Reservation) -> Result<Reserved> {
        let reserve = || {
            validate::check(spec)?;
            Placeholders::for_texts(spec.texts(&spec.words()?), &spec.known_bins, reservation)
        };
        reserve().map_err(|error| about(spec, error))
    }

    /// Returns the names of the processes that a spec names, each with true if its value is known.
    /// Fails if the process does not have what is named.
    pub(crate) fn named_others(
        spec: &ProcessSpec,
        values: &mut Placeholders,
    ) -> Result<Vec<(String, bool)>> {
        values.set_others(spec.texts(&spec.words()?)).map_err(|error| about(spec, error))
    }

    /// Resolves a spec. What it names of other processes has to have a value.
    pub(crate) fn new(spec: &ProcessSpec, values: Placeholders) -> Result<Self> {
        Self::resolve(spec, values).map_err(|error| about(spec, error))
    }

    fn resolve(spec: &ProcessSpec, mut values: Placeholders) -> Result<Self> {
        let words = spec.words()?;
        values.set_others(spec.texts(&words))?;
        let mut conditions = spec.conditions.iter().flat_map(|condition| condition.templates());
        conditions.try_for_each(|text| spec.others.check_known(text))?;
        let files = |name: &str| {
            let mut requirements = spec.conditions.iter().map(|it| it.requirements());
            LogFiles::create(name, requirements.any(|it| it.separate_streams))
        };
        Self::with_values(spec, words, values, None, files)
    }

    /// Returns the plan of a server that another process has started.
    pub(crate) fn of_another(
        spec: &ProcessSpec,
        values: Placeholders,
        program: PathBuf,
        files: LogFiles,
    ) -> Result<Self> {
        Self::with_values(spec, spec.words()?, values, Some(program), |_| Ok(files))
    }

    fn with_values(
        spec: &ProcessSpec,
        words: Vec<OsString>,
        values: Placeholders,
        program: Option<PathBuf>,
        files: impl FnOnce(&str) -> Result<LogFiles>,
    ) -> Result<Self> {
        let words = words.iter().map(|word| values.render_os(word)).collect::<Result<Vec<_>>>()?;
        let mut environment = rendered(&spec.environment, &values)?;
        let account = spec.set_up.account(&mut environment)?;
        let current_dir =
            spec.current_dir.as_ref().map(|dir| values.render_path(dir)).transpose()?;
        let dir = working_dir::resolve(current_dir.as_deref(), &values)?;
        let context = StepContext {
            values: &values,
            environment: &environment,
            dir: &dir,
            account: account.as_ref(),
            is_running: program.is_some(),
        };
        let set_up = SetUp::new(&spec.set_up, &spec.environment, &context)?;
        let find = || match set_up.may_create_program() {
            true => program::find_or_expect(&words[0], values.dir(), &environment, &dir),
            false => program::find(&words[0], &environment, &dir),
        };
        let program = program.map_or_else(find, Ok)?;
        let listens = spec.listens.iter().map(|address| listening_address(address, &values));
        let listens = listens.collect::<Result<_>>()?;
        let notifies = spec.conditions.iter().any(|it| it.requirements().notify_socket);
        let notify_socket = || temp_dir::for_sockets().map(|parent| TempPath::reserve(&parent));
        let name = spec.display_name();
        Ok(Self {
            files: files(&name)?,
            name,
            values,
            timeout: multiplied(spec.timeout).min(LONGEST),
            stop_timeout: multiplied(spec.stop_timeout).min(LONGEST),
            stop_signal: spec.stop_signal,
            kill_signal: spec.kill_signal,
            expect_exit: spec.expect_exit.clone(),
            words,
            program,
            environment,
            dir,
            current_dir,
            stdin: spec.stdin.clone(),
            set_up,
            conditions: spec.conditions.clone(),
            fail_on: spec.fail_on.clone(),
            listens,
            connects: spec.connects,
            owner: spec.owner,
            definition: spec.hash(),
            notify_socket: notifies.then(notify_socket).transpose()?,
            ready_fd: validate::ready_fds(spec).next(),
            unawaited_port: spec.unawaited_port(),
            ungiven_port: spec.ungiven_port(),
            word_for_a_shell: spec.command.word_for_a_shell(),
            external: spec.external.clone(),
            interrupt: spec.interrupt.clone(),
            prefix: spec.prefix.clone(),
        })
    }

    /// Builds the conditions of one start. Fails if one of them holds before it.
    pub(crate) fn conditions(&self) -> Result<ConditionSet> {
        let all = ConditionSet::new(&self.conditions, &self.fail_on, &self.start_context());
        let checked = all.and_then(|mut all| match self.external {
            Some(_) => Ok(all),
            None => all.check_before_start().map(|()| all),
        });
        checked.map_err(|error| {
            let error = error.about(&self.name);
            error.with_report(|report| report.command = Some(self.command_line()))
        })
    }

    /// Returns what the conditions know of the process.
    pub(crate) fn start_context(&self) -> StartContext<'_> {
        StartContext {
            name: &self.name,
            values: &self.values,
            environment: &self.environment,
            dir: &self.dir,
            files: &self.files,
            listens: &self.listens,
            named_ports: self.named_ports(),
            connects: self.connects,
            owner: self.owner,
            external: self.external.as_ref().and_then(External::address),
            external_source: self.external.as_ref().map(External::source),
            definition: self.definition.filter(|_| self.external.is_none()),
            account: self.set_up.account.as_ref(),
        }
    }

    /// Leaves all files to the supervisor, whatever becomes of this process.
    pub(crate) fn disarm(&mut self) {
        self.values.disarm();
        self.notify_socket.iter_mut().for_each(TempPath::disarm);
    }

    /// Removes the files that a killed supervisor left, so that the next one can create them.
    pub(crate) fn remove_files(&self) {
        self.values.remove_dir();
        self.notify_socket.iter().for_each(TempPath::remove);
    }

    /// Returns a command that runs when the process is ready.
    pub(crate) fn later_step(&self, kind: StepKind, command: &CommandLine) -> Result<Step> {
        let context = StepContext {
            values: &self.values,
            environment: &self.environment,
            dir: &self.dir,
            account: self.set_up.account.as_ref(),
            is_running: false,
        };
        Step::new(kind, command, &context)
    }

    /// Returns the working directory of the process.
    pub(crate) fn working_dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the command in one line.
    pub(crate) fn command_line(&self) -> String {
        command::in_one_line(&self.words)
    }

    /// Returns the TCP addresses that the executor names: in its conditions, as sockets that the
    /// process inherits, and by `{port}`.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let texts = self.conditions.iter().flat_map(|condition| condition.templates());
        let texts = texts.filter_map(|text| self.values.render(text).ok());
        let named =
            texts.filter_map(|text| tcp_address(&text)).filter_map(|it| ports::resolve(&it).ok());
        let reserved = self.values.ports().values().map(|port| (Ipv4Addr::LOCALHOST, *port).into());
        named.flatten().chain(self.listens.iter().copied()).chain(reserved).collect()
    }

    /// Returns the ports that the executor names: by a placeholder, in a condition, or as a number in
    /// the command.
    fn named_ports(&self) -> Vec<u16> {
        let texts = self.conditions.iter().flat_map(|condition| condition.templates());
        let texts = texts.filter(|text| self.values.needs_captures(text).is_ok_and(|needs| !needs));
        let texts = texts.filter_map(|text| self.values.render(text).ok());
        let in_conditions = texts.filter_map(|text| tcp_address(&text)).map(|it| it.number());
        let words = self.words.iter().filter_map(|word| word.to_str());
        let numbers = words.flat_map(|word| word.split(|c: char| !c.is_ascii_digit()));
        let in_words = numbers.filter_map(|number| number.parse().ok());
        self.values.ports().values().copied().chain(in_conditions).chain(in_words).collect()
    }

    /// Returns what looks like a value of another process in what the process was given, and is literal.
    pub(crate) fn unknown_other(&self) -> Option<String> {
        let words = self.words.iter();
        let given =
            words.chain(self.environment.changes.iter().filter_map(|(_, value)| value.as_ref()));
        let files = self.set_up.files.iter().filter_map(|(_, text)| std::str::from_utf8(text).ok());
        let mut texts = given.filter_map(|text| text.to_str()).chain(files);
        texts.find_map(|text| Others::default().unknown(text))
    }

    /// Returns the error for a working directory that the supervisor could not create or enter.
    pub(crate) fn no_directory(&self, errno: i32) -> Error {
        let dir = self.values.dir().or(self.current_dir.as_deref()).unwrap_or(&self.dir);
        let what = format!("the directory `{}` cannot be created or entered", dir.display());
        Error::os(what, std::io::Error::from_raw_os_error(errno))
    }

    /// Returns the error for a socket that the supervisor could not make.
    pub(crate) fn no_socket(&self, errno: i32) -> Error {
        let path = self.notify_socket.as_ref().map(TempPath::path).unwrap_or(&self.dir);
        let what = format!("the socket `{}` for `sd_notify` cannot be made", path.display());
        Error::os(what, std::io::Error::from_raw_os_error(errno))
    }

    /// Returns the error for a file that the supervisor could not write.
    pub(crate) fn no_file(&self, file: u32, errno: i32) -> Error {
        let path = self.set_up.files.get(file as usize).map_or(&self.dir, |(path, _)| path);
        let what = format!("the file `{}` cannot be written", path.display());
        Error::os(what, std::io::Error::from_raw_os_error(errno))
    }

    /// Returns the error for a program that the supervisor could not execute: that of the process, or
    /// of a step before it.
    pub(crate) fn cannot_run(&self, step: Option<&Step>, errno: i32) -> Error {
        program::cannot_run(step.map_or(&self.program, |step| &step.program), errno)
    }

    /// Returns a path for a file that only this start uses.
    pub(crate) fn path_beside_log(&self, extension: &str) -> PathBuf {
        self.files.of(None)[0].with_extension(extension)
    }
}

fn about(spec: &ProcessSpec, error: Error) -> Error {
    match spec.display_name() {
        // A command without words has no name.
        name if name.is_empty() => error,
        name => error.about(&name),
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

fn listening_address(text: &str, values: &Placeholders) -> Result<SocketAddr> {
    let address = Address::parse_listening(&values.render(text)?).map_err(Error::invalid)?;
    let found = ports::resolve(&address)?;
    Ok(found[0])
}

fn rendered(environment: &Environment, values: &Placeholders) -> Result<Environment> {
    let changes = environment.changes.iter().map(|(name, value)| {
        let value = value.as_ref().map(|value| values.render_os(value)).transpose()?;
        Ok((name.clone(), value))
    });
    Ok(Environment { clear: environment.clear, changes: changes.collect::<Result<_>>()? })
}
