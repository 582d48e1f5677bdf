//! The client at the other end of a connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use pganalytics_tls::Peer;

use crate::app::App;
use crate::error::ApiError;

/// An extension that marks requests over the backend's local port, which serves programs on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local;

pub(super) fn is_local(parts: &Parts) -> bool {
    parts.extensions.get::<Local>().is_some()
}

/// The client's address, and whether the browser uses HTTPS. With a trusted proxy this is what the proxy reports.
pub(crate) struct Client {
    pub address: IpAddr,
    pub https: bool,
}

impl FromRequestParts<App> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let tls = parts.extensions.get::<Peer>().is_some_and(|peer| peer.tls);
        if !app.options.trusted_proxy {
            return Ok(Self { address: peer, https: tls });
        }
        let last = |name: &str| {
            let value = parts.headers.get_all(name).into_iter().next_back()?.to_str().ok()?;
            // The proxy wrote the last entry. The entries before it come from the client and prove nothing.
            value.rsplit(',').next().map(str::trim)
        };
        let address = last("x-forwarded-for").and_then(address).unwrap_or(peer);
        // The proxy's connection to the browser counts: its connection to the backend may use TLS although the browser's does not.
        let https = last("x-forwarded-proto").map_or(tls, |proto| proto.eq_ignore_ascii_case("https"));
        Ok(Self { address, https })
    }
}

/// The address of an entry of `X-Forwarded-For`. Some proxies, such as Azure's Application Gateway, add the port.
fn address(entry: &str) -> Option<IpAddr> {
    let plain = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    plain.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_may_have_brackets_and_a_port() {
        for (entry, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:51234", "203.0.113.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:51234", "2001:db8::7"),
        ] {
            assert_eq!(address(entry).map(|address| address.to_string()).as_deref(), Some(expected), "{entry}");
        }
        for entry in ["", "unknown", "_hidden", "203.0.113.7:x"] {
            assert_eq!(address(entry), None, "{entry}");
        }
    }
}
