//! Sharing a process among the threads of one test process.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::request::Request;
use super::users::{Access, User, Users};
use crate::diagnostics::events;
use crate::diagnostics::progress::Progress;
use crate::diagnostics::time_limit::{Limit, TimeLimit, multiplied};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::process::{NeedLease, NeedLeases, Process};
use crate::server::Needed;
use crate::supervisor::Answer;

/// The interval at which the next request in the queue reports progress.
const STEP: Duration = Duration::from_millis(100);

/// The interval at which the others check whether they have become the next one.
const STEP_BEHIND: Duration = Duration::from_secs(1);

/// A process that the threads of this test process share, running or not.
pub(super) struct InProcess {
    executor: Executor,
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    users: Users,
    slot: Slot,
}

/// The process, or what became of it.
#[derive(Default)]
enum Slot {
    #[default]
    NotStarted,
    /// An exclusive lease has taken the process out.
    Taken(Needed),
    /// The holder of a lease is starting it, outside the lock.
    Starting,
    Running(Arc<Process>),
    /// The start failed and is not repeated.
    Failed(Error),
}

impl InProcess {
    pub(super) fn new(executor: Executor) -> Self {
        let name = executor.spec().display_name();
        Self { executor, name, state: Mutex::default() }
    }

    /// Returns the number of leases.
    pub(super) fn lease_count(&self) -> usize {
        self.state.lock().users.lease_count()
    }

    /// Returns true if the next lease starts the process.
    pub(super) fn has_to_start(&self) -> bool {
        let state = self.state.lock();
        match &state.slot {
            Slot::NotStarted => true,
            Slot::Running(process) => !process.is_running(),
            Slot::Taken(_) | Slot::Starting | Slot::Failed(_) => false,
        }
    }

    /// Leases the process for the calling test and others.
    pub(super) fn lease(self: &Arc<Self>, request: &Request) -> Result<SharedHold> {
        let place = self.wait_for_turn(Access::Shared, request)?;
        let (process, place) = self.beside_others(place, request)?;
        self.report_lease(false);
        Ok(SharedHold { process, place })
    }

    /// Leases the process for another one, which the calling test uses and which needs this one.
    pub(super) fn need(self: &Arc<Self>, request: &Request) -> Result<NeedLease> {
        let place = self.wait_for_turn(Access::Need, request)?;
        let taken = self.state.lock().taken();
        if let Some(needed) = taken {
            // The same test has it alone, and its lease shows it.
            return Ok(NeedLease { needed, views: Vec::new(), _hold: Box::new(place) });
        }
        let (process, place) = self.beside_others(place, request)?;
        let server = process.server();
        let mark = server.begin_lease();
        let (needed, views) = (server.needed(), server.views(request.needs.views()));
        Ok(NeedLease { needed, views, _hold: Box::new((mark, place)) })
    }

    /// Returns the process for a shared lease that was granted. If the process is dead, this waits for
    /// the tests that still hold leases of it, and starts it again.
    fn beside_others(
        self: &Arc<Self>,
        mut place: Place,
        request: &Request,
    ) -> Result<(Arc<Process>, Place)> {
        if let Some(process) = place.running_process(request.timeout)? {
            return Ok((process, place));
        }
        loop {
            drop(place);
            place = self.wait_for_turn(Access::Restart, request)?;
            if let Some(process) = place.running_process(request.timeout)? {
                self.state.lock().users.end_restart(&place.user);
                return Ok((process, place));
            }
        }
    }

    /// Leases the process for the calling test alone.
    pub(super) fn exclusive(self: &Arc<Self>, request: &Request) -> Result<ExclusiveHold> {
        let place = self.wait_for_turn(Access::Exclusive, request)?;
        let mut process =
            place.running_process(request.timeout)?.expect("no other test holds a lease");
        // From now on the lease has the only reference, until it puts it back.
        self.state.lock().slot = Slot::Taken(process.server().needed());
        if let Some(process) = Arc::get_mut(&mut process) {
            process.server_mut().set_needed(request.needs.needed());
        }
        self.report_lease(true);
        Ok(ExclusiveHold { process: Some(process), place, discards: false })
    }

