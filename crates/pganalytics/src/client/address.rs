//! Addresses of the API, and errors of addresses without an answer.

use std::time::Duration;

use pganalytics_server::tls;
use reqwest::Url;

/// The time limit of a connection. A backend that accepts none within it does not run.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
    use super::*;

    #[test]
    fn a_path_prefix_is_kept_and_a_name_is_one_segment() -> anyhow::Result<()> {
        let url = join(&"https://x.example/pg/".parse()?, &["api", "v1", "users", "a/b c"])?;
        assert_eq!(url.as_str(), "https://x.example/pg/api/v1/users/a%2Fb%20c");
        Ok(())
    }
}
