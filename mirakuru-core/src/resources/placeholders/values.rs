//! What the placeholders of one process stand for.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::binaries;
use super::captures::Captures;
use super::others::{OtherValues, Others};
use super::texts::Texts;
use crate::error::{Error, Result};
use crate::resources::ports::{Reservation, ReservedPort};
use crate::resources::temp_dir;
use crate::resources::temp_path::TempPath;
use crate::syntax::template::{Piece, Template};

/// The values of one process's placeholders: ports, directory, binaries, captured texts.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    ports: BTreeMap<String, u16>,
    dir: Option<TempPath>,
    bins: BTreeMap<String, PathBuf>,
    captures: Captures,
    others: Others,
}

impl Placeholders {
    /// Finds a value for every placeholder in `texts`. Also returns the descriptors that keep the
    /// ports reserved.
    pub(crate) fn for_texts(
        texts: Texts<'_>,
        known_bins: &BTreeMap<String, PathBuf>,
        reservation: Reservation,
    ) -> Result<(Self, Vec<OwnedFd>)> {
        let captures = Captures::new(texts.captured.clone())?;
        let pieces = texts.pieces(&captures)?;
        check_port(texts.port, &pieces)?;
        let port = texts.external.or(texts.port).map(|port| (String::new(), port));
        let ports = port.into_iter().collect();
        let mut values = Self { ports, captures, others: texts.others.clone(), ..Self::default() };
        // Binaries come first: if one is missing, nothing has been created yet.
        for piece in &pieces {
            if let Piece::Bin(name) = piece {
                values.bins.insert(name.clone(), binaries::find(name, known_bins)?);
            }
        }
        values.captures.check_port_names(&pieces)?;
        if pieces.contains(&Piece::Dir) {
            // A condition that names it may be for a socket in it.
            let has_socket = texts.late.iter().any(|it| it.text.contains("{dir}"));
            let parent = if has_socket { temp_dir::for_sockets()? } else { temp_dir::for_files()? };
            values.dir = Some(TempPath::reserve(&parent));
        }
        if texts.external.is_some() {
            return values.check_ports(&pieces).map(|()| (values, Vec::new()));
        }
        let sockets = values.reserve_ports(&pieces, reservation)?;
        Ok((values, sockets))
    }

    /// Fails if a port is not known of a server that runs already.
    fn check_ports(&self, pieces: &[Piece]) -> Result<()> {
        let unknown = pieces.iter().find_map(|piece| match piece {
            Piece::Port(name) | Piece::Udp(name) | Piece::LowPort(name) if !name.is_empty() => {
                Some(name)
            }
            _ => None,
        });
        unknown.map_or(Ok(()), |name| {
            let what = format!("`{{port:{name}}}` is not known of a server that runs already");
            Err(Error::invalid(what).with_help("only `{port}` is known of it"))
        })
    }

    fn reserve_ports(
        &mut self,
        pieces: &[Piece],
        reservation: Reservation,
    ) -> Result<Vec<OwnedFd>> {
        let mut sockets = Vec::new();
        for piece in pieces {
            let (Piece::Port(name) | Piece::Udp(name) | Piece::LowPort(name)) = piece else {
                continue;
            };
            if self.ports.contains_key(name) {
                continue;
            }
            // A bound TCP socket reserves nothing for UDP, and the kernel assigns no low ports.
            let has = |piece: fn(String) -> Piece| pieces.contains(&piece(name.clone()));
            let reservation = match () {
                () if has(Piece::LowPort) => Reservation::LowLockFile,
                () if has(Piece::Udp) => Reservation::LockFile,
                () => reservation,
            };
            let reserved = ReservedPort::new(reservation)?;
            self.ports.insert(name.clone(), reserved.port);
            sockets.extend(reserved.sockets);
        }
        Ok(sockets)
    }

    /// Returns the values of a server that another process has started.
    pub(crate) fn of_running_server(
        ports: BTreeMap<String, u16>,
        dir: Option<PathBuf>,
        bins: BTreeMap<String, PathBuf>,
        captured: Vec<String>,
        others: Others,
    ) -> Result<Self> {
        let dir = dir.map(TempPath::unowned);
        Ok(Self { ports, dir, bins, captures: Captures::new(captured)?, others })
    }

    /// Returns what texts of other processes may name of this one. `at` has its address and its URL: the
    /// word of each, and the value if that is known.
    pub(crate) fn for_others(&self, at: Vec<(&str, Option<String>)>) -> OtherValues {
        let port_word = |name: &str| match name {
            "" => "port".to_owned(),
            name => format!("port:{name}"),
        };
        let ports = self.ports.iter().map(|(name, port)| (port_word(name), Some(port.to_string())));
        let dir =
            self.dir().map(|dir| ("dir".to_owned(), Some(dir.to_string_lossy().into_owned())));
        let captured =
            self.captures.names().iter().map(|name| (name.clone(), self.captures.get(name)));
        let at = at.into_iter().map(|(word, value)| (word.to_owned(), value));
        ports.chain(dir).chain(at).chain(captured).collect()
    }

