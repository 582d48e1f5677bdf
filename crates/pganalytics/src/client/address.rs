//! Addresses of the API, errors of addresses without an answer, and the backend on this machine.

use std::time::Duration;

use pganalytics_server::tls;
use reqwest::Url;

/// The time limit of a connection. A backend that accepts none within it does not run.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer of `/livez` that is read.
const LIVEZ_CAP: usize = 16;

/// HTTP for the backend on this machine, whose address is in `cli.json`. A redirect is not followed, and no proxy is used: either would send
/// the token to another place.
pub(super) fn on_this_machine() -> reqwest::ClientBuilder {
    reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy().redirect(reqwest::redirect::Policy::none())
}

/// Whether a backend runs at the address of `cli.json`. After a crash another program may use the port, so only the backend's own answer
/// counts.
pub(crate) async fn is_alive(base: &Url) -> bool {
    let alive = async {
        let http = on_this_machine().timeout(CONNECT_TIMEOUT).build().ok()?;
        let mut reply = http.get(join(base, &["livez"]).ok()?).send().await.ok()?;
        let mut body = Vec::new();
        while let Some(part) = reply.chunk().await.ok()? {
            body.extend_from_slice(&part);
            if body.len() > LIVEZ_CAP {
                return None;
            }
        }
        (reply.status() == reqwest::StatusCode::OK && body.trim_ascii() == b"ok").then_some(())
    };
    alive.await.is_some()
}

/// The error of a request that got no response, with a remedy.
pub(super) fn unreachable(base: &Url, error: reqwest::Error) -> anyhow::Error {
    if let Some(reason) = tls::explain(&error, "--ca-file", "--cert-file and --key-file") {
        return anyhow::anyhow!("reach {base}: {reason}");
    }
    let remedy = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no answer: is the backend running, and is the address correct?"
    } else {
        "the request failed"
    };
    // Without the URL, which the context names already.
    anyhow::Error::new(error.without_url()).context(format!("reach {base}: {remedy}"))
}

/// The URL of a path of the API. The base's own path is kept, since the backend may have a path prefix.
pub(super) fn join(base: &Url, segments: &[&str]) -> anyhow::Result<Url> {
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| anyhow::anyhow!("'{base}' is not an HTTP address"))?.pop_if_empty().extend(segments);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::{Html, IntoResponse as _, Redirect};
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn only_a_backends_own_answer_says_that_a_backend_runs() -> anyhow::Result<()> {
        // As at the start of the program. Another test may have done the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let routes = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/page/livez", get(|| async { Html("<html>ok</html>") }))
            .route("/long/livez", get(|| async { "ok\n".repeat(1_000) }))
            .route("/moved/livez", get(|| async { Redirect::temporary("/livez") }))
            .route("/fails/livez", get(|| async { (axum::http::StatusCode::BAD_GATEWAY, "ok\n").into_response() }));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(std::future::IntoFuture::into_future(axum::serve(listener, routes)));
        for (path, expected) in [("", true), ("/page", false), ("/long", false), ("/moved", false), ("/fails", false), ("/none", false)] {
            assert_eq!(is_alive(&format!("{base}{path}").parse()?).await, expected, "{path}");
        }
        serving.abort();
        let _ = serving.await;
        assert!(!is_alive(&base.parse()?).await, "nothing runs there");
        Ok(())
    }

    #[test]
    fn a_path_prefix_is_kept_and_a_name_is_one_segment() -> anyhow::Result<()> {
        let url = join(&"https://x.example/pg/".parse()?, &["api", "v1", "users", "a/b c"])?;
        assert_eq!(url.as_str(), "https://x.example/pg/api/v1/users/a%2Fb%20c");
        Ok(())
    }
}
