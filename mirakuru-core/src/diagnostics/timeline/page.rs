//! Draws the page, and the trace for Perfetto beside it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::file::EventFile;
use super::json::{array, object, text};
use crate::diagnostics::events;

/// Lines of the file that are no events: the user was told where the page is, or why there is none.
const REPORTED: &str = "reported";
const FAILED: &str = "failed";

const TEMPLATE: &str = include_str!("page.html");

/// What the template has in place of the data.
const DATA: &str = "{\"events\":[],\"logs\":{}}";

/// The last bytes of a log are in the page.
const LOG_MAX: u64 = 256 * 1024;

pub(super) fn draw(file: &EventFile) {
    file.alone(|| {
        let events = file.read();
        let logs: Vec<_> = events.iter().flat_map(|event| logs_of(event)).collect();
        let logs: Vec<_> = logs.iter().map(|path| (path.as_str(), log(Path::new(path)))).collect();
        let events = format!("[\n{}\n]\n", events.join(",\n"));
        let quoted: Vec<_> =
            logs.iter().map(|(path, log)| format!("{}:{log}", text(path))).collect();
        let data =
            object(&[("events", events.clone()), ("logs", format!("{{{}}}", quoted.join(",")))]);
        let trace = replace(&file.page.with_extension("trace.json"), &events);
        let page = replace(&file.page, &TEMPLATE.replacen(DATA, &data, 1));
        let written = page.and(trace);
        if file.claim(if written.is_ok() { REPORTED } else { FAILED }) {
            events::timeline(written.map(|()| &*file.page));
        }
    });
}

/// Writes a file that is never half there. It may have become impossible since the first event: the error
/// names the file.
fn replace(path: &Path, text: &str) -> Result<(), String> {
    let new = path.with_extension("new");
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&new); // It may not be there.
        format!("{}: {error}", path.display())
    })
}

/// Returns the paths that an event names. One with an escape in it is not found, and has no lines.
fn logs_of(event: &str) -> Vec<String> {
    let named = event.split_once("\"logs\":[").and_then(|(_, rest)| rest.split_once(']'));
    let (paths, _) = named.unwrap_or_default();
    paths
        .split(',')
        .map(|path| path.trim_matches('"').to_owned())
        .filter(|path| !path.is_empty())
        .collect()
}

/// Returns the last lines of a log, each with its offset.
fn log(path: &Path) -> String {
    let mut bytes = Vec::new();
    let mut offset = 0;
    let mut read = || {
        let mut file = File::open(path)?;
        offset = file.metadata()?.len().saturating_sub(LOG_MAX);
        file.seek(SeekFrom::Start(offset))?;
        file.take(LOG_MAX).read_to_end(&mut bytes)
    };
    let _ = read(); // It may have been removed with an old run.
    array(bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let start = offset;
        offset += line.len() as u64;
        array([start.to_string(), text(String::from_utf8_lossy(line).trim_end())].into_iter())
    }))
}
