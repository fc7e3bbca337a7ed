//! One start of all members.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::control::Control;
use super::members::Members;
use super::order::{Need, Order};
use super::running::RunningStack;
use crate::diagnostics::{misspelt, settings};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Executor;
use crate::launch::plan::Reserved;
use crate::process::Process;
use crate::resources::placeholders::OtherValues;
use crate::resources::ports::Reservation;
use crate::server::Needed;

/// What is done around a start of all members.
pub(super) trait Observer: Sync {
    /// Returns what stands before each line of output of a member, if it is printed.
    fn prefix(&self, _member: usize) -> Option<String> {
        None
    }

    /// Gets what can end the members, before the first of them starts.
    fn begins(&self, _control: &Arc<Control>) {}

    fn is_ready(&self, _process: &Process, _elapsed: Duration) {}
}

impl Observer for () {}

/// Starts all members.
pub(super) fn start(members: &Members, observer: &dyn Observer) -> Result<RunningStack> {
    settings::check()?;
    misspelt::report();
    members.check()?;
    let mut locked = Vec::new();
    loop {
        let Failure { member, error } = match try_start(members, observer, &locked) {
            Ok(running) => return Ok(running),
            Err(failure) => failure,
        };
        let spec = members.executor(member).spec();
        // Others have its port already, so all start again with another one.
        let is_retried = error.is_address_in_use() && spec.has_port();
        if !is_retried || locked.contains(&member) {
            return Err(error);
        }
        spec.remember_to_lock();
        locked.push(member);
    }
}

/// The member that did not start, and why.
struct Failure {
    member: usize,
    error: Error,
}

/// All members, before the first starts.
struct Launch<'a> {
    members: &'a Members,
    observer: &'a dyn Observer,
    control: Arc<Control>,
    executors: Vec<Executor>,
    reserved: Vec<Mutex<Option<Reserved>>>,
    /// What texts may name of each member.
    values: Mutex<Vec<OtherValues>>,
    started: Vec<Mutex<Option<Process>>>,
    failure: Mutex<Option<Failure>>,
}

/// Starts all members once. The ports of those that are `locked` are reserved by lock files.
fn try_start(
    members: &Members,
    observer: &dyn Observer,
    locked: &[usize],
) -> Result<RunningStack, Failure> {
    let (mut launch, reserved) = Launch::new(members, observer, locked)?;
    let order = launch.order(reserved)?;
    observer.begins(&launch.control);
    order.for_each(|member| launch.start_member(member, order.before(member)));
    let processes = launch.started.into_iter().map(Mutex::into_inner);
    let processes: Vec<_> = processes.map(|process| process.map(Process::reported)).collect();
    let missing = processes.iter().position(Option::is_none);
    let missing = missing.filter(|_| !launch.control.is_aborted());
    let no_thread = |member| failure(member)(Error::new(ErrorKind::Os, "no thread can be started"));
    let failure = launch.failure.into_inner().or_else(|| missing.map(no_thread));
    let running = RunningStack::new(processes, order, launch.control);
    // Dropping what runs stops it.
    failure.map_or(Ok(running), Err)
}

impl<'a> Launch<'a> {
    /// Reserves the ports of all members.
    fn new(
        members: &'a Members,
        observer: &'a dyn Observer,
        locked: &[usize],
    ) -> Result<(Self, Vec<Reserved>), Failure> {
        let control = Arc::new(Control::new(members.executors()));
        let (mut executors, mut reserved) = (Vec::new(), Vec::new());
        for (at, (name, executor)) in members.iter().enumerate() {
            let interrupt = control.interrupt(at);
            let executor = executor.as_member(name, observer.prefix(at), interrupt);
            let mut executor = executor.map_err(failure(at))?;
            // Without values, which are not known yet.
            members.names().for_each(|name| executor.set_other(name, OtherValues::new()));
            let reservation = match locked.contains(&at) {
                true => Reservation::LockFile,
                false => executor.spec().reservation(),
            };
            reserved.push(executor.reserve(reservation).map_err(failure(at))?);
            executors.push(executor);
        }
        let values = executors.iter().zip(&reserved).map(|(executor, (values, _))| {
            let url = executor.spec().awaits_url().then_some(("url", None));
            values.for_others(std::iter::once(("addr", None)).chain(url).collect())
        });
        let values = values.collect();
        let launch = Self {
            members,
            observer,
            control,
            executors,
            reserved: Vec::new(),
            values: Mutex::new(values),
            started: members.names().map(|_| Mutex::default()).collect(),
            failure: Mutex::default(),
        };
        Ok((launch, reserved))
    }

    /// Returns the order of the members, by what they name of each other.
    fn order(&mut self, mut reserved: Vec<Reserved>) -> Result<Order, Failure> {
        let mut needs = Vec::new();
        for (member, reserved) in reserved.iter_mut().enumerate() {
            let named = self.knowing(member).named_others(reserved).map_err(failure(member))?;
            for (name, has_value) in named {
                if let Some(other) = self.members.position(&name) {
                    needs.push(Need { member, other, is_strict: !has_value });
                }
            }
        }
        // A member may name its own ports.
        needs.retain(|need| need.is_strict || need.member != need.other);
        needs.retain(|need| need.is_strict || !self.members.are_together(need));
        needs.extend(self.members.explicit_needs().map_err(failure(0))?);
        self.reserved = reserved.into_iter().map(|it| Mutex::new(Some(it))).collect();
        let order = Order::new(self.members.count(), &needs);
        order.map_err(|circle| failure(circle[0])(self.members.circle(&circle)))
    }

    /// Returns the executor of a member, with what its texts may name of all members now.
    fn knowing(&self, member: usize) -> Executor {
        let mut executor = self.executors[member].clone();
        for (name, values) in self.members.names().zip(self.values.lock().iter()) {
            executor.set_other(name, values.clone());
        }
        executor
    }

    /// Starts a member when all that come before it are ready. Returns false if it does not start.
    fn start_member(&self, member: usize, before: &[usize]) -> bool {
        if self.control.is_aborted() {
            return false;
        }
        match self.try_start(member, before) {
            Ok(process) => {
                self.control.set_ready(member, true);
                self.values.lock()[member] = process.server().for_others();
                *self.started[member].lock() = Some(process);
                true
            }
            Err(error) => {
                let mut first = self.failure.lock();
                // What was aborted fails because of the first one, or of the user.
                if first.is_none() {
                    *first = Some(Failure { member, error });
                }
                drop(first);
                self.control.abort();
                false
            }
        }
    }

    /// Returns what the supervisor of a member has to know of those that come before it: that it stops
    /// before them, however this program ends.
    fn before(&self, before: &[usize]) -> impl Iterator<Item = Needed> {
        let needed = |member: &usize| {
            self.started[*member].lock().as_ref().map(|process| process.server().needed())
        };
        before.iter().filter_map(needed)
    }

    fn try_start(&self, member: usize, before: &[usize]) -> Result<Process> {
        let began = Instant::now();
        let executor = self.knowing(member);
        let reserved = self.reserved[member].lock().take();
        let reserved = reserved.map_or_else(|| executor.reserve(Reservation::Bound), Ok)?;
        let needs = executor.lease_needs()?;
        let needed = self.before(before).chain(needs.needed()).collect();
        let process = executor.knowing(&needs).start_reserved(reserved, needed)?.needing(needs);
        process.run_after_ready()?;
        self.observer.is_ready(&process, began.elapsed());
        Ok(process)
    }
}

fn failure(member: usize) -> impl Fn(Error) -> Failure {
    move |error| Failure { member, error }
}
