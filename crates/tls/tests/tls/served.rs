//! A listener on a free port, and its clients.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::Extension;
use axum::http::{HeaderMap, Version, header};
use axum::routing::get;
use pganalytics_tls::{ClientAuth, Limits, MinVersion, Peer, ServerFiles, Tls, explain, serve};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::authority::Issued;

/// The longest wait of a test; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

/// Answers with the properties of the request: version, host, TLS or not, certificate or not.
pub(crate) fn echo() -> Router {
    Router::new().route("/", get(describe))
}

async fn describe(version: Version, headers: HeaderMap, Extension(peer): Extension<Peer>) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("nobody");
    format!("{version:?} {} tls={} certificate={}", host.split(':').next().unwrap_or_default(), peer.tls, peer.certificate.is_some())
}

pub(crate) async fn start(tls: Option<Arc<Tls>>, router: Router, limits: Limits) -> anyhow::Result<Served> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, stop) = (listener.local_addr()?, CancellationToken::new());
    let task = tokio::spawn(serve(listener, tls, router, limits, stop.clone()));
    Ok(Served { address, stop, task })
}

pub(crate) fn files(issued: &Issued) -> ServerFiles {
    ServerFiles {
        certificate: issued.certificate.clone(),
        key: issued.key.clone(),
        client_ca: None,
        client_crl: None,
        client_auth: ClientAuth::Off,
        min_version: MinVersion::default(),
    }
}

impl Served {
    pub(crate) async fn connect(&self) -> anyhow::Result<TcpStream> {
        Ok(TcpStream::connect(self.address).await?)
    }

    /// Sends a request over a new connection. An error is the explanation for people.
    pub(crate) async fn ask(&self, client: reqwest::ClientBuilder) -> Result<String, String> {
        let client = client.build().map_err(|error| error.to_string())?;
        let asked = async { client.get(format!("https://localhost:{}/", self.address.port())).send().await?.text().await };
        let answered = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| "no answer".to_owned())?;
        answered.map_err(|error| explain(&error, "CA", "CERT and KEY").unwrap_or_else(|| format!("{error:?}")))
    }
}

/// A client that trusts only this authority.
pub(crate) fn trusting(authority: &Path) -> anyhow::Result<reqwest::ClientBuilder> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = reqwest::Certificate::from_pem_bundle(&std::fs::read(authority)?)?;
    Ok(reqwest::Client::builder().no_proxy().tls_certs_only(roots))
}

/// A client's certificate and key.
pub(crate) fn identity(issued: &Issued) -> anyhow::Result<reqwest::Identity> {
    let both = [std::fs::read(&issued.certificate)?, std::fs::read(&issued.key)?].concat();
    reqwest::Identity::from_pem(&both).context("an identity")
}
