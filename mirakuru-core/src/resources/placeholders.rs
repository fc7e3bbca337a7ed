//! What the placeholders stand for in one process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::resources::ports::{Reservation, ReservedPort};
use crate::resources::program;
use crate::resources::temp_path::TempPath;
use crate::syntax::template::{Piece, Template};
use crate::sys;

/// The ports, the folder and the programs of one process.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    ports: BTreeMap<String, u16>,
    dir: Option<TempPath>,
    bins: BTreeMap<String, PathBuf>,
    captured: Captured,
}

/// What the process itself tells when it starts, which is another value each time.
#[derive(Debug, Default)]
struct Captured {
    names: Vec<String>,
    values: Mutex<BTreeMap<String, String>>,
}

/// Where placeholders stand.
pub(crate) struct Texts<'a> {
    /// What has to be there before the process starts.
    pub(crate) early: Vec<&'a str>,
    /// What is looked at when it has started.
    pub(crate) late: Vec<&'a str>,
    /// The names that the process itself gives a value to.
    pub(crate) captured: Vec<String>,
}

impl Placeholders {
    /// Finds values for all placeholders in `texts`, and what keeps the ports.
    pub(crate) fn for_texts(
        texts: Texts<'_>,
        known_bins: &BTreeMap<String, PathBuf>,
        keep: Reservation,
    ) -> Result<(Self, Vec<OwnedFd>)> {
        let mut values = Self { captured: Captured::new(texts.captured)?, ..Self::default() };
        let pieces = values.pieces(&texts.early, &texts.late)?;
        // Programs first: if one is missing, nothing was made yet.
        for piece in &pieces {
            if let Piece::Bin(name) = piece {
                values.bins.insert(name.clone(), find_bin(name, known_bins)?);
            }
        }
        values.captured.check(&pieces)?;
        let mut holds = Vec::new();
        for piece in &pieces {
            match piece {
                Piece::Port(name) | Piece::Udp(name) if !values.ports.contains_key(name) => {
                    let is_for_udp = pieces.contains(&Piece::Udp(name.clone()));
                    let hold = hold(if is_for_udp { Reservation::LockFile } else { keep })?;
                    values.ports.insert(name.clone(), hold.port);
                    holds.extend(hold.sockets);
                }
                Piece::Dir if values.dir.is_none() => values.dir = Some(TempPath::named()),
                _ => {}
            }
        }
        Ok((values, holds))
    }

