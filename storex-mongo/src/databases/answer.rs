//! Commands with a time limit, and what their errors mean.

use crate::databases::SETTING;
use crate::failure::{COMMAND, code, disk_full, is_full, no_primary};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use std::time::Duration;
use storex_core::{Clock, Code, EffectCx, Error, Result, SystemClock, remaining};

/// The user has not the right.
const UNAUTHORIZED: i32 = 13;
/// The server gave the command up after the time it was given.
const GIVEN_UP: i32 = 50;
/// How long a majority may take to confirm, in milliseconds. Below the limit of a command, so that the server's word comes first.
const CONFIRMATION: i64 = 4_000;
/// Codes with which the server says that it did not do what it was asked for: the name is taken (48), in other letters (13297), impossible (73) or unknown
/// (11, 26), the user is there (51003), the command is malformed (2, 9, 14, 72) or not permitted (13, 18).
const REFUSALS: [i32; 12] = [2, 9, 11, UNAUTHORIZED, 14, 18, 26, 48, 72, 73, 13297, 51003];

/// How long a command may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(Duration);

impl Limit {
    /// Of a read by itself.
    pub(super) const READ: Self = Self(COMMAND);

    /// Of a command of work that no call waits for.
    pub(super) const ALONE: Self = Self(COMMAND);

    /// Of a command for this effect: it ends by its deadline.
    ///
    /// # Errors
    /// `timeout` when the deadline has passed; nothing was sent.
    pub(super) fn of(cx: &EffectCx) -> Result<Self> {
        let left = Self::left(cx)?;
        Ok(Self(left.min(COMMAND)))
    }

    /// All the time until the deadline.
    ///
    /// # Errors
    /// As [`Limit::of`].
    pub(super) fn left(cx: &EffectCx) -> Result<Duration> {
        let left = remaining(SystemClock.now(), cx.deadline);
        if left < Duration::from_millis(1) {
            return Err(Error::new(Code::Timeout, "the deadline had passed before the call was sent"));
        }
        Ok(left)
    }

    pub(super) fn duration(self) -> Duration {
        self.0
    }
}

/// How a command failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// The server's code, when it answered with one.
    pub(super) code: Option<i32>,
    /// The error; unclear unless the command can have had no effect.
    pub(super) error: Error,
}

impl From<DriverError> for Failed {
    fn from(error: DriverError) -> Self {
        let code = code(&error);
        let unsent = matches!(
            &*error.kind,
            ErrorKind::ServerSelection { .. }
                | ErrorKind::Authentication { .. }
                | ErrorKind::InvalidArgument { .. }
                | ErrorKind::Bson(_)
                | ErrorKind::DnsResolve { .. }
                | ErrorKind::Shutdown
        );
        let described = describe(&error);
        let is_clear = unsent || code.is_some_and(|code| REFUSALS.contains(&code));
        Self { code, error: if is_clear { described } else { described.into_unclear() } }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl Failed {
    /// The error, for a command that changes nothing: never unclear.
    pub(super) fn of_read(self) -> Error {
        let mut error = Error::new(self.error.code(), self.error.message().to_owned());
        if let Some((_, seen)) = self.error.context().find(|(key, _)| *key == "seen") {
            error = error.with("seen", seen);
        }
        error
    }
}

/// Waits for a command of the driver, no longer than the limit.
pub(super) async fn limited<T>(limit: Limit, command: impl IntoFuture<Output = Result<T, DriverError>>) -> Result<T, Failed> {
    match tokio::time::timeout(limit.0, command.into_future()).await {
        Ok(answer) => answer.map_err(Failed::from),
        Err(_) => Err(silence(limit)),
    }
}

/// Runs a command that changes something: confirmed by a majority and its journals, given up by the server when its caller does.
pub(super) async fn effect(database: &Database, cx: &EffectCx, mut command: Document) -> Result<(), Failed> {
    let limit = Limit::of(cx).map_err(|error| Failed { code: None, error })?;
    let milliseconds = i64::try_from(limit.0.as_millis()).unwrap_or(i64::MAX);
    command.insert("maxTimeMS", milliseconds);
    command.insert("writeConcern", doc! { "w": "majority", "j": true, "wtimeout": CONFIRMATION.min(milliseconds) });
    let answer = limited(limit, database.run_command(command)).await?;
    if let Ok(concern) = answer.get_document("writeConcernError") {
        let error = no_majority(concern.get_str("errmsg").unwrap_or_default()).into_unclear();
        return Err(Failed { code: concern.get_i32("code").ok(), error });
    }
    Ok(())
}

fn silence(limit: Limit) -> Failed {
    let why = format!("MongoDB did not answer within {} ms", limit.0.as_millis());
    Failed { code: None, error: Error::unclear(Code::Timeout, why) }
}

/// The error for people: what is wrong and what to do. The server's texts name hosts, commands and users, never passwords.
fn describe(error: &DriverError) -> Error {
    match &*error.kind {
        ErrorKind::Authentication { .. } => wrong_credentials(),
        ErrorKind::ServerSelection { message, .. } if message.contains("SCRAM") => wrong_credentials(),
        ErrorKind::ServerSelection { message, .. } => no_primary(message),
        ErrorKind::Command(command) if command.code == UNAUTHORIZED => {
            let what = format!(
                "MongoDB refused what storex asked: the user of {SETTING} has lost a right; start storex again to see which"
            );
            Error::new(Code::Unusable, what).with("refused", &command.message)
        }
        ErrorKind::Command(command) if command.code == GIVEN_UP => {
            Error::new(Code::Timeout, "MongoDB gave the command up: it took too long").with("seen", &command.message)
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => no_majority(&concern.message),
        _ if is_full(error) => disk_full(),
        other => Error::new(Code::Unavailable, "MongoDB failed").with("seen", other),
    }
}

fn no_majority(seen: &str) -> Error {
    Error::new(Code::Unavailable, "a majority of the MongoDB replica set did not confirm in time").with("seen", seen)
}

fn wrong_credentials() -> Error {
    let what = format!(
        "MongoDB refused the user name or password of {SETTING}: correct them, or name the database that holds the user with authSource"
    );
    Error::new(Code::Unusable, what)
}
