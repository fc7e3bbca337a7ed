//! Stops that are awaited: they leave the thread to the runtime, whose tasks may have to hang up
//! before the process ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use parking_lot::Mutex;

use super::Process;
use crate::error::Result;
use crate::supervisor::{Client, Request};
use crate::types::{Exit, Signal};

impl Process {
    /// Stops the process as [`stop`](Self::stop) does, without blocking the thread meanwhile.
    ///
    /// In a runtime of one thread, such as that of `#[tokio::test]`, `stop` keeps the tasks from
    /// running that have connections to the process. Servers that wait for their clients to hang up
    /// are then killed after the [stop timeout](crate::Executor::stop_timeout). Any runtime will do.
    ///
    /// If the future is dropped, the stop goes on.
    ///
    /// # Errors
    ///
    /// The same as those of [`stop`](Self::stop).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// # async fn test() -> mirakuru_core::Result<()> {
    /// let mut process = Executor::new("sleep 60").start()?;
    /// let exit = process.stop_async().await?;
    /// assert_eq!(exit.signal(), Some(Signal::TERM));
    /// # Ok(())
    /// # }
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # let mut test = std::pin::pin!(test());
    /// # while test.as_mut().poll(&mut context).is_pending() {}
    /// ```
    pub async fn stop_async(&mut self) -> Result<Exit> {
        self.stop_with_async(self.server.plan.stop_signal).await
    }

    /// Stops the process with another signal, without blocking the thread meanwhile.
    ///
    /// # Errors
    ///
    /// The same as those of [`stop`](Self::stop).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// # async fn test() -> mirakuru_core::Result<()> {
    /// let mut server = Executor::new("sleep 60").start()?;
    /// let exit = server.stop_with_async(Signal::INT).await?;
    /// assert_eq!(exit.signal(), Some(Signal::INT));
    /// # Ok(())
    /// # }
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # let mut test = std::pin::pin!(test());
    /// # while test.as_mut().poll(&mut context).is_pending() {}
    /// ```
    pub async fn stop_with_async(&mut self, signal: Signal) -> Result<Exit> {
        self.server.check_signal(signal)?;
        self.end_async(Request::Stop(signal.number())).await;
        self.stop_with(signal)
    }

    /// Kills the process as [`kill`](Self::kill) does, without blocking the thread meanwhile.
    ///
    /// # Errors
    ///
    /// The same as those of [`kill`](Self::kill).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// # async fn test() -> mirakuru_core::Result<()> {
    /// let mut server = Executor::new("sleep 60").start()?;
    /// server.kill_async().await?;
    /// assert!(!server.is_running());
    /// # Ok(())
    /// # }
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # let mut test = std::pin::pin!(test());
    /// # while test.as_mut().poll(&mut context).is_pending() {}
    /// ```
    pub async fn kill_async(&mut self) -> Result<Exit> {
        self.end_async(Request::Kill(self.server.plan.kill_signal.number())).await;
        self.kill()
    }

    /// Restarts the process as [`restart`](Self::restart) does, without blocking the thread while it
    /// stops. The start blocks it.
    ///
    /// # Errors
    ///
    /// The same as those of [`restart`](Self::restart).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// # async fn test() -> mirakuru_core::Result<()> {
    /// let mut server = Executor::new("sleep 60").start()?;
    /// server.restart_async().await?;
    /// assert!(server.is_running());
    /// # Ok(())
    /// # }
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # let mut test = std::pin::pin!(test());
    /// # while test.as_mut().poll(&mut context).is_pending() {}
    /// ```
    pub async fn restart_async(&mut self) -> Result<()> {
        let _ = self.stop_async().await; // How it ended is not checked.
        self.restart()
    }

    async fn end_async(&mut self, request: Request) {
        self.server.stdin = None;
        if self.is_running() && self.server.request(request).is_ok() {
            Ended::of(self.server.client()).await;
        }
    }
}

/// Becomes ready when a server has ended, or does not end in time.
struct Ended(Arc<Mutex<Progress>>);

#[derive(Default)]
struct Progress {
    is_over: bool,
    waker: Option<Waker>,
}

impl Ended {
    fn of(client: Arc<Client>) -> Self {
        let progress = Arc::<Mutex<Progress>>::default();
        let shared = Arc::clone(&progress);
        let wait = move || {
            client.wait_for_stop(|state| !state.is_running());
            let mut progress = shared.lock();
            progress.is_over = true;
            progress.waker.take().into_iter().for_each(Waker::wake);
        };
        // Without a thread, the caller waits.
        let thread = thread::Builder::new().name("mirakuru-stop".to_owned()).spawn(wait);
        progress.lock().is_over |= thread.is_err();
        Self(progress)
    }
}

impl Future for Ended {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut progress = self.0.lock();
        if progress.is_over {
            return Poll::Ready(());
        }
        progress.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