    /// Sets what other processes have. Returns the names of those that the texts name, each with true
    /// if it has the value now. Fails if it never will.
    pub(crate) fn set_others(&mut self, texts: Texts<'_>) -> Result<Vec<(String, bool)>> {
        self.others = texts.others.clone();
        texts.early.iter().chain(&texts.late).try_for_each(|text| self.others.check_names(text))?;
        let pieces = texts.pieces(&self.captures)?;
        let named = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Other(name, word) => Some((name, word)),
            _ => None,
        });
        let checked = named.map(|(name, word)| {
            let has_value = self.others.has_value(&name, &word)?;
            Ok((name, has_value))
        });
        checked.collect()
    }

    /// Returns the values of other processes that a text names.
    pub(crate) fn values_of_others(&self, text: &str) -> Vec<String> {
        let pieces = self.parse(text).map(|template| template.pieces).unwrap_or_default();
        let others = pieces.iter().filter(|piece| matches!(piece, Piece::Other(..)));
        others.filter_map(|piece| self.value(piece).ok()).collect()
    }

    /// Returns true if a placeholder gets its value from the process, at each start a new one.
    pub(crate) fn has_captures(&self) -> bool {
        !self.captures.is_empty()
    }

    /// Returns the values that the process has chosen at this start.
    pub(crate) fn captured(&self) -> BTreeMap<String, String> {
        self.captures.values()
    }

    /// Replaces the captured values by those of the current start.
    pub(crate) fn set_captured(&self, values: BTreeMap<String, String>) {
        self.captures.set(values);
    }

    /// Returns true if the text cannot be rendered before the process has started.
    pub(crate) fn needs_captures(&self, text: &str) -> Result<bool> {
        let pieces = self.parse(text)?.pieces;
        Ok(pieces.iter().any(|piece| matches!(piece, Piece::Captured(_))))
    }

    /// Leaves the directory to the supervisor, whatever becomes of this process.
    pub(crate) fn disarm(&mut self) {
        self.dir.iter_mut().for_each(TempPath::disarm);
    }

    /// Returns the reserved ports by name; that of `{port}` is the empty one.
    pub(crate) fn ports(&self) -> &BTreeMap<String, u16> {
        &self.ports
    }

    /// Returns the paths of the binaries by name.
    pub(crate) fn bins(&self) -> &BTreeMap<String, PathBuf> {
        &self.bins
    }

    /// Returns a captured or a reserved port.
    pub(crate) fn port(&self, name: &str) -> Option<u16> {
        let captured = self.captures.get(if name.is_empty() { "port" } else { name });
        let captured = captured.and_then(|port| port.parse().ok());
        captured.or_else(|| self.ports.get(name).copied())
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.dir.as_ref().map(TempPath::path)
    }

    /// Removes the directory that a killed supervisor has left, so that the next one can create it.
    pub(crate) fn remove_dir(&self) {
        self.dir.iter().for_each(TempPath::remove);
    }

    pub(crate) fn render(&self, text: &str) -> Result<String> {
        self.parse(text)?.render(|piece| self.value(piece))
    }

    fn parse(&self, text: &str) -> Result<Template> {
        let parsed = self.captures.parse(text, &self.others);
        parsed.map_err(|fault| Error::invalid(format!("in `{text}`: {}", fault.message)))
    }

    /// Renders what may be text. Bytes that are not UTF-8 are taken as they are.
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
        let path = |path: &Path| path.to_string_lossy().into_owned();
        match piece {
            Piece::Literal(text) => Ok(text.clone()),
            Piece::Port(name) => self.port_text("port", name),
            Piece::Udp(name) => self.port_text("udp", name),
            Piece::LowPort(name) => self.port_text("low_port", name),
            Piece::Captured(name) => self.captures.get(name).ok_or_else(|| {
                Error::invalid(format!(
                    "`{{{name}}}` has no value yet: the process has not printed it"
                ))
            }),
            Piece::Dir => self.dir().map(path).ok_or_else(|| missing("{dir}")),
            Piece::Bin(name) => match self.bins.get(name) {
                Some(found) => Ok(path(found)),
                None => binaries::find(name, &self.bins).map(|found| path(&found)),
            },
            Piece::Other(name, word) => self.others.value(name, word),
        }
    }

    fn port_text(&self, kind: &str, name: &str) -> Result<String> {
        self.port(name).map(|port| port.to_string()).ok_or_else(|| {
            let name = if name.is_empty() { String::new() } else { format!(":{name}") };
            missing(&format!("{{{kind}{name}}}"))
        })
    }
}

fn missing(placeholder: &str) -> Error {
    Error::invalid(format!(
        "this process has no `{placeholder}`: neither its command nor its environment, conditions or \
         directory mention it"
    ))
}

/// Fails if a port that the executor gives is none, or if nothing mentions it.
fn check_port(port: Option<u16>, pieces: &[Piece]) -> Result<()> {
    let is_port = |piece: &Piece| matches!(piece, Piece::Port(name) | Piece::Udp(name) | Piece::LowPort(name) if name.is_empty());
    match port {
        Some(0) => {
            Err(Error::invalid("0 is no port").with_help("without `port`, a free one is found"))
        }
        Some(port) if !pieces.iter().any(is_port) => {
            let what = format!("`port({port})` has no effect: nothing mentions `{{port}}`");
            Err(Error::invalid(what)
                .with_help("write `{port}` where the number of the port belongs"))
        }
        _ => Ok(()),
    }
}
