//! Reads a log in pieces: no line twice, and none left out.

use std::collections::HashMap;
use std::sync::Mutex as Shared;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use pganalytics_kubernetes::Access;

use super::*;

/// The lines of a container: the time in microseconds since the start of an hour, and the text.
type Lines = Vec<(i64, String)>;

/// A pod's log as the kubelet holds it.
#[derive(Default)]
struct Kubelet {
    current: Lines,
    previous: Option<Lines>,
    forbids: bool,
}

fn moment(micros: i64) -> DateTime<Utc> {
    time("2026-11-29T01:00:00Z") + TimeDelta::microseconds(micros)
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// Answers as a kubelet does: from whole seconds, oldest line first, cut at the requested limit.
async fn answer(State(kubelet): State<Arc<Shared<Kubelet>>>, Query(query): Query<HashMap<String, String>>) -> (StatusCode, Vec<u8>) {
    let kubelet = kubelet.lock().expect("no panic");
    if kubelet.forbids {
        return (StatusCode::FORBIDDEN, Vec::new());
    }
    let lines = if query.contains_key("previous") { kubelet.previous.as_ref() } else { Some(&kubelet.current) };
    let Some(lines) = lines else { return (StatusCode::BAD_REQUEST, Vec::new()) };
    let since = time(&query["sinceTime"]);
    assert_eq!((query["timestamps"].as_str(), query["container"].as_str()), ("true", "postgres"));
    let lines = lines.iter().map(|(at, text)| (moment(*at), text)).filter(|(at, _)| *at >= since);
    let mut body = Vec::new();
    for (at, text) in lines {
        body.extend(format!("{} {text}\n", at.to_rfc3339_opts(SecondsFormat::Nanos, true)).into_bytes());
    }
    body.truncate(query["limitBytes"].parse().expect("a number"));
    (StatusCode::OK, body)
}

struct Pod {
    kubelet: Arc<Shared<Kubelet>>,
    log: PodLog,
    facts: Facts,
    _folder: tempfile::TempDir,
}

impl Pod {
    async fn new() -> anyhow::Result<Self> {
        let kubelet = Arc::new(Shared::new(Kubelet::default()));
        let path = "/api/v1/namespaces/db/pods/orders-0/log";
        let router = axum::Router::new().route(path, axum::routing::get(answer)).with_state(Arc::clone(&kubelet));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?).parse()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir()?;
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, "t")?;
        let client = Client::new(Access { url, token_file, ca_file: None, namespace: None })?;
        let mut facts = Facts::default();
        (facts.namespace, facts.pod) = ("db".into(), "orders-0".into());
        (facts.container, facts.container_id) = (Some("postgres".into()), Some("first".into()));
        Ok(Self { kubelet, log: PodLog::new(Arc::new(client), moment(0)), facts, _folder: folder })
    }

    fn writes(&self, at: i64, text: impl Into<String>) {
        self.kubelet.lock().expect("no panic").current.push((at, text.into()));
    }

    fn starts_again(&mut self, id: &str) {
        let mut kubelet = self.kubelet.lock().expect("no panic");
        kubelet.previous = Some(std::mem::take(&mut kubelet.current));
        drop(kubelet);
        self.facts.container_id = Some(id.into());
    }

    async fn read(&self) -> Vec<String> {
        self.log.read(&self.facts).await.expect("a piece").lines.into_iter().map(|(_, text)| text).collect()
    }
}

#[tokio::test]
async fn lines_are_read_once_and_in_order_even_across_a_restart() -> anyhow::Result<()> {
    let mut pod = Pod::new().await?;
    pod.writes(-1_000_000, "before the collector");
    pod.writes(1_100_000, "a");
    assert_eq!(pod.read().await, ["a"]);
    assert!(pod.read().await.is_empty(), "the second is read again, but its line is not");
    pod.writes(1_900_000, "b");
    pod.writes(5_000_000, "last words");
    pod.starts_again("second");
    pod.writes(7_000_000, "c");
    assert_eq!(pod.read().await, ["b", "last words", "c"]);
    pod.starts_again("third");
    pod.kubelet.lock().expect("no panic").previous = None;
    pod.writes(9_000_000, "d");
    assert_eq!(pod.read().await, ["d"], "nothing of the previous one was kept");
    Ok(())
}

#[tokio::test]
async fn lines_beyond_the_limit_of_a_reading_are_read_by_the_next_reading() -> anyhow::Result<()> {
    let pod = Pod::new().await?;
    let padding = "x".repeat(1_000);
    // Nine pieces: more than two readings can take.
    let lines: Vec<String> = (0..9_000).map(|number| format!("{number} {padding}")).collect();
    lines.iter().zip(1..).for_each(|(line, at)| pod.writes(at * 10_000, line));
    let mut read = Vec::new();
    while read.len() < lines.len() {
        let piece = pod.log.read(&pod.facts).await?;
        assert!(!piece.lines.is_empty(), "it stands still at {}", read.len());
        // The test's hour is long ago, so the log counts as far behind.
        pod.log.place.lock().await.until = piece.lines.last().expect("one").0;
        read.extend(piece.lines.into_iter().map(|(_, text)| text));
    }
    assert!(read == lines, "{} of {}", read.len(), lines.len());
    Ok(())
}

#[tokio::test]
async fn a_second_with_too_many_lines_is_skipped_and_reported() -> anyhow::Result<()> {
    let pod = Pod::new().await?;
    let padding = "x".repeat(1_000);
    (0..3_000).for_each(|number| pod.writes(1_000_000 + number, padding.clone()));
    pod.writes(3_000_000, "after");
    let piece = pod.log.read(&pod.facts).await?;
    assert_eq!((piece.lines.last().map(|(_, text)| text.as_str()), piece.skipped_s), (Some("after"), 1));
    Ok(())
}

#[tokio::test]
async fn a_failed_reading_keeps_the_position() -> anyhow::Result<()> {
    let mut pod = Pod::new().await?;
    pod.writes(1_000_000, "a");
    pod.kubelet.lock().expect("no panic").forbids = true;
    let refused = pod.log.read(&pod.facts).await.expect_err("no right");
    assert!(matches!(&refused, ApiError::Forbidden { action, .. } if action == "get pods/log 'orders-0' in namespace db"), "{refused}");
    pod.kubelet.lock().expect("no panic").forbids = false;
    let id = pod.facts.container_id.take();
    assert!(pod.read().await.is_empty());
    pod.facts.container_id = id;
    assert_eq!(pod.read().await, ["a"]);
    Ok(())
}

#[test]
fn a_cut_last_line_is_read_again_by_the_next_reading() {
    let (mut until, mut lines) = (time("2026-11-29T01:00:00Z"), Vec::new());
    let piece = Bytes::from_static(b"2026-11-29T01:00:01Z whole\nno time\n2026-11-29T01:00:01+00:00 too\n2026-11-29T01:00:02Z ha");
    append(&piece, true, &mut until, &mut lines);
    assert_eq!((lines.len(), until), (2, time("2026-11-29T01:00:01Z")), "two rows of one moment");
}
