//! How long a definition took to be ready at earlier starts. It is kept in a file beside the logs.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use once_cell::unsync::OnceCell;

use crate::diagnostics::log_dir;

/// The number of files. Two definitions with the same file replace the times of each other.
const FILES: u64 = 1024;

/// The number of starts whose times are kept.
const STARTS: usize = 8;

/// The length of each file: a definition, and times of up to a year.
const TEXT_LEN: usize = 16 + STARTS * 15;

/// A server that is ready sooner is polled so often that its times would change nothing.
const WORTHWHILE: Duration = Duration::from_millis(10);

/// The times of earlier starts of one definition.
pub(super) struct ReadyTimes {
    definition: u64,
    /// Oldest first, in microseconds.
    times: OnceCell<Vec<u64>>,
}

impl ReadyTimes {
    pub(super) fn of(definition: u64) -> Self {
        Self { definition, times: OnceCell::new() }
    }

    /// Returns the shortest and the longest time, if there is any. The first call reads the file.
    pub(super) fn range(&self) -> Option<RangeInclusive<Duration>> {
        let times = self.times();
        let shortest = times.iter().min()?;
        let longest = times.iter().max()?;
        Some(Duration::from_micros(*shortest)..=Duration::from_micros(*longest))
    }

    /// Adds the time of one more start. Without the file, the next start is like the first.
    pub(super) fn add(&self, time: Duration) {
        // The start waits for the file, so it is used only if that changes something.
        if time < WORTHWHILE {
            return;
        }
        let (new, times) = (time.as_micros() as u64, self.times());
        if times.last().is_some_and(|last| last.abs_diff(new) <= last / 16) {
            return;
        }
        let times = times.iter().skip((times.len() + 1).saturating_sub(STARTS)).chain([&new]);
        let text = times.fold(format!("{:x}", self.definition), |text, it| format!("{text} {it}"));
        let _ = self.write(&text);
    }

    /// Writes over the old text: to truncate a file takes ext4 up to 18 ms.
    fn write(&self, text: &str) -> io::Result<()> {
        let file = self.file().ok_or(io::ErrorKind::NotFound)?;
        let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&file);
        let opened = open().or_else(|error| {
            fs::create_dir_all(file.parent().ok_or(error)?)?;
            open()
        });
        opened?.write_all(format!("{text:TEXT_LEN$}").as_bytes())
    }

    fn times(&self) -> &[u64] {
        self.times.get_or_init(|| {
            let text = self.file().and_then(|file| fs::read_to_string(file).ok());
            text.and_then(|text| self.parse(&text)).unwrap_or_default()
        })
    }

    /// Returns none for the times of another definition.
    fn parse(&self, text: &str) -> Option<Vec<u64>> {
        let (definition, times) = text.split_once(' ')?;
        let is_own = u64::from_str_radix(definition, 16) == Ok(self.definition);
        times
            .split_whitespace()
            .map(|time| time.parse().ok())
            .collect::<Option<_>>()
            .filter(|_| is_own)
    }

    fn file(&self) -> Option<PathBuf> {
        log_dir::kept_file("ready-times", &format!("{:03x}", self.definition % FILES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A definition that no other test has. In a container, an earlier run may have had the same id.
    fn definition(number: u64) -> u64 {
        let definition = u64::from(std::process::id()) << 32 | 0x100 | number;
        let _ = ReadyTimes::of(definition).file().map(fs::remove_file);
        definition
    }

    #[test]
    fn times_are_read_again_and_old_ones_are_forgotten() {
        let definition = definition(1);
        assert_eq!(ReadyTimes::of(definition).range(), None);
        for ms in [500, 100, 300, 200, 150, 120, 140, 160, 180] {
            ReadyTimes::of(definition).add(ms * MS);
        }
        assert_eq!(ReadyTimes::of(definition).range(), Some(100 * MS..=300 * MS));
    }

    #[test]
    fn the_time_of_a_server_that_is_ready_at_once_is_not_kept() {
        let times = ReadyTimes::of(definition(2));
        times.add(MS);
        assert_eq!(ReadyTimes::of(definition(2)).range(), None);
    }

    #[test]
    fn the_times_of_another_definition_in_the_same_file_are_not_taken() {
        let definition = definition(3);
        ReadyTimes::of(definition).add(100 * MS);
        assert_eq!(ReadyTimes::of(definition + FILES).range(), None);
    }
}
