//! Who is at the other end of a connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use pganalytics_tls::Peer;

use crate::app::App;
use crate::error::ApiError;

/// Where a request comes from: the peer, or with a trusted proxy the address that the proxy saw; and whether the browser speaks HTTPS,
/// to us or to the proxy.
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
            // The last entry is the one our proxy wrote; those before are whatever the client said.
            value.rsplit(',').next().map(str::trim)
        };
        let address = last("x-forwarded-for").and_then(|address| address.parse().ok()).unwrap_or(peer);
        // What the proxy says counts: it may speak TLS to us and plain HTTP to the browser.
        let https = last("x-forwarded-proto").map_or(tls, |proto| proto.eq_ignore_ascii_case("https"));
        Ok(Self { address, https })
    }
}
