//! The files of the server, and the directory that it runs in.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::supervisor::job::Job;
use crate::supervisor::settings::Settings;
use crate::sys::Account;

/// Makes the server's temporary directory, and changes to its working directory. The test process
/// does not make it: if it were killed then, no process would remove the directory.
pub(super) fn enter_dir(
    settings: &Settings,
    account: Option<&Account>,
    is_restart: bool,
) -> io::Result<()> {
    if let Some(dir) = &settings.dir {
        match DirBuilder::new().mode(0o700).create(dir) {
            // It has the server's files in it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_restart => {}
            made => {
                made?;
                account.map_or(Ok(()), |account| account.own(dir))?;
            }
        }
    }
    settings.current_dir.as_ref().map_or(Ok(()), std::env::set_current_dir)
}

/// Writes the files of the job, as the user of its commands. Returns the number of one that cannot be
/// written.
pub(super) fn write_files(job: &Job) -> Result<(), (u32, io::Error)> {
    for (number, (path, content)) in (0..).zip(&job.files) {
        let write = || write_file(path, content);
        let written = job.account.as_ref().map_or_else(write, |account| account.act_as(write));
        written.map_err(|error| (number, error))?;
    }
    Ok(())
}

/// Only the server has to read it. Keys have to be unreadable for others, and scripts executable.
fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().mode(0o700).recursive(true).create(parent)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    let mode = if content.starts_with(b"#!") { 0o700 } else { 0o600 };
    File::options().write(true).create_new(true).mode(mode).open(path)?.write_all(content)
}
