//! The API as the command line calls it: over HTTP where a backend runs; where none does, in this process on the data folder,
//! through the same routes.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use axum::http::{Method, Request};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use pganalytics_server::lake::{Lake, LakeOptions};
use pganalytics_server::tls::{self, MinVersion};
use pganalytics_server::{App, ErrorBody, ErrorDetail, Operator, Secret, ServerOptions};
use reqwest::Url;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::access::Access;
use crate::backend::DEFAULT_DATA;

/// A backend that does not answer a connection by then is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// Longer than any deadline a backend has.
const ANSWER: Duration = Duration::from_secs(600);

/// Readiness is of use soon or not at all; longer than a backend takes to find out that its store does not answer.
const HEALTH: Duration = Duration::from_secs(10);

/// Where the backend is.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Backend")]
pub(crate) struct ClientArgs {
    /// The backend's address, as in <https://pganalytics.example.com>
    #[arg(long, env = "PGANALYTICS_URL", value_name = "URL")]
    url: Option<Url>,
    /// A token for it; better given in the environment or a file, where no process list shows it
    #[arg(long, env = "PGANALYTICS_TOKEN", value_name = "TOKEN", hide_env_values = true, requires = "url")]
    token: Option<Secret>,
    /// A file with the token
    #[arg(long, env = "PGANALYTICS_TOKEN_FILE", value_name = "FILE", requires = "url", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Authorities to trust beside the system's (PEM), for a backend with a certificate of one's own
    #[arg(long, env = "PGANALYTICS_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A certificate to show (PEM), for a backend that asks for one (--tls-client-auth required)
    #[arg(long, env = "PGANALYTICS_CERT_FILE", value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, env = "PGANALYTICS_KEY_FILE", value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// The oldest TLS that is spoken: 1.2, for an old load balancer in between, or 1.3
    #[arg(long, env = "PGANALYTICS_CLIENT_TLS_MIN_VERSION", value_name = "VERSION", default_value_t = MinVersion::Tls13)]
    tls_min_version: MinVersion,
    /// Without --url: the data folder of a backend on this machine
    #[arg(long, env = "PGANALYTICS_DATA", value_name = "DIR", default_value = DEFAULT_DATA)]
    data: PathBuf,
}

impl ClientArgs {
    /// With the certificates that are named, and no older TLS than is allowed.
    fn trusting(&self, mut builder: reqwest::ClientBuilder) -> anyhow::Result<reqwest::ClientBuilder> {
        builder = builder.tls_version_min(match self.tls_min_version {
            MinVersion::Tls12 => reqwest::tls::Version::TLS_1_2,
            MinVersion::Tls13 => reqwest::tls::Version::TLS_1_3,
        });
        if let Some(file) = &self.ca_file {
            let pem = tls::read(file)?;
            tls::authorities(file, &pem).context("take the authorities of --ca-file")?;
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem).context("take the authorities of --ca-file")?);
        }
        if let (Some(certificate), Some(key)) = (&self.cert_file, &self.key_file) {
            let (chain, secret) = (tls::read(certificate)?, tls::read(key)?);
            tls::Identity::parse((certificate, &chain), (key, &secret)).context("take --cert-file and --key-file")?;
            let both = [&chain[..], b"\n", &secret[..]].concat();
            builder = builder.identity(reqwest::Identity::from_pem(&both).context("take --cert-file and --key-file")?);
        }
        Ok(builder)
    }
}

/// What the backend said no with.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(crate) struct Refused(pub(crate) ErrorDetail);

/// An answer.
pub(crate) struct Reply {
    pub(crate) body: Bytes,
    pub(crate) truncated: bool,
}

/// A way to the API.
pub(crate) enum Client {
    Remote { http: reqwest::Client, base: Url, token: Secret },
    Local { router: axum::Router, lake: Lake },
}

