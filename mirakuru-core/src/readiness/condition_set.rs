//! All conditions of one start.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::announced::{check_not_failed, settle};
use super::condition::{Condition, ConditionSpec, Conflict, Endpoint, StartContext};
use super::fail_on::FailOn;
use super::pace::Pace;
use super::wait::{Wait, check_alive};
use crate::diagnostics::other_server::OtherServer;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::placeholders::Placeholders;
use crate::supervisor::Client;

/// The advice where a process was not started by tests.
const MISTAKEN: &str = "it would be mistaken for this process: stop or remove it, or give each process \
    an address of its own by {port} or {dir}";

/// All conditions of one start.
pub(crate) struct ConditionSet {
    conditions: Vec<Box<dyn Condition>>,
    /// Conditions that need values which the process gives to placeholders while it starts.
    deferred: Vec<Arc<dyn ConditionSpec>>,
    fail_on: Vec<FailOn>,
    needs_running_process: bool,
    /// The process says itself that it is ready, which it may do before it fails.
    is_announced: bool,
}

impl ConditionSet {
    /// Builds the conditions whose values are known; the others are built during the wait.
    pub(crate) fn new(
        specs: &[Arc<dyn ConditionSpec>],
        fail_on: &[String],
        context: &StartContext<'_>,
    ) -> Result<Self> {
        let (mut conditions, mut deferred) = (Vec::new(), Vec::new());
        for spec in specs {
            match needs_captured_values(spec.as_ref(), context.values)? {
                true => deferred.push(Arc::clone(spec)),
                false => conditions.push(spec.build(context)?),
            }
        }
        let fail_on = fail_on.iter().map(|pattern| FailOn::new(pattern, context.files));
        Ok(Self {
            conditions,
            deferred,
            fail_on: fail_on.collect::<Result<_>>()?,
            needs_running_process: specs.iter().any(|spec| spec.requirements().running_process),
            is_announced: specs.iter().any(|spec| spec.requirements().is_announced()),
        })
    }

    /// Names what is waited for, in one line.
    pub(crate) fn describe(&self) -> String {
        match self.conditions.as_slice() {
            [] => "its program runs".to_owned(),
            all => all.iter().map(|one| one.describe()).collect::<Vec<_>>().join(", "),
        }
    }

    /// Fails if one of the conditions would hold without the process.
    pub(crate) fn check_before_start(&mut self) -> Result<()> {
        while let Some(Conflict { why, pid }) =
            self.conditions.iter_mut().find_map(|condition| condition.precheck())
        {
            let other = pid.and_then(OtherServer::of);
            if other.as_ref().is_some_and(|other| other.wait_for_end(&why)) {
                continue;
            }
            let help = other.map_or_else(|| MISTAKEN.to_owned(), |other| other.help());
            let what = format!("already running: {why}");
            return Err(Error::new(ErrorKind::AlreadyRunning, what).with_help(help));
        }
        Ok(())
    }

    /// Waits until all conditions hold, and returns where the process answered.
    pub(crate) fn wait(
        &mut self,
        context: &StartContext<'_>,
        client: &Client,
        began: Instant,
        limit: Duration,
    ) -> Result<Endpoint> {
        let fail_on = std::mem::take(&mut self.fail_on);
        let mut wait =
            Wait::new(context.values, client, fail_on, began, limit, Pace::new(context.definition));
        let mut found = wait.for_all(&mut self.conditions)?;
        context.values.set_captured(found.captures);
        if !self.deferred.is_empty() {
            let deferred = self.deferred.iter().map(|spec| spec.build(context));
            self.conditions.extend(deferred.collect::<Result<Vec<_>>>()?);
            found = wait.for_all(&mut self.conditions)?;
            // One of them may have found a port, at a host that was captured.
            context.values.set_captured(found.captures);
        }
        let ready = Instant::now();
        if self.is_announced {
            settle(client);
            check_not_failed(&client.state())?;
        }
        if self.needs_running_process {
            check_alive(&client.state(), || "it had answered before".to_owned())?;
        }
        wait.remember(ready);
        Ok(found.endpoint)
    }
}

fn needs_captured_values(spec: &dyn ConditionSpec, values: &Placeholders) -> Result<bool> {
    if spec.requirements().captured_values {
        return Ok(values.has_captures());
    }
    spec.templates()
        .into_iter()
        .try_fold(false, |needs, text| Ok(needs || values.needs_captures(text)?))
}
