//! Tests the whole collector with a scripted backend and with servers that are down.

#[path = "../../tls/tests/tls/authority.rs"]
mod authority;
mod encrypted;
mod statements;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::cast::AsArray;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use pganalytics_collector::{Backend, Config, Conninfo, Secret, SpoolOptions, TargetOptions, Token};
use pganalytics_views::enrol::code;
use pganalytics_views::wire::{Batch, CONTENT_TYPE, Limits, decode};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a sink waits for batches in all, long enough for a loaded machine. A passing test does not wait this long, and a failing one ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// A backend that gives the scripted answers, then 200 to every request. The channel yields the batches it received.
struct Sink {
    address: SocketAddr,
    batches: mpsc::UnboundedReceiver<(StatusCode, Batch)>,
    until: Instant,
}

struct SinkState {
    answers: Mutex<VecDeque<StatusCode>>,
    batches: mpsc::UnboundedSender<(StatusCode, Batch)>,
}

async fn sink(answers: &[StatusCode]) -> anyhow::Result<Sink> {
    let (sender, batches) = mpsc::unbounded_channel();
    let state = Arc::new(SinkState { answers: Mutex::new(answers.iter().copied().collect()), batches: sender });
    let router = routes(state);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(Sink { address, batches, until: Instant::now() + PATIENCE })
}

fn routes(state: Arc<SinkState>) -> axum::Router {
    axum::Router::new().route("/api/v1/ingest", post(ingest)).layer(DefaultBodyLimit::max(Limits::default().encoded)).with_state(state)
}

