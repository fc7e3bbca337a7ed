//! Which placeholders the texts of an executor need.

use super::captures::Captures;
use super::others::Others;
use super::text::Text;
use crate::error::{Error, Result};
use crate::syntax::template::Piece;

/// The texts of an executor in which placeholders may stand.
pub(crate) struct Texts<'a> {
    /// Rendered before the process starts.
    pub(crate) early: Vec<Text<'a>>,
    /// Rendered after it has started.
    pub(crate) late: Vec<Text<'a>>,
    /// The names of placeholders that get their values from the process.
    pub(crate) captured: Vec<String>,
    /// The port of a server that runs already. Of such a server, no other is known.
    pub(crate) external: Option<u16>,
    /// The number that `{port}` stands for, if the executor says which.
    pub(crate) port: Option<u16>,
    /// The processes whose placeholders may stand there too.
    pub(crate) others: &'a Others,
}

impl Texts<'_> {
    /// Returns every placeholder and literal of the texts.
    ///
    /// Fails if a text that is rendered before the start needs a value that only the started
    /// process has.
    pub(super) fn pieces(&self, captures: &Captures) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        for text in &self.early {
            let template = captures.parse(text.text, self.others);
            for piece in template.map_err(|fault| text.fault(&fault))?.pieces {
                if let Piece::Captured(name) = &piece {
                    return Err(not_known_yet(name, text));
                }
                pieces.push(piece);
            }
        }
        for text in &self.late {
            let template = captures.parse(text.text, self.others);
            pieces.extend(template.map_err(|fault| text.fault(&fault))?.pieces);
        }
        Ok(pieces)
    }
}

fn not_known_yet(name: &str, text: &Text<'_>) -> Error {
    let at = text.text.find(&format!("{{{name}}}")).unwrap_or_default();
    let what = format!(
        "`{{{name}}}` in {} gets its value from the output of the process, which has \
         printed nothing before it starts",
        text.at(at)
    );
    let help = "give the group another name, or let the process choose the value (as by port 0)";
    Error::invalid(what).with_help(help)
}
