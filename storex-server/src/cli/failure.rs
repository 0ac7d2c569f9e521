//! Why a command ends without success, and its exit code.

use super::streams::{Streams, paragraph, pretty};
use crate::Problem;
use std::io;
use storex_core::{Code, Error};

/// What a command ends with.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

/// Exit code when the time to wait is over.
pub(super) const PENDING: u8 = 8;

/// Why a command ends without success.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error, with its exit code.
    Problem(Box<Problem>, u8),
    /// A signal ended the waiting; what was begun goes on.
    Detached {
        /// Exit code: 128 and the signal's number.
        exit: u8,
        /// Operation that goes on.
        operation: String,
    },
    /// The answer is on standard output and says what is wrong; with its exit code.
    Answered(u8),
    /// The reader of standard output is gone: nobody wants to know more.
    Unread,
}

impl Failure {
    /// The time to wait is over.
    pub(super) fn pending(operation: &str) -> Self {
        let error = Error::new(Code::Timeout, "the operation is still going on").with("operation", operation);
        let mut problem = Problem::from(&error);
        problem.next_step = resume(operation);
        Self::Problem(Box::new(problem), PENDING)
    }

    /// Says on standard error what happened; answers the exit code.
    pub(super) fn report(&self, streams: &mut Streams) -> u8 {
        match self {
            Self::Problem(problem, exit) => {
                streams.error(&if streams.json { pretty(problem) } else { for_people(problem) });
                *exit
            }
            Self::Detached { exit, operation } => {
                streams.note(&format!("operation {operation} goes on; {}", resume(operation)));
                *exit
            }
            Self::Answered(exit) => *exit,
            Self::Unread => 0,
        }
    }
}

fn resume(operation: &str) -> String {
    format!("Follow it with: storex operation get {operation} --wait")
}

fn for_people(problem: &Problem) -> String {
    let mut lines = vec![format!("error: {} ({})", problem.detail, problem.code)];
    let mut fact = |name: &str, value: Option<&str>| lines.extend(value.map(|value| format!("  {name}: {value}")));
    fact("field", problem.pointer.as_deref());
    fact("operation", problem.operation.as_deref());
    for (key, value) in &problem.context {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        fact(key, Some(&text));
    }
    fact("effect", problem.unclear.then_some("in doubt; look before trying again"));
    fact("next step", Some(&problem.next_step));
    if !problem.log.is_empty() {
        lines.push("  last log lines:".to_owned());
        lines.extend(problem.log.iter().map(|line| format!("    {line}")));
    }
    paragraph(lines)
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = problem.exit_code();
        Self::Problem(Box::new(problem), exit)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Problem::from(&error).into()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Error::new(Code::Internal, format!("the output cannot be written: {error}")).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_what_happened_where_and_what_to_do() {
        let error = Error::unclear(Code::ProcessNotServing, "it does not listen")
            .pointer("/username")
            .with("log", "one\n\u{1b}two")
            .with("port", 4001);
        let expected = "error: it does not listen (process_not_serving)\n  field: /username\n  port: 4001\n  effect: in doubt; look before trying again\n  \
                        next step: Read the last log lines in the error and fix the application.\n  last log lines:\n    one\n    \u{fffd}two\n";
        assert_eq!(for_people(&Problem::from(&error)), expected);
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error_and_a_full_disk_is() {
        assert!(matches!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)), Failure::Unread));
        assert!(matches!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)), Failure::Problem(_, 1)));
    }
}
