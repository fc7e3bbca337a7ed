//! The use of a running stack by one test.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::thread;

use super::running::RunningStack;
use crate::output::LeaseMark;
use crate::process::Process;
use crate::server::failure_report::FailureReport;

/// The use of a [`RunningStack`] by one test, while others use it too.
///
/// If the test panics, the state of each process and what it has written since the lease began are
/// printed.
#[must_use = "a lease that is not kept ends at once"]
pub struct StackLease<'a> {
    stack: &'a RunningStack,
    _marks: Vec<LeaseMark>,
    report: Arc<FailureReport>,
}

impl RunningStack {
    /// Begins the use of the stack by one test: a failing one then prints what the processes have written
    /// meanwhile.
    ///
    /// # Examples
    ///
    /// All tests of a test process share one stack, which is stopped when that process exits. Under
    /// nextest, each test has a process of its own.
    ///
    /// ```
    /// use std::sync::LazyLock;
    ///
    /// # use mirakuru_core::{RunningStack, Stack, servers};
    /// static STACK: LazyLock<RunningStack> = LazyLock::new(|| {
    ///     let stack = Stack::new().add("files", servers::static_files());
    ///     stack.start().unwrap_or_else(|error| panic!("{error:?}"))
    /// });
    ///
    /// // In each test:
    /// let stack = STACK.lease();
    /// println!("GET {}", stack["files"].url());
    /// ```
    pub fn lease(&self) -> StackLease<'_> {
        StackLease {
            stack: self,
            _marks: self.processes().map(|process| process.server().begin_lease()).collect(),
            report: FailureReport::open(self.processes().flat_map(Process::views).collect()),
        }
    }
}

impl Deref for StackLease<'_> {
    type Target = RunningStack;

    fn deref(&self) -> &RunningStack {
        self.stack
    }
}

impl Drop for StackLease<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.report.print();
        }
    }
}

impl fmt::Debug for StackLease<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StackLease").field(self.stack).finish()
    }
}
