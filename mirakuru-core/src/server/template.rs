//! Filling the directory of a server with what the commands of its template leave there.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::Server;
use crate::diagnostics::time_limit::Limit;
use crate::diagnostics::{events, settings};
use crate::error::{Error, ErrorKind, Result};
use crate::launch::set_up::TemplateSteps;
use crate::launch::step::Step;
use crate::resources::templates::{self, Found, TemplateDraft};

impl Server {
    /// Copies the template into the directory, or makes both. Returns true if the server has one.
    pub(super) fn fill_dir(&self, began: Instant) -> Result<bool> {
        let Some(template) = &self.plan.set_up.template else { return Ok(false) };
        let Some(dir) = self.plan.values.dir() else {
            let what = "`template` needs a directory to fill: mention `{dir}` in its command";
            return Err(Error::invalid(what).about(&self.plan.name));
        };
        let found = match settings::keeps_templates()? {
            true => self.find_template(template, began)?,
            false => Found::Unkept,
        };
        match found {
            Found::Kept(kept) => {
                let copy = Step::copy(kept.path(), dir, self.plan.working_dir())?;
                self.run_before(&copy, false, began)?;
            }
            Found::Unkept => self.run_all_before(&template.steps, began)?,
            Found::Missing(draft) => {
                self.run_all_before(&template.steps, began)?;
                self.keep_template(draft, dir, began)?;
            }
        }
        Ok(true)
    }

    fn find_template(&self, template: &TemplateSteps, began: Instant) -> Result<Found> {
        let limit = self.plan.timeout;
        match templates::find(&template.key, began, limit) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                let limit = Limit(limit);
                let what =
                    format!("not ready within {limit}: another test process builds its template");
                Err(Error::new(ErrorKind::Timeout, what).about(&self.plan.name))
            }
            Err(error) => {
                events::template_not_kept(&self.plan.name, &error.to_string());
                Ok(Found::Unkept)
            }
        }
    }

    /// Keeps what is in the directory. If that is not possible, this server can use it nevertheless.
    fn keep_template(&self, draft: TemplateDraft, dir: &Path, began: Instant) -> Result<()> {
        let copied = Step::draft(dir, draft.path(), self.plan.working_dir())
            .and_then(|copy| self.run_before(&copy, false, began));
        match copied {
            Err(error) if error.kind() == ErrorKind::Timeout => return Err(error),
            Err(error) => events::template_not_kept(&self.plan.name, &error.to_string()),
            Ok(()) => {
                let kept = self.check_draft(&draft, dir).and_then(|why| match why {
                    None => draft.keep(),
                    Some(why) => {
                        events::template_not_kept(&self.plan.name, &why);
                        draft.refuse(&why)
                    }
                });
                kept.unwrap_or_else(|e| events::template_not_kept(&self.plan.name, &e.to_string()));
            }
        }
        Ok(())
    }

    /// Returns why a draft is of use for this server only, if it is.
    fn check_draft(&self, draft: &TemplateDraft, dir: &Path) -> io::Result<Option<String>> {
        // They are written at each start, and may name ports.
        for (path, _) in &self.plan.set_up.files {
            if let Ok(path) = path.strip_prefix(dir) {
                fs::remove_file(draft.path().join(path))?;
            }
        }
        let found = self.plan.set_up.template.iter().flat_map(|template| &template.inconstant);
        let found = found.map(|(text, what)| (text.as_bytes(), *what));
        let own_path = (dir.as_os_str().as_encoded_bytes(), "the path of this process");
        for (text, what) in found.chain([own_path]) {
            if let Some(path) = templates::find_text(draft.path(), text)? {
                let path = path.strip_prefix(draft.path()).unwrap_or(&path).display();
                return Ok(Some(format!("`{path}` has {what} in it")));
            }
        }
        Ok(None)
    }
}
