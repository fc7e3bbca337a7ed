//! Functions that generated code calls. Not part of the public interface.
#![allow(missing_docs)]

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub use super::outcome::{Outcome, Unknown, never, run};

use super::current_test;
use super::exclusive_lease::ExclusiveLease;
use super::lease::Lease;
use super::registry::{self, Entry};
use super::shared::Shared;
pub use crate::diagnostics::progress::print as show;
use crate::error::{self, Result};
use crate::executor::{Chain, Executor, Need, add_all};
use crate::process::Process;
use crate::server::failure_report::{self, ServerView};
use crate::types::Scope;

/// A definition of a process.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not define a process",
    label = "not a definition",
    note = "a definition is a `static` of the type `Shared`, or a function that returns an `Executor`"
)]
pub trait Definition {
    fn executor(&self) -> Executor;

    fn scope(&self) -> Option<Scope> {
        None
    }
}

#[doc(hidden)]
impl Definition for Shared {
    fn executor(&self) -> Executor {
        self.described()
    }

    fn scope(&self) -> Option<Scope> {
        self.scope
    }
}

impl<F: Fn() -> Executor> Definition for F {
    fn executor(&self) -> Executor {
        self()
    }
}

/// A test's request for one process.
pub struct Request {
    executor: Executor,
    scope: Option<Scope>,
    access: Access,
    /// Found before anything is leased: a description may lease something itself.
    entry: Option<Arc<Entry>>,
    /// The outcome of a start before its turn.
    started: Option<Result<Process>>,
}

#[derive(Clone, Copy)]
enum Access {
    Shared,
    Exclusive,
    Own,
}

impl Request {
    fn new(definition: &impl Definition, access: Access) -> Self {
        let (executor, scope) = (definition.executor(), definition.scope());
        Self { executor, scope, access, entry: None, started: None }
    }

    pub fn shared(definition: &impl Definition) -> Self {
        Self::new(definition, Access::Shared)
    }

    pub fn exclusive(definition: &impl Definition) -> Self {
        Self::new(definition, Access::Exclusive)
    }

    pub fn own(definition: &impl Definition) -> Self {
        Self::new(definition, Access::Own)
    }

    /// Says what the test calls the process.
    #[must_use]
    pub fn called(mut self, label: &str) -> Self {
        self.executor = self.executor.called(label);
        self
    }

    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Finds what is shared. Nothing is described after this.
    fn find(&mut self) -> Result<()> {
        match self.access {
            Access::Own => self.executor = self.executor.clone().resolved()?,
            Access::Shared | Access::Exclusive => {
                self.entry = Some(registry::entry(self.executor.clone(), self.scope)?);
            }
        }
        Ok(())
    }

    /// Returns the executor, with what it needs found.
    fn executor(&self) -> &Executor {
        self.entry.as_ref().map_or(&self.executor, |entry| entry.executor())
    }

    fn key(&self) -> Option<String> {
        self.entry.as_ref().map(|entry| entry.key().to_owned())
    }

    /// Returns true if the test waits for the start of the process.
    fn has_to_start(&self) -> bool {
        match self.access {
            // Its needs are leased by the test itself.
            Access::Own => self.executor.all_needs().is_empty(),
            Access::Shared | Access::Exclusive => {
                self.entry.as_ref().is_some_and(|entry| entry.has_to_start())
            }
        }
    }

    /// Starts the process, so that its lease is granted sooner.
    fn start(&mut self) {
        match &self.entry {
            None => self.started = Some(self.executor.start()),
            // If it fails, the lease has the error.
            Some(entry) => drop(entry.need()),
        }
    }

    fn grant(self) -> Result<Grant> {
        Ok(match (self.entry, self.access) {
            (Some(entry), Access::Exclusive) => Grant::Exclusive(entry.exclusive()?),
            (Some(entry), _) => Grant::Shared(entry.lease()?),
            (None, _) => {
                let started = self.started.unwrap_or_else(|| self.executor.start());
                Grant::Own(Box::new(started?))
            }
        })
    }
}

/// A process that was granted to a test.
pub enum Grant {
    Shared(Lease),
    Exclusive(ExclusiveLease),
    Own(Box<Process>),
}

impl Grant {
    fn views(&self) -> Vec<Arc<ServerView>> {
        match self {
            Self::Shared(lease) => lease.0.views(),
            Self::Exclusive(lease) => lease.views(),
            Self::Own(process) => process.views(),
        }
    }

    #[must_use]
    pub fn shared(&self) -> &Process {
        match self {
            Self::Shared(lease) => lease,
            Self::Exclusive(lease) => lease,
            Self::Own(process) => process,
        }
    }

    /// # Panics
    ///
    /// Panics if the process was requested as a shared one.
    pub fn exclusive(&mut self) -> &mut Process {
        match self {
            Self::Exclusive(lease) => lease,
            Self::Own(process) => process,
            Self::Shared(_) => unreachable!("the macro requested another kind of access"),
        }
    }

    /// # Panics
    ///
    /// Panics if the process was not requested as the test's own.
    #[must_use]
    pub fn own(self) -> Process {
        match self {
            Self::Own(process) => *process,
            _ => unreachable!("the macro requested another kind of access"),
        }
    }

    /// Returns the process of an async test. Dropping it does not wait for its end, because it may wait
    /// for tasks of the test to hang up. The exit of this process does.
    ///
    /// # Panics
    ///
    /// Panics if the process was not requested as the test's own.
    #[must_use]
    pub fn own_in_async(self) -> Process {
        let process = self.own();
        process.server().stops_later.store(true, Ordering::Relaxed);
        process
    }
}

