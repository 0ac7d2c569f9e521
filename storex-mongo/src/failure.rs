//! What the driver's errors mean to callers.

use crate::fence;
use mongodb::error::{Error as DriverError, ErrorKind, NO_WRITES_PERFORMED, WriteFailure};
use std::time::Duration;
use storex_core::{Code, Error};

/// Longest time one command may take before its answer counts as lost.
pub(crate) const COMMAND: Duration = Duration::from_secs(6);

/// A document with this unique key exists.
const DUPLICATE: i32 = 11000;
/// The user lacks the right.
const UNAUTHORIZED: i32 = 13;
/// The server's disk is full (`OutOfDiskSpace`).
const DISK_FULL: i32 = 14031;

/// How one command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A document with this key exists already; nothing was written.
    Duplicate,
    /// The fence was closed; nothing was written.
    Late,
    /// Nothing was written.
    Refused(Error),
    /// Whether it was written is not known.
    Unclear(Error),
}

impl Failure {
    /// The error, for a command that writes nothing.
    pub(crate) fn of_read(self) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Unclear(error) => Error::new(error.code(), error.message().to_owned()),
            Self::Duplicate | Self::Late => Error::new(Code::Internal, "a read was answered like a write"),
        }
    }

    /// The error, for a command whose repetition is the caller's.
    pub(crate) fn of_write(self) -> Error {
        match self {
            Self::Refused(error) | Self::Unclear(error) => error,
            Self::Duplicate | Self::Late => Error::new(Code::Internal, "a write was refused for a reason it does not have"),
        }
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        match code(&error) {
            Some(DUPLICATE) => Self::Duplicate,
            Some(fence::LATE) => Self::Late,
            Some(UNAUTHORIZED) => Self::Refused(describe(&error)),
            _ if is_unsent(&error) => Self::Refused(describe(&error)),
            _ => Self::Unclear(describe(&error).into_unclear()),
        }
    }
}

/// Waits for a command, no longer than [`COMMAND`].
///
/// A write whose effect would be wrong when it comes late is sent as findAndModify with the same limit, for the driver gives no limit to inserts, updates and
/// deletions: the server gives it up as its caller does. Writes of a document's version need none, for that is another one by then.
///
/// # Errors
/// The [`Failure`]; of one without an answer it is not known whether it was done.
pub(crate) async fn limited<T>(command: impl IntoFuture<Output = Result<T, DriverError>>) -> Result<T, Failure> {
    match tokio::time::timeout(COMMAND, command.into_future()).await {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => {
            Err(Failure::Unclear(Error::unclear(Code::Timeout, format!("MongoDB did not answer within {} s", COMMAND.as_secs()))))
        }
    }
}

/// The server's code of the error. A lost unique race is a write error of inserts and updates and a command error of findAndModify.
pub(crate) fn code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        _ => None,
    }
}

/// Whether the command can have had no effect.
fn is_unsent(error: &DriverError) -> bool {
    error.contains_label(NO_WRITES_PERFORMED)
        || matches!(
            &*error.kind,
            ErrorKind::ServerSelection { .. }
                | ErrorKind::Authentication { .. }
                | ErrorKind::InvalidArgument { .. }
                | ErrorKind::Bson(_)
                | ErrorKind::DnsResolve { .. }
                | ErrorKind::Shutdown
        )
}

/// The error for people: what is wrong and what to do. The driver's texts name hosts and commands, never credentials, except those about the
/// connection string, which are not shown.
pub(crate) fn describe(error: &DriverError) -> Error {
    match &*error.kind {
        ErrorKind::Authentication { .. } => wrong_credentials(),
        ErrorKind::ServerSelection { message, .. } if message.contains("SCRAM") => wrong_credentials(),
        ErrorKind::ServerSelection { message, .. } => no_primary(message),
        ErrorKind::Command(command) if command.code == UNAUTHORIZED => Error::new(
            Code::Unusable,
            "MongoDB refused what storex asked: give its user the role readWrite on the database of STOREX_MONGODB_URI",
        )
        .with("refused", &command.message),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => {
            Error::new(Code::Unavailable, "a majority of the MongoDB replica set did not confirm the write in time")
                .with("seen", &concern.message)
        }
        _ if is_full(error) => disk_full(),
        other => Error::new(Code::Unavailable, "MongoDB failed").with("seen", other),
    }
}

/// Nobody answers as the primary. A server without space on its disk ends itself soon.
pub(crate) fn no_primary(seen: &str) -> Error {
    let what = "no MongoDB primary can be reached: check that a majority of the replica set runs with space on its disks, and that its hosts can be reached from here";
    Error::new(Code::Unavailable, what).with("seen", seen)
}

/// The disk is full.
pub(crate) fn disk_full() -> Error {
    Error::new(Code::Unavailable, "the disk of the MongoDB server is full: free or add space there")
}

/// Whether the server had no space left. It has a code for it and, as seen with 6.0.5 on a full disk, mostly answers with the storage's own words.
pub(crate) fn is_full(error: &DriverError) -> bool {
    let said = match &*error.kind {
        ErrorKind::Command(command) => &command.message,
        ErrorKind::Write(WriteFailure::WriteError(write)) => &write.message,
        _ => return false,
    };
    code(error) == Some(DISK_FULL) || said.contains("No space left on device")
}

fn wrong_credentials() -> Error {
    Error::new(
        Code::Unusable,
        "MongoDB refused the user name or password of STOREX_MONGODB_URI: correct them, or name the database that holds the user with authSource",
    )
}
