//! A connection to the API: over HTTP, or on the data folder in this process if no backend runs. Both use the same routes.

use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use axum::http::{Method, Request};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use pganalytics_server::lake::{Lake, LakeOptions};
use pganalytics_server::{App, ErrorBody, ErrorDetail, Operator, Secret, ServerOptions};
use reqwest::Url;
use serde_json::Value;
use tower::ServiceExt as _;

use super::address::{CONNECT_TIMEOUT, is_alive, join, on_this_machine, unreachable};
use super::args::ClientArgs;
use crate::access::Access;

/// The time limit of a request: longer than any deadline of a backend.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The backend refused the request with this error.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(crate) struct Refused(pub(crate) ErrorDetail);

/// A successful response.
pub(crate) struct Reply {
    pub(crate) body: Bytes,
    pub(crate) truncated: bool,
}

/// A connection to the API.
pub(crate) enum Client {
    Remote { http: reqwest::Client, base: Url, token: Secret },
    Local { router: axum::Router, lake: Lake },
}

impl Client {
    /// Connects to the named backend, or else to the backend that runs on the data folder, or else opens the data folder.
    pub(crate) async fn open(args: &ClientArgs) -> anyhow::Result<Self> {
        if let Some(url) = &args.url {
            let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT);
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
        let data = args.data.display();
        if let Some(access) = Access::read(&args.data)? {
            let base: Url = access.url.parse().with_context(|| format!("read the url in {data}/cli.json"))?;
            if is_alive(&base).await {
                let http = on_this_machine().timeout(TIMEOUT).build().context("set up HTTP")?;
                return Ok(Self::Remote { http, base, token: access.token });
            }
        }
        if !args.data.join("meta.db").exists() {
            anyhow::bail!(
                "no backend runs on {data}, and the folder contains no data: start a backend (pganalytics all-in-one --data {data}), \
                 or name one with --url and PGANALYTICS_TOKEN, or its folder with --data"
            );
        }
        let views = pganalytics_views::ViewSet::builtin()?;
        let lake = Lake::open(LakeOptions::new(&args.data, views)).await?;
        let router = pganalytics_server::router(App::new(lake.clone(), ServerOptions::default())?);
        Ok(Self::Local { router, lake })
    }

    /// Logs in to the named backend with user name and password, instead of a token.
    ///
    /// # Errors
    /// [`Refused`] if the user name or the password is wrong.
    pub(crate) async fn log_in(args: &ClientArgs, user: &str, password: &Secret) -> anyhow::Result<Self> {
        let base = args.url.clone().context("--url is required: give the address of the backend")?;
        let http =
            args.trusting(reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT))?.build().context("set up HTTP")?;
        let anonymous = Self::Remote { http: http.clone(), base: base.clone(), token: Secret::new("") };
        let body = serde_json::json!({"username": user, "password": password.expose()});
        let answer = anonymous.json(Method::POST, &["auth", "login"], Some(&body)).await?;
        let token = Secret::new(answer["token"].as_str().context("read the session's token")?);
        Ok(Self::Remote { http, base, token })
    }

    /// Calls `/api/v1/<segments>`.
    ///
    /// # Errors
    /// [`Refused`] with the backend's error, or an error if the backend cannot be reached.
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
                (reply.status(), truncated, reply.bytes().await.with_context(|| format!("read the response of {base}"))?)
            }
            Self::Local { router, .. } => {
                let url = join(&Url::parse("http://localhost/").context("form the address of the API")?, &path)?;
                let request = Request::builder().method(method).uri(url.path()).extension(Operator);
                let request = match body {
                    Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
                    None => request.body(Body::empty()),
                };
                let reply = router.clone().oneshot(request.context("form a request")?).await?;
                let truncated = reply.headers().contains_key("x-pganalytics-truncated");
                (reply.status(), truncated, reply.into_body().collect().await.context("read the response")?.to_bytes())
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

    /// Calls the API and reads the response as JSON.
    pub(crate) async fn json(&self, method: Method, segments: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        let reply = self.call(method, segments, body).await?;
        if reply.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&reply.body).with_context(|| format!("read the response of {}", self.name()))
    }

    /// Closes the data folder if this process opened it.
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
