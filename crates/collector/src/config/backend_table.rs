//! Reads the table `[backend]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::backend::{Backend, DEFAULT_ROTATE_EVERY, Source, Token};
use super::overrides::Overrides;
use super::place::{ConfigError, Place};
use super::spool::credential_file;
use crate::connect::secret::Secret;

/// The bounds of `rotate_every`: a second serves trials, and a credential older than ten years would be forgotten.
const ROTATE_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10 * 366 * 86_400));
const BACKEND_KEYS: &[&str] = &[
    "url",
    "token",
    "token_file",
    "enrolment_token",
    "enrolment_token_file",
    "rotate_every",
    "ca_file",
    "cert_file",
    "key_file",
    "tls_min_version",
];

/// Reads the table. A backend in the overrides replaces the whole table.
pub(super) fn read(backend: &Place<'_>, overrides: &Overrides, spool: &Path) -> Result<Backend, ConfigError> {
    backend.only(BACKEND_KEYS)?;
    if let Some(backend) = &overrides.backend {
        return Ok(backend.clone());
    }
    let url = overrides.backend_url.clone().or(backend.string("url", "PGANALYTICS_BACKEND_URL")?).ok_or_else(|| {
        backend.error("url", "is missing", "set the backend's URL in [backend] url, PGANALYTICS_BACKEND_URL or --backend-url")
    })?;
    let url: url::Url =
        url.parse().ok().filter(|url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(|| {
            backend.error("url", "is not an http or https URL", "write a URL such as \"https://pganalytics.example.com\"")
        })?;
    let token = token_of(backend, overrides, spool)?;
    let (cert_file, key_file) =
        backend.pair(("cert_file", "PGANALYTICS_BACKEND_CERT_FILE"), ("key_file", "PGANALYTICS_BACKEND_KEY_FILE"))?;
    Ok(Backend {
        ca_file: backend.string("ca_file", "PGANALYTICS_BACKEND_CA_FILE")?.map(PathBuf::from),
        cert_file,
        key_file,
        tls_min_version: backend.parsed("tls_min_version", "PGANALYTICS_BACKEND_TLS_MIN_VERSION")?.unwrap_or_default(),
        ..Backend::new(url, token)
    })
}

/// The credential of requests: a token, or the credential that an enrolment token is exchanged for. A flag overrides the file and the
/// environment.
fn token_of(backend: &Place<'_>, overrides: &Overrides, spool: &Path) -> Result<Token, ConfigError> {
    let rotate_every = backend.duration("rotate_every", "PGANALYTICS_BACKEND_ROTATE_EVERY")?.unwrap_or(DEFAULT_ROTATE_EVERY);
    if rotate_every < ROTATE_RANGE.0 || rotate_every > ROTATE_RANGE.1 {
        return Err(backend.error("rotate_every", "is out of range", "set a duration from \"1s\" to \"3660d\""));
    }
    let own = |enrolment| Token::OwnCredential { enrolment, rotate_every };
    match (&overrides.token, &overrides.token_file, &overrides.enrolment_token_file) {
        (Some(token), ..) => return Ok(Token::Given(token.clone())),
        (None, Some(file), None) => return Ok(Token::File(file.clone())),
        (None, None, Some(file)) => return Ok(own(Some(Source::File(file.clone())))),
        (None, Some(_), Some(_)) => {
            return Err(backend.error("token_file", "and enrolment_token_file are both set", "remove one of them"));
        }
        (None, None, None) => {}
    }
    let mut given = Vec::new();
    for (key, variable) in [
        ("token", "PGANALYTICS_BACKEND_TOKEN"),
        ("token_file", "PGANALYTICS_BACKEND_TOKEN_FILE"),
        ("enrolment_token", "PGANALYTICS_BACKEND_ENROLMENT_TOKEN"),
        ("enrolment_token_file", "PGANALYTICS_BACKEND_ENROLMENT_TOKEN_FILE"),
    ] {
        given.extend(backend.string(key, variable)?.map(|value| (key, value)));
    }
    match &given[..] {
        [("token", token)] => Ok(Token::Given(Secret::new(token))),
        [("token_file", file)] => Ok(Token::File(file.into())),
        [("enrolment_token", token)] => Ok(own(Some(Source::Given(Secret::new(token))))),
        [(_, file)] => Ok(own(Some(Source::File(file.into())))),
        [(first, _), (second, _), ..] => Err(backend.error(first, &format!("and {second} are both set"), "remove one of them")),
        // An enrolled collector needs no token any more.
        [] if credential_file(spool).exists() => Ok(own(None)),
        [] => {
            let remedy = "create a token on the backend with `pganalytics token create NAME --kind enrolment` and set enrolment_token or \
                          enrolment_token_file (for a token of kind collector: token or token_file)";
            Err(backend.error("token", "is missing", remedy))
        }
    }
}
