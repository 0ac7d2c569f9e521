//! Repeating a conditional write until it is known what became of it.

use crate::failure::Failure;
use std::time::Duration;
use storex_core::{Code, Error, Result};

/// Longest time a call may take with its repetitions.
const CALL: Duration = Duration::from_secs(12);
/// Pauses in milliseconds before an attempt is repeated, the last one from then on: a write that is there but not confirmed by a majority is waited for.
const PAUSES: [u64; 6] = [0, 1, 2, 5, 10, 25];

/// What one attempt came to.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// The answer.
    Done(T),
    /// Another write came in between: try again.
    Again,
}

/// Runs attempts until one answers. An attempt must be one whose repetition is harmless; it is told whether an earlier one is in doubt.
///
/// # Errors
/// The error of an attempt. A refusal after an earlier attempt in doubt stays in doubt, with the error of that one and what was said afterwards.
pub(crate) async fn settle<T, F>(mut attempt: impl FnMut(bool) -> F) -> Result<T>
where
    F: Future<Output = Result<Step<T>, Failure>>,
{
    let mut doubt: Option<Error> = None;
    let attempts = async {
        let mut pauses = PAUSES.into_iter();
        let mut pause = Duration::ZERO;
        loop {
            match attempt(doubt.is_some()).await {
                Ok(Step::Done(answer)) => return Ok(answer),
                Ok(Step::Again) => {}
                Err(Failure::Unclear(error)) => doubt = Some(error),
                Err(failure) => {
                    let refusal = failure.of_write();
                    return Err(match doubt.take() {
                        Some(error) => error.with("then", refusal.message()),
                        None => refusal,
                    });
                }
            }
            pause = pauses.next().map_or(pause, Duration::from_millis);
            tokio::time::sleep(pause).await;
        }
    };
    match tokio::time::timeout(CALL, attempts).await {
        Ok(ended) => ended,
        // What the last attempt said tells what to do: free the disk, bring back the majority.
        Err(_) => Err(doubt.unwrap_or_else(|| {
            Error::unclear(Code::Timeout, format!("MongoDB did not settle the write within {} s", CALL.as_secs()))
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn refused() -> Failure {
        Failure::Refused(Error::new(Code::VersionConflict, "taken"))
    }

    fn lost() -> Failure {
        Failure::Unclear(Error::unclear(Code::Unavailable, "lost"))
    }

    async fn run(answers: Vec<Result<Step<u8>, Failure>>) -> (Result<u8>, Vec<bool>) {
        let answers = Cell::new(answers.into_iter());
        let told = Cell::new(Vec::new());
        let ended = settle(|doubt| {
            let mut rest = answers.replace(Vec::new().into_iter());
            let next = rest.next().unwrap();
            answers.set(rest);
            let mut so_far = told.take();
            so_far.push(doubt);
            told.set(so_far);
            async { next }
        })
        .await;
        (ended, told.take())
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_asked_for_again() {
        let (ended, told) = run(vec![Err(lost()), Ok(Step::Again), Ok(Step::Done(7))]).await;
        assert_eq!((ended.unwrap(), told), (7, vec![false, true, true]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_one_only_when_nothing_before_it_is_in_doubt() {
        let (ended, _) = run(vec![Ok(Step::Again), Err(refused())]).await;
        assert!(ended.is_err_and(|error| error.code() == Code::VersionConflict && !error.is_unclear()));
        let (ended, _) = run(vec![Err(lost()), Err(refused())]).await;
        assert!(ended.is_err_and(|error| error.code() == Code::Unavailable && error.is_unclear()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_answers_ends_in_doubt() {
        let ended: Result<u8> = settle(|_| async { Err(lost()) }).await;
        assert!(
            ended.is_err_and(|error| error.is_unclear() && error.message() == "lost"),
            "what an attempt was answered is told"
        );
        let ended: Result<u8> = settle(|_| std::future::pending()).await;
        assert!(ended.is_err_and(|error| error.code() == Code::Timeout && error.is_unclear()));
    }
}