impl Client {
    /// The backend that is asked for, else the one that runs on the data folder, else the folder itself.
    pub(crate) async fn open(args: &ClientArgs) -> anyhow::Result<Self> {
        let builder = reqwest::Client::builder().connect_timeout(CONNECT).timeout(ANSWER);
        if let Some(url) = &args.url {
            let http = args.trusting(builder)?.build().context("set up HTTP")?;
            let token = match (&args.token, &args.token_file) {
                (Some(token), _) => token.clone(),
                (None, Some(file)) => {
                    let text = std::fs::read_to_string(file).with_context(|| format!("read the token from {}", file.display()))?;
                    Secret::new(text.trim())
                }
                (None, None) => anyhow::bail!("--url needs a token: set PGANALYTICS_TOKEN, or give --token-file"),
            };
            return Ok(Self::Remote { http, base: url.clone(), token });
        }
        let http = builder.build().context("set up HTTP")?;
        let data = args.data.display();
        if let Some(access) = Access::read(&args.data)? {
            let base: Url = access.url.parse().with_context(|| format!("read the url in {data}/cli.json"))?;
            let alive = http.get(join(&base, &["livez"])?).timeout(CONNECT).send().await;
            if alive.is_ok_and(|alive| alive.status().is_success()) {
                return Ok(Self::Remote { http, base, token: access.token });
            }
        }
        if !args.data.join("meta.db").exists() {
            anyhow::bail!(
                "there is no backend and no data in {data}: start one (pganalytics all-in-one --data {data}), \
                 or name one with --url and PGANALYTICS_TOKEN, or its folder with --data"
            );
        }
        let views = pganalytics_views::ViewSet::builtin()?;
        let lake = Lake::open(LakeOptions::new(&args.data, views)).await?;
        let router = pganalytics_server::router(App::new(lake.clone(), ServerOptions::default())?);
        Ok(Self::Local { router, lake })
    }

    /// The backend that is named, as a user instead of with a token.
    ///
    /// # Errors
    /// [`Refused`] where the user or the password is wrong.
    pub(crate) async fn log_in(args: &ClientArgs, user: &str, password: &Secret) -> anyhow::Result<Self> {
        let base = args.url.clone().context("--url is needed: say where the backend is")?;
        let http = args.trusting(reqwest::Client::builder().connect_timeout(CONNECT).timeout(ANSWER))?.build().context("set up HTTP")?;
        let stranger = Self::Remote { http: http.clone(), base: base.clone(), token: Secret::new("") };
        let body = serde_json::json!({"username": user, "password": password.expose()});
        let answer = stranger.json(Method::POST, &["auth", "login"], Some(&body)).await?;
        let token = Secret::new(answer["token"].as_str().context("read the session's token")?);
        Ok(Self::Remote { http, base, token })
    }

    /// Calls `/api/v1/<segments>`.
    ///
    /// # Errors
    /// [`Refused`] with what the backend said; or that it was not reached.
    pub(crate) async fn call(&self, method: Method, segments: &[&str], body: Option<&Value>) -> anyhow::Result<Reply> {
        let path = [&["api", "v1"], segments].concat();
        let (status, truncated, body) = match self {
            Self::Remote { http, base, token } => {
                let url = join(base, &path)?;
                let mut request = http.request(method, url);
                if !token.expose().is_empty() {
                    request = request.bearer_auth(token.expose());
                }
                if let Some(body) = body {
                    request = request.json(body);
                }
                let reply = request.send().await.map_err(|error| unreachable(base, error))?;
                let truncated = reply.headers().contains_key("x-pganalytics-truncated");
                (reply.status(), truncated, reply.bytes().await.with_context(|| format!("read the answer of {base}"))?)
            }
            Self::Local { router, .. } => {
                let url = join(&Url::parse("http://localhost/").context("name the folder's API")?, &path)?;
                let request = Request::builder().method(method).uri(url.path()).extension(Operator);
                let request = match body {
                    Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
                    None => request.body(Body::empty()),
                };
                let reply = router.clone().oneshot(request.context("form a request")?).await?;
                let truncated = reply.headers().contains_key("x-pganalytics-truncated");
                (reply.status(), truncated, reply.into_body().collect().await.context("read the answer")?.to_bytes())
            }
        };
        if status.is_success() {
            return Ok(Reply { body, truncated });
        }
        Err(match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(refused) => Refused(refused.error).into(),
            Err(_) => anyhow::anyhow!("{} answered {status}: is it a pgAnalytics backend?", self.name()),
        })
    }

    /// Calls and reads the answer as JSON.
    pub(crate) async fn json(&self, method: Method, segments: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        let reply = self.call(method, segments, body).await?;
        if reply.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&reply.body).with_context(|| format!("read the answer of {}", self.name()))
    }

    /// Lets go of the data folder where this process had it.
    pub(crate) async fn close(self) {
        if let Self::Local { lake, .. } = self {
            lake.close().await;
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Remote { base, .. } => base.to_string(),
            Self::Local { .. } => "the data folder".into(),
        }
    }
}

