//! Starting the supervisor of a plan, with the descriptors that the process inherits.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use super::plan::LaunchPlan;
use crate::command::Stdin;
use crate::diagnostics::port_owner;
use crate::error::{Error, Result};
use crate::output::printer;
use crate::supervisor::{Client, InheritedFds, Job, Settings, SupervisorCommand};
use crate::sys;

impl LaunchPlan {
    /// Starts a supervisor for the process.
    pub(crate) fn launch(&self, inherited_fds: &InheritedFds) -> Result<Arc<Client>> {
        let logs = self.files.open()?;
        let log_lengths = logs.each_ref().map(|log| log.metadata().map_or(0, |meta| meta.len()));
        let command = SupervisorCommand {
            name: self.name.clone(),
            job: self.job(),
            environment: self.environment.clone(),
            logs,
            settings: Settings {
                stop_signal: self.stop_signal.number(),
                kill_signal: self.kill_signal.number(),
                stop_timeout: self.stop_timeout,
                notify_socket: self.notify_socket.as_ref().map(|socket| socket.path().to_owned()),
                ready_fd: self.ready_fd,
                dir: self.values.dir().map(Path::to_owned),
                // Absolute: at a restart, the supervisor has already changed its own directory.
                current_dir: self.current_dir.as_ref().map(|_| self.dir.clone()),
                log_lengths,
            },
        };
        let output = printer::prepare(&self.name, self.prefix.as_deref(), &self.files);
        let launched = Client::launch(command, inherited_fds);
        let launched = launched.inspect(|client| {
            output.follow(client);
            self.interrupt.iter().for_each(|interrupt| interrupt.launched(client));
        });
        launched.map_err(|e| {
            let is_limit = e.kind() == io::ErrorKind::WouldBlock;
            let error = Error::os("the supervisor cannot be started", e).about(&self.name);
            let help = "this user, or this container, has as many processes as it may: raise \
                `ulimit -u` or `pids.max`, or run fewer tests at a time";
            if is_limit { error.with_help(help) } else { error }
        })
    }

    fn job(&self) -> Job {
        let account = self.set_up.account.as_ref();
        let job = Job::new(&self.program, &self.words, account);
        Job { files: self.set_up.files.clone(), ..job }
    }

    /// Binds the listening sockets that the process inherits.
    pub(crate) fn listen(&self) -> Result<Vec<OwnedFd>> {
        let bind = |address: &SocketAddr| {
            let bound = TcpListener::bind(address);
            bound.or_else(|error| match port_owner::wait_for_ends(&[*address]) {
                true => TcpListener::bind(address),
                false => Err(error),
            })
        };
        let listen = |address: &SocketAddr| match bind(address) {
            Ok(listener) => Ok(OwnedFd::from(listener)),
            Err(error) => {
                let is_in_use = error.kind() == io::ErrorKind::AddrInUse;
                let error = Error::os(format!("{address} cannot be listened on"), error);
                let error = error.about(&self.name);
                let help = || port_owner::help(&[*address], None);
                Err(if is_in_use { error.with_help(help()) } else { error })
            }
        };
        self.listens.iter().map(listen).collect()
    }

    /// Opens the standard input of the process: its reading end, and the writing end of a pipe.
    pub(crate) fn stdin(&self) -> Result<(Option<OwnedFd>, Option<File>)> {
        let failed = |e| Error::os("the standard input cannot be opened", e);
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
                let path = self.path_beside_log("stdin");
                let file = sys::unnamed_file(&path, bytes).map_err(failed)?;
                Ok((Some(file.into()), None))
            }
        }
    }
}
