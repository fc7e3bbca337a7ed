//! The process that stands for a server that runs already.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use super::set_up::SetUpSpec;
use super::spec::ProcessSpec;
use crate::error::Result;
use crate::readiness::TcpSpec;
use crate::syntax::address::Address;
use crate::syntax::template::{Captured, Piece, Template};

/// The command of the process that is supervised and leased in place of the server.
const COMMAND: [&str; 2] = ["sleep", "2147483647"];

impl ProcessSpec {
    /// Returns the spec of what is started: this one, or that of a process that stands for a server
    /// that runs already.
    pub(crate) fn effective(&self) -> Result<Cow<'_, Self>> {
        let Some(external) = &self.external else { return Ok(Cow::Borrowed(self)) };
        let address = external.parse().map_err(|error| error.about(&self.display_name()))?;
        Ok(Cow::Owned(self.stand_in(&address)))
    }

    /// Leaves out what is for the server alone, and what needs placeholders that are not known of it.
    fn stand_in(&self, address: &Address) -> Self {
        let captured: Vec<_> = self.conditions.iter().flat_map(|it| it.captures()).collect();
        let is_known = |text: &OsStr| text.to_str().is_none_or(|text| is_known(text, &captured));
        let mut conditions = self.conditions.clone();
        conditions.retain(|it| {
            let mut templates = it.templates().into_iter().map(OsStr::new);
            it.requirements().asks_by_network && templates.all(is_known)
        });
        if conditions.is_empty() {
            conditions.push(Arc::new(TcpSpec(address.to_string())));
        }
        let mut environment = self.environment.clone();
        environment.changes.retain(|(_, value)| value.as_deref().is_none_or(is_known));
        let SetUpSpec { files, after_ready, reset, .. } = self.set_up.clone();
        let files = files.into_iter().filter(|(_, text)| is_known(OsStr::new(text)));
        let is_known_dir = |dir: &PathBuf| is_known(dir.as_os_str());
        Self {
            name: Some(self.display_name()),
            environment,
            current_dir: self.current_dir.clone().filter(is_known_dir),
            set_up: SetUpSpec {
                files: files.collect(),
                after_ready,
                reset,
                ..SetUpSpec::default()
            },
            conditions,
            timeout: self.timeout,
            known_bins: self.known_bins.clone(),
            scope: self.scope,
            external: self.external.clone(),
            others: self.others.clone(),
            interrupt: self.interrupt.clone(),
            ..Self::new(COMMAND.into())
        }
    }
}

/// Returns true if every placeholder in a text is known of a server at one address. A faulty text is
/// reported later.
fn is_known(text: &str, captured: &[String]) -> bool {
    let Ok(template) = Template::parse(text, Captured::These(captured)) else { return true };
    template.pieces.iter().all(|piece| match piece {
        Piece::Port(name) | Piece::Udp(name) | Piece::LowPort(name) => name.is_empty(),
        Piece::Captured(name) => name == "port",
        Piece::Literal(_) | Piece::Dir | Piece::Bin(_) | Piece::Other(..) => true,
    })
}