/// What a backend says of itself to anybody.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) url: Url,
    pub(crate) version: String,
    pub(crate) timestamp: String,
}

/// Asks whether a backend is ready, then its version and clock, without credentials.
///
/// # Errors
/// Where it is not reached, is not ready, or is none.
pub(crate) async fn health(args: &ClientArgs) -> anyhow::Result<Health> {
    let builder = reqwest::Client::builder().connect_timeout(CONNECT).timeout(HEALTH);
    let (builder, url) = if let Some(url) = &args.url {
        (args.trusting(builder)?, url.clone())
    } else {
        let data = args.data.display();
        let access = Access::read(&args.data)?.with_context(|| format!("no backend runs on {data}: name one with --url"))?;
        (builder, access.url.parse().with_context(|| format!("read the url in {data}/cli.json"))?)
    };
    let http = builder.build().context("set up HTTP")?;
    let ready = http.get(join(&url, &["readyz"])?).send().await.map_err(|error| unreachable(&url, error))?;
    let status = ready.status();
    if !status.is_success() {
        let said = ready.text().await.with_context(|| format!("read the answer of {url}"))?;
        anyhow::bail!("{url} is not ready ({status}): {}", said.lines().next().unwrap_or_default());
    }
    let reply = http.get(join(&url, &["api", "v1", "health"])?).send().await.map_err(|error| unreachable(&url, error))?;
    let body = reply.bytes().await.with_context(|| format!("read the answer of {url}"))?;
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |key: &str| said.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let (version, timestamp) =
        text("version").zip(text("timestamp")).with_context(|| format!("{url} tells no version: is it a pgAnalytics backend?"))?;
    Ok(Health { url, version, timestamp })
}

fn unreachable(base: &Url, error: reqwest::Error) -> anyhow::Error {
    if let Some(reason) = tls::explain(&error, "--ca-file", "--cert-file and --key-file") {
        return anyhow::anyhow!("reach {base}: {reason}");
    }
    let remedy = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "nothing answers there: is the backend running, and is the address right?"
    } else {
        "the request failed on its way"
    };
    // Without the URL: the error names it again, with the path.
    anyhow::Error::new(error.without_url()).context(format!("reach {base}: {remedy}"))
}

/// The base's own path is kept: the backend may stand under a prefix.
fn join(base: &Url, segments: &[&str]) -> anyhow::Result<Url> {
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| anyhow::anyhow!("'{base}' is no http address"))?.pop_if_empty().extend(segments);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_kept_and_a_name_is_one_segment() -> anyhow::Result<()> {
        let url = join(&"https://x.example/pg/".parse()?, &["api", "v1", "users", "a/b c"])?;
        assert_eq!(url.as_str(), "https://x.example/pg/api/v1/users/a%2Fb%20c");
        Ok(())
    }
}
