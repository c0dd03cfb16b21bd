//! Waiting between attempts.

use std::time::Duration;

use crate::Error;

/// Waits between attempts that collided, longer each time, by chance.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Attempts until a 503. With the waits below this is longer than a request may take under constant collisions.
    const ATTEMPTS: u32 = 60;
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_millis(500);

    pub(super) async fn wait(&mut self) -> Result<(), Error> {
        self.attempts += 1;
        if self.attempts >= Self::ATTEMPTS {
            return Err(Error::unavailable().caused_by("too many attempts collided"));
        }
        let longest = Self::FIRST.saturating_mul(1 << self.attempts.min(10)).min(Self::LONGEST);
        tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        Ok(())
    }
}
