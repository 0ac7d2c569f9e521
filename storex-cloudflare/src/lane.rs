//! Whom a call is for: somebody who waits, or a sweep nobody waits for.

use std::future::Future;

tokio::task_local! {
    static LANE: Lane;
}

/// Which of two calls goes first when there is room for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Somebody waits: requests of users, and every call with an effect.
    #[default]
    Interactive,
    /// Nobody waits: sweeps that compare the world with the documents.
    Background,
}

impl Lane {
    /// The lane of the task this runs in.
    pub(crate) fn of_task() -> Self {
        LANE.try_with(|lane| *lane).unwrap_or_default()
    }
}

/// Runs `work` with its reads in the background: they go when no other call waits, and take at most half of the call budget. Calls with an effect
/// are not held back, and tasks that `work` spawns are not in the background.
///
/// # Cancellation
/// That of `work`.
///
/// ```
/// # async fn sweep() {}
/// # async fn demo() {
/// storex_cloudflare::in_background(sweep()).await;
/// # }
/// ```
pub async fn in_background<F: Future>(work: F) -> F::Output {
    LANE.scope(Lane::Background, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_runs_inside_is_in_the_background() {
        assert_eq!(Lane::of_task(), Lane::Interactive);
        in_background(async {
            assert_eq!(Lane::of_task(), Lane::Background);
            let spawned = tokio::spawn(async { Lane::of_task() }).await;
            assert_eq!(spawned.expect("it ran"), Lane::Interactive);
        })
        .await;
        assert_eq!(Lane::of_task(), Lane::Interactive);
    }
}