    /// All that has to have a value, and what is given one later, in its place.
    fn pieces(&self, early: &[&str], late: &[&str]) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        for text in early {
            for piece in self.parse(text)?.pieces {
                if let Piece::Captured(name) = &piece {
                    return Err(Error::invalid(format!(
                        "`{{{name}}}` in `{text}` is what the process tells when it has started, \
                         so its command, environment and folder cannot have it"
                    ))
                    .with_help(
                        "give the group another name, or let the process choose (as by port 0)",
                    ));
                }
                pieces.push(piece);
            }
        }
        for text in late {
            pieces.extend(self.parse(text)?.pieces);
        }
        Ok(pieces)
    }

    /// The values of a server that another process has started.
    pub(crate) fn of_another(
        ports: BTreeMap<String, u16>,
        dir: Option<PathBuf>,
        captured: Vec<String>,
    ) -> Result<Self> {
        let dir = dir.map(TempPath::of_another);
        Ok(Self { ports, dir, bins: BTreeMap::new(), captured: Captured::new(captured)? })
    }

    /// Takes what the process has told in the place of all that it told before.
    pub(crate) fn capture(&self, values: BTreeMap<String, String>) {
        *self.captured.values.lock() = values;
    }

    /// Whether the process tells anything, which is another value at each start.
    pub(crate) fn is_told(&self) -> bool {
        !self.captured.names.is_empty()
    }

    /// What the process has told.
    pub(crate) fn captured(&self) -> BTreeMap<String, String> {
        self.captured.values.lock().clone()
    }

    /// Whether the process itself gives a value to a placeholder of the text.
    pub(crate) fn comes_late(&self, text: &str) -> Result<bool> {
        let pieces = self.parse(text)?.pieces;
        Ok(pieces.iter().any(|piece| matches!(piece, Piece::Captured(_))))
    }

    fn parse(&self, text: &str) -> Result<Template> {
        let is_captured = |name: &str| self.captured.names.iter().any(|known| known == name);
        Template::parse(text, &is_captured)
            .map_err(|fault| Error::invalid(format!("in `{text}`: {}", fault.message)))
    }

    /// Leaves the folder to the supervisor, whatever becomes of this process.
    pub(crate) fn disarm(&mut self) {
        self.dir.iter_mut().for_each(TempPath::disarm);
    }

    pub(crate) fn ports(&self) -> &BTreeMap<String, u16> {
        &self.ports
    }

    pub(crate) fn port(&self, name: &str) -> Option<u16> {
        let told = if name.is_empty() { "port" } else { name };
        let told = self.captured.values.lock().get(told).and_then(|port| port.parse().ok());
        told.or_else(|| self.ports.get(name).copied())
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.dir.as_ref().map(TempPath::path)
    }

    /// Removes the folder that a killed supervisor has left, so that the next one can make it.
    pub(crate) fn remove_dir(&self) {
        self.dir.iter().for_each(TempPath::remove);
    }

    pub(crate) fn render(&self, text: &str) -> Result<String> {
        self.parse(text)?.render(|piece| self.value(piece))
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

    fn port_text(&self, kind: &str, name: &str) -> Result<String> {
        self.port(name).map(|port| port.to_string()).ok_or_else(|| {
            let name = if name.is_empty() { String::new() } else { format!(":{name}") };
            missing(&format!("{{{kind}{name}}}"))
        })
    }

    fn value(&self, piece: &Piece) -> Result<String> {
        match piece {
            Piece::Literal(text) => Ok(text.clone()),
            Piece::Port(name) => self.port_text("port", name),
            Piece::Udp(name) => self.port_text("udp", name),
            Piece::Captured(name) => {
                self.captured.values.lock().get(name).cloned().ok_or_else(|| {
                    Error::invalid(format!("the process has not told yet what `{{{name}}}` is"))
                })
            }
            Piece::Dir => match &self.dir {
                Some(dir) => Ok(dir.path().to_string_lossy().into_owned()),
                None => Err(missing("{dir}")),
            },
            Piece::Bin(name) => match self.bins.get(name) {
                Some(path) => Ok(path.to_string_lossy().into_owned()),
                None => find_bin(name, &self.bins).map(|path| path.to_string_lossy().into_owned()),
            },
        }
    }
}

impl Captured {
    /// A port that is asked for by its name could be one or the other.
    fn check(&self, pieces: &[Piece]) -> Result<()> {
        let is_told = |name: &String| self.names.contains(name);
        for piece in pieces {
            if let Piece::Port(name) | Piece::Udp(name) = piece {
                if is_told(name) {
                    return Err(Error::invalid(format!(
                        "`{{port:{name}}}` has the name of a group of an output pattern; give one \
                         of them another"
                    )));
                }
            }
        }
        Ok(())
    }

    fn new(names: Vec<String>) -> Result<Self> {
        let is_taken = |name: &&String| ["dir", "udp"].contains(&name.as_str());
        match names.iter().find(is_taken) {
            Some(name) => Err(Error::invalid(format!(
                "a group of an output pattern cannot be called `{name}`, which is another \
                 placeholder"
            ))),
            None => Ok(Self { names, values: Mutex::default() }),
        }
    }
}

fn hold(keep: Reservation) -> Result<ReservedPort> {
    let hold = match keep {
        Reservation::Bound => ReservedPort::any(),
        Reservation::LockFile => locks_folder().and_then(|folder| ReservedPort::locked(&folder)),
    };
    hold.map_err(|e| Error::os("no free port", e))
}

fn missing(placeholder: &str) -> Error {
    Error::invalid(format!(
        "this process has no {placeholder}: neither its command nor its environment, probes or \
         folder mention it"
    ))
}

/// Where ports are locked.
fn locks_folder() -> io::Result<PathBuf> {
    let folder = sys::short_temp_dir().join(format!("mirakuru-ports-{}", sys::effective_user()));
    sys::create_private_dir(&folder).map(|()| folder)
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
