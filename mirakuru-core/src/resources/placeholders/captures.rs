//! Placeholders whose values come from the process itself: a named group of an output pattern, or
//! the port that it has chosen.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::others::Others;
use crate::error::{Error, Result};
use crate::syntax::pattern;
use crate::syntax::template::{Captured, Fault, Piece, Template};

/// The captured placeholders of one process. Their values differ from start to start.
#[derive(Debug, Default)]
pub(super) struct Captures {
    names: Vec<String>,
    values: Mutex<BTreeMap<String, String>>,
}

impl Captures {
    pub(super) fn new(names: Vec<String>) -> Result<Self> {
        pattern::check_groups(&names).map_err(Error::invalid)?;
        Ok(Self { names, values: Mutex::default() })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.values.lock().get(name).cloned()
    }

    pub(super) fn values(&self) -> BTreeMap<String, String> {
        self.values.lock().clone()
    }

    /// Replaces all values by those of the current start.
    pub(super) fn set(&self, values: BTreeMap<String, String>) {
        *self.values.lock() = values;
    }

    /// Parses a text in which the captured names are placeholders too, and those of other processes.
    pub(super) fn parse(&self, text: &str, others: &Others) -> Result<Template, Fault> {
        Template::parse_with(text, Captured::These(&self.names), &|name| others.has(name))
    }

    /// Fails if a reserved port has the name of a group: `port_named` could mean either.
    pub(super) fn check_port_names(&self, pieces: &[Piece]) -> Result<()> {
        let clash = pieces.iter().find_map(|piece| match piece {
            Piece::Port(name) | Piece::Udp(name) | Piece::LowPort(name)
                if self.names.contains(name) =>
            {
                Some(name)
            }
            _ => None,
        });
        match clash {
            Some(name) => Err(Error::invalid(format!(
                "`{{port:{name}}}` has the name of a group of an output pattern; rename one of them"
            ))),
            None => Ok(()),
        }
    }
}
