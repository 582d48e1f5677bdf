//! Lists, then follows, and lists again where it must.

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

/// After the first failure; it doubles with each, and a random part of it is waited.
const BACKOFF: Duration = Duration::from_millis(500);
/// Pods are found again within a minute of the API's return.
const BACKOFF_CAP: Duration = Duration::from_secs(60);
/// How long the API keeps one watch open.
const OPEN_SECONDS: &str = "290";
/// A watch that ends within this and told nothing did not work; without a wait the next would only be one more request.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<K> {
    /// Everything there is: whatever was known before and is not among it, is gone.
    Listed(Vec<K>),
    Applied(Box<K>),
    Deleted(Box<K>),
}

/// A collection that is followed.
#[derive(Debug)]
pub struct Watch<K> {
    client: Arc<Client>,
    scope: Scope,
    state: State,
    failures: u32,
    /// Kept as a moment, so that a caller who drops [`Self::next`] now and then does not wait anew each time.
    again_at: Option<Instant>,
    kind: PhantomData<fn() -> K>,
}

#[derive(Debug)]
enum State {
    /// Nothing is known.
    List,
    /// Known up to this version.
    Begin(String),
    Open(Open),
}

impl<K: Resource + DeserializeOwned> Watch<K> {
    #[must_use]
    pub fn new(client: Arc<Client>, scope: Scope) -> Self {
        Self { client, scope, state: State::List, failures: 0, again_at: None, kind: PhantomData }
    }

    /// What happens next. Dropping the future loses nothing that was not handed out.
    ///
    /// # Errors
    /// Why it cannot be told; call again, it waits before it tries.
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
                    // Ended in its time, or cut: go on from where it was.
                    Ok(None) | Err(Cut::Connection) => {
                        let at_once = !open.told && open.opened.elapsed() < AT_ONCE;
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
                        open.told = true;
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

    /// The event of a line; `None` where it only moves the version.
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
