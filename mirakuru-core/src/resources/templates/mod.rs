//! Templates: what a command has once left in the directory of a process, kept for later processes.
//!
//! They are in a directory below the target directory, or where that cannot be written, below the one for
//! temporary files. For each template there is a directory and a lock, named after its key. A process
//! that copies the directory shares the lock; one that builds or removes it holds it alone. Another name
//! ends with `.unkept`: what the command leaves there is of use for one process only.

mod search;
mod unused;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::diagnostics::log_dir;
use crate::diagnostics::progress::Progress;
use crate::diagnostics::time_limit::Pauses;
use crate::sys::{self, PrivateDir};

pub(crate) use search::find_text;

/// What is there for a key.
pub(crate) enum Found {
    Kept(KeptTemplate),
    Missing(TemplateDraft),
    /// It cannot be kept: it is of use for one process only.
    Unkept,
}

/// A template that is not removed as long as this lives.
pub(crate) struct KeptTemplate {
    path: PathBuf,
    _lock: File,
}

/// The place of a template that only this process builds.
pub(crate) struct TemplateDraft {
    place: Place,
    draft: PathBuf,
    _lock: File,
}

#[derive(Clone)]
struct Place {
    dir: PathBuf,
    name: String,
}

impl Place {
    fn path(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}{extension}", self.name))
    }

    fn look(&self) -> io::Result<Option<Found>> {
        let (path, lock) = (self.path(""), self.path(".lock"));
        let lock = File::options().create(true).truncate(false).write(true).open(lock)?;
        if path.is_dir() {
            let is_locked = sys::try_lock_shared(&lock) && path.is_dir();
            unused::note_use(&lock);
            return Ok(is_locked.then(|| Found::Kept(KeptTemplate { path, _lock: lock })));
        }
        if self.path(".unkept").exists() {
            return Ok(Some(Found::Unkept));
        }
        if !sys::try_lock(&lock) || path.is_dir() || self.path(".unkept").exists() {
            return Ok(None);
        }
        Ok(Some(Found::Missing(TemplateDraft::new(self.clone(), lock))))
    }
}

/// Finds the template with this key. Waits while another process builds it, until the deadline, which
/// is none of its errors.
pub(crate) fn find(key: &str, began: Instant, limit: Duration) -> io::Result<Option<Found>> {
    let place = Place { dir: templates_dir()?, name: key.to_owned() };
    let mut progress = Progress::new(began, limit);
    let mut pauses = Pauses::within(limit.saturating_sub(began.elapsed()));
    loop {
        let found = place.look()?;
        if found.is_some() || !pauses.pause() {
            return Ok(found);
        }
        progress.tick(&|| "another test process to build a template".to_owned(), "");
    }
}

impl KeptTemplate {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl TemplateDraft {
    fn new(place: Place, lock: File) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let draft = place.path(&format!(".draft-{}-{count}", std::process::id()));
        Self { place, draft, _lock: lock }
    }

    /// Returns the path at which the draft is made.
    pub(crate) fn path(&self) -> &Path {
        &self.draft
    }

    /// Keeps the draft as the template.
    pub(crate) fn keep(self) -> io::Result<()> {
        fs::rename(&self.draft, self.place.path(""))?;
        unused::remove(&self.place.dir);
        Ok(())
    }

    /// Remembers that the template cannot be kept.
    pub(crate) fn refuse(self, why: &str) -> io::Result<()> {
        fs::write(self.place.path(".unkept"), why)
    }
}

impl Drop for TemplateDraft {
    fn drop(&mut self) {
        let _ = sys::remove_tree(&self.draft); // It may be kept, or not made.
    }
}

fn templates_dir() -> io::Result<PathBuf> {
    // The target directory may be that of a group; what is in here is of this user alone.
    let make = |dir: &Path| PrivateDir::create(dir).map(|_| dir.to_owned());
    let made = log_dir::first_usable("mirakuru-templates", "mirakuru-templates", make);
    made.map_err(|(_, error)| error)
}
