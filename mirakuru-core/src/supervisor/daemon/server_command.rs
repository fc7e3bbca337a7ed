//! The command of the server, and the directory that it runs in.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::supervisor::settings::{LOADER_PREFIX, LOADER_VARIABLES, Settings, VARIABLE};

/// Makes the server's temporary directory, and changes to its working directory. The test process
/// does not make it: if it were killed then, no process would remove the directory.
pub(super) fn enter_dir(settings: &Settings, is_restart: bool) -> io::Result<()> {
    if let Some(dir) = &settings.dir {
        match DirBuilder::new().mode(0o700).create(dir) {
            // It has the server's files in it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_restart => {}
            made => made?,
        }
    }
    settings.current_dir.as_ref().map_or(Ok(()), std::env::set_current_dir)
}

/// Returns the command that runs the server: its program, its `argv[0]`, and its arguments.
pub(super) fn server_command(words: &[OsString], stdin: Option<OwnedFd>) -> Command {
    let mut command = Command::new(&words[0]);
    command.arg0(&words[1]).args(&words[2..]).env_remove(VARIABLE);
    for name in LOADER_VARIABLES {
        let kept = format!("{LOADER_PREFIX}{name}");
        let Some(value) = std::env::var_os(&kept) else { continue };
        command.env_remove(kept);
        if value.is_empty() {
            command.env_remove(name)
        } else {
            command.env(name, value)
        };
    }
    command.stdin(stdin.map_or_else(Stdio::null, Stdio::from));
    command
}
