use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;

/// The file named by `START_LOG`, in which tests count starts and orderly stops.
#[derive(Debug, Clone)]
pub struct StartLog(Option<PathBuf>);

impl StartLog {
    /// The log that the environment names, if any.
    pub fn from_env() -> StartLog {
        StartLog(env::var_os("START_LOG").map(PathBuf::from))
    }

    /// The log in this file, for a program that has cleared its environment.
    pub fn at(path: Option<PathBuf>) -> StartLog {
        StartLog(path)
    }

    /// Returns the path.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Appends `start <pid>`.
    pub fn started(&self) {
        self.append("start");
    }

    /// Appends `stop <pid>`.
    pub fn stopped(&self) {
        self.append("stop");
    }

    /// Appends by one write, so that lines of several processes never mix.
    fn append(&self, word: &str) {
        let Some(path) = &self.0 else { return };
        let line = format!("{word} {}\n", process::id());
        let written = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut log| log.write_all(line.as_bytes()));
        if let Err(err) = written {
            eprintln!("cannot write the start log {}: {err}", path.display());
            process::exit(2);
        }
    }
}
