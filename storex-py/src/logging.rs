//! What the engine says, as records of Python's `logging` below the logger `storex`. Each engine has its own way there; nothing is installed
//! for the process.

use pyo3::prelude::*;
use std::fmt::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Records that may wait for the interpreter; more are dropped.
const WAITING: usize = 10_000;
/// Longest wait for records on their way.
const FLUSH: Duration = Duration::from_secs(1);

/// A line of the log.
struct Record {
    level: u8,
    logger: String,
    message: String,
}

enum Message {
    Record(Record),
    /// Answers once everything before it was handed over; when `last`, nothing is handed over any more.
    Flush {
        done: SyncSender<()>,
        last: bool,
    },
}

/// The way to Python's `logging`. Clones are the same way.
#[derive(Clone)]
pub(crate) struct Logging {
    records: SyncSender<Message>,
    dispatch: Dispatch,
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logging").finish_non_exhaustive()
    }
}

impl Logging {
    /// Opens the way for what is at least as telling as `level`.
    pub(crate) fn open(level: LevelFilter) -> std::io::Result<Self> {
        let (records, taken) = sync_channel(WAITING);
        std::thread::Builder::new().name("storex-logging".to_owned()).spawn(move || hand_over(&taken))?;
        let bridge = Bridge { records: records.clone() };
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(bridge.with_filter(level)));
        Ok(Self { records, dispatch })
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// Returns once what was said so far is handed over, or after a second. Call with the interpreter released.
    pub(crate) fn flush(&self) {
        self.flushed(false);
    }

    /// The same, and nothing that is said afterwards is handed over: the interpreter may end.
    pub(crate) fn end(&self) {
        self.flushed(true);
    }

    fn flushed(&self, last: bool) {
        let (done, flushed) = sync_channel(1);
        if self.records.try_send(Message::Flush { done, last }).is_ok() {
            // What is not handed over in time is handed over later.
            let _ = flushed.recv_timeout(FLUSH);
        }
    }
}

/// Only this thread waits for the interpreter, so that the log never holds up the engine.
fn hand_over(messages: &Receiver<Message>) {
    for message in messages {
        match message {
            // Without an interpreter there is no log any more; an error in a handler is that handler's.
            Message::Record(record) => drop(Python::try_attach(|py| emit(py, &record))),
            Message::Flush { done, last } => {
                // Whoever asked may have given up.
                let _ = done.try_send(());
                if last {
                    return;
                }
            }
        }
    }
}

fn emit(py: Python<'_>, record: &Record) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", (record.logger.as_str(),))?;
    logger.call_method1("log", (record.level, "%s", record.message.as_str()))?;
    Ok(())
}

struct Bridge {
    records: SyncSender<Message>,
}

impl<S: Subscriber> Layer<S> for Bridge {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        let Some(own) = target.strip_prefix("storex_") else { return };
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            Level::DEBUG => 10,
            Level::TRACE => 5,
        };
        let logger = format!("storex.{}", own.replace("::", "."));
        // A log that is not read does not hold up the engine.
        drop(self.records.try_send(Message::Record(Record { level, logger, message: text.finish() })));
    }
}

/// The message, and the fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn finish(self) -> String {
        format!("{}{}", self.message, self.fields)
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string never fails.
        let _infallible = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
