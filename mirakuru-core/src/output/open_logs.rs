//! The files of a process, kept open to ask for their lengths: the path of a log takes five times as long.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use once_cell::sync::OnceCell;

use super::files::LogFiles;
use super::lease_marks::LeaseMark;

#[derive(Debug, Default)]
pub(crate) struct OpenLogs(OnceCell<Vec<File>>);

impl OpenLogs {
    /// Marks where the lease of the test on this thread begins.
    pub(crate) fn begin_lease(&self, files: &LogFiles) -> LeaseMark {
        LeaseMark::new(&files.stdout, self.lengths(files))
    }

    /// Returns the lengths of the files.
    fn lengths(&self, files: &LogFiles) -> Vec<u64> {
        let open = || files.paths().map(File::open).collect::<Result<_, _>>();
        let open = self.0.get_or_try_init(open).ok();
        let lengths = open.and_then(|files| files.iter().map(length).collect());
        lengths.unwrap_or_else(|| files.lengths())
    }
}

/// Returns none for a file that is not at its path any more: it was removed, and perhaps made again.
fn length(file: &File) -> Option<u64> {
    file.metadata().ok().filter(|meta| meta.nlink() > 0).map(|meta| meta.len())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_was_made_again_has_its_new_length() {
        let path = std::env::temp_dir().join(format!("mirakuru-open-{}", std::process::id()));
        let (files, open) = (LogFiles::existing(path.clone(), None), OpenLogs::default());
        assert_eq!(open.lengths(&files), [0]);
        for text in ["long ago", "now"] {
            fs::write(&path, text).unwrap();
            assert_eq!(open.lengths(&files), [text.len() as u64]);
            fs::remove_file(&path).unwrap();
        }
    }
}
