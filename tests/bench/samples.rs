//! Times of one thing done again and again.

use std::time::{Duration, Instant};

/// The times, in no order.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// Does `work` and keeps how long that took.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.push(begun.elapsed());
        done
    }

    /// The same for what is awaited.
    pub(crate) async fn time_async<T>(&mut self, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = work.await;
        self.push(begun.elapsed());
        done
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time, in milliseconds, that `percent` of the samples did not exceed; 0 without samples.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    /// These and `others`.
    pub(crate) fn merged(&self, others: &Samples) -> Samples {
        Samples(self.0.iter().chain(&others.0).copied().collect())
    }

    /// The times of at most `limit`, in milliseconds as it.
    pub(crate) fn below(&self, limit: f64) -> Vec<f64> {
        let times = self.0.iter().map(|time| time.as_secs_f64() * 1e3);
        times.filter(|time| *time <= limit).collect()
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }
}
