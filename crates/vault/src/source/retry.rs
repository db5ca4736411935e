//! Trying again. Every loop of the source takes up its work from what is durable, so beginning it again after a failure
//! is what a restart of the program would do, without the restart.

use super::{Source, SourceError};
use tokio::time::{Instant, sleep};

/// A loop that has run for this many of the longest pauses begins anew with the shortest.
const PAUSES_UNTIL_CALM: u32 = 4;

impl Source {
    /// Repeats `work` until it succeeds or fails for good, with growing pauses. Each failure is logged.
    ///
    /// # Errors
    /// What no retry mends ([`SourceError::is_final`]).
    pub(super) async fn retrying<T, F>(
        &self,
        what: &'static str,
        work: impl Fn() -> F,
    ) -> Result<T, SourceError>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let mut pause = self.config.retry_first;
        loop {
            let begun = Instant::now();
            match work().await {
                Err(error) if !error.is_final() => {
                    tracing::error!(%error, what, "the vault tries again");
                }
                done => return done,
            }
            if begun.elapsed() > self.config.retry_max * PAUSES_UNTIL_CALM {
                pause = self.config.retry_first;
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.config.retry_max);
        }
    }
}