/// Prints a report of all processes of a test if it fails, also of those that it has dropped.
///
/// It is dropped between the body of the test and the processes that the body has not moved. The stops
/// of the test's own ones are not waited for then.
pub struct FailureReport {
    report: Arc<failure_report::FailureReport>,
    own: Vec<Arc<AtomicBool>>,
}

impl FailureReport {
    /// Ends the test. It has not panicked, but may have returned an error.
    pub fn finish(self, failed: bool) {
        if failed {
            self.report.print();
        }
    }
}

impl Drop for FailureReport {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.report.print();
        }
        self.own.iter().for_each(|stops_later| stops_later.store(true, Ordering::Relaxed));
    }
}

/// Grants all requests of one test, in an order that is the same for all tests. So no two tests wait
/// for each other. What a process needs comes before it.
///
/// # Panics
///
/// Panics if a process does not start or is not returned in time.
#[track_caller]
#[must_use]
pub fn acquire<const N: usize>(requests: [Request; N]) -> [Grant; N] {
    error::or_panic(grant_all(requests))
}

fn grant_all<const N: usize>(mut requests: [Request; N]) -> Result<[Grant; N]> {
    requests.iter_mut().try_for_each(Request::find)?;
    start_together(&mut requests);
    let mut turns = Vec::new();
    for (at, request) in requests.into_iter().enumerate() {
        let mut needs = Vec::new();
        let depth = add_all(request.executor().all_needs(), &mut needs)?;
        let needs = needs.into_iter().map(|(place, need)| ((place, true), Turn::Needed(need)));
        turns.extend(needs);
        let place = (depth, request.key());
        turns.push(((place, false), Turn::Requested(at, Box::new(request))));
    }
    turns.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut grants: [Option<Grant>; N] = std::array::from_fn(|_| None);
    let mut held = Vec::new();
    for (_, turn) in turns {
        match turn {
            Turn::Requested(at, request) => grants[at] = Some(request.grant()?),
            Turn::Needed(need) => held.push(need.sharing().lease()?),
        }
    }
    Ok(grants.map(|grant| grant.expect("every request was granted")))
}

/// Starts the processes of a test at the same time. No thread waits for one while it has another, so no
/// two tests wait for each other.
fn start_together(requests: &mut [Request]) {
    let mut to_start: Vec<_> = requests.iter_mut().filter(|it| it.has_to_start()).collect();
    if to_start.len() < 2 {
        return;
    }
    // The timeline, and the message of a panic, name the test by its thread.
    let test = thread::current().name().unwrap_or("main").to_owned();
    let panicked = thread::scope(|scope| {
        let mut others = Vec::new();
        for request in to_start.drain(1..) {
            let thread = thread::Builder::new().name(test.clone());
            // Without a thread, it starts in its turn.
            others.extend(thread.spawn_scoped(scope, || request.start()));
        }
        to_start.into_iter().for_each(Request::start);
        others.into_iter().find_map(|thread| thread.join().err())
    });
    if let Some(panicked) = panicked {
        panic::resume_unwind(panicked); // A probe or a closure of the user's, which has printed it.
    }
}

/// A process that a test gets: by a request, or because another one needs it. What it requests and also
/// needs, it gets by its request first.
enum Turn {
    Requested(usize, Box<Request>),
    Needed(Need),
}

/// Adds the report that is printed if the test fails, in place of those of the single processes. The
/// report of a fixture is empty, because its processes may outlive it.
#[must_use]
pub fn with_report<const N: usize>(
    grants: [Grant; N],
    is_test: bool,
) -> ([Grant; N], FailureReport) {
    if !is_test {
        current_test::runs_fixtures();
        let report = failure_report::FailureReport::open(Vec::new());
        return (grants, FailureReport { report, own: Vec::new() });
    }
    let mut own = Vec::new();
    let grants = grants.map(|grant| match grant {
        Grant::Own(process) => {
            own.push(Arc::clone(&process.server().stops_later));
            Grant::Own(Box::new(process.leased()))
        }
        lease => lease,
    });
    let views = grants.iter().flat_map(Grant::views).collect();
    (grants, FailureReport { report: failure_report::FailureReport::open(views), own })
}

/// Leases a process for a fixture.
///
/// # Panics
///
/// Panics if the process does not start or is not returned in time.
#[track_caller]
pub fn lease(shared: &'static Shared) -> Lease {
    current_test::runs_fixtures();
    match shared.lease() {
        Ok(lease) => lease,
        Err(error) => panic!("{error:?}"),
    }
}

/// Sets the scope of an executor.
pub fn scoped(executor: Executor, scope: Scope) -> Executor {
    executor.with_scope(scope)
}

/// Describes a process by the leases of what it needs.
///
/// # Panics
///
/// Panics if one of those does not start, or if processes need each other.
#[track_caller]
pub fn described<const N: usize>(
    name: &str,
    needs: [&'static Shared; N],
    describe: impl FnOnce([Lease; N]) -> Executor,
) -> Executor {
    current_test::runs_fixtures();
    let _chain = error::or_panic(Chain::enter(name.to_owned()));
    let grants = error::or_panic(grant_all(needs.map(Request::shared)));
    describe(grants.map(|grant| match grant {
        Grant::Shared(lease) => lease,
        Grant::Exclusive(_) | Grant::Own(_) => unreachable!("leases were requested"),
    }))
}

/// Leases the process that an executor describes, for a fixture.
///
/// # Errors
///
/// Returns those of [`Shared::lease`].
pub fn lease_of(executor: Executor) -> Result<Lease> {
    current_test::runs_fixtures();
    registry::entry(executor, None)?.lease()
}
