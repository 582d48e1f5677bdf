//! A backend with its own folder, and requests to it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, Once};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::Utc;
use http_body_util::BodyExt as _;
use pganalytics_server::accounts::{self, NewTokenOptions};
use pganalytics_server::lake::{Lake, LakeOptions, Role, TokenKind};
use pganalytics_server::{App, Secret, ServerOptions};
use pganalytics_views::ViewSet;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct Backend {
    pub(crate) app: App,
    pub(crate) lake: Lake,
    router: Router,
    folder: TempDir,
}

/// A response.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Backend {
    /// A backend with an admin whose password is [`PASSWORD`].
    pub(crate) async fn start() -> Self {
        Self::with(ServerOptions::default()).await
    }

    pub(crate) async fn with(options: ServerOptions) -> Self {
        START_LOG.call_once(|| {
            let filter = tracing_subscriber::EnvFilter::new("pganalytics_server=trace,pganalytics_lake=trace,audit=info");
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Lines).with_ansi(false).init();
        });
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(LakeOptions::new(folder.path(), ViewSet::builtin().unwrap())).await.unwrap();
        let generated = accounts::first_admin(lake.meta(), Some(Secret::new(PASSWORD))).await.unwrap();
        assert!(generated.is_none(), "no password is generated");
        let app = App::new(lake.clone(), options).unwrap();
        Self { router: pganalytics_server::router(app.clone()), app, lake, folder }
    }

    /// An API token with this role.
    pub(crate) async fn api(&self, role: Role) -> String {
        self.token(TokenKind::Api, Some(role)).await
    }

    /// The files of a table.
    pub(crate) fn files(&self, table: &str) -> Vec<PathBuf> {
        let within = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        within(self.folder.path().join("lake").join(format!("table={table}"))).flat_map(within).collect()
    }

    pub(crate) async fn collector(&self) -> String {
        self.token(TokenKind::Collector, None).await
    }

    async fn token(&self, kind: TokenKind, role: Option<Role>) -> String {
        let name = format!("{} {}", kind.as_str(), uuid::Uuid::new_v4());
        accounts::create_token(self.lake.meta(), NewTokenOptions { role, ..NewTokenOptions::new(&name, kind) })
            .await
            .unwrap()
            .0
            .expose()
            .to_owned()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let reply = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = reply.into_parts();
        Reply { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.send(request(Method::GET, path, &[("authorization", &bearer(token))], Vec::new())).await
    }

    /// Sends JSON.
    pub(crate) async fn json(&self, method: Method, path: &str, token: &str, body: &Value) -> Reply {
        let headers = [("authorization", bearer(token)), ("content-type", "application/json".to_owned())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(request(method, path, &headers, body.to_string())).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Reply {
        self.json(Method::POST, path, token, body).await
    }

    pub(crate) async fn login(&self, username: &str, password: &str) -> Reply {
        let body = serde_json::json!({"username": username, "password": password});
        let headers = [("content-type", "application/json")];
        self.send(request(Method::POST, "/api/v1/auth/login", &headers, body.to_string())).await
    }

    pub(crate) async fn ship(&self, token: &str, body: Vec<u8>) -> Reply {
        let headers = [("authorization", bearer(token)), ("content-type", pganalytics_views::wire::CONTENT_TYPE.to_owned())];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(request(Method::POST, "/api/v1/ingest", &headers, body)).await
    }
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

/// A batch of `pganalytics_server` rows, one for each server. All servers are up.
pub(crate) fn batch(collector: uuid::Uuid, sequence: u64, servers: &[&str]) -> Vec<u8> {
    let view = ViewSet::builtin().unwrap().get("pganalytics_server").unwrap().clone();
    let now = Utc::now().timestamp_micros();
    encode(collector, sequence, &view.name, rows(&pganalytics_views::schema(&view), now, servers))
}

pub(crate) fn encode(collector: uuid::Uuid, sequence: u64, view: &str, rows: arrow::array::RecordBatch) -> Vec<u8> {
    use pganalytics_views::wire;
    let header = wire::Header {
        collector,
        collector_name: "test".into(),
        sequence,
        created_us: 0,
        version: "0.1.0".into(),
        dropped_rows: 0,
        status: None,
        frames: Vec::new(),
    };
    wire::encode(header, &[(view.to_owned(), rows)], &wire::Limits::default()).unwrap()
}

/// One row for each server: up, version 17, all other columns null.
pub(crate) fn rows(schema: &arrow::datatypes::SchemaRef, ts: i64, servers: &[&str]) -> arrow::array::RecordBatch {
    use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
    use std::sync::Arc;
    let count = servers.len();
    let known: BTreeMap<&str, ArrayRef> = BTreeMap::from([
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![ts; count]).with_timezone("UTC")) as ArrayRef),
        ("server", Arc::new(StringArray::from(servers.to_vec()))),
        ("up", Arc::new(BooleanArray::from(vec![true; count]))),
        ("version_num", Arc::new(Int64Array::from(vec![170_002; count]))),
        ("version", Arc::new(StringArray::from(vec!["17.2"; count]))),
    ]);
    let columns = schema
        .fields()
        .iter()
        .map(|field| known.get(field.name().as_str()).cloned().unwrap_or_else(|| new_null_array(field.data_type(), count)));
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

/// Everything that the tests of this process have logged, at every level.
static LOG: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(Mutex::default);
static START_LOG: Once = Once::new();

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) fn log() -> String {
    String::from_utf8(LOG.lock().unwrap().clone()).unwrap()
}

/// The number of audit lines that contain all of these words.
pub(crate) fn logged(words: &[&str]) -> usize {
    log().lines().filter(|line| line.contains(" audit: ") && words.iter().all(|word| line.contains(word))).count()
}
