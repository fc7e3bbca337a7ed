//! The members of a stack, and what they need of each other.

use std::collections::BTreeSet;

use super::order::Need;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::resources::placeholders::check_names;
use crate::syntax::suggest;

#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    all: Vec<(String, Executor)>,
    /// The name of a member, and that of one which it needs.
    needs: Vec<(String, String)>,
    /// Members that start at the same time.
    together: Vec<BTreeSet<String>>,
}

impl Members {
    pub(super) fn add(&mut self, name: String, executor: Executor) {
        let executor = executor.name(name.clone());
        self.all.push((name, executor));
    }

    pub(super) fn needs(&mut self, member: String, other: String) {
        self.needs.push((member, other));
    }

    pub(super) fn together(&mut self, members: BTreeSet<String>) {
        self.together.push(members);
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, Executor)> {
        self.all.iter()
    }

    pub(super) fn executor(&self, member: usize) -> &Executor {
        &self.all[member].1
    }

    pub(super) fn executors(&self) -> impl Iterator<Item = &Executor> {
        self.all.iter().map(|(_, executor)| executor)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.all.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.names().position(|member| member == name)
    }

    /// Fails if a name is given twice, is no name or is that of no member.
    pub(super) fn check(&self) -> Result<()> {
        self.check_names()?;
        let mut names = self.together.iter().flatten();
        names.try_for_each(|name| self.member(name).map(drop))
    }

    fn check_names(&self) -> Result<()> {
        if self.all.is_empty() {
            return Err(Error::invalid("the stack has no members").with_help("`add` adds one"));
        }
        check_names(self.names())
    }

    /// Returns the members that need others by `needs`.
    pub(super) fn explicit_needs(&self) -> Result<Vec<Need>> {
        let need = |(member, other): &(String, String)| {
            let (member, other) = (self.member(member)?, self.member(other)?);
            Ok(Need { member, other, is_strict: true })
        };
        self.needs.iter().map(need).collect()
    }

    fn member(&self, name: &str) -> Result<usize> {
        self.position(name).ok_or_else(|| {
            let help = match suggest::name(name, self.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", suggest::alternatives(self.names(), "and")),
            };
            Error::invalid(format!("the stack has no member `{name}`")).with_help(help)
        })
    }

    /// Returns true if members are to start at the same time.
    pub(super) fn are_together(&self, need: &Need) -> bool {
        let [member, other] = [need.member, need.other].map(|at| &self.all[at].0);
        self.together.iter().any(|names| names.contains(member) && names.contains(other))
    }

    /// Returns the error for members that need each other.
    pub(super) fn circle(&self, circle: &[usize]) -> Error {
        let names: Vec<_> =
            circle.iter().map(|member| format!("`{}`", self.all[*member].0)).collect();
        let what = format!("no member can start first: {}", names.join(" needs "));
        let help = "name ports instead of addresses and URLs, which are known only when a member is \
                    ready, or take out a `needs`";
        Error::invalid(what).with_help(help)
    }
}
