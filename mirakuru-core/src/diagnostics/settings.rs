//! The environment variables that change what is printed and how long tests wait.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use super::runner::SESSION;
use crate::error::{Error, Result};
use crate::syntax::duration::duration;

const LOG: &str = "MIRAKURU_LOG";
const TEMPLATES: &str = "MIRAKURU_TEMPLATES";
const LEASE_TIMEOUT: &str = "MIRAKURU_LEASE_TIMEOUT";
const TIMELINE: &str = "MIRAKURU_TIMELINE";
const KEEP: &str = "MIRAKURU_KEEP";
pub(super) const TIMEOUT_FACTOR: &str = "MIRAKURU_TIMEOUT_FACTOR";

/// The names of all settings.
pub(super) const NAMES: [&str; 7] =
    [LOG, TEMPLATES, LEASE_TIMEOUT, TIMELINE, KEEP, TIMEOUT_FACTOR, SESSION];

const DEFAULT_LEASE_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_KEPT_FOR: Duration = Duration::from_secs(60 * 60);

/// What `MIRAKURU_LOG` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// Reports of slow waits.
    #[default]
    Waits,
    /// Also a line for each start, lease, death and stop.
    Info,
    Off,
}

#[derive(Debug)]
pub(crate) struct Settings {
    /// How long one other test may hold a process that a test waits for.
    pub(crate) lease_timeout: Duration,
}

/// All that `MIRAKURU_LOG` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Log {
    level: LogLevel,
    /// Prints what servers write.
    output: bool,
}

static PRINTED: LazyLock<Result<Log>> = LazyLock::new(|| parse_log(&variable(LOG)));

static KEEPS_TEMPLATES: LazyLock<Result<bool>> =
    LazyLock::new(|| parse_templates(&variable(TEMPLATES)));

static FACTOR: LazyLock<Result<f64>> = LazyLock::new(|| parse_factor(&variable(TIMEOUT_FACTOR)));

static KEPT_FOR: LazyLock<Result<Option<Duration>>> = LazyLock::new(|| parse_keep(&variable(KEEP)));

static SETTINGS: LazyLock<Result<Settings>> = LazyLock::new(|| {
    check()?;
    Ok(Settings { lease_timeout: parse_lease_timeout(&variable(LEASE_TIMEOUT))? })
});

/// Returns the settings for a lease, or an error that names the variable with an unknown value.
pub(crate) fn get() -> Result<&'static Settings> {
    SETTINGS.as_ref().map_err(Error::clone)
}

/// Returns an error if a variable that counts for each start has an unknown value.
pub(crate) fn check() -> Result<()> {
    PRINTED.as_ref().map(drop).map_err(Error::clone)?;
    KEPT_FOR.as_ref().map(drop).map_err(Error::clone)?;
    FACTOR.as_ref().map(drop).map_err(Error::clone)
}

/// Returns how long the servers of a failed test are kept running, if the user wants that.
pub(crate) fn kept_for() -> Option<Duration> {
    KEPT_FOR.as_ref().ok().copied().flatten()
}

/// Returns the number that time limits are multiplied by. An unknown value, which starts and leases
/// refuse, multiplies nothing.
pub(super) fn timeout_factor() -> f64 {
    FACTOR.as_ref().copied().unwrap_or(1.0)
}

/// Returns what is printed. An unknown value, which starts and leases refuse, prints nothing more.
pub(crate) fn log_level() -> LogLevel {
    PRINTED.as_ref().copied().unwrap_or_default().level
}

/// Returns true if what servers write is printed as it comes.
pub(crate) fn prints_output() -> bool {
    PRINTED.as_ref().is_ok_and(|log| log.output)
}

/// Returns where the page of the run is wanted, if it is. A relative path counts from where the user has
/// started the runner.
pub(super) fn timeline() -> Option<PathBuf> {
    let path = std::env::var_os(TIMELINE).map(PathBuf::from);
    path.filter(|path| path.file_name().is_some())
}

/// Returns false if templates are built for each process.
pub(crate) fn keeps_templates() -> Result<bool> {
    KEEPS_TEMPLATES.clone()
}

fn variable(name: &str) -> String {
    std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned()
}

fn parse_log(value: &str) -> Result<Log> {
    let log = match value {
        "" => Log::default(),
        "info" => Log { level: LogLevel::Info, output: false },
        "off" => Log { level: LogLevel::Off, output: false },
        "output" => Log { level: LogLevel::Waits, output: true },
        "info,output" | "output,info" => Log { level: LogLevel::Info, output: true },
        "off,output" | "output,off" => Log { level: LogLevel::Off, output: true },
        _ => {
            let help = "known values are `info`, `off`, `output`, `info,output` and `off,output`";
            return Err(unknown(LOG, value, help));
        }
    };
    Ok(log)
}

