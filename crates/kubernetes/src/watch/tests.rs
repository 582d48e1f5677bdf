//! Tests of a watch against a scripted API.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::{Event, Watch};
use crate::access::Access;
use crate::api::Pod;
use crate::client::Client;
use crate::error::ApiError;
use crate::scope::Scope;

/// The answers to the requests, in order.
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
