//! What is set up around a process: files, and commands before and after its start.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use super::step::{Step, StepContext, StepKind};
use crate::command::{self, CommandLine, Environment};
use crate::error::{Error, ErrorKind, Result};
use crate::resources::placeholders::{Others, Part, Placeholders, Text};
use crate::syntax::{file_path, template};
use crate::sys::{self, Account};

/// Variables on which the result of an initialisation may depend.
const OF_THE_LOCALE: [&str; 6] = ["LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "TZ"];

/// What an executor says about it, with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct SetUpSpec {
    /// The paths and texts of files.
    pub(crate) files: Vec<(String, String)>,
    /// Run once; what they leave in the directory of the process is kept for others.
    pub(crate) template: Vec<CommandLine>,
    pub(crate) before_start: Vec<CommandLine>,
    pub(crate) after_ready: Vec<CommandLine>,
    /// Run between an exclusive lease and the next one.
    pub(crate) reset: Vec<CommandLine>,
    /// The name of the user that all commands run as.
    pub(crate) user: Option<String>,
}

impl SetUpSpec {
    /// Returns the texts that are rendered before the process starts.
    pub(super) fn early_texts(&self) -> impl Iterator<Item = Text<'_>> {
        let files = self.files.iter().flat_map(|(path, text)| {
            [Text { part: Part::Key("file"), text: path }, Text { part: Part::File(path), text }]
        });
        let template = texts_of(StepKind::Template, &self.template);
        files.chain(template).chain(texts_of(StepKind::BeforeStart, &self.before_start))
    }

    /// Returns the texts that are rendered when it is ready.
    pub(super) fn late_texts(&self) -> impl Iterator<Item = Text<'_>> {
        let after_ready = texts_of(StepKind::AfterReady, &self.after_ready);
        after_ready.chain(texts_of(StepKind::Reset, &self.reset))
    }

    pub(super) fn check(&self, others: &Others) -> Result<()> {
        let mut paths = self.files.iter().map(|(path, _)| path);
        paths.try_for_each(|path| file_path::check(path)).map_err(Error::invalid)?;
        let mut texts = self.template.iter().flat_map(CommandLine::texts);
        texts.try_for_each(|text| check_constant(text, others)).map_err(Error::invalid)?;
        let commands = self.template.iter().chain(&self.before_start);
        let mut commands = commands.chain(&self.after_ready).chain(&self.reset);
        commands.try_for_each(|command| command::check_words(&command.words()?))
    }

    /// Returns what a process needs to run as the user, if it is another one.
    pub(super) fn account(&self, environment: &mut Environment) -> Result<Option<Account>> {
        let Some(name) = &self.user else { return Ok(None) };
        let failed = |e| Error::os(format!("the user `{name}` cannot be looked up"), e);
        let Some(entry) = Account::find(name).map_err(failed)? else {
            let error = Error::new(ErrorKind::NotFound, format!("there is no user `{name}`"));
            return Err(error.with_help("the package of the server usually creates it"));
        };
        if entry.account.user == sys::effective_user() {
            return Ok(None);
        }
        if sys::effective_user() != 0 {
            let what = format!("only root can run a process as the user `{name}`");
            let help = "leave out `user`, or use it only where the tests run as root";
            return Err(Error::new(ErrorKind::PermissionDenied, what).with_help(help));
        }
        if !environment.clear {
            let name = || OsString::from(name);
            let usual = [("HOME", entry.home), ("USER", name()), ("LOGNAME", name())];
            let usual = usual.into_iter().map(|(name, value)| (name.into(), Some(value)));
            environment.changes.splice(..0, usual);
        }
        Ok(Some(entry.account))
    }
}

fn texts_of(kind: StepKind, commands: &[CommandLine]) -> impl Iterator<Item = Text<'_>> {
    let part = Part::Key(kind.name());
    commands.iter().flat_map(CommandLine::texts).map(move |text| Text { part, text })
}

