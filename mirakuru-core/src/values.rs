//! What the placeholders stand for in one process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::port::{Hold, Keep};
use crate::program;
use crate::run;
use crate::sys;
use crate::template::{Piece, Template};

/// The ports, the folder and the programs of one process.
#[derive(Debug, Default)]
pub(crate) struct Values {
    ports: BTreeMap<String, u16>,
    dir: Option<Dir>,
    bins: BTreeMap<String, PathBuf>,
}

/// A folder that is removed when the process is dropped, should no supervisor have done it.
#[derive(Debug)]
struct Dir {
    path: PathBuf,
    /// A fork of this process has a copy of the guard that is not its to act on.
    owner: u32,
}

impl Dir {
    fn remove(&self) {
        let _ = fs::remove_dir_all(&self.path); // The supervisor usually was first.
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            self.remove();
        }
    }
}

impl Values {
    /// Finds values for all placeholders in `texts`, and what keeps the ports.
    pub(crate) fn for_texts<'a>(
        texts: impl Iterator<Item = &'a str>,
        known_bins: &BTreeMap<String, PathBuf>,
        keep: Keep,
    ) -> Result<(Self, Vec<OwnedFd>)> {
        let templates = texts.map(parse).collect::<Result<Vec<_>>>()?;
        let mut values = Self::default();
        let mut holds = Vec::new();
        // Programs first: if one is missing, nothing was made yet.
        for piece in templates.iter().flat_map(|template| &template.pieces) {
            if let Piece::Bin(name) = piece {
                values.bins.insert(name.clone(), find_bin(name, known_bins)?);
            }
        }
        for piece in templates.iter().flat_map(|template| &template.pieces) {
            match piece {
                Piece::Port(name) if !values.ports.contains_key(name) => {
                    let hold = match keep {
                        Keep::Held => Hold::any(),
                        Keep::Locked => locks_folder().and_then(|folder| Hold::locked(&folder)),
                    };
                    let hold = hold.map_err(|e| Error::os("no free port", e))?;
                    values.ports.insert(name.clone(), hold.port);
                    holds.extend(hold.sockets);
                }
                Piece::Dir if values.dir.is_none() => values.dir = Some(name_dir()),
                _ => {}
            }
        }
        Ok((values, holds))
    }

    /// The values of a server that another process has started.
    pub(crate) fn of_another(ports: BTreeMap<String, u16>, dir: Option<PathBuf>) -> Self {
        let dir = dir.map(|path| Dir { path, owner: 0 });
        Self { ports, dir, bins: BTreeMap::new() }
    }

    /// Leaves the folder to the supervisor, whatever becomes of this process.
    pub(crate) fn give_away(&mut self) {
        self.dir.iter_mut().for_each(|dir| dir.owner = 0);
    }

    pub(crate) fn ports(&self) -> &BTreeMap<String, u16> {
        &self.ports
    }

    pub(crate) fn port(&self, name: &str) -> Option<u16> {
        self.ports.get(name).copied()
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.dir.as_ref().map(|dir| dir.path.as_path())
    }

    /// Removes the folder that a killed supervisor has left, so that the next one can make it.
    pub(crate) fn remove_dir(&self) {
        self.dir.iter().for_each(Dir::remove);
    }

    pub(crate) fn render(&self, text: &str) -> Result<String> {
        parse(text)?.render(|piece| self.value(piece))
    }

    /// Renders what may be text. What is not is taken as it is.
    pub(crate) fn render_os(&self, text: &OsStr) -> Result<OsString> {
        match text.to_str() {
            Some(text) => self.render(text).map(OsString::from),
            None => Ok(text.to_owned()),
        }
    }

    pub(crate) fn render_path(&self, path: &Path) -> Result<PathBuf> {
        self.render_os(path.as_os_str()).map(PathBuf::from)
    }

    fn value(&self, piece: &Piece) -> Result<String> {
        match piece {
            Piece::Literal(text) => Ok(text.clone()),
            Piece::Port(name) => self.port(name).map(|port| port.to_string()).ok_or_else(|| {
                let name = if name.is_empty() { String::new() } else { format!(":{name}") };
                missing(&format!("{{port{name}}}"))
            }),
            Piece::Dir => match &self.dir {
                Some(dir) => Ok(dir.path.to_string_lossy().into_owned()),
                None => Err(missing("{dir}")),
            },
            Piece::Bin(name) => match self.bins.get(name) {
                Some(path) => Ok(path.to_string_lossy().into_owned()),
                None => find_bin(name, &self.bins).map(|path| path.to_string_lossy().into_owned()),
            },
        }
    }
}

fn missing(placeholder: &str) -> Error {
    Error::invalid(format!(
        "this process has no {placeholder}: neither its command nor its environment, probes or \
         folder mention it"
    ))
}

fn parse(text: &str) -> Result<Template> {
    Template::parse(text).map_err(|fault| Error::invalid(format!("in `{text}`: {}", fault.message)))
}

/// Where ports are locked.
fn locks_folder() -> io::Result<PathBuf> {
    let folder = run::short_temp_dir().join(format!("mirakuru-ports-{}", sys::effective_user()));
    run::make_private(&folder).map(|()| folder)
}

/// Names a folder for the supervisor to make. The path is short enough for a socket's.
fn name_dir() -> Dir {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let owner = std::process::id();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    // A killed process with the same number may have left a folder behind.
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let name = format!("mirakuru-{owner}-{count}-{nanos:x}");
    Dir { path: run::short_temp_dir().join(name), owner }
}

/// Finds a binary of the package under test: what the runner says, what the compiler said, or
/// what lies beside the test binary.
fn find_bin(name: &str, known: &BTreeMap<String, PathBuf>) -> Result<PathBuf> {
    let from_runner = [format!("NEXTEST_BIN_EXE_{name}"), format!("CARGO_BIN_EXE_{name}")];
    let from_runner = from_runner.iter().filter_map(std::env::var_os).map(PathBuf::from);
    let beside = program::bins_folder().map(|folder| folder.join(name));
    let mut candidates = from_runner.chain(known.get(name).cloned()).chain(beside);
    let found = candidates.find(|path| path.is_file());
    found.ok_or_else(|| program::no_bin(name, known.keys().map(String::as_str)))
}