    /// Requests a lease, and waits until it is granted.
    fn wait_for_turn(self: &Arc<Self>, access: Access, request: &Request) -> Result<Place> {
        let Request { needs, timeout } = request;
        let timeout = *timeout;
        let mut state = self.state.lock();
        let (user, answer) = state.users.request(access);
        let has_another = match answer {
            Answer::Granted => true,
            Answer::Queued => false,
            Answer::SelfDeadlock => return Err(Error::lease_deadlock(&self.name)),
            Answer::Overdue => {
                return Err(Error::lease_overdue(
                    &self.name,
                    Limit(timeout),
                    &state.users.holders(),
                ));
            }
        };
        let place = Place { shared: Arc::clone(self), user, has_another, needs: needs.clone() };
        let granted = place.wait_in_queue(&mut state, timeout);
        drop(state); // The place takes the lock if it is dropped.
        granted.map(|()| place)
    }

    fn report_lease(&self, exclusive: bool) {
        events::leased(&self.name, self.lease_count(), exclusive);
    }
}

impl State {
    fn is_starting(&self) -> bool {
        matches!(self.slot, Slot::Starting)
    }

    /// Returns the process that an exclusive lease has taken out, for those that need it.
    fn taken(&self) -> Option<Needed> {
        match &self.slot {
            Slot::Taken(needed) => Some(needed.clone()),
            _ => None,
        }
    }

    fn process(&self) -> Option<Arc<Process>> {
        match &self.slot {
            Slot::Running(process) => Some(Arc::clone(process)),
            Slot::NotStarted | Slot::Taken(_) | Slot::Starting | Slot::Failed(_) => None,
        }
    }
}

/// A request in the queue, granted or not. Dropping it withdraws the request or ends the lease.
struct Place {
    shared: Arc<InProcess>,
    user: Arc<User>,
    /// The same test holds an earlier lease.
    has_another: bool,
    /// The leases of what the process needs, as long as this one.
    needs: NeedLeases,
}

impl Place {
    /// Waits until the request is granted. The time limit is for one holder, and does not include a
    /// start, which has its own.
    fn wait_in_queue(&self, state: &mut MutexGuard<'_, State>, timeout: Duration) -> Result<()> {
        let mut progress = Progress::new(Instant::now(), timeout);
        let mut limit = TimeLimit::new(timeout);
        while !state.users.is_granted(&self.user) {
            let is_starting = state.is_starting();
            limit.restart(if is_starting { Instant::now() } else { state.users.handed_over() });
            if limit.is_over() {
                let holders = state.users.holders();
                state.users.give_up(&self.user);
                return Err(Error::lease_timeout(&self.shared.name, Limit(timeout), &holders));
            }
            let step = if state.users.is_next(&self.user) { STEP } else { STEP_BEHIND };
            if limit.sleep(step, |end| self.user.woken.wait_until(state, end)).timed_out() {
                self.report_progress(state, &mut progress);
            }
        }
        Ok(())
    }

    /// Reports a long wait, if this request is the first in the queue and waits for a lease rather
    /// than for a start, which reports its own progress.
    fn report_progress(&self, state: &mut MutexGuard<'_, State>, progress: &mut Progress) {
        if state.is_starting() || !state.users.is_next(&self.user) {
            return;
        }
        let wait = format!("a lease of {}, held by {}", self.shared.name, state.users.holders());
        MutexGuard::unlocked(state, || progress.tick(&|| wait.clone(), ""));
    }

    /// Returns the process for a granted request, and starts it if it does not run. Returns `None` if
    /// it is dead and other tests still hold leases of it.
    fn running_process(&self, timeout: Duration) -> Result<Option<Arc<Process>>> {
        // Asked outside the lock: it is a system call.
        let found = self.shared.state.lock().process();
        if let Some(process) = found.filter(|it| self.can_use(it)) {
            return Ok(Some(process));
        }
        let mut state = self.shared.state.lock();
        if state.is_starting() && self.has_another {
            // The calling thread itself is inside that start.
            return Err(Error::lease_deadlock(&self.shared.name));
        }
        self.wait_for_start(&mut state, timeout)?;
        match &state.slot {
            Slot::Failed(error) => return Err(error.clone()),
            Slot::Running(process) if self.can_use(process) => {
                return Ok(Some(Arc::clone(process)));
            }
            Slot::Running(_) if !state.users.is_only_holder(&self.user) => return Ok(None),
            Slot::Running(_) | Slot::NotStarted | Slot::Taken(_) | Slot::Starting => {}
        }
        let former = std::mem::replace(&mut state.slot, Slot::Starting);
        drop(state);
        self.start(former).map(Some)
    }

