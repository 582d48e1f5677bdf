//! Finds the login to a discovered server: in the Secrets that its operator or its annotations name, or in mounted files.
//!
//! # Promise
//! Secrets are read one by one, by name. Their values become a [`Secret`] at once. Errors contain only the names of Secrets and keys.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use pganalytics_kubernetes::api::Secret as ApiSecret;
use pganalytics_kubernetes::{ApiError, Client};

use super::recognise::{Candidate, Login, User};
use super::rights::READ_SECRETS;
use crate::config::KubernetesOptions;
use crate::connect::conninfo::{Address, Conninfo, Host, RootCert, SslMode};
use crate::connect::secret::Secret;

/// The most bytes of a mounted file of authorities. A Kubernetes Secret has at most 1 MiB.
const FILE_CAP: u64 = 1 << 20;
/// The source of the login in the configuration, which is the same for all servers.
const SHARED: &str = "configuration";
/// The error if that login is not sent.
const SHARED_ONLY_VERIFIED: &str = "the shared login in [kubernetes] is sent to servers in any namespace only if their certificates are \
     verified: set sslmode = \"verify-ca\" with ca_file, or list namespaces, or name a Secret in the pod's annotation \
     pganalytics.io/secret-name";

/// Why no login was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// No source has a login.
    Credentials(String),
    /// A Secret may hold a login, but may not be read.
    Right(String),
    /// The API did not answer. The attempt should be repeated soon.
    Answer(String),
}

/// A login and the way to the server.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub conninfo: Conninfo,
    /// The source of the login, for people.
    pub from: String,
    /// What is less safe than possible, and the remedy.
    pub caution: Option<String>,
}

/// Finds the login to a server.
///
/// # Errors
/// Why there is no login.
pub(super) async fn resolve(
    client: &Client,
    options: &KubernetesOptions,
    namespace: &str,
    address: IpAddr,
    candidate: &Candidate,
) -> Result<Resolved, Missing> {
    let (user, password, from) = login(client, options, namespace, candidate).await?;
    let (sslmode, authority, caution) = encryption(client, options, namespace, candidate).await?;
    if from == SHARED && password.is_some() && !may_have_shared_login(options.watched.namespaces.is_some(), sslmode) {
        return Err(Missing::Credentials(SHARED_ONLY_VERIFIED.into()));
    }
    let host = Host { at: Address::Tcp(address.to_string()), port: candidate.port, password };
    let database = candidate.database.clone().unwrap_or_else(|| options.database.clone());
    let require_auth = candidate.require_auth.map_or(options.require_auth, |annotated| annotated.and(options.require_auth));
    let conninfo = Conninfo::to_host(host, Some(user), database, (sslmode, authority), require_auth);
    Ok(Resolved { conninfo, from, caution })
}

