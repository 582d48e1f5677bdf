//! Lists a collection, then watches it, and lists again if needed.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::open::{Cut, LINE_CAP, Open};
use crate::api::{ObjectMeta, Resource, WatchEvent};
use crate::client::Client;
use crate::error::{ApiError, action, status_error};
use crate::scope::Scope;

/// The backoff after the first failure. It doubles with each failure; the actual wait is a random part of it.
const BACKOFF: Duration = Duration::from_millis(500);
/// The maximum backoff: pods are found within a minute after the API returns.
const BACKOFF_CAP: Duration = Duration::from_secs(60);
/// How long the API keeps one watch open.
const OPEN_SECONDS: &str = "290";
/// A watch that ends within this time without any line counts as failed. Reopening without a wait would flood the API with requests.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A change of the collection.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<K> {
    /// All objects. An earlier object that is not in the list no longer exists.
    Listed(Vec<K>),
    Applied(Box<K>),
    Deleted(Box<K>),
}

/// Follows a collection.
#[derive(Debug)]
pub struct Watch<K> {
    client: Arc<Client>,
    scope: Scope,
    state: State,
    failures: u32,
    /// The moment of the next attempt. A moment, not a duration, so that dropping the future of [`Self::next`] does not restart the wait.
    again_at: Option<Instant>,
    kind: PhantomData<fn() -> K>,
}

#[derive(Debug)]
enum State {
    /// Nothing is known yet: list the collection.
    List,
    /// The state is known up to this version: open a watch.
    Begin(String),
    Open(Open),
}

impl<K: Resource + DeserializeOwned> Watch<K> {
    #[must_use]
    pub fn new(client: Arc<Client>, scope: Scope) -> Self {
        Self { client, scope, state: State::List, failures: 0, again_at: None, kind: PhantomData }
    }

    /// The next event. Dropping the future loses no event.
    ///
    /// # Errors
    /// If the API cannot be listed or watched. Call again: the next call waits before it retries.
    pub async fn next(&mut self) -> Result<Event<K>, ApiError> {
        if let Some(at) = self.again_at {
            tokio::time::sleep_until(at).await;
        }
        match self.step().await {
            Ok(event) => {
                (self.failures, self.again_at) = (0, None);
                Ok(event)
            }
            Err(error) => {
                let most = BACKOFF.saturating_mul(2_u32.saturating_pow(self.failures)).min(BACKOFF_CAP);
                self.again_at = Some(Instant::now() + most.mul_f64(0.5 + rand::random::<f64>() / 2.0));
                self.failures = self.failures.saturating_add(1);
                Err(error)
            }
        }
    }

    async fn step(&mut self) -> Result<Event<K>, ApiError> {
        loop {
            match &mut self.state {
                State::List => {
                    let (objects, version) = self.client.list(&self.scope).await?;
                    self.state = State::Begin(version);
                    return Ok(Event::Listed(objects));
                }
                State::Begin(version) => {
                    let version = version.clone();
                    let mut url = self.client.url::<K>(self.scope.namespace.as_deref(), None);
                    url.query_pairs_mut()
                        .append_pair("watch", "true")
                        .append_pair("allowWatchBookmarks", "true")
                        .append_pair("timeoutSeconds", OPEN_SECONDS)
                        .append_pair("resourceVersion", &version)
                        .extend_pairs(self.scope.fields.iter().map(|fields| ("fieldSelector", fields)));
                    match self.client.send(Method::GET, url, None, &self.action()).await {
                        Ok(answer) => self.state = State::Open(Open::new(answer, version)),
                        Err(ApiError::Gone) => self.state = State::List,
                        Err(error) => return Err(error),
                    }
                }
                State::Open(open) => match open.line().await {
                    // The watch ended normally, or the connection was cut: continue from the last version.
                    Ok(None) | Err(Cut::Connection) => {
                        let at_once = !open.delivered && open.opened.elapsed() < AT_ONCE;
                        self.state = State::Begin(std::mem::take(&mut open.version));
                        if at_once {
                            return Err(self.client.unreachable("it ends every watch at once".into()));
                        }
                    }
                    Err(Cut::TooLong) => {
                        self.state = State::List;
                        let reason = format!("an event is larger than {} MiB", LINE_CAP >> 20);
                        return Err(ApiError::Malformed { action: self.action(), reason });
                    }
                    Ok(Some(line)) => {
                        open.delivered = true;
                        if let Some(event) = self.understand(&line)? {
                            return Ok(event);
                        }
                    }
                },
            }
        }
    }

    fn action(&self) -> String {
        action::<K>("watch", self.scope.namespace.as_deref(), None)
    }

    /// Parses the event of a line. `None`: the line only advances the version.
    fn understand(&mut self, line: &[u8]) -> Result<Option<Event<K>>, ApiError> {
        let event = match serde_json::from_slice::<WatchEvent<K>>(line) {
            Ok(event) => event,
            Err(error) => {
                self.state = State::List;
                let reason = format!("column {} of an event's JSON", error.column());
                return Err(ApiError::Malformed { action: self.action(), reason });
            }
        };
        let event = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                self.seen(object.meta());
                Event::Applied(Box::new(object))
            }
            WatchEvent::Deleted(object) => {
                self.seen(object.meta());
                Event::Deleted(Box::new(object))
            }
            WatchEvent::Bookmark(bookmark) => {
                if let State::Open(open) = &mut self.state {
                    open.version = bookmark.metadata.resource_version.unwrap_or_default();
                }
                return Ok(None);
            }
            WatchEvent::Error(status) => {
                self.state = State::List;
                return match status_error(&status, &self.action()) {
                    ApiError::Gone => Ok(None),
                    error => Err(error),
                };
            }
        };
        Ok(Some(event))
    }

    fn seen(&mut self, meta: &ObjectMeta) {
        if let (State::Open(open), Some(version)) = (&mut self.state, &meta.resource_version) {
            open.version.clone_from(version);
        }
    }
}
