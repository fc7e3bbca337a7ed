//! The processes of a server, as children of this process.

use std::ffi::{CStr, CString, OsString, c_char};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, getppid};

use super::account::Account;
use super::fds::restore_fd_limit;
use super::process::{exit_now, new_session};
use super::signals::{BlockedSignals, reset_signals, unblock_signals};
use crate::sys::fd_slots::leave;
use crate::sys::platform;

const SHELL: &CStr = c"/bin/sh";

/// The variable with room for a process id.
const LISTEN_PID: [u8; 22] = *b"LISTEN_PID=\0\0\0\0\0\0\0\0\0\0\0";

/// What a child executes.
pub(crate) struct Program {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    /// `LISTEN_PID` is set to the id of the process, which is not known before.
    has_listen_pid: bool,
}

impl Program {
    /// A program from its path, its `argv[0]`, its arguments, and its environment, which has each name once.
    pub(crate) fn new<'a>(
        words: &[OsString],
        environment: impl Iterator<Item = &'a (OsString, OsString)>,
        has_listen_pid: bool,
    ) -> io::Result<Self> {
        let (path, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let variables = environment.filter(|(name, _)| !has_listen_pid || name != "LISTEN_PID");
        let variable = |(name, value): &(OsString, OsString)| {
            CString::new([name.as_bytes(), value.as_bytes()].join(&b'='))
        };
        let texts = arguments.iter().map(|word| CString::new(word.as_bytes()));
        Ok(Self {
            path: CString::new(path.as_bytes())?,
            arguments: texts.collect::<Result<_, _>>()?,
            environment: variables.map(variable).collect::<Result<_, _>>()?,
            has_listen_pid,
        })
    }

    /// Prepares the lists that `exec` takes: what a child allocates is left in the memory that it shares.
    fn prepare(&self) -> Prepared<'_> {
        let pointers = |texts: &[CString]| texts.iter().map(|it| it.as_ptr()).collect::<Vec<_>>();
        let arguments = pointers(&self.arguments);
        let script = [SHELL, &self.path].map(CStr::as_ptr).into_iter();
        let script = script.chain(arguments.iter().skip(1).copied());
        let mut environment = pointers(&self.environment);
        if self.has_listen_pid {
            // Its place: the value is known in the child.
            environment.push(ptr::null());
        }
        Prepared {
            program: self,
            script: script.chain([ptr::null()]).collect(),
            arguments: [arguments, vec![ptr::null()]].concat(),
            environment: [environment, vec![ptr::null()]].concat(),
        }
    }
}

/// A program with its arguments and its environment as lists of pointers that end with a null.
struct Prepared<'a> {
    program: &'a Program,
    arguments: Vec<*const c_char>,
    /// The arguments of the shell, if the program is a script without a `#!` line.
    script: Vec<*const c_char>,
    environment: Vec<*const c_char>,
}

impl Prepared<'_> {
    /// Executes the program. Returns only if that fails.
    fn exec(&mut self) -> io::Error {
        let mut listen_pid = LISTEN_PID;
        if self.program.has_listen_pid {
            // The zero at the end is left: there is room for the longest id.
            let _ = write!(&mut listen_pid["LISTEN_PID=".len()..], "{}", std::process::id());
            let place = self.environment.len() - 2;
            self.environment[place] = listen_pid.as_ptr().cast();
        }
        let execute = |path: &CStr, arguments: &[*const c_char]| {
            // SAFETY: the lists end with a null, and the texts that they point to live longer than the call.
            unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), self.environment.as_ptr()) };
            Errno::last()
        };
        match execute(&self.program.path, &self.arguments) {
            // As `execvp` does.
            Errno::ENOEXEC => execute(SHELL, &self.script).into(),
            errno => errno.into(),
        }
    }
}

/// Starts a program in a session of its own, as `account` if one is given, with default signal handling.
/// Where the kernel supports it, the child is killed when the calling process ends. `streams` become its
/// standard streams, and it inherits the descriptors at `numbers`. Returns its process id.
///
/// The caller must be single-threaded: `PR_SET_PDEATHSIG` follows the thread that forks.
pub(crate) fn spawn_with_pdeathsig(
    program: &Program,
    streams: &[OwnedFd; 3],
    account: Option<&Account>,
    numbers: &[RawFd],
) -> io::Result<i32> {
    let (failure, report) = platform::pipe()?;
    let mut program = program.prepare();
    let parent = Pid::this();
    let prepare = || {
        dup2_stdin(&streams[0])?;
        dup2_stdout(&streams[1])?;
        dup2_stderr(&streams[2])?;
        account.map_or(Ok(()), Account::assume)?;
        // A change of the user clears it.
        platform::set_pdeathsig();
        if getppid() != parent {
            // The parent ended before the signal was set.
            exit_now(1);
        }
        new_session();
        reset_signals();
        unblock_signals();
        restore_fd_limit();
        leave(numbers);
        Ok(())
    };
    let mut run = || {
        let error = prepare().err().unwrap_or_else(|| program.exec());
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        let _ = nix::unistd::write(&report, &errno.to_ne_bytes()); // The parent may have ended.
        1
    };
    // A handler must not run in a child that has the memory of this process.
    let blocked = BlockedSignals::all();
    let pid = platform::fork_to_execute(&mut run)?;
    drop(blocked);
    drop(report);
    // At `exec`, the kernel closes the other end.
    let mut errno = [0; 4];
    match File::from(failure).read_exact(&mut errno) {
        Ok(()) => {
            let _ = nix::sys::wait::waitpid(Pid::from_raw(pid), None); // It has ended by itself.
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))
        }
        Err(_) => Ok(pid),
    }
}
