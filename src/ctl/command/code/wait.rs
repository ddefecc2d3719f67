//! Waiting until a code has enough time left.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oathd_client::ExitCode;

use crate::failure::Failure;

/// How often it is waited. Two are enough where the clocks of this host and of oathd agree.
const ROUNDS: u32 = 4;

/// The wish for codes that are valid for some seconds more.
pub(super) struct Wait {
    min_left: u64,
    rounds: u32,
}

impl Wait {
    /// Wants at least `min_left` seconds.
    pub(super) fn new(min_left: u64) -> Wait {
        Wait {
            min_left,
            rounds: 0,
        }
    }

    /// Waits for the next code if the current one of a credential of `period` seconds is too old.
    pub(super) async fn before(&mut self, period: u32) -> Result<(), Failure> {
        let period = u64::from(period.max(1));
        self.refuse_more_than(period)?;
        let left = period - since_epoch().as_secs() % period;
        if left < self.min_left {
            self.until(since_epoch().as_secs() + left).await?;
        }
        Ok(())
    }

    /// Whether all codes last long enough, each valid from the first second until the other; if not,
    /// returns when the first of them has changed.
    pub(super) async fn enough(
        &mut self,
        spans: impl IntoIterator<Item = (u64, u64)>,
    ) -> Result<bool, Failure> {
        let spans: Vec<_> = spans.into_iter().collect();
        for (from, until) in &spans {
            self.refuse_more_than(until.saturating_sub(*from))?;
        }
        let until = spans.into_iter().map(|(_, until)| until);
        match first_too_old(self.min_left, since_epoch().as_secs(), until) {
            None => Ok(true),
            Some(change) => self.until(change).await.map(|()| false),
        }
    }

    /// Waiting does not help where a code is never valid for so long.
    fn refuse_more_than(&self, period: u64) -> Result<(), Failure> {
        match self.min_left > period {
            true => Err(Failure::usage(format!(
                "--min-left {}: a code is valid for {period} seconds.",
                self.min_left
            ))),
            false => Ok(()),
        }
    }

    async fn until(&mut self, at: u64) -> Result<(), Failure> {
        self.rounds += 1;
        if self.rounds > ROUNDS {
            return Err(Failure::new(
                ExitCode::Unavailable,
                "NoSuchCode",
                format!("No code came that is valid for {} seconds.", self.min_left),
                "Ask for fewer seconds; if few are too many, compare the clocks of this host and of oathd.",
            ));
        }
        tokio::time::sleep(Duration::from_secs(at).saturating_sub(since_epoch())).await;
        Ok(())
    }
}

/// The nearest end of the codes that have less than `min_left` seconds left at `now`.
fn first_too_old(min_left: u64, now: u64, until: impl IntoIterator<Item = u64>) -> Option<u64> {
    until
        .into_iter()
        .filter(|until| until.saturating_sub(now) < min_left)
        .min()
}

fn since_epoch() -> Duration {
    // A clock before 1970 is treated as standing there.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_end_too_early_count() {
        let until = [60, 90];
        assert_eq!(first_too_old(0, 59, until), None);
        assert_eq!(first_too_old(1, 59, until), None);
        assert_eq!(first_too_old(2, 59, until), Some(60));
        assert_eq!(first_too_old(40, 59, until), Some(60));
        assert_eq!(first_too_old(40, 59, [90]), Some(90));
        assert_eq!(first_too_old(5, 100, [90]), Some(90));
    }

    #[tokio::test]
    async fn waiting_ends() {
        let mut wait = Wait::new(10);
        let past = [(1, 11)];
        for _ in 0..ROUNDS {
            assert!(!wait.enough(past).await.unwrap());
        }
        assert_eq!(wait.enough(past).await.unwrap_err().name, "NoSuchCode");
    }

    #[tokio::test]
    async fn more_seconds_than_a_code_has_are_refused() {
        let refused = Wait::new(31).before(30).await.unwrap_err();
        assert_eq!(refused.code, ExitCode::Usage);
        let later = since_epoch().as_secs() + 100;
        let codes = [(later, later + 60), (later, later + 30)];
        assert!(Wait::new(30).enough(codes).await.unwrap());
        let refused = Wait::new(31).enough(codes).await.unwrap_err();
        assert_eq!(refused.code, ExitCode::Usage);
    }
}
