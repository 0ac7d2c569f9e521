//! What redb's errors mean to callers.

use redb::{CommitError, DatabaseError, SetDurabilityError, StorageError, TableError, TransactionError};
use storex_core::{Code, Error};

/// A failure of the file itself, as opposed to a refusal of one operation. One failure answers every operation of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
}

impl Failure {
    /// The file holds something storex cannot have written.
    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self { code: Code::Corrupt, message: message.into() }
    }

    /// The file cannot be read or written now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { code: Code::Unavailable, message: message.into() }
    }

    /// redb panicked, as it does on some damage.
    pub(crate) fn broken_down() -> Self {
        Self::corrupt("using the store file broke down: it may be damaged; restart storex, which checks it")
    }

    /// The error of a call that has written nothing.
    pub(crate) fn refused(&self) -> Error {
        Error::new(self.code, self.message.clone())
    }

    /// The error of a write that may have been done.
    pub(crate) fn unclear(&self) -> Error {
        Error::unclear(self.code, self.message.clone())
    }
}

/// Why an operation inside a batch stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Only this operation: it has changed nothing, the batch goes on.
    Refused(Error),
    /// The whole batch.
    Failed(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Corrupted(what) => Self::corrupt(format!("the store file is damaged: {what}")),
            StorageError::PreviousIo => {
                Self::unavailable("the store file failed earlier: mend the disk (space, permissions), then restart storex")
            }
            other => Self::unavailable(format!("the store file cannot be used: {other}")),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            other => Self::corrupt(format!("the store file has other tables than storex makes: {other}")),
        }
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => error.into(),
            other => Self::unavailable(format!("the store file takes no transaction: {other}")),
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => error.into(),
            other => Self::unavailable(format!("the store file takes no commit: {other}")),
        }
    }
}

impl From<SetDurabilityError> for Failure {
    fn from(error: SetDurabilityError) -> Self {
        Self::unavailable(format!("the store file promises no durable commit: {error}"))
    }
}

macro_rules! stop_from {
    ($($error:ty),*) => {$(
        impl From<$error> for Stop {
            fn from(error: $error) -> Self {
                Self::Failed(error.into())
            }
        }
    )*};
}
stop_from!(StorageError, TableError, TransactionError);

/// The error of opening a file. A file redb did not write is [`StorageError::Io`] of kind `InvalidData`, one cut short of kind
/// `UnexpectedEof` (redb 4.6, `StorageError::not_a_database` and its file backend).
pub(crate) fn opening(error: DatabaseError) -> Error {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Error::new(
            Code::DirectoryBusy,
            "the store file is held by another storex: stop it first, or choose another directory",
        ),
        DatabaseError::Storage(StorageError::Io(error)) if matches!(error.kind(), InvalidData | UnexpectedEof) => {
            Error::new(Code::Corrupt, format!("the store file is none, or was cut short: {error}"))
        }
        DatabaseError::Storage(error) => Failure::from(error).refused(),
        DatabaseError::UpgradeRequired(version) => Error::new(
            Code::Unusable,
            format!("the store file has the old format {version} of redb: upgrade it with redb's own tool"),
        ),
        other => Error::new(Code::Corrupt, format!("the store file cannot be repaired: {other}")),
    }
}