async fn login(
    client: &Client,
    options: &KubernetesOptions,
    namespace: &str,
    candidate: &Candidate,
) -> Result<(String, Option<Secret>, String), Missing> {
    let (mut absent, mut forbidden) = (Vec::new(), Vec::new());
    if options.secrets {
        for login in wanted(options, candidate) {
            match client.get::<ApiSecret>(Some(namespace), &login.secret).await {
                Ok(secret) => match take(&secret, login) {
                    Ok((user, password)) => return Ok((user, Some(password), format!("Secret {namespace}/{}", login.secret))),
                    Err(problem) => absent.push(problem),
                },
                Err(ApiError::NotFound(_)) => absent.push(format!("Secret {namespace}/{} does not exist", login.secret)),
                Err(ApiError::Forbidden { action, .. }) => forbidden.push(action),
                Err(error) => return Err(Missing::Answer(error.to_string())),
            }
        }
    } else if candidate.login_is_asked_for && options.user.is_none() {
        let names = candidate.logins.iter().map(|login| login.secret.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Missing::Credentials(format!(
            "the pod's annotation names Secret {names}, but [kubernetes] secrets is off: {READ_SECRETS}"
        )));
    }
    // If a named Secret does not exist, no other login may silently replace it.
    let asked_for = options.secrets && candidate.login_is_asked_for;
    if let Some(user) = candidate.user.as_ref().or(options.user.as_ref()).filter(|_| !asked_for) {
        let password = options.password_file.as_deref().map(Secret::from_file).transpose();
        let password = password.map_err(|error| Missing::Credentials(format!("[kubernetes] password_file: {error}")))?;
        return Ok((user.clone(), password.or_else(|| options.password.clone()), SHARED.into()));
    }
    if let Some(action) = forbidden.first() {
        return Err(Missing::Right(format!("no right to {action}: {READ_SECRETS}")));
    }
    let own = candidate.logins.first().map_or_else(String::new, |login| match &login.user {
        User::Key(user) => format!(" ({}, keys {user} and {})", login.secret, login.password_key),
        User::Named(user) => format!(" ({}, key {} with the password of {user})", login.secret, login.password_key),
    });
    let tried = if absent.is_empty() { "no Secret and no setting provides a login".into() } else { absent.join("; ") };
    let superuser = candidate.logins.iter().find(|login| login.is_superuser && !options.superuser_secrets);
    let superuser = superuser.map_or_else(String::new, |login| {
        format!("; the superuser's Secret {} is read only with [kubernetes] superuser_secrets = true", login.secret)
    });
    Err(Missing::Credentials(format!(
        "{tried}: create a Secret for a role with pg_monitor{own}, or name a Secret in the annotation pganalytics.io/secret-name{superuser}"
    )))
}

/// The logins that are looked for: all but those of superusers, unless the configuration asks for these. A Secret that an annotation names is
/// always looked for.
pub(super) fn wanted<'a>(options: &'a KubernetesOptions, candidate: &'a Candidate) -> impl Iterator<Item = &'a Login> {
    candidate.logins.iter().filter(|login| options.superuser_secrets || !login.is_superuser)
}

/// Reads the login in a Secret.
fn take(secret: &ApiSecret, login: &Login) -> Result<(String, Secret), String> {
    let value = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.as_slice());
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("Secret {} has no value for the key {key}", login.secret))
    };
    let user = match &login.user {
        User::Named(name) => name.clone(),
        User::Key(key) => value(key)?.trim().to_owned(),
    };
    Ok((user, Secret::new(value(&login.password_key)?)))
}

/// Chooses the mode. An annotation may make the mode stricter, never weaker: a user who may annotate a pod must not decide that a login is
/// sent in clear text.
fn strictest(annotated: Option<SslMode>, configured: Option<SslMode>, usual: SslMode) -> SslMode {
    match configured {
        Some(configured) => annotated.map_or(configured, |annotated| annotated.max(configured)),
        None => annotated.map_or(usual, |annotated| annotated.max(usual)),
    }
}

/// Whether the login in the configuration, which is the same for all servers, may be sent: to servers in namespaces that the configuration
/// lists, or to a server whose certificate is verified. Otherwise any pod with an annotation could ask for this login.
fn may_have_shared_login(listed_namespaces: bool, mode: SslMode) -> bool {
    listed_namespaces || mode >= SslMode::VerifyCa
}

