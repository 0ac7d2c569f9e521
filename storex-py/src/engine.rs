//! The one class Python sees: calls by name, blocking or with a callback.

use crate::asked::Asked;
use crate::call::{Backend, Call, Failure, Outcome};
use crate::embedded::{Embedded, Plan};
use crate::follow::Follow;
use crate::logging::Logging;
use crate::remote::Remote;
use crate::runtime::Carrier;
use crate::settings::Mode;
use futures::future::{AbortHandle, BoxFuture};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

/// What a call comes to, as Python sees it: whether it is data, the JSON text, the operation that was begun, whether it was a repetition.
type Told = (bool, String, Option<String>, bool);
/// Longest time calls that are going on may take to notice that the engine is closed.
const CLOSING: Duration = Duration::from_secs(2);
/// Longest wait anybody can ask for: a century.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 100);

/// An engine: the control plane in this process, or the way to one elsewhere. It belongs to the process that made it.
#[pyclass(module = "storex._storex", frozen)]
pub(crate) struct Engine {
    pid: u32,
    /// Nothing once it is closed.
    parts: Mutex<Option<Parts>>,
    live: Arc<AtomicUsize>,
    is_virtual: bool,
}

#[derive(Clone)]
struct Parts {
    backend: Arc<dyn Backend>,
    carrier: Arc<Carrier>,
    logging: Logging,
    closing: CancellationToken,
}

/// A call that is going on.
#[pyclass(module = "storex._storex", frozen)]
pub(crate) struct Pending {
    job: AbortHandle,
    /// What was asked of which engine; nothing when it was answered at once.
    asked: Option<(Parts, Asked)>,
}

#[pymethods]
impl Pending {
    /// Drops the call. What it has begun goes on.
    fn cancel(&self) {
        self.job.abort();
    }

    /// Finds out which operation goes on: `done` is called with its identifier, or with nothing, soon and from any thread.
    fn begun(&self, done: Py<PyAny>) -> PyResult<()> {
        let Some((parts, asked)) = self.asked.clone() else {
            return Python::attach(|py| done.call1(py, (None::<String>,)).map(drop));
        };
        let backend = Arc::clone(&parts.backend);
        parts.carrier.start(Box::pin(async move {
            let operation = asked.found(backend.as_ref()).await;
            drop(Python::try_attach(|py| done.call1(py, (operation,))));
        }));
        Ok(())
    }
}

/// Counts a call as long as its future lives.
struct Live(Arc<AtomicUsize>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[pymethods]
impl Engine {
    /// An engine of these settings (JSON), whose log is at least as telling as `log_level`. Nothing is opened yet.
    #[new]
    fn new(settings: &str, log_level: &str) -> PyResult<Self> {
        let mode: Mode = serde_json::from_str(settings).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let level: LevelFilter = log_level.parse().map_err(|_| PyValueError::new_err(format!("no log level: {log_level}")))?;
        let unable = |error: std::io::Error| PyOSError::new_err(error.to_string());
        let logging = Logging::open(level).map_err(unable)?;
        let is_virtual = matches!(&mode, Mode::Sandbox(settings) if settings.virtual_time);
        let carrier = if is_virtual { Carrier::virtual_time(&logging) } else { Carrier::threads(&logging) };
        let backend: Arc<dyn Backend> = match mode {
            Mode::Sandbox(settings) => Arc::new(Embedded::new(Plan::Sandbox(settings))),
            Mode::Embedded(settings) => Arc::new(Embedded::new(Plan::Embedded(settings))),
            Mode::Remote(settings) => Arc::new(Remote::new(settings)),
        };
        let parts = Parts { backend, carrier: Arc::new(carrier.map_err(unable)?), logging, closing: CancellationToken::new() };
        Ok(Self { pid: std::process::id(), parts: Mutex::new(Some(parts)), live: Arc::default(), is_virtual })
    }

    /// Calls by name and waits with the interpreter released. A signal's exception ends the waiting, not what was begun.
    #[pyo3(signature = (name, id="", query=None, body=None, key=None))]
    fn call(
        &self,
        py: Python<'_>,
        name: &str,
        id: &str,
        query: Option<Vec<(String, String)>>,
        body: Option<String>,
        key: Option<String>,
    ) -> PyResult<Told> {
        self.wait(py, Asked::call(Call { query: query.unwrap_or_default(), body, key, ..Call::named(name, id) }))
    }

    /// The same without waiting: `done` is called with the four members of the outcome, from another thread.
    #[pyo3(signature = (done, name, id="", query=None, body=None, key=None))]
    fn start(
        &self,
        done: Py<PyAny>,
        name: &str,
        id: &str,
        query: Option<Vec<(String, String)>>,
        body: Option<String>,
        key: Option<String>,
    ) -> PyResult<Pending> {
        self.begin(done, Asked::call(Call { query: query.unwrap_or_default(), body, key, ..Call::named(name, id) }))
    }

    /// Waits at most `limit` seconds until the operation is at rest or, when `seen` is given, differs from that document.
    #[pyo3(signature = (id, limit, seen=None))]
    fn follow(&self, py: Python<'_>, id: &str, limit: f64, seen: Option<String>) -> PyResult<Told> {
        self.wait(py, Asked::Follow(Follow { id: id.to_owned(), limit: seconds(limit), seen }))
    }

    /// The same without waiting, as `start`.
    #[pyo3(signature = (done, id, limit, seen=None))]
    fn start_follow(&self, done: Py<PyAny>, id: &str, limit: f64, seen: Option<String>) -> PyResult<Pending> {
        self.begin(done, Asked::Follow(Follow { id: id.to_owned(), limit: seconds(limit), seen }))
    }

    /// Closes the engine: calls that are going on end, operations stop and are resumed by the next engine on the same data. Closing it again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_foreign() {
            return Ok(());
        }
        let Some(parts) = self.lock().take() else { return Ok(()) };
        parts.closing.cancel();
        let backend = Arc::clone(&parts.backend);
        let live = Arc::clone(&self.live);
        parts.carrier.wait(
            py,
            Box::pin(async move {
                let ended = async {
                    while live.load(Ordering::Acquire) > 0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                // A call that does not notice is dropped with the threads.
                drop(tokio::time::timeout(CLOSING, ended).await);
                backend.stop().await;
            }),
        )?;
        py.detach(|| parts.logging.end());
        Ok(())
    }

    /// Returns once what the engine said so far has reached `logging`.
    fn flush_log(&self, py: Python<'_>) {
        let logging = self.lock().as_ref().map(|parts| parts.logging.clone());
        if let Some(logging) = logging.filter(|_| !self.is_foreign()) {
            py.detach(|| logging.flush());
        }
    }

    /// How many calls are going on.
    #[getter]
    fn in_flight(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// True when time is virtual.
    #[getter]
    fn is_virtual(&self) -> bool {
        self.is_virtual
    }

    /// True once it is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.is_foreign() || self.lock().is_none()
    }
}

