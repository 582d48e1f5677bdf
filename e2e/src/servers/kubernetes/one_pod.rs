//! A stand-in for the Kubernetes API that knows one pod, whose container's log is a file. The real API has no node, and so no logs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::api::use_ring;
use crate::machine::certificate::Certificate;

/// The pause between two looks for a connection.
const NAP: Duration = Duration::from_millis(5);

/// The stand-in; see the module. Dropping the value ends it.
#[derive(Debug)]
pub struct OnePod {
    port: u16,
    certificate: Certificate,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
}

/// What every connection answers from.
#[derive(Debug)]
struct Cluster {
    pods: Value,
    log: Mutex<Log>,
    stop: Arc<AtomicBool>,
}

/// A container's log, with the time at which each line was first seen.
#[derive(Debug)]
struct Log {
    file: PathBuf,
    bytes: usize,
    lines: Vec<(u64, String)>,
}

impl OnePod {
    /// Serves the pod `db/postgres`: a server at this port that writes its log to this file.
    ///
    /// # Errors
    /// If it cannot listen, or has no certificate.
    pub fn start(port_of_postgres: u16, log: PathBuf) -> Result<Self> {
        use_ring();
        let folder = tempfile::Builder::new().prefix("pganalytics-pod-").tempdir().context("create a temporary folder")?;
        let certificate = Certificate::make(folder.path())?;
        std::fs::write(folder.path().join("token"), "any").context("write the collector's token")?;
        let chain: Vec<_> = CertificateDer::pem_file_iter(&certificate.certificate)?.collect::<Result<_, _>>()?;
        let config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(&certificate.key)?)?;
        let listener = TcpListener::bind("127.0.0.1:0").context("listen as a Kubernetes API")?;
        listener.set_nonblocking(true)?;
        let (port, stop) = (listener.local_addr()?.port(), Arc::new(AtomicBool::new(false)));
        let log = Log { file: log, bytes: 0, lines: Vec::new() };
        let cluster = Arc::new(Cluster { pods: pods(port_of_postgres), log: Mutex::new(log), stop: Arc::clone(&stop) });
        let thread = std::thread::spawn(move || serve(&listener, &Arc::new(config), &cluster));
        Ok(Self { port, certificate, stop, thread: Some(thread), folder })
    }

    /// The collector's configuration for this API: no Secrets, the login `postgres`, and logs.
    #[must_use]
    pub fn configuration(&self) -> String {
        format!(
            "[kubernetes]\nenabled = true\nnamespaces = [\"db\"]\nsecrets = false\nuser = \"postgres\"\nsslmode = \"disable\"\nlogs = true\n\
             api_url = \"https://127.0.0.1:{}\"\ntoken_file = {:?}\napi_ca_file = {:?}\n",
            self.port,
            self.folder.path().join("token"),
            self.certificate.authority
        )
    }
}

impl Drop for OnePod {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread only panics if a test has failed already.
            let _ = thread.join();
        }
    }
}

fn pods(port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": [{
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "postgres", "namespace": "db", "uid": "one", "resourceVersion": "1",
            "annotations": {"pganalytics.io/scrape": "true", "pganalytics.io/port": port.to_string()}
        },
        "spec": {"nodeName": "node-1", "containers": [{"name": "postgres", "ports": [{"containerPort": port}]}]},
        "status": {"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [
            {"name": "postgres", "containerID": "containerd://one", "ready": true, "started": true, "restartCount": 0}
        ]}
    }]})
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, cluster: &Arc<Cluster>) {
    while !cluster.stop.load(Ordering::Relaxed) {
        let Ok((connection, _)) = listener.accept() else {
            std::thread::sleep(NAP);
            continue;
        };
        let (config, cluster) = (Arc::clone(config), Arc::clone(cluster));
        // The client repeats a request whose connection breaks.
        std::thread::spawn(move || answer(connection, config, &cluster));
    }
}

/// Answers the one request of a connection.
fn answer(connection: TcpStream, config: Arc<ServerConfig>, cluster: &Cluster) -> Result<()> {
    connection.set_nonblocking(false)?;
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config)?, connection));
    let mut request = String::new();
    stream.read_line(&mut request)?;
    let mut header = String::new();
    while stream.read_line(&mut header)? > 2 {
        header.clear();
    }
    let url = request.split_whitespace().nth(1).unwrap_or_default();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let of = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let (status, body) = match path {
        "/api/v1/namespaces/db/pods" if of("watch").is_some() => {
            write!(stream.get_mut(), "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")?;
            stream.get_mut().flush()?;
            // Nothing changes.
            while !cluster.stop.load(Ordering::Relaxed) {
                std::thread::sleep(NAP);
            }
            return Ok(());
        }
        "/api/v1/namespaces/db/pods" => ("200 OK", cluster.pods.to_string()),
        "/api/v1/namespaces/db/pods/postgres/log" if of("previous").is_none() => {
            let limit = of("limitBytes").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
            let mut log = cluster.log.lock().unwrap_or_else(PoisonError::into_inner);
            ("200 OK", log.since(&of("sinceTime").unwrap_or_default().replace("%3A", ":"), limit)?)
        }
        _ => (
            "404 Not Found",
            json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": path, "code": 404}).to_string(),
        ),
    };
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    stream.get_mut().conn.send_close_notify();
    stream.get_mut().flush().context("answer the collector")
}

impl Log {
    /// The lines since a time, as the kubelet writes them.
    fn since(&mut self, time: &str, limit: usize) -> Result<String> {
        let bytes = std::fs::read(&self.file).context("read the server's log")?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
        for line in String::from_utf8_lossy(&bytes[self.bytes.min(whole)..whole]).lines() {
            let after = self.lines.last().map_or(0, |(at, _)| at + 1);
            self.lines.push((now.max(after), line.to_owned()));
        }
        self.bytes = whole;
        let mut text = String::new();
        for (at, line) in &self.lines {
            let at = rfc3339(*at);
            if at[..SECONDS] >= time[..SECONDS.min(time.len())] {
                text.push_str(&format!("{at} {line}\n"));
            }
        }
        text.truncate(text.floor_char_boundary(limit));
        Ok(text)
    }
}

/// The length of a time without its fraction.
const SECONDS: usize = "2026-11-29T01:02:03".len();

/// A time in microseconds since the epoch, as the kubelet writes times.
fn rfc3339(us: u64) -> String {
    let (mut days, second) = (us / 86_400_000_000, us / 1_000_000 % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{:06}000Z", days + 1, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn times_are_written_as_the_kubelet_does() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(951_782_400_000_001), "2000-02-29T00:00:00.000001000Z");
        assert_eq!(rfc3339(1_796_083_199_999_999), "2026-11-30T23:59:59.999999000Z");
    }
}