    /// Returns true if the process can be leased as it is: it runs, and what it needs is still the same.
    fn can_use(&self, process: &Process) -> bool {
        let is_usable = || process.server().needs_same(&self.needs.needed());
        self.has_another || process.is_running() && is_usable()
    }

    /// Waits for the end of another test's start. That has a time limit of its own, but a probe of the
    /// user's may exceed it.
    fn wait_for_start(&self, state: &mut MutexGuard<'_, State>, timeout: Duration) -> Result<()> {
        // A start is repeated once if its port cannot be bound.
        let starts = multiplied(self.shared.executor.spec().timeout).saturating_mul(2);
        let mut limit = TimeLimit::new(starts.saturating_add(timeout));
        while state.is_starting() {
            if limit.is_over() {
                return Err(Error::lease_timeout(
                    &self.shared.name,
                    Limit(timeout),
                    &state.users.holders(),
                ));
            }
            limit.sleep(STEP_BEHIND, |end| self.user.woken.wait_until(state, end));
        }
        Ok(())
    }

    /// Starts the process outside the lock, and lets the other tests know the outcome.
    fn start(&self, former: Slot) -> Result<Arc<Process>> {
        let mut outcome = StartOutcome { shared: &self.shared, slot: Slot::NotStarted };
        drop(former); // A dead process is cleared away first, so that its addresses are free again.
        match self.shared.executor.start_with(&self.needs) {
            Ok(process) => {
                let process = Arc::new(process.leased());
                outcome.slot = Slot::Running(Arc::clone(&process));
                Ok(process)
            }
            Err(error) => {
                if !error.may_pass() && self.needs.are_running() {
                    outcome.slot = Slot::Failed(error.clone());
                }
                Err(error)
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.state.lock().users.remove(&self.user);
    }
}

/// The outcome of a start. Dropping it puts it into the slot: after a panic, the next test starts
/// the process.
struct StartOutcome<'a> {
    shared: &'a InProcess,
    slot: Slot,
}

impl Drop for StartOutcome<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.slot = std::mem::take(&mut self.slot);
        state.users.start_ended();
    }
}

/// A shared lease. Its reference to the process is dropped before its place in the queue, so an
/// exclusive lease that is granted next has the only one.
pub(super) struct SharedHold {
    process: Arc<Process>,
    #[allow(dead_code, reason = "ends the lease when it is dropped")]
    place: Place,
}

impl Deref for SharedHold {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// An exclusive lease. It has taken the process out of its slot, and puts it back when it ends.
pub(super) struct ExclusiveHold {
    process: Option<Arc<Process>>,
    place: Place,
    /// The process is stopped when the lease ends.
    pub(super) discards: bool,
}

impl Deref for ExclusiveHold {
    type Target = Process;