impl Engine {
    fn lock(&self) -> MutexGuard<'_, Option<Parts>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True in a process that was forked from the one that made the engine: its threads are not here, and a lock may be held for ever.
    fn is_foreign(&self) -> bool {
        std::process::id() != self.pid
    }

    /// The parts, when calls can be carried out.
    fn parts(&self) -> Outcome<Parts> {
        if self.is_foreign() {
            return Err(own(
                "forked_process",
                "this process was forked from the one that made the client; its threads are not here",
                "Make a client of its own in every process, after the fork.",
            ));
        }
        self.lock().clone().ok_or_else(|| closed(None))
    }

    /// What is asked, ended by the end of the engine, and what counts it as long as it lives.
    fn future(&self, parts: &Parts, asked: Asked) -> (BoxFuture<'static, Outcome>, Live) {
        self.live.fetch_add(1, Ordering::AcqRel);
        let live = Live(Arc::clone(&self.live));
        let (backend, closing, asking) = (Arc::clone(&parts.backend), parts.closing.clone(), asked.clone());
        let future = Box::pin(async move {
            tokio::select! {
                biased;
                () = closing.cancelled() => Err(closed(asked.known())),
                outcome = asking.run(backend.as_ref()) => outcome,
            }
        });
        (future, live)
    }

    fn wait(&self, py: Python<'_>, asked: Asked) -> PyResult<Told> {
        let parts = match self.parts() {
            Ok(parts) => parts,
            Err(failure) => return Ok(told(Err(failure))),
        };
        let (future, live) = self.future(&parts, asked.clone());
        let counted = Box::pin(async move {
            let _live = live;
            future.await
        });
        match parts.carrier.wait(py, counted) {
            Ok(outcome) => Ok(told(outcome.unwrap_or_else(|| Err(closed(asked.known()))))),
            Err(signal) => Err(parts.interrupted(py, asked, signal)),
        }
    }

    fn begin(&self, done: Py<PyAny>, asked: Asked) -> PyResult<Pending> {
        let parts = match self.parts() {
            Ok(parts) => parts,
            Err(failure) => {
                Python::attach(|py| done.call1(py, told(Err(failure))))?;
                return Ok(Pending { job: AbortHandle::new_pair().0, asked: None });
            }
        };
        let (future, live) = self.future(&parts, asked.clone());
        let job = parts.carrier.start(Box::pin(async move {
            // It goes on until it is told: an engine that is closed calls nothing any more.
            let _live = live;
            let outcome = told(future.await);
            // Without an interpreter nobody waits; a loop that is closed refuses the news and nobody waits either.
            drop(Python::try_attach(|py| done.call1(py, outcome)));
        }));
        Ok(Pending { job, asked: Some((parts, asked)) })
    }
}

impl Parts {
    /// The exception of a signal that ended the waiting, naming the operation that goes on.
    fn interrupted(&self, py: Python<'_>, asked: Asked, signal: PyErr) -> PyErr {
        let backend = Arc::clone(&self.backend);
        let found = self.carrier.wait(py, Box::pin(async move { asked.found(backend.as_ref()).await }));
        // A second signal ends the looking; the first one is told.
        if let Ok(Some(Some(operation))) = found {
            // An exception of the program's own may refuse members.
            drop(signal.value(py).setattr("operation_id", operation));
        }
        signal
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(parts) = self.lock().take() else { return };
        if self.is_foreign() {
            // Its locks may be held by threads that are not here: nothing of it is touched.
            Box::leak(Box::new(parts));
        } else {
            parts.closing.cancel();
        }
    }
}

fn seconds(limit: f64) -> Duration {
    Duration::try_from_secs_f64(limit.max(0.0)).unwrap_or(LONGEST).min(LONGEST)
}

/// A failure of the client itself, which no controller answers.
fn own(code: &str, message: &str, next_step: &str) -> Box<Failure> {
    Box::new(Failure {
        code: code.to_owned(),
        kind: "client",
        message: message.to_owned(),
        next_step: next_step.to_owned(),
        ..Failure::default()
    })
}

fn closed(operation: Option<String>) -> Box<Failure> {
    let mut failure = own("client_closed", "the client is closed", "Make a new client.");
    failure.operation = operation;
    failure
}

fn told(outcome: Outcome) -> Told {
    match outcome {
        Ok(answer) => (true, answer.document, answer.operation, answer.replayed),
        Err(failure) => (false, serde_json::to_string(&failure).unwrap_or_default(), None, false),
    }
}
