//! Placeholders of other processes: `{db.port}` is what `{port}` is in the process `db`.

use std::collections::{BTreeMap, BTreeSet};

use super::text::Text;
use crate::error::{Error, Result};
use crate::syntax::suggest;
use crate::syntax::template;

/// What stands behind the dot, and its value. None if only the ready process has it.
pub(crate) type OtherValues = BTreeMap<String, Option<String>>;

/// The other processes that texts may name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Others(BTreeMap<String, OtherValues>);

impl Others {
    /// Adds a process, or replaces its values.
    pub(crate) fn set(&mut self, name: &str, values: OtherValues) {
        self.0.insert(name.to_owned(), values);
    }

    /// Returns true for the name of another process.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns true if the other process has such a value now. Fails if it never will.
    pub(super) fn has_value(&self, name: &str, word: &str) -> Result<bool> {
        self.find(name, word).map(Option::is_some)
    }

    pub(super) fn value(&self, name: &str, word: &str) -> Result<String> {
        self.find(name, word)?.clone().ok_or_else(|| {
            let what = format!("`{{{name}.{word}}}` has no value before `{name}` is ready");
            let help =
                format!("let this process start after `{name}`, or name a port, which is reserved");
            Error::invalid(what).with_help(help)
        })
    }

    /// Returns what looks like a value of another process, and is literal, since there is none of that name.
    pub(crate) fn unknown(&self, text: &str) -> Option<String> {
        let (name, word) = template::value_of_another(text, &|name| !self.has(name))?;
        Some(format!("{{{name}.{word}}}"))
    }

    /// Fails if a text has what looks like a value of another process, and is none.
    pub(crate) fn check_known(&self, text: &str) -> Result<()> {
        match self.unknown(text) {
            Some(found) => {
                let what =
                    format!("`{found}` in `{text}` is a value of no process that this one needs");
                Err(Error::invalid(what).with_help(NEEDS_HELP))
            }
            None => Ok(()),
        }
    }

    /// Fails if a text names what is nearly another process.
    pub(super) fn check_names(&self, Text { part, text }: &Text<'_>) -> Result<()> {
        let nearest = |name: &str| suggest::name(name, self.0.keys().map(String::as_str));
        let is_near = |name: &str| !self.has(name) && nearest(name).is_some();
        let Some((name, word)) = template::value_of_another(text, &is_near) else { return Ok(()) };
        let what = format!("there is no `{name}` for `{{{name}.{word}}}` in {part}");
        let error = Error::invalid(what);
        let near = nearest(&name).unwrap_or_default();
        Err(error.with_help(format!(
            "did you mean `{{{near}.{word}}}`? write `{{{{{name}.{word}}}}}` for the text itself"
        )))
    }

    fn find(&self, name: &str, word: &str) -> Result<&Option<String>> {
        let values = self.0.get(name);
        let found = values.and_then(|values| values.get(&as_port(word)));
        found.ok_or_else(|| {
            let mut known: Vec<_> = values.into_iter().flat_map(BTreeMap::keys).collect();
            known.sort_by_key(|word| !word.starts_with("port"));
            let wanted = format!("{{{name}.{word}}}");
            let help = match suggest::name(word, known.iter().map(|word| word.as_str())) {
                Some(near) => format!("did you mean `{{{name}.{near}}}`?"),
                None if known.is_empty() => format!("nothing in `{name}` mentions a placeholder"),
                None => {
                    let known: Vec<_> =
                        known.iter().map(|word| format!("{{{name}.{word}}}")).collect();
                    let known = suggest::alternatives(known.iter().map(String::as_str), "and");
                    format!("known are {known}; write `{{{wanted}}}` for the text itself")
                }
            };
            Error::invalid(format!("`{name}` has no placeholder for `{wanted}`")).with_help(help)
        })
    }
}

/// What to do where a process is named that is not needed.
pub(crate) const NEEDS_HELP: &str = "`needs` names a shared process, and a `Stack` its members";

/// Fails if a name of another process is given twice, or is no name.
pub(crate) fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut known = BTreeSet::new();
    for name in names {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(is_part) {
            let error = Error::invalid(format!("`{name}` cannot be the name of a process"));
            return Err(error.with_help("write letters, digits, `-` and `_`"));
        }
        if !known.insert(name) {
            return Err(Error::invalid(format!("two processes have the name `{name}`")));
        }
    }
    Ok(())
}

/// Returns the word for a port, which UDP and low ports are too.
fn as_port(word: &str) -> String {
    let (kind, name) = word.split_at(word.find(':').unwrap_or(word.len()));
    match kind {
        "udp" | "low_port" => format!("port{name}"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn others() -> Others {
        let mut others = Others::default();
        let value =
            |(word, value): (&str, Option<&str>)| (word.to_owned(), value.map(str::to_owned));
        let values = [("port", Some("1")), ("port:peer", Some("2")), ("url", None)];
        others.set("db", values.into_iter().map(value).collect());
        others
    }

    #[test]
    fn udp_and_low_ports_of_another_process_are_its_ports() {
        for (word, value) in
            [("port", "1"), ("udp", "1"), ("low_port", "1"), ("port:peer", "2"), ("udp:peer", "2")]
        {
            assert_eq!(others().value("db", word).unwrap(), value, "{word}");
        }
    }

    #[test]
    fn a_value_that_another_process_lacks_is_an_error_that_names_the_nearest() {
        for (word, help) in [
            ("prot", "did you mean `{db.port}`?"),
            ("port:pear", "did you mean `{db.port:peer}`?"),
            ("dirs_of_db", "known are `{db.port}`, `{db.port:peer}` and `{db.url}`"),
            ("", "known are"),
        ] {
            let error = format!("{:?}", others().value("db", word).unwrap_err());
            let has_both = error.contains(&format!("`{{db.{word}}}`")) && error.contains(help);
            assert!(has_both, "{error}");
        }
    }

    #[test]
    fn what_only_a_ready_process_has_is_an_error_before() {
        let error = format!("{:?}", others().value("db", "url").unwrap_err());
        assert!(error.contains("`{db.url}` has no value before `db` is ready"), "{error}");
        assert!(!others().has_value("db", "url").unwrap());
    }
}
