//! The table `[collector]`: the name, the address of `/metrics`, and how often a batch is closed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pganalytics_tls::{ClientAuth, ServerFiles};

use super::overrides::Overrides;
use super::place::{ConfigError, Place};

/// The default address of `/metrics`.
pub(super) const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8081);
/// How often a batch is closed. People watch seconds, and smaller batches compress worse.
pub(super) const DEFAULT_FLUSH: Duration = Duration::from_secs(10);
/// The bounds of `flush`.
const FLUSH_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));
const COLLECTOR_KEYS: &[&str] = &[
    "name",
    "listen",
    "plain_http",
    "tls_cert",
    "tls_key",
    "tls_min_version",
    "tls_client_ca",
    "tls_client_crl",
    "tls_client_auth",
    "flush",
    "views",
];

/// The values of the table.
pub(super) struct Collector {
    pub(super) name: String,
    pub(super) listen: Option<SocketAddr>,
    pub(super) tls: Option<ServerFiles>,
    pub(super) flush: Duration,
    /// A folder with additional views.
    pub(super) views: Option<String>,
}

pub(super) fn read(collector: &Place<'_>, overrides: &Overrides) -> Result<Collector, ConfigError> {
    collector.only(COLLECTOR_KEYS)?;
    let listen = match overrides.listen.clone().or(collector.string("listen", "PGANALYTICS_COLLECTOR_LISTEN")?).as_deref() {
        None => Some(DEFAULT_LISTEN),
        Some("off") => None,
        Some(address) => Some(
            address
                .parse()
                .map_err(|_| collector.error("listen", "is not an address", "write ip:port, such as \"127.0.0.1:8081\", or \"off\""))?,
        ),
    };
    let tls = tls(collector)?;
    let plain_http = collector.switch("plain_http", "PGANALYTICS_COLLECTOR_PLAIN_HTTP")?.unwrap_or_default();
    if tls.is_none() && !plain_http && listen.is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
        let remedy = "set tls_cert and tls_key, or plain_http = true, or listen on 127.0.0.1";
        return Err(collector.error(
            "listen",
            "is an address that other machines can reach, and /metrics would be sent unencrypted",
            remedy,
        ));
    }
    let flush = collector.duration("flush", "PGANALYTICS_COLLECTOR_FLUSH")?.unwrap_or(DEFAULT_FLUSH);
    if flush < FLUSH_RANGE.0 || flush > FLUSH_RANGE.1 {
        return Err(collector.error("flush", "is out of range", "set a duration from \"1s\" to \"1h\""));
    }
    Ok(Collector {
        name: overrides.name.clone().or(collector.string("name", "PGANALYTICS_COLLECTOR_NAME")?).unwrap_or_else(host_name),
        listen,
        tls,
        flush,
        views: collector.string("views", "PGANALYTICS_COLLECTOR_VIEWS")?,
    })
}

/// The host name of this machine.
pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("collector").into()
}

/// The TLS settings of the address of `/metrics`.
fn tls(collector: &Place<'_>) -> Result<Option<ServerFiles>, ConfigError> {
    let pair = collector.pair(("tls_cert", "PGANALYTICS_COLLECTOR_TLS_CERT"), ("tls_key", "PGANALYTICS_COLLECTOR_TLS_KEY"))?;
    let client_ca = collector.string("tls_client_ca", "PGANALYTICS_COLLECTOR_TLS_CLIENT_CA")?.map(PathBuf::from);
    let client_crl = collector.string("tls_client_crl", "PGANALYTICS_COLLECTOR_TLS_CLIENT_CRL")?.map(PathBuf::from);
    if client_crl.is_some() && client_ca.is_none() {
        return Err(collector.error("tls_client_crl", "has no effect without client certificates", "set tls_client_ca too"));
    }
    let client_auth = collector.parsed("tls_client_auth", "PGANALYTICS_COLLECTOR_TLS_CLIENT_AUTH")?;
    let client_auth = ClientAuth::resolve(client_auth, client_ca.is_some())
        .map_err(|problem| collector.error("tls_client_auth", problem, "set tls_client_ca too"))?;
    let min_version = collector.parsed("tls_min_version", "PGANALYTICS_COLLECTOR_TLS_MIN_VERSION")?.unwrap_or_default();
    match pair {
        (Some(certificate), Some(key)) => Ok(Some(ServerFiles { certificate, key, client_ca, client_crl, client_auth, min_version })),
        _ if client_ca.is_some() => Err(collector.error("tls_client_ca", "needs TLS", "set tls_cert and tls_key too")),
        _ => Ok(None),
    }
}