    fn deref(&self) -> &Process {
        self.process.as_ref().expect("the process is put back when the lease ends")
    }
}

impl DerefMut for ExclusiveHold {
    fn deref_mut(&mut self) -> &mut Process {
        let process = self.process.as_mut().and_then(Arc::get_mut);
        process.expect("an exclusive lease has the only reference to the process")
    }
}

impl Drop for ExclusiveHold {
    fn drop(&mut self) {
        let kept = self.process.take().filter(|_| !self.discards);
        self.place.shared.state.lock().slot = kept.map_or(Slot::NotStarted, Slot::Running);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::sync::{Barrier, OnceLock};
    use std::thread;

    use super::*;
    use crate::error::ErrorKind;
    use crate::readiness::{Attempt, Probe, Readiness};
    use crate::sharing::current_test;
    use crate::sys;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(300);

    fn request(timeout: Duration) -> Request {
        Request { needs: NeedLeases::default(), timeout }
    }

    fn shared(executor: Executor) -> Arc<InProcess> {
        Arc::new(InProcess::new(executor))
    }

    fn sleeper() -> Arc<InProcess> {
        shared(Executor::new("sleep 60"))
    }

    /// Waits until so many requests are queued.
    fn await_queued(shared: &InProcess, count: usize) {
        while shared.state.lock().users.queued().len() < count {
            thread::yield_now();
        }
    }

    fn kill(process: &Process) {
        // The caller has a shared lease, which cannot kill.
        let pid = process.pid().to_string();
        assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        while process.is_running() {
            thread::yield_now();
        }
    }

    #[test]
    fn many_threads_share_one_start() {
        let shared = sleeper();
        let barrier = Barrier::new(64);
        let pids: Vec<_> = thread::scope(|scope| {
            let lease = || {
                barrier.wait();
                shared.lease(&request(LONG)).unwrap().pid()
            };
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(lease)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
        assert_eq!(shared.lease_count(), 0);
    }

    #[test]
    fn an_exclusive_lease_waits_and_lets_no_later_one_pass() {
        let shared = sleeper();
        let first = shared.lease(&request(LONG)).unwrap();
        let (sender, order) = mpsc::channel();
        thread::scope(|scope| {
            let (exclusive, later) = (sender.clone(), sender);
            let shared = &shared;
            scope.spawn(move || {
                let mut lease = shared.exclusive(&request(LONG)).unwrap();
                exclusive.send("exclusive").unwrap();
                lease.pause().unwrap();
                lease.resume().unwrap();
            });
            await_queued(shared, 1);
            scope.spawn(move || {
                let _lease = shared.lease(&request(LONG)).unwrap();
                later.send("shared").unwrap();
            });
            await_queued(shared, 2);
            let again = shared.lease(&request(LONG)).unwrap();
            assert!(order.try_recv().is_err());
            drop((first, again));
        });
        assert_eq!(order.into_iter().collect::<Vec<_>>(), ["exclusive", "shared"]);
    }

    #[test]
    fn a_test_that_would_wait_for_itself_gets_an_error() {
        let shared = sleeper();
        let lease = shared.lease(&request(LONG)).unwrap();
        assert_eq!(shared.exclusive(&request(LONG)).err().unwrap().kind(), ErrorKind::Lease);
        drop(lease);
        let _lease = shared.exclusive(&request(LONG)).unwrap();
        assert_eq!(shared.lease(&request(LONG)).err().unwrap().kind(), ErrorKind::Lease);
    }

    /// A panic in `check` would be an error.
    struct PanicsOnce(AtomicBool);

    impl Probe for PanicsOnce {
        fn check(&self, _: &Attempt<'_>) -> Readiness {
            Readiness::Ready
        }

        fn identity(&self) -> Option<String> {
            assert!(!self.0.swap(false, Ordering::Relaxed), "the first start panics");
            None
        }
    }

    #[test]
    fn a_start_that_panics_blocks_no_other_test() {
        let shared = shared(Executor::new("sleep 60").probe(PanicsOnce(AtomicBool::new(true))));
        thread::scope(|scope| {
            let lease = || shared.lease(&request(LONG)).map(|lease| lease.pid());
            let threads = [(); 4].map(|()| scope.spawn(lease));
            let results = threads.map(|thread| thread.join());
            assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
        });
        assert_eq!(shared.lease_count(), 0);
    }

    #[test]
    fn a_failed_start_is_remembered() {
        let shared =
            shared(Executor::new("sh -c 'exit 3'").timeout(LONG).probe(|_: &Attempt<'_>| false));
        let first = shared.lease(&request(LONG)).err().unwrap();
        let (shared_error, exclusive_error) = (
            shared.lease(&request(LONG)).err().unwrap(),
            shared.exclusive(&request(LONG)).err().unwrap(),
        );
        assert_eq!(first.to_string(), shared_error.to_string());
        assert_eq!(first.to_string(), exclusive_error.to_string());
        assert_eq!(shared.lease_count(), 0);
    }

    #[test]
    fn a_dead_process_is_replaced_at_once_if_no_other_test_holds_it() {
        let shared = sleeper();
        let lease = shared.lease(&request(LONG)).unwrap();
        let pid = lease.pid();
        kill(&lease);
        drop(lease);
        let lease = shared.lease(&request(LONG)).unwrap();
        assert!(lease.is_running() && lease.pid() != pid);
    }

    #[test]
    fn a_dead_process_is_replaced_after_its_last_lease_for_all_that_wait() {
        let shared = sleeper();
        let lease = shared.lease(&request(LONG)).unwrap();
        let dead = lease.pid();
        kill(&lease);
        let together = Barrier::new(2);
        thread::scope(|scope| {
            let lease_next = || {
                let lease = shared.lease(&request(LONG)).unwrap();
                together.wait(); // Both leases are held at the same time.
                lease.pid()
            };
            let threads = [(); 2].map(|()| scope.spawn(lease_next));
            await_queued(&shared, 2);
            assert!(!lease.is_running());
            drop(lease);
            let [one, other] = threads.map(|thread| thread.join().unwrap());
            assert!(one == other && one != dead, "{one} {other} {dead}");
        });
    }

    #[test]
    fn the_time_limit_names_the_tests_that_hold_the_process() {
        let shared = sleeper();
        let _lease = shared.lease(&request(LONG)).unwrap();
        let error = thread::scope(|scope| {
            scope.spawn(|| shared.exclusive(&request(SHORT)).err().unwrap()).join().unwrap()
        });
        assert_eq!(error.kind(), ErrorKind::Lease);
        let thread = thread::current();
        assert!(error.to_string().contains(current_test::name(&thread)), "{error}");
        assert_eq!(shared.state.lock().users.queued(), []);
    }

    #[test]
    fn a_holder_that_was_waited_out_fails_the_next_request_at_once() {
        let shared = sleeper();
        let lease = shared.exclusive(&request(LONG)).unwrap();
        thread::scope(|scope| {
            let shared = &shared;
            let fails =
                |limit| scope.spawn(move || shared.lease(&request(limit)).err().unwrap()).join();
            let first = fails(SHORT).unwrap().to_string();
            assert!(first.contains("was not returned within"), "{first}");
            let next = fails(LONG).unwrap().to_string();
            assert!(next.contains("is still held by"), "{next}");
        });
        drop(lease);
        drop(shared.lease(&request(LONG)).unwrap());
    }

    #[test]
    fn the_time_limit_restarts_when_a_lease_changes_hands() {
        let shared = sleeper();
        let first = shared.exclusive(&request(LONG)).unwrap();
        thread::scope(|scope| {
            let hold = || {
                let _lease = shared.exclusive(&request(SHORT)).unwrap();
                let _ = sys::wait_readable(&[], Some(SHORT * 2 / 3));
            };
            // Each waits for all before it, which takes longer than its limit in total.
            for queued in 1..=4 {
                scope.spawn(hold);
                await_queued(&shared, queued);
            }
            drop(first);
        });
    }

    #[test]
    fn a_request_for_a_restart_joins_a_restart_by_another_test() {
        let shared = sleeper();
        let lease = shared.lease(&request(LONG)).unwrap();
        kill(&lease);
        let together = Barrier::new(2);
        thread::scope(|scope| {
            let restart = || {
                let place = shared.wait_for_turn(Access::Restart, &request(LONG)).unwrap();
                let process = place.running_process(LONG).unwrap().unwrap();
                shared.state.lock().users.end_restart(&place.user);
                together.wait();
                process.pid()
            };
            let threads = [(); 2].map(|()| scope.spawn(restart));
            await_queued(&shared, 2);
            drop(lease);
            let [one, other] = threads.map(|thread| thread.join().unwrap());
            assert_eq!(one, other);
        });
    }

    #[test]
    fn a_lease_inside_the_start_of_the_same_process_is_an_error() {
        static SHARED: OnceLock<Arc<InProcess>> = OnceLock::new();
        let executor = Executor::new("sleep 60").probe(|_: &Attempt<'_>| {
            let error = SHARED.get().unwrap().lease(&request(LONG)).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Lease);
            true
        });
        SHARED.get_or_init(|| shared(executor)).lease(&request(LONG)).map(drop).unwrap();
    }
}