/// The same with every placeholder resolved, except those of commands that run later.
pub(crate) struct SetUp {
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
    pub(crate) template: Option<TemplateSteps>,
    pub(crate) before_start: Vec<Step>,
    pub(crate) after_ready: Vec<CommandLine>,
    pub(crate) reset: Vec<CommandLine>,
    pub(crate) account: Option<Account>,
}

/// The commands whose result is kept.
pub(crate) struct TemplateSteps {
    pub(crate) steps: Vec<Step>,
    /// Identifies what they leave behind.
    pub(crate) key: String,
    /// What they know from the environment that is not the same next time, and what it is.
    pub(crate) inconstant: Vec<(String, &'static str)>,
}

impl SetUp {
    /// Returns true if the program of the process may not exist yet.
    pub(super) fn may_create_program(&self) -> bool {
        !self.files.is_empty() || self.template.is_some() || !self.before_start.is_empty()
    }

    /// Resolves a spec. `unresolved` is the environment of the process, with placeholders.
    pub(super) fn new(
        spec: &SetUpSpec,
        unresolved: &Environment,
        context: &StepContext<'_>,
    ) -> Result<Self> {
        let values = context.values;
        let file = |(path, text): &(String, String)| {
            Ok((values.render(path)?.into(), values.render(text)?.into_bytes()))
        };
        let steps = |kind, commands: &[CommandLine]| {
            commands.iter().map(|it| Step::new(kind, it, context)).collect::<Result<Vec<_>>>()
        };
        let mut later = spec.after_ready.iter().chain(&spec.reset);
        later.try_for_each(|command| context.check_later(command))?;
        let template = steps(StepKind::Template, &spec.template)?;
        let key = template_key(spec, &template, unresolved, context);
        let inconstant = inconstant(unresolved, context.values);
        Ok(Self {
            files: spec.files.iter().map(file).collect::<Result<_>>()?,
            template: (!template.is_empty()).then_some(TemplateSteps {
                steps: template,
                key,
                inconstant,
            }),
            before_start: steps(StepKind::BeforeStart, &spec.before_start)?,
            after_ready: spec.after_ready.clone(),
            reset: spec.reset.clone(),
            account: context.account.cloned(),
        })
    }
}

/// Fails if a text, whose result is kept for other processes, has what is not the same next time.
fn check_constant(text: &str, others: &Others) -> Result<(), String> {
    template::check_portless(text)?;
    match template::other_in(text, &|name| others.has(name)) {
        Some(placeholder) => Err(format!(
            "`{placeholder}` of `template` is of another process, and would not be the same next time; \
             use `before_start`"
        )),
        None => Ok(()),
    }
}

/// Returns the values in the environment that are not the same next time, and what they are.
fn inconstant(unresolved: &Environment, values: &Placeholders) -> Vec<(String, &'static str)> {
    let texts = unresolved.changes.iter().filter_map(|(_, value)| value.as_ref()?.to_str());
    let texts: Vec<_> = texts.collect();
    let has_port = texts.iter().any(|text| template::check_portless(text).is_err());
    let ports = values.ports().values().filter(|_| has_port);
    let ports = ports.map(|port| (port.to_string(), "a port of this process"));
    let others = texts.iter().flat_map(|text| values.values_of_others(text));
    ports.chain(others.map(|value| (value, "a value of another process"))).collect()
}

/// Returns a name for what the commands of a template leave behind.
fn template_key(
    spec: &SetUpSpec,
    steps: &[Step],
    unresolved: &Environment,
    context: &StepContext<'_>,
) -> String {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    (&spec.template, &spec.files, &spec.user, unresolved).hash(&mut hasher);
    let bins = context.values.bins().values();
    for program in steps.iter().map(|step| &step.program).chain(bins) {
        let meta = fs::metadata(program).ok();
        let modified = meta.as_ref().and_then(|meta| meta.modified().ok());
        (program, meta.map(|meta| meta.len()), modified).hash(&mut hasher);
    }
    for name in OF_THE_LOCALE {
        context.environment.get(name).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