/// Answers as the backend does: only its own acknowledgements and refusals count.
async fn ingest(State(state): State<Arc<SinkState>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let sent_at = header(pganalytics_views::clock::SENT_AT).parse::<i64>().is_ok();
    if header("authorization") != "Bearer the-token" || header("content-type") != CONTENT_TYPE || !sent_at {
        return refusal(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    let Ok(batch) = decode(&body, &Limits::default()) else { return refusal(StatusCode::BAD_REQUEST, code::BAD_BATCH) };
    let status = state.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(StatusCode::OK);
    let (collector, sequence) = (batch.header.collector, batch.header.sequence);
    drop(state.batches.send((status, batch)));
    match status {
        StatusCode::OK => {
            axum::Json(serde_json::json!({ "collector": collector, "sequence": sequence, "duplicate": false })).into_response()
        }
        StatusCode::BAD_REQUEST => refusal(status, code::BAD_BATCH),
        _ => refusal(status, "unavailable"),
    }
}

fn refusal(status: StatusCode, code: &str) -> Response {
    let error = serde_json::json!({ "error": { "code": code, "message": "refused by the script" } });
    (status, [("retry-after", "0")], axum::Json(error)).into_response()
}

impl Sink {
    async fn next(&mut self) -> anyhow::Result<(StatusCode, Batch)> {
        tokio::time::timeout_at(self.until, self.batches.recv()).await?.ok_or_else(|| anyhow::anyhow!("the sink is gone"))
    }
}

fn config(sink: &Sink, spool: &Path, targets: &[(&str, String)]) -> anyhow::Result<Config> {
    let backend = Backend::new(format!("http://{}", sink.address).parse()?, Token::Given(Secret::new("the-token")));
    let targets = targets
        .iter()
        .map(|(name, conninfo)| {
            let mut target = TargetOptions::new(conninfo.parse::<Conninfo>()?);
            target.name = (*name).into();
            Ok(target)
        })
        .collect::<anyhow::Result<_>>()?;
    let mut config = Config::new(backend, SpoolOptions::new(spool), targets)?;
    config.flush = Duration::from_millis(200);
    Ok(config)
}

/// The rows of `pganalytics_server` in a batch: server → (up, error).
fn servers(batch: &Batch) -> BTreeMap<String, (bool, String)> {
    let mut found = BTreeMap::new();
    for (_, rows) in batch.frames.iter().filter(|(view, _)| view == "pganalytics_server") {
        let column = |name: &str| rows.column_by_name(name).expect("a column of the view");
        for row in 0..rows.num_rows() {
            let name = column("server").as_string::<i32>().value(row).to_owned();
            found.insert(name, (column("up").as_boolean().value(row), column("error").as_string::<i32>().value(row).to_owned()));
        }
    }
    found
}

#[tokio::test]
async fn unreachable_servers_are_reported_as_down_and_a_hanging_server_delays_no_other() -> anyhow::Result<()> {
    let (mut sink, spool) = (sink(&[]).await?, tempfile::tempdir()?);
    // The first server accepts connections and never answers; the port of the second is closed.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let conninfo = |address: SocketAddr| format!("postgresql://u:hunter2@127.0.0.1:{}/d?connect_timeout=2&sslmode=disable", address.port());
    let config = config(&sink, spool.path(), &[("silent", conninfo(silent.local_addr()?)), ("closed", conninfo(closed))])?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(pganalytics_collector::run(config, stop.clone()));

    let mut order = Vec::new();
    while order.len() < 2 {
        let (_, batch) = sink.next().await?;
        for (name, (up, error)) in servers(&batch) {
            assert!(!up && !error.contains("hunter2"), "{name}: {error}");
            if !order.iter().any(|(known, _)| *known == name) {
                order.push((name, error));
            }
        }
    }
    assert_eq!(order[0].0, "closed", "the closed port is reported while the silent one is still pending");
    assert!(order[0].1.contains("refused"), "{}", order[0].1);
    assert!(order[1].1.contains("no answer within 2 s"), "{}", order[1].1);
    stop.cancel();
    running.await?
}

#[tokio::test]
async fn each_batch_is_retried_until_it_is_committed_and_a_refused_batch_is_set_aside() -> anyhow::Result<()> {
    let answers = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::OK, StatusCode::BAD_REQUEST];
    let (mut sink, spool) = (sink(&answers).await?, tempfile::tempdir()?);
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    // A local server that is down still has host figures, which are read every ten seconds or more often.
    let mut config = config(&sink, spool.path(), &[("closed", format!("host=127.0.0.1 port={} user=u", closed.port()))])?;
    for view in config.views.iter_mut().filter(|view| view.name.starts_with("host_") || view.name == "pganalytics_server") {
        Arc::make_mut(view).interval = Duration::from_millis(500);
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(pganalytics_collector::run(config, stop.clone()));

    let mut seen = Vec::new();
    let mut last = loop {
        let (status, batch) = sink.next().await?;
        seen.push((status.as_u16(), batch.header.sequence));
        if seen.len() == 5 {
            break batch;
        }
    };
    // A batch that was closed after the error carries the error; a batch that was closed earlier may not.
    let status = loop {
        let status = last.header.status.expect("the batch has a status");
        assert_eq!((status.targets, status.targets_up), (1, 0));
        if status.last_error.is_some() {
            break status;
        }
        last = sink.next().await?.1;
    };
    assert!(status.last_error.is_some_and(|error| error.contains("500 ") || error.contains("400 ") || error.contains("503 ")));
    assert!(status.started_us > 0 && status.last_error_us >= Some(status.started_us));
    let first = seen[0].1;
    let [(503, a), (500, b), (200, c), (400, d), (200, e)] = seen[..] else { panic!("{seen:?}") };
    assert_eq!([a, b, c, d, e], [first, first, first, first + 1, first + 2]);
    let rejected: Vec<_> = std::fs::read_dir(spool.path().join("rejected"))?.collect::<Result<_, _>>()?;
    assert_eq!(rejected.len(), 1);
    stop.cancel();
    running.await??;

    // The remaining batches were shipped at shutdown or are in the spool. After a restart the identity is the same and the sequences rise.
    let mut sequence = last.header.sequence.max(e);
    while let Ok((_, batch)) = sink.batches.try_recv() {
        sequence = batch.header.sequence;
    }
    let spool = pganalytics_collector::Spool::open(spool.path(), 1 << 30)?;
    assert!(spool.next().0 > sequence);
    Ok(())
}

#[tokio::test]
async fn doctor_reports_each_problem_with_its_remedy() -> anyhow::Result<()> {
    let (sink, spool) = (sink(&[]).await?, tempfile::tempdir()?);
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let mut config = config(&sink, spool.path(), &[("closed", format!("host=127.0.0.1 port={} user=u password=hunter2", closed.port()))])?;
    let report = pganalytics_collector::doctor(&config).await;
    let text = report.to_string();
    assert!(text.contains("answers and accepts the token"), "{text}");
    assert!(text.contains("is writable") || text.contains("can be created"), "{text}");
    assert!(text.contains("refused") && text.contains("listen_addresses"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("the-token"), "{text}");
    assert_eq!(report.level(), pganalytics_collector::Level::Broken);

    config.backend.token = Token::Given(Secret::new("another"));
    let text = pganalytics_collector::doctor(&config).await.to_string();
    assert!(text.contains("401 Unauthorized") && text.contains("token create"), "{text}");
    Ok(())
}
