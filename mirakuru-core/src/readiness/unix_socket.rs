//! A Unix socket that takes connections or datagrams.

use std::io;
use std::path::{Path, PathBuf};

use super::attempt::Attempt;
use super::condition::{
    Condition, ConditionSpec, Conflict, Explanation, Found, Poll, StartContext,
};
use super::identity::Identity;
use super::ownership;
use super::settle::{Certainty, Judge, Seat};
use crate::diagnostics::port_owner;
use crate::error::{Error, Result};
use crate::sys::{self, BoundSocket, ListeningSocket, Peer, UnixPlace};

/// The size of the kernel's buffer for a path and the zero byte at its end.
const PATH_MAX: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

/// The path or the abstract name of the socket, with placeholders.
#[derive(Debug)]
pub(crate) struct UnixSocketSpec(pub(crate) PathBuf);

impl ConditionSpec for UnixSocketSpec {
    fn key(&self) -> &'static str {
        "unix_socket"
    }

    fn templates(&self) -> Vec<&str> {
        self.0.to_str().into_iter().collect()
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(self.0.as_os_str());
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        let path = context.values.render_path(&self.0)?;
        Ok(Box::new(UnixSocket::at(&path, context, Certainty::Stays)?))
    }
}

pub(super) struct UnixSocket {
    path: PathBuf,
    judge: Judge,
    /// The file at the last poll, if no socket that the kernel reports is bound to it.
    unclaimed: Option<(u64, i64, i64)>,
}

impl UnixSocket {
    /// A socket at a path as the process sees it, or with the abstract name that is written `@name`.
    pub(super) fn at(
        path: &Path,
        context: &StartContext<'_>,
        certainty: Certainty,
    ) -> Result<Self> {
        Ok(Self {
            path: full_path(path, context.dir)?,
            judge: Judge::new(context, certainty),
            unclaimed: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks the sockets at the place. Of an abstract name, each type of socket can have one.
    fn look(
        &mut self,
        place: &UnixPlace,
        sockets: &[BoundSocket],
        attempt: &Attempt<'_>,
    ) -> Result<io::Result<()>> {
        let mut outcome = Ok(Err(refused()));
        for socket in sockets.iter().filter(|socket| socket.is_open) {
            let (path, wants_tree) = (&self.path, self.judge.wants_tree());
            let bound = Bound { place, path, socket: *socket, wants_tree };
            outcome = self.judge.judge(&bound, attempt);
            if matches!(outcome, Ok(Ok(()))) {
                break;
            }
        }
        outcome
    }

    /// Returns true if the file had no socket at the last poll either. It is of a process that has
    /// ended, or of one in another network namespace, which only a connection shows. One poll is not
    /// enough: the process may be about to bind and to listen.
    fn is_unclaimed(&mut self, place: &UnixPlace) -> bool {
        let file = place.identity();
        file.is_some() && std::mem::replace(&mut self.unclaimed, file) == file
    }

    /// The kernel reports when the file is created, but not when a process listens on it.
    fn pending(&self, error: &io::Error) -> Poll {
        let seen = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::ConnectionRefused => "no process listens on it".to_owned(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                "a process listens but does not accept".to_owned()
            }
            _ => error.to_string(),
        };
        let is_file = sys::abstract_name(&self.path).is_none();
        match self.path.parent().filter(|_| is_file && !self.path.exists()) {
            Some(parent) => Poll::pending_on(seen, [parent].map(Path::to_owned)),
            None => Poll::pending(seen),
        }
    }
}

/// Returns the path in the working directory of the process, or the abstract name as it is.
fn full_path(path: &Path, dir: &Path) -> Result<PathBuf> {
    let shown = path.display();
    let name = sys::abstract_name(path);
    if name.is_some() && !sys::HAS_ABSTRACT_NAMES {
        let what = format!("`{shown}`: only Linux has abstract names of sockets");
        return Err(Error::invalid(what).with_help("a file of that name is `./@…`"));
    }
    if path.file_name().is_none() || name == Some(b"") {
        return Err(Error::invalid(format!("`{shown}` is not the path of a file")));
    }
    // The zero byte stands before an abstract name, not behind it.
    let (path, max) = match name {
        Some(_) => (path.to_owned(), PATH_MAX),
        None => (dir.join(path), PATH_MAX - 1),
    };
    let length = path.as_os_str().len();
    if length > max {
        return Err(Error::invalid(format!(
            "the socket path `{}` has {length} bytes; the limit is {max}",
            path.display(),
        ))
        .with_help("a path in {dir} is short enough"));
    }
    Ok(path)
}

fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

/// Connects, and fails if a stranger has called `listen` there, unless any process will do.
fn connect(
    place: &UnixPlace,
    path: &Path,
    wants_tree: bool,
    attempt: &Attempt<'_>,
) -> Result<io::Result<()>> {
    let stream = match place.connect() {
        Ok(stream) => stream,
        Err(error) => return Ok(Err(error)),
    };
    let supervisor = attempt.client.supervisor_pid();
    match Peer::of(&stream).filter(|peer| wants_tree && !peer.belongs_to(supervisor)) {
        Some(peer) => {
            let what = format!("{} is listened on by", path.display());
            Err(ownership::not_ours(Some(peer.pid), peer.user, &what))
        }
        None => Ok(Ok(())),
    }
}

/// A socket that is bound to a place.
struct Bound<'a> {
    place: &'a UnixPlace,
    path: &'a Path,
    socket: BoundSocket,
    wants_tree: bool,
}

impl Seat for Bound<'_> {
    fn socket(&self) -> ListeningSocket {
        let BoundSocket { inode, user, is_full, .. } = self.socket;
        ListeningSocket { inode, user, is_full }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn is_taken(&self) -> bool {
        self.place.is_open(&self.socket)
    }

    fn connect(&self, attempt: &Attempt<'_>) -> Result<io::Result<()>> {
        connect(self.place, self.path, self.wants_tree, attempt)
    }
}

impl Condition for UnixSocket {
    fn describe(&self) -> String {
        format!("the Unix socket {}", self.path.display())
    }

