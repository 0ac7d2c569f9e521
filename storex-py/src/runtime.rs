//! What carries calls out: worker threads of the engine's own, or one thread in virtual time.

use crate::logging::Logging;
use futures::future::{AbortHandle, Abortable, BoxFuture, poll_immediate};
use pyo3::prelude::*;
use std::cell::RefCell;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tracing::dispatcher::DefaultGuard;
use tracing::instrument::WithSubscriber;

/// How often a blocking call looks for signals.
const SIGNALS: Duration = Duration::from_millis(50);
/// Worker threads: the work waits for others nearly all the time.
const WORKERS: usize = 2;

/// A unit of work.
type Job = BoxFuture<'static, ()>;

/// What carries calls out.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// Real time.
    Threads(Option<Runtime>, Handle, Logging),
    /// Virtual time: it passes only while a call is going on, and then at once.
    Virtual(UnboundedSender<Job>),
}

thread_local! {
    static LOGGING: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// Makes what this thread says go to the engine's log.
fn log_here(logging: &Logging) {
    let guard = tracing::dispatcher::set_default(&logging.dispatch());
    LOGGING.with(|slot| *slot.borrow_mut() = Some(guard));
}

impl Carrier {
    /// Real time, on worker threads of its own.
    pub(crate) fn threads(logging: &Logging) -> std::io::Result<Self> {
        let of_threads = logging.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("storex")
            .enable_all()
            .on_thread_start(move || log_here(&of_threads))
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self::Threads(Some(runtime), handle, logging.clone()))
    }

    /// Virtual time, on a thread of its own.
    pub(crate) fn virtual_time(logging: &Logging) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let (jobs, taken) = unbounded_channel();
        let logging = logging.clone();
        std::thread::Builder::new().name("storex-virtual".to_owned()).spawn(move || {
            log_here(&logging);
            carry(&runtime, taken);
        })?;
        Ok(Self::Virtual(jobs))
    }

    /// Starts the job; the handle drops it.
    pub(crate) fn start(&self, job: Job) -> AbortHandle {
        let (handle, registration) = AbortHandle::new_pair();
        let job: Job = Box::pin(async move {
            // A job that is aborted has nobody to tell.
            let _ = Abortable::new(job, registration).await;
        });
        match self {
            Self::Threads(_, runtime, _) => drop(runtime.spawn(job)),
            // Without a thread nobody carries it out, and whoever waits for it learns that its sender is gone.
            Self::Virtual(jobs) => drop(jobs.send(job)),
        }
        handle
    }

    /// Waits for the outcome with the interpreter released, and looks for signals meanwhile. A signal's exception drops the future. `None` when nobody
    /// carries calls out any more.
    ///
    /// What is not answered at once goes on in the carrier's thread: nothing that a call holds waits for this one to look again.
    pub(crate) fn wait<T: Send + 'static>(&self, py: Python<'_>, mut future: BoxFuture<'static, T>) -> PyResult<Option<T>> {
        if let Self::Threads(_, runtime, logging) = self {
            // Most calls are answered at once: another thread would cost them more than they take.
            let at_once = py.detach(|| runtime.block_on(poll_immediate(&mut future).with_subscriber(logging.dispatch())));
            if at_once.is_some() {
                return Ok(at_once);
            }
        }
        let (done, mut outcome) = mpsc::channel();
        let job = self.start(Box::pin(async move {
            // Whoever was interrupted does not listen any more.
            drop(done.send(future.await));
        }));
        loop {
            let (receiver, tick) = py.detach(move || {
                let tick = outcome.recv_timeout(SIGNALS);
                (outcome, tick)
            });
            outcome = receiver;
            match tick {
                Ok(outcome) => return Ok(Some(outcome)),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(None),
                Err(mpsc::RecvTimeoutError::Timeout) => py.check_signals().inspect_err(|_| job.abort())?,
            }
        }
    }
}

/// Ends the threads without waiting for them.
impl Drop for Carrier {
    fn drop(&mut self) {
        if let Self::Threads(runtime, ..) = self
            && let Some(runtime) = runtime.take()
        {
            runtime.shutdown_background();
        }
    }
}

/// Carries jobs out. Between them the thread waits outside the runtime, so that no time passes.
fn carry(runtime: &Runtime, mut jobs: UnboundedReceiver<Job>) {
    let mut going = JoinSet::new();
    while let Some(job) = jobs.blocking_recv() {
        runtime.block_on(async {
            going.spawn(job);
            while !going.is_empty() {
                tokio::select! {
                    biased;
                    Some(job) = jobs.recv() => drop(going.spawn(job)),
                    _ = going.join_next() => {}
                }
            }
        });
    }
}
