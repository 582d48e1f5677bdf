//! Refused logins, enrolments and requests in the audit log.
//!
//! The first refusal of its kind is logged immediately. Further ones within [`WINDOW`] are counted, and one line with the number (`repeated`)
//! follows at the end of the window. At most [`KINDS`] kinds have a line of their own in a window; all others are counted in one line. So the
//! log cannot be flooded, and every refusal is in it, at least as part of a number.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::TARGET;

/// How long refusals of the same kind are summed.
const WINDOW: Duration = Duration::from_secs(60);
/// The most kinds in a window.
const KINDS: usize = 100;

/// A refusal. Equal refusals are of the same kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Refusal {
    pub(crate) message: &'static str,
    pub(crate) method: &'static str,
    pub(crate) route: String,
    pub(crate) status: u16,
    /// The error's code.
    pub(crate) code: String,
    /// The name of the user, token or collector, if it is known.
    pub(crate) by: Option<String>,
    /// The id of the collector that asks for a credential.
    pub(crate) collector: Option<String>,
    pub(crate) cause: String,
    /// Whether the request presented no credentials at all, as the pages of the UI do before a login.
    pub(crate) is_anonymous: bool,
    pub(crate) address: IpAddr,
}

#[derive(Debug, Default)]
struct Kinds {
    /// The number of repetitions of each kind.
    repeated: HashMap<Refusal, u64>,
    /// Refusals of further kinds.
    others: u64,
}

/// The refusals of the current window.
#[derive(Debug, Clone)]
pub(crate) struct Refusals {
    window: Duration,
    current: Arc<Mutex<Kinds>>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { window: WINDOW, current: Arc::default() }
    }
}

impl Refusals {
    /// Logs or counts a refusal. Must be called in a tokio runtime.
    pub(crate) fn record(&self, refusal: Refusal) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.repeated.is_empty() {
            let refusals = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(refusals.window).await;
                refusals.end_window();
            });
        }
        if let Some(repeated) = current.repeated.get_mut(&refusal) {
            *repeated += 1;
        } else if current.repeated.len() < KINDS {
            log(&refusal, 1);
            current.repeated.insert(refusal, 0);
        } else {
            current.others += 1;
        }
    }

    /// Logs the sums of the window, and begins another one.
    pub(crate) fn end_window(&self) {
        let ended = mem::take(&mut *self.current.lock().unwrap_or_else(PoisonError::into_inner));
        for (refusal, repeated) in ended.repeated.iter().filter(|(_, repeated)| **repeated > 0) {
            log(refusal, *repeated);
        }
        if ended.others > 0 {
            tracing::warn!(target: TARGET, { repeated = ended.others }, "request refused: further refusals of many kinds");
        }
    }
}

/// The line of `repeated` refusals.
fn log(refusal: &Refusal, repeated: u64) {
    let Refusal { message, method, route, status, code, by, collector, cause, address, is_anonymous } = refusal;
    let (by, collector) = (by.as_deref(), collector.as_deref());
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: TARGET,
                {
                    by, collector.id = collector, client.address = %address, cause, http.method = method, http.route = route,
                    http.status = status, error.code = code, repeated
                },
                "{message}"
            )
        };
    }
    if *is_anonymous {
        line!(info);
    } else {
        line!(warn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(address: u8) -> Refusal {
        Refusal {
            message: "request refused",
            method: "GET",
            route: "/metrics".into(),
            status: 403,
            code: "forbidden".into(),
            by: Some("grafana".into()),
            collector: None,
            cause: "this requires the role admin".into(),
            is_anonymous: false,
            address: IpAddr::from([192, 0, 2, address]),
        }
    }

    #[tokio::test]
    async fn repeated_refusals_are_counted_and_the_number_of_kinds_is_bounded() {
        let refusals = Refusals::default();
        for round in 0..3 {
            for address in 0..=u8::MAX {
                refusals.record(refusal(address));
            }
            let current = refusals.current.lock().expect("not poisoned");
            assert_eq!(current.repeated.len(), KINDS);
            assert!(current.repeated.values().all(|repeated| *repeated == round), "{current:?}");
            assert_eq!(current.others, (round + 1) * (256 - KINDS as u64));
        }
        refusals.end_window();
        let current = refusals.current.lock().expect("not poisoned");
        assert!(current.repeated.is_empty() && current.others == 0, "{current:?}");
    }

    #[tokio::test]
    async fn a_window_ends_by_itself() {
        let refusals = Refusals { window: Duration::from_millis(1), ..Refusals::default() };
        refusals.record(refusal(1));
        while !refusals.current.lock().expect("not poisoned").repeated.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}
