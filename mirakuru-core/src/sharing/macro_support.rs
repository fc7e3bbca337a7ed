//! What the macros call. No part of the public interface.
#![allow(missing_docs)]

use std::ops::Deref;

use super::in_process;
use super::{ExclusiveLease, Lease, Shared};
use crate::error::Result;
use crate::executor::Executor;
use crate::process::Process;
use crate::server::failure_report;
use crate::types::Scope;

/// Whatever describes a process.
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

impl Definition for Shared {
    fn executor(&self) -> Executor {
        (self.make)()
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

/// What one test asks for.
pub struct Request {
    executor: Executor,
    scope: Option<Scope>,
    way: Way,
}

#[derive(Clone, Copy)]
enum Way {
    Shared,
    Exclusive,
    Own,
}

impl Request {
    fn new(definition: &impl Definition, way: Way) -> Self {
        Self { executor: definition.executor(), scope: definition.scope(), way }
    }

    pub fn shared(definition: &impl Definition) -> Self {
        Self::new(definition, Way::Shared)
    }

    pub fn exclusive(definition: &impl Definition) -> Self {
        Self::new(definition, Way::Exclusive)
    }

    pub fn own(definition: &impl Definition) -> Self {
        Self::new(definition, Way::Own)
    }

    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    fn key(&self) -> Result<String> {
        let scope = self.scope.or(self.executor.spec().scope).unwrap_or_default();
        in_process::key(&self.executor, scope)
    }

    fn grant(self) -> Result<Grant> {
        let entry = || in_process::entry(self.executor.clone(), self.scope);
        Ok(match self.way {
            Way::Shared => Grant::Shared(entry()?.lease()?),
            Way::Exclusive => Grant::Exclusive(entry()?.exclusive()?),
            Way::Own => Grant::Own(Box::new(self.executor.start()?)),
        })
    }
}

/// What one test got.
pub enum Grant {
    Shared(Lease),
    Exclusive(ExclusiveLease),
    Own(Box<Process>),
}

impl Grant {
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
    /// The process was asked for as a shared one.
    pub fn exclusive(&mut self) -> &mut Process {
        match self {
            Self::Exclusive(lease) => lease,
            Self::Own(process) => process,
            Self::Shared(_) => unreachable!("the macro asked for another kind of grant"),
        }
    }

    /// # Panics
    ///
    /// The process was not asked for as one of the test's own.
    #[must_use]
    pub fn own(self) -> Process {
        match self {
            Self::Own(process) => *process,
            _ => unreachable!("the macro asked for another kind of grant"),
        }
    }
}

/// Tells of the processes of a test when it fails, also of those that it has dropped.
pub struct FailureReport(failure_report::FailureReport);

impl FailureReport {
    /// The test has not panicked, and this is what it gives back.
    pub fn hear(self, failed: bool) {
        if failed {
            self.0.print();
        }
    }
}

impl Drop for FailureReport {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.print();
        }
    }
}

/// Runs the body of a test that gives back a result, so that its `return` and `?` come back here.
pub fn run<T>(body: impl FnOnce() -> T) -> T {
    body()
}

/// Stands for a value where only its type counts.
///
/// # Panics
///
/// It is called.
#[must_use]
pub fn never<T>() -> T {
    unreachable!("it stands where nobody comes")
}

/// Asks whether a test has failed what it gives back, which is called a result but may be any
/// type: a method that the type does not have is looked for in what it dereferences to.
pub struct Outcome<'a, T>(pub &'a T);

impl<T, E> Outcome<'_, Result<T, E>> {
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.0.is_err()
    }
}

pub struct Unknown;

impl Unknown {
    #[must_use]
    pub fn is_failure(&self) -> bool {
        false
    }
}

impl<T> Deref for Outcome<'_, T> {
    type Target = Unknown;

    fn deref(&self) -> &Unknown {
        &Unknown
    }
}

/// Gets all that one test asks for, in one order for all tests so that none waits for another that
/// waits for it.
///
/// # Panics
///
/// One of them cannot be had.
#[track_caller]
#[must_use]
pub fn acquire<const N: usize>(requests: [Request; N]) -> [Grant; N] {
    let mut grants: [Option<Grant>; N] = std::array::from_fn(|_| None);
    let mut ordered: Vec<_> = requests.into_iter().enumerate().collect();
    ordered.sort_by_cached_key(|(_, request)| request.key().ok());
    for (at, request) in ordered {
        match request.grant() {
            Ok(grant) => grants[at] = Some(grant),
            Err(error) => panic!("{error:?}"),
        }
    }
    grants.map(|grant| grant.expect("every request was granted"))
}

/// Adds those who tell of it all when the test fails; no process shows itself then. For a fixture
/// there are none: what it got may outlive it.
#[must_use]
pub fn attend<const N: usize>(grants: [Grant; N], is_test: bool) -> ([Grant; N], FailureReport) {
    if !is_test {
        return (grants, FailureReport(failure_report::FailureReport::new(Vec::new())));
    }
    let grants = grants.map(|grant| match grant {
        Grant::Own(process) => Grant::Own(Box::new(process.leased())),
        lease => lease,
    });
    let witnesses = grants.iter().map(|grant| grant.shared().server().view()).collect();
    (grants, FailureReport(failure_report::FailureReport::new(witnesses)))
}

/// A lease for a fixture.
///
/// # Panics
///
/// It cannot be had.
#[track_caller]
pub fn lease(shared: &'static Shared) -> Lease {
    match shared.lease() {
        Ok(lease) => lease,
        Err(error) => panic!("{error:?}"),
    }
}

/// An executor that says who shares its process.
pub fn scoped(executor: Executor, scope: Scope) -> Executor {
    executor.with_scope(scope)
}

/// A lease of what an executor describes.
///
/// # Errors
///
/// Those of [`Shared::lease`].
pub fn lease_of(executor: Executor) -> Result<Lease> {
    in_process::entry(executor, None)?.lease()
}