/// Chooses the mode and the authority that signs the server's certificate.
async fn encryption(
    client: &Client,
    options: &KubernetesOptions,
    namespace: &str,
    candidate: &Candidate,
) -> Result<(SslMode, Option<RootCert>, Option<String>), Missing> {
    let asked_for = candidate.sslmode.max(options.sslmode);
    let mode = strictest(candidate.sslmode, options.sslmode, candidate.usual_sslmode);
    if !matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) {
        return Ok((mode, None, None));
    }
    if let Some(file) = &options.ca_file {
        let pem = read(file).map_err(|error| Missing::Credentials(format!("[kubernetes] ca_file: {error}")))?;
        return Ok((mode, Some(RootCert::Pem(pem.into())), None));
    }
    let why = match &candidate.authority {
        None => "no certificate authority is known for this server: set [kubernetes] ca_file".to_owned(),
        Some(_) if !options.secrets => format!("its certificate authority is in a Secret, but [kubernetes] secrets is off: {READ_SECRETS}"),
        Some(authority) => match client.get::<ApiSecret>(Some(namespace), &authority.secret).await {
            Ok(secret) => {
                let pem = secret.data.as_ref().and_then(|data| data.get(&authority.key)).map(|bytes| bytes.0.as_slice());
                match pem.and_then(|pem| std::str::from_utf8(pem).ok()) {
                    Some(pem) => return Ok((mode, Some(RootCert::Pem(Arc::from(pem))), None)),
                    None => format!("Secret {namespace}/{} has no value for the key {}", authority.secret, authority.key),
                }
            }
            Err(ApiError::NotFound(_)) => format!("Secret {namespace}/{} does not exist", authority.secret),
            Err(ApiError::Forbidden { action, .. }) => format!("no right to {action}: {READ_SECRETS}"),
            Err(error) => return Err(Missing::Answer(error.to_string())),
        },
    };
    match asked_for {
        // The system's authorities can sign for a host name.
        Some(SslMode::VerifyFull) => Ok((mode, None, None)),
        Some(_) => Err(Missing::Credentials(format!("sslmode=verify-ca is required, but {why}"))),
        None => {
            Ok((SslMode::Require, None, Some(format!("the connection is encrypted, but the server's certificate is not verified: {why}"))))
        }
    }
}

fn read(file: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(file).and_then(|opened| opened.take(FILE_CAP).read_to_string(&mut text));
    read.map(|_| text).map_err(|error| format!("{} cannot be read ({error}): provide a file that this user may read", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Watched;
    use crate::find::kubernetes::recognise::Operator;

    #[test]
    fn an_annotation_makes_the_mode_stricter_and_never_weaker() {
        use SslMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
        for (annotated, configured, usual, mode) in [
            (Some(Disable), Some(VerifyCa), Prefer, VerifyCa),
            (Some(Disable), None, VerifyCa, VerifyCa),
            (Some(Disable), None, Prefer, Prefer),
            (Some(VerifyFull), Some(Require), Prefer, VerifyFull),
            (Some(VerifyFull), None, Require, VerifyFull),
            (None, Some(Disable), VerifyCa, Disable),
            (None, None, VerifyCa, VerifyCa),
        ] {
            assert_eq!(strictest(annotated, configured, usual), mode, "{annotated:?} {configured:?} {usual:?}");
        }
    }

    #[test]
    fn a_superusers_secret_is_read_only_if_the_configuration_asks_for_it() {
        let mut candidate = Candidate::new(Operator::CloudNativePg);
        candidate.logins = vec![Login::new("orders-app", "username", "password"), Login::new("orders-superuser", "u", "p").superuser()];
        let mut options = KubernetesOptions::new(Watched::default());
        let names = |options: &KubernetesOptions| wanted(options, &candidate).map(|login| login.secret.clone()).collect::<Vec<_>>();
        assert_eq!(names(&options), ["orders-app"]);
        options.superuser_secrets = true;
        assert_eq!(names(&options), ["orders-app", "orders-superuser"]);
    }

    #[test]
    fn the_shared_login_goes_to_listed_namespaces_or_verified_servers() {
        for (listed, mode, may) in [
            (false, SslMode::Disable, false),
            (false, SslMode::Prefer, false),
            (false, SslMode::Require, false),
            (false, SslMode::VerifyCa, true),
            (false, SslMode::VerifyFull, true),
            (true, SslMode::Prefer, true),
        ] {
            assert_eq!(may_have_shared_login(listed, mode), may, "{listed} {mode:?}");
        }
    }
}