fn parse_templates(value: &str) -> Result<bool> {
    match value {
        "" => Ok(true),
        "off" => Ok(false),
        _ => Err(unknown(TEMPLATES, value, "the only known value is `off`")),
    }
}

fn parse_lease_timeout(value: &str) -> Result<Duration> {
    if value.is_empty() {
        return Ok(DEFAULT_LEASE_TIMEOUT);
    }
    let seconds = value.parse().ok().filter(|seconds| *seconds > 0.0);
    let seconds = seconds.map(|it| Duration::try_from_secs_f64(it).unwrap_or(Duration::MAX));
    seconds.map_or_else(|| duration(value), Ok).map_err(|_| {
        let help = "give seconds, as `60` or `0.5`, or a duration, as `1m`, `1m30s` or `500ms`";
        unknown(LEASE_TIMEOUT, value, help)
    })
}

fn parse_keep(value: &str) -> Result<Option<Duration>> {
    let limit = match value.split_once(':') {
        None if value.is_empty() => return Ok(None),
        None if value == "failed" => return Ok(Some(DEFAULT_KEPT_FOR)),
        Some(("failed", limit)) => duration(limit).ok(),
        _ => None,
    };
    let help = "known are `failed`, for an hour, and `failed:` with a duration, as `failed:10m`";
    limit.map(Some).ok_or_else(|| unknown(KEEP, value, help))
}

fn parse_factor(value: &str) -> Result<f64> {
    if value.is_empty() {
        return Ok(1.0);
    }
    let factor = value.parse().ok().filter(|factor: &f64| *factor > 0.0 && factor.is_finite());
    factor.ok_or_else(|| unknown(TIMEOUT_FACTOR, value, "give a positive number, as `3` or `1.5`"))
}

fn unknown(name: &str, value: &str, help: &str) -> Error {
    Error::invalid(format!("the environment variable {name} cannot be `{value}`")).with_help(help)
}

/// Returns the variables that are set, and whose names begin like this.
pub(super) fn variables_set(prefix: &str) -> impl Iterator<Item = String> + '_ {
    let variables = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let names = variables.filter_map(|(name, _)| name.into_string().ok());
    names.filter(move |name| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_lease_timeout_is_seconds_or_a_duration() {
        for (text, millis) in [
            ("", 60_000),
            ("60", 60_000),
            ("0.5", 500),
            ("1m", 60_000),
            ("1m30s", 90_000),
            ("500ms", 500),
        ] {
            let parsed = parse_lease_timeout(text).unwrap();
            assert_eq!(parsed, Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn another_lease_timeout_is_an_error_that_names_the_variable() {
        for text in ["soon", "0", "-1", "NaN", "5 s", "1s1m"] {
            let error = parse_lease_timeout(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
            let shown = format!("{error:?}");
            assert!(
                shown.contains("MIRAKURU_LEASE_TIMEOUT") && shown.contains("`1m30s`"),
                "{shown}"
            );
        }
    }

    #[test]
    fn servers_are_kept_for_an_hour_or_as_long_as_the_user_says() {
        for (text, seconds) in [("", None), ("failed", Some(3600)), ("failed:10m", Some(600))] {
            assert_eq!(parse_keep(text).unwrap(), seconds.map(Duration::from_secs), "{text}");
        }
        for text in ["all", "failed:", "failed:0s", "failed:soon", ":1h", "failed,1h"] {
            let shown = format!("{:?}", parse_keep(text).unwrap_err());
            assert!(shown.contains(KEEP) && shown.contains("`failed:10m`"), "{shown}");
        }
    }

    #[test]
    fn a_timeout_factor_is_a_positive_number_or_an_error_that_names_the_variable() {
        for (text, factor) in [("", 1.0), ("3", 3.0), ("0.5", 0.5), ("1e1", 10.0)] {
            assert_eq!(parse_factor(text).unwrap(), factor, "{text}");
        }
        for text in ["0", "-1", "NaN", "inf", "3x", "two", "1,5"] {
            let shown = format!("{:?}", parse_factor(text).unwrap_err());
            assert!(shown.contains(TIMEOUT_FACTOR) && shown.contains("`1.5`"), "{shown}");
        }
    }

    #[test]
    fn a_log_level_is_known_or_an_error_that_lists_the_known_ones() {
        for (value, level, output) in [
            ("", LogLevel::Waits, false),
            ("info", LogLevel::Info, false),
            ("off", LogLevel::Off, false),
            ("output", LogLevel::Waits, true),
            ("info,output", LogLevel::Info, true),
            ("output,off", LogLevel::Off, true),
        ] {
            assert_eq!(parse_log(value).unwrap(), Log { level, output }, "{value}");
        }
        for value in ["debug", "info,off", "output,", "Info"] {
            let shown = format!("{:?}", parse_log(value).unwrap_err());
            let has_both = shown.contains(&format!("`{value}`")) && shown.contains("`info,output`");
            assert!(has_both, "{shown}");
        }
    }
}
