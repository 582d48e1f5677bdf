//! How the command line finds the running backend: `cli.json` in the data folder, which only its owner can read.
//!
//! ```json
//! {"url": "http://127.0.0.1:8080", "token": "pga_a_…"}
//! ```
//! If the backend uses TLS, the URL is the local port on loopback, so the command line needs no valid certificate. The backend writes the
//! file at its start. The token is valid for this process only, and as long as it runs. A user who can read the folder could change
//! everything in it anyway.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pganalytics_server::Secret;
use pganalytics_server::accounts::{self, NewTokenOptions};
use pganalytics_server::lake::{Meta, TokenKind};
use serde::{Deserialize, Serialize};

/// The default data folder, in the current folder.
pub(crate) const DEFAULT_DATA: &str = "pganalytics-data";
const CLI: &str = "cli.json";
const COLLECTOR: &str = "collector.token";

/// The content of `cli.json`.
#[derive(Deserialize)]
pub(crate) struct Access {
    pub(crate) url: String,
    pub(crate) token: Secret,
}

#[derive(Serialize)]
struct Written<'a> {
    url: &'a str,
    token: &'a str,
}

impl Access {
    /// Reads the file of the last backend on this folder; `None` if there was none.
    pub(crate) fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = data.join(CLI);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let access = serde_json::from_str(&text).map_err(|_| {
            // The parser's message may quote the token, so it is not shown.
            anyhow::anyhow!("read {}: the file is damaged; delete it and restart the backend", path.display())
        })?;
        Ok(Some(access))
    }

    /// Writes the file for a backend at this URL.
    pub(crate) fn write(data: &Path, url: &str, token: &Secret) -> anyhow::Result<()> {
        let text = serde_json::to_string(&Written { url, token: token.expose() }).context("write cli.json")?;
        write_private(&data.join(CLI), &text)
    }
}

/// The file with the token of the collector in the same process.
pub(crate) fn collector_token_file(data: &Path) -> PathBuf {
    data.join(COLLECTOR)
}

/// The file with the token of the collector in this process. Creates a token if there is no valid one.
pub(crate) async fn collector_token(data: &Path, meta: &Meta) -> anyhow::Result<PathBuf> {
    let path = collector_token_file(data);
    let kept = fs::read_to_string(&path).ok().map(|text| Secret::new(text.trim()));
    let token = match kept {
        Some(kept) if accounts::is_live(meta, &kept, TokenKind::Collector).await? => kept,
        _ => {
            // Names cannot be reused, so each token has a unique name.
            let name = format!("all-in-one {}", uuid::Uuid::new_v4().simple());
            accounts::create_token(meta, NewTokenOptions::new(&name, TokenKind::Collector)).await.context("create a token")?.0
        }
    };
    write_private(&path, token.expose())?;
    Ok(path)
}

/// Replaces a file atomically. Only the owner can read it at any time.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let fresh = path.with_extension("new");
    let write = || {
        let _ = fs::remove_file(&fresh);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().with_context(|| format!("write {}", path.display()))
}

/// The URL by which this machine reaches a listener. For a listener on all addresses this is loopback.
pub(crate) fn url_of(scheme: &str, address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_owner_can_read_a_private_file() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("secret");
        for text in ["one", "two"] {
            write_private(&path, text)?;
            assert_eq!(fs::read_to_string(&path)?, text);
            assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        }
        Ok(())
    }

    #[test]
    fn all_addresses_are_reached_by_loopback() -> anyhow::Result<()> {
        for (address, url) in
            [("0.0.0.0:80", "http://127.0.0.1:80"), ("[::]:80", "http://[::1]:80"), ("10.1.2.3:8080", "http://10.1.2.3:8080")]
        {
            assert_eq!(url_of("http", address.parse()?), url);
        }
        Ok(())
    }
}
