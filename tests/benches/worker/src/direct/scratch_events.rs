//! New files in the directory for temporary files, by inotify.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{Running, wait_readable};
use crate::Outcome;

/// One descriptor for all waits, because the kernel takes milliseconds to close one.
pub(super) struct ScratchEvents(Inotify);

impl ScratchEvents {
    pub(super) fn new() -> Outcome<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let made = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        inotify.add_watch(&std::env::temp_dir(), made)?;
        Ok(Self(inotify))
    }

    pub(super) fn wait_for(&self, path: &Path, running: &Running) -> Outcome {
        while !path.exists() {
            wait_readable(&[self.0.as_fd(), running.pidfd.as_fd()], Duration::from_secs(60))?;
            running.pause(Duration::ZERO)?;
            let _ = self.0.read_events(); // There are none if another thread has read them.
        }
        Ok(())
    }
}
