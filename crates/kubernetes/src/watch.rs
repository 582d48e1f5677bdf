//! A collection and every change of it.
//!
//! # How
//! A list gives the state and its resource version; a watch from that version gives each change as a line of JSON. The API ends a watch
//! after a few minutes, which is no failure: the next goes on from the last version seen, which bookmarks keep fresh where nothing
//! changes. Where the API has forgotten that version (410), or a line was not understood, the collection is listed again: who follows
//! gets the whole state and finds out itself what is gone.
//!
//! A failure is handed to the caller, once a try; the next call waits first, longer each time.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::api::{ObjectMeta, Resource, WatchEvent};
use crate::client::{ApiError, Client, action, status_error};

/// After the first failure; it doubles with each, and a random part of it is waited.
const BACKOFF: Duration = Duration::from_millis(500);
/// Pods are found again within a minute of the API's return.
const BACKOFF_CAP: Duration = Duration::from_secs(60);
/// How long the API keeps one watch open.
const OPEN_SECONDS: &str = "290";
/// A connection whose other end vanished is noticed so: bookmarks come each minute where nothing else does.
const SILENCE: Duration = Duration::from_secs(300);
/// A watch that ends within this and told nothing did not work; without a wait the next would only be one more request.
const AT_ONCE: Duration = Duration::from_secs(1);
/// One event. etcd holds objects of up to 1.5 MiB.
const LINE_CAP: usize = 8 << 20;

/// Which objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Of one namespace; of all where `None`.
    pub namespace: Option<String>,
    /// As in `spec.nodeName=node-1`.
    pub fields: Option<String>,
}

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

/// A watch that is open.
#[derive(Debug)]
struct Open {
    answer: reqwest::Response,
    line: BytesMut,
    /// Bytes of the line known to hold no end.
    searched: usize,
    version: String,
    opened: Instant,
    /// Whether it told anything.
    told: bool,
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
                        Ok(answer) => {
                            self.state = State::Open(Open {
                                answer,
                                line: BytesMut::new(),
                                searched: 0,
                                version,
                                opened: Instant::now(),
                                told: false,
                            })
                        }
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

enum Cut {
    Connection,
    TooLong,
}

impl Open {
    /// The next line; `None` where the API ended the watch.
    async fn line(&mut self) -> Result<Option<BytesMut>, Cut> {
        loop {
            if let Some(end) = self.line[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.line.split_to(self.searched + end + 1);
                self.searched = 0;
                if line.len() > 1 {
                    return Ok(Some(line));
                }
                continue;
            }
            self.searched = self.line.len();
            if self.searched > LINE_CAP {
                return Err(Cut::TooLong);
            }
            match tokio::time::timeout(SILENCE, self.answer.chunk()).await {
                Ok(Ok(Some(chunk))) => self.line.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(_)) | Err(_) => return Err(Cut::Connection),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::extract::{Query, State as Shared};
    use axum::http::StatusCode;
    use axum::response::{IntoResponse as _, Response};
    use serde_json::json;

    use super::*;
    use crate::access::Access;
    use crate::api::Pod;

    /// What each request in turn is answered.
    type Answers = Arc<(AtomicUsize, Vec<Box<dyn Fn(&str) -> Response + Send + Sync>>)>;

    async fn client(answers: Answers) -> anyhow::Result<(Arc<Client>, tempfile::TempDir)> {
        let handle = |Shared(answers): Shared<Answers>, Query(query): Query<std::collections::HashMap<String, String>>| async move {
            let at = answers.0.fetch_add(1, Ordering::SeqCst);
            let version = query.get("resourceVersion").cloned().unwrap_or_else(|| "list".into());
            answers.1.get(at).map_or_else(|| StatusCode::NOT_FOUND.into_response(), |answer| answer(&version))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?).parse()?;
        let router = axum::Router::new().route("/api/v1/pods", axum::routing::get(handle)).with_state(answers);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir()?;
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, "t")?;
        Ok((Arc::new(Client::new(Access { url, token_file, ca_file: None, namespace: None })?), folder))
    }

    fn pod(name: &str, version: &str) -> serde_json::Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "resourceVersion": version}})
    }

    fn list(pods: &[serde_json::Value], version: &str) -> Response {
        json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": version}, "items": pods}).to_string().into_response()
    }

    fn name(event: Event<Pod>) -> String {
        let of = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
        match event {
            Event::Listed(pods) => format!("listed {}", pods.iter().map(of).collect::<Vec<_>>().join(" ")),
            Event::Applied(pod) => format!("applied {}", of(&pod)),
            Event::Deleted(pod) => format!("deleted {}", of(&pod)),
        }
    }

    #[tokio::test]
    async fn a_watch_goes_on_from_the_last_version_and_lists_again_where_that_is_forgotten() -> anyhow::Result<()> {
        let line = |kind: &str, object: serde_json::Value| format!("{}\n", json!({"type": kind, "object": object}));
        let (client, _folder) = client(Arc::new((
            AtomicUsize::new(0),
            vec![
                Box::new(|_| list(&[pod("a", "1")], "5")),
                Box::new(move |version| {
                    assert_eq!(version, "5");
                    let bookmark = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"resourceVersion": "9"}});
                    (line("ADDED", pod("b", "6")) + &line("DELETED", pod("a", "7")) + &line("BOOKMARK", bookmark)).into_response()
                }),
                Box::new(move |version| {
                    assert_eq!(version, "9");
                    let status = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
                    line("ERROR", status).into_response()
                }),
                Box::new(|_| list(&[pod("c", "20")], "20")),
                Box::new(|_| (StatusCode::GONE, "{}").into_response()),
                Box::new(|_| list(&[], "21")),
                Box::new(|_| (StatusCode::FORBIDDEN, json!({"message": "pods is forbidden"}).to_string()).into_response()),
                Box::new(|_| "not json\n".into_response()),
                Box::new(|_| list(&[], "22")),
            ],
        )))
        .await?;
        let mut watch = Watch::<Pod>::new(client, Scope::default());
        for expected in ["listed a", "applied b", "deleted a", "listed c", "listed "] {
            assert_eq!(name(watch.next().await?), expected);
        }
        let error = watch.next().await.expect_err("forbidden").to_string();
        assert_eq!(error, "no right to watch pods: pods is forbidden");
        assert!(matches!(watch.next().await, Err(ApiError::Malformed { .. })));
        assert_eq!(name(watch.next().await?), "listed ");
        Ok(())
    }
}
