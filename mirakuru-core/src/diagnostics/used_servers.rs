//! The environment variables that name servers which run already: `MIRAKURU_USE_REDIS`.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use super::events;
use super::settings::variables_set;
use crate::error::{Error, Result};
use crate::syntax::suggest;

const PREFIX: &str = "MIRAKURU_USE_";

/// A name of fewer letters is not taken for another one that differs in a letter.
const SHORTEST: usize = 5;

static SEEN: Mutex<Seen> = Mutex::new(Seen { names: BTreeMap::new(), reported: BTreeSet::new() });

struct Seen {
    /// The names of the servers of this process, and what tests call them, by their variables.
    names: BTreeMap<String, String>,
    /// The variables that were reported as those of no server.
    reported: BTreeSet<String>,
}

/// Returns the variable for a process of these names, and its value.
///
/// # Errors
///
/// Fails if the variables of two names have different values.
pub(crate) fn find(names: &[String]) -> Result<Option<(String, String)>> {
    let variables = names.iter().map(|name| (variable_of(name), name.clone()));
    SEEN.lock().names.extend(variables);
    let mut found = names.iter().filter_map(|name| {
        let variable = variable_of(name);
        let value = std::env::var_os(&variable).filter(|value| !value.is_empty())?;
        Some((variable, value.to_string_lossy().into_owned()))
    });
    let first = found.next();
    match (&first, found.next()) {
        (Some((variable, value)), Some((other, another))) if *value != another => {
            let what = format!(
                "{variable} is `{value}` and {other} is `{another}`, and both name this server"
            );
            Err(Error::invalid(what).with_help(format!("unset {variable} or {other}")))
        }
        _ => Ok(first),
    }
}

fn variable_of(name: &str) -> String {
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// Reports a variable whose name is nearly that of a server, which is started here for that reason.
///
/// Others may be for servers of other test binaries.
pub(crate) fn report_near(names: &[String]) {
    let wanted: Vec<_> = names.iter().map(|name| variable_of(name)).collect();
    let near = SEEN.lock().near(&wanted);
    if let Some(variable) = near {
        events::near_variable(&names[0], &variable, &wanted.join(" or "));
    }
}

/// Reports the variables that no server of this process has asked for, when it exits. A process that
/// runs one test has few of the servers.
pub(crate) fn report_unused() {
    let is_test = std::env::var("NEXTEST_EXECUTION_MODE").is_ok_and(|it| it == "process-per-test");
    let seen = SEEN.lock();
    if is_test || seen.names.is_empty() {
        return;
    }
    let names = suggest::alternatives(seen.names.values().map(String::as_str), "and");
    let unused = variables_set(PREFIX)
        .filter(|it| !seen.names.contains_key(it) && !seen.reported.contains(it));
    unused.for_each(|variable| events::unused_variable(&variable, &names));
}

impl Seen {
    /// Returns a variable that was written for the server of another, once.
    fn near(&mut self, wanted: &[String]) -> Option<String> {
        if !self.names.contains_key(&wanted[0]) {
            return None; // No variable counts for a process of a test's own.
        }
        let is_near = |it: &String| wanted.iter().any(|wanted| is_near(it, wanted));
        let near = variables_set(PREFIX).find(|it| !self.names.contains_key(it) && is_near(it))?;
        self.reported.insert(near.clone()).then_some(near)
    }
}

/// Returns true if one name was written for the other.
fn is_near(variable: &str, wanted: &str) -> bool {
    let [one, other] = [variable, wanted].map(|it| &it[PREFIX.len()..]);
    let program = |name: &str| name.trim_end_matches("_SERVER").to_ascii_uppercase();
    is_typing_error(one, other) || program(one) == program(other)
}

/// Returns true if a typing error makes one name of the other. The names of several servers of one kind
/// differ in their numbers. Short names differ in a letter, as `api` and `app` do, and mean different
/// servers: of those, only letters that are swapped count.
fn is_typing_error(one: &str, other: &str) -> bool {
    let letters = |name: &str| name.replace(|c: char| c.is_ascii_digit() || c == '_', "");
    let [letters, others] = [one, other].map(letters);
    let sorted = |name: &str| {
        let mut letters = name.to_ascii_uppercase().into_bytes();
        letters.sort_unstable();
        letters
    };
    let is_short = letters.len().min(others.len()) < SHORTEST;
    letters != others
        && suggest::distance(one, other).is_some()
        && (!is_short || sorted(one) == sorted(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_near_if_it_was_written_for_the_server() {
        let near = |one: &str, name: &str| is_near(&format!("{PREFIX}{one}"), &variable_of(name));
        for (one, name) in [
            ("REDSI", "redis"),
            ("REDIS", "redis-server"),
            ("REDIS_SERVER", "redis"),
            ("redis", "redis"),
            ("POSTGRESQL", "postgres"),
            ("AIP", "api"),
            ("DB_1", "bd-1"),
        ] {
            assert!(near(one, name), "{one}, {name}");
        }
        for (one, name) in [
            ("CACHE_1", "cache-2"),
            ("CACHE", "cache-2"),
            ("POSTGRES", "redis"),
            ("API", "app"),
            ("APP", "apps"),
            ("USER", "users"),
            ("WEB_1", "wet-1"),
        ] {
            assert!(!near(one, name), "{one}, {name}");
        }
    }
}