    fn precheck(&mut self) -> Option<Conflict> {
        let place = UnixPlace::open(&self.path).ok()?;
        let (pid, owner) = match place.sockets().filter(|sockets| !sockets.is_empty()) {
            Some(sockets) => {
                let open = sockets.iter().find(|socket| socket.is_open)?;
                let pid = sys::socket_owner(open.inode);
                (pid, port_owner::of_socket(pid))
            }
            None => {
                let pid = Peer::of(&place.connect().ok()?).map(|peer| peer.pid);
                (pid, pid.map_or("another process".to_owned(), port_owner::describe))
            }
        };
        Some(Conflict { why: format!("{} is listened on by {owner}", self.path.display()), pid })
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        let place = match UnixPlace::open(&self.path) {
            Ok(place) => place,
            Err(error) => return Ok(self.pending(&error)),
        };
        let looked = match place.sockets() {
            Some(sockets) if !sockets.is_empty() => self.look(&place, &sockets, attempt)?,
            Some(_) if !self.is_unclaimed(&place) => Err(refused()),
            _ => connect(&place, &self.path, self.judge.wants_tree(), attempt)?,
        };
        Ok(match looked {
            Ok(()) => Poll::Ready(Found::default()),
            Err(error) => self.pending(&error),
        })
    }

    fn explain(&self) -> Explanation {
        let is_denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let denied = UnixPlace::open(&self.path).err().filter(is_denied);
        let help = denied.map(|_| {
            "more time does not help: this user may not enter a directory of that path; change its \
             mode, or the user of the process"
                .to_owned()
        });
        Explanation { seen: None, help }
    }
}
