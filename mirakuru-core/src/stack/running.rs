//! A stack that runs.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::control::Control;
use super::order::Order;
use crate::error::{ErrorKind, Result};
use crate::process::Process;
use crate::syntax::suggest;

/// A started [`Stack`](crate::Stack): its processes by their names.
///
/// # Drop behavior
///
/// Dropping it stops the processes as [`stop`](Self::stop) does, and ignores how they ended. If the
/// thread panics, the state and the last lines of output of each are printed.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{Executor, RunningStack, Stack};
/// let server = Executor::new("sleep 60").env("PORT", "{port}");
/// let mut stack: RunningStack = Stack::new().add("server", server).start()?;
/// println!("http://127.0.0.1:{}/", stack["server"].port());
/// stack["server"].restart()?;
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub struct RunningStack {
    /// In the order in which they were added. None did not start.
    processes: Vec<Option<Process>>,
    order: Order,
    control: Arc<Control>,
}

impl RunningStack {
    pub(super) fn new(
        processes: Vec<Option<Process>>,
        order: Order,
        control: Arc<Control>,
    ) -> Self {
        Self { processes, order, control }
    }

    /// Returns a process by its name, or `None` if the stack has none of that name.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let stack = Stack::new().add("worker", Executor::new("sleep 60")).start()?;
    /// assert!(stack.get("worker").is_some());
    /// assert!(stack.get("db").is_none());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Process> {
        self.processes().find(|process| process.name() == name)
    }

    /// Returns a process by its name, to stop, restart or pause it. Its ports and directory stay. `None`
    /// means that the stack has none of that name.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let mut stack = Stack::new().add("worker", Executor::new("sleep 60")).start()?;
    /// if let Some(worker) = stack.get_mut("worker") {
    ///     worker.restart()?;
    /// }
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Process> {
        self.processes.iter_mut().flatten().find(|process| process.name() == name)
    }

    /// Returns all processes, in the order in which they were added.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let stack = Stack::new().add("worker", Executor::new("sleep 60")).start()?;
    /// for process in stack.processes() {
    ///     println!("{} has the id {}", process.name(), process.pid());
    /// }
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn processes(&self) -> impl Iterator<Item = &Process> + Clone {
        self.processes.iter().flatten()
    }

    /// Stops all processes, each when those that need it have ended. Stopping again does nothing.
    ///
    /// # Errors
    ///
    /// The first error of [`Process::stop`]. All others are stopped nevertheless.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let mut stack = Stack::new().add("worker", Executor::new("sleep 60")).start()?;
    /// stack.stop()?;
    /// assert!(!stack["worker"].is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn stop(&mut self) -> Result<()> {
        let failure = Mutex::new(None);
        let processes: Vec<_> = self.processes.iter_mut().map(Mutex::new).collect();
        self.order.reversed().for_each(|member| {
            if let Some(process) = processes[member].lock().as_mut() {
                // One that was not started here goes on.
                let stopped = process.stop().map(drop);
                let stopped = stopped.or_else(|error| match error.kind() {
                    ErrorKind::External => Ok(()),
                    _ => Err(error),
                });
                if let Err(error) = stopped {
                    failure.lock().get_or_insert(error);
                }
            }
            true
        });
        failure.into_inner().map_or(Ok(()), Err)
    }

    /// Returns a process by its number, and what ends it from another thread.
    pub(super) fn member_mut(&mut self, member: usize) -> (Option<&mut Process>, &Control) {
        (self.processes[member].as_mut(), &self.control)
    }

    fn no_such(&self, name: &str) -> String {
        let names = || self.processes().map(Process::name);
        match suggest::name(name, names()) {
            Some(near) => format!("the stack has no `{name}`; did you mean `{near}`?"),
            None => {
                let known = suggest::alternatives(names(), "and");
                format!("the stack has no `{name}`; it has {known}")
            }
        }
    }
}

/// Panics if the stack has no process of that name.
impl Index<&str> for RunningStack {
    type Output = Process;

    #[track_caller]
    fn index(&self, name: &str) -> &Process {
        match self.get(name) {
            Some(process) => process,
            None => panic!("{}", self.no_such(name)),
        }
    }
}

/// Panics if the stack has no process of that name.
impl IndexMut<&str> for RunningStack {
    #[track_caller]
    fn index_mut(&mut self, name: &str) -> &mut Process {
        if self.get(name).is_none() {
            panic!("{}", self.no_such(name));
        }
        self.get_mut(name).expect("it was found")
    }
}

impl Drop for RunningStack {
    fn drop(&mut self) {
        if thread::panicking() {
            // Some are kept running then, which their own destructors see to.
            self.processes.iter_mut().flatten().for_each(Process::print_report);
            let is_kept = |process: &mut Process| process.server().client().is_kept();
            self.processes.iter_mut().for_each(|process| drop(process.take_if(is_kept)));
        }
        let processes: Vec<_> = self.processes.iter_mut().map(Mutex::new).collect();
        self.order.reversed().for_each(|member| {
            drop(processes[member].lock().take());
            true
        });
    }
}

impl fmt::Debug for RunningStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.processes()).finish()
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<RunningStack>();
};
