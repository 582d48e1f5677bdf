//! The circuit breaker of one target. After each failure to connect, the wait before the next try grows.
//!
//! Pure: the caller passes the time and the random number.

use std::time::{Duration, Instant};

use crate::read::session::SessionError;

/// The wait after the first failure. Each further failure doubles the wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait, so that a server that is up again is seen within a minute.
const CAP: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    until: Option<Instant>,
    error: Option<SessionError>,
}

impl Breaker {
    /// Whether a connection may be tried now.
    #[must_use]
    pub(crate) fn allows(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// The error of the last try; `None` after a success.
    #[must_use]
    pub(crate) fn error(&self) -> Option<&SessionError> {
        self.error.as_ref()
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Records a failed try. `chance`, from 0 to 1, spreads the tries of many collectors over the second half of the wait.
    pub(crate) fn failed(&mut self, error: SessionError, now: Instant, chance: f64) {
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(CAP);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + wait.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0));
        self.error = Some(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_waits_longer_up_to_a_minute_and_success_resets_the_wait() {
        let now = Instant::now();
        let refused = SessionError::Broken("refused".into());
        let mut breaker = Breaker::default();
        assert!(breaker.allows(now));
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            breaker.failed(refused.clone(), now, 1.0);
            assert!(!breaker.allows(now + Duration::from_secs(wait) - Duration::from_millis(1)), "{wait}");
            assert!(breaker.allows(now + Duration::from_secs(wait)), "{wait}");
        }
        assert_eq!(breaker.error(), Some(&refused));
        breaker.succeeded();
        assert!(breaker.allows(now) && breaker.error().is_none());
    }
}
