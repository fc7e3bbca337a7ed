//! The working directory of a process.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::resources::placeholders::Placeholders;
use crate::resources::program;

/// Returns the working directory as an absolute path. Fails if it cannot be entered.
pub(super) fn resolve(current_dir: Option<&Path>, values: &Placeholders) -> Result<PathBuf> {
    let own = std::env::current_dir()
        .map_err(|e| Error::os("the working directory of the tests is gone", e))?;
    let Some(dir) = current_dir else { return Ok(own) };
    let dir = own.join(dir);
    // The supervisor creates `{dir}`, so nothing is in it before the start.
    match values.dir() {
        Some(created) if dir == created => {}
        Some(created) if dir.starts_with(created) => {
            let what = format!("there is no directory `{}` at the start", dir.display());
            let help = "the directory that {dir} stands for is empty at first: run in {dir} itself";
            return Err(Error::new(ErrorKind::NotFound, what).with_help(help));
        }
        _ => program::check_directory(&dir)?,
    }
    Ok(dir)
}
