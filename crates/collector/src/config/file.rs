//! Reads and checks the configuration's three layers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pganalytics_tls::{ClientAuth, ServerFiles};
use pganalytics_views::{View, ViewSet, parse_duration};

use super::{
    Backend, Config, ConfigError, DEFAULT_FLUSH, DEFAULT_LISTEN, DEFAULT_ROTATE_EVERY, DEFAULT_SPOOL_BYTES, DEFAULT_SPOOL_FOLDER,
    Overrides, Source, SpoolOptions, TargetOptions, Token, host_name,
};
use crate::connect::conninfo::{Conninfo, Environment, LoginFiles};
use crate::connect::secret::Secret;
use crate::ship::credential::Credential;

const KEYS: &[&str] = &["backend", "spool", "collector", "target", "kubernetes", "view"];
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
const SPOOL_KEYS: &[&str] = &["folder", "max_bytes"];
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
const TARGET_KEYS: &[&str] =
    &["name", "conninfo", "user_file", "password_file", "databases", "exclude_databases", "max_databases", "max_connections"];
const VIEW_KEYS: &[&str] = &["enabled", "interval", "timeout", "max_rows"];

/// A batch a second is as many as make sense; a batch an hour as few.
const FLUSH_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));
/// A credential each second is for trying out; in ten years nobody remembers that there is one.
const ROTATE_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10 * 366 * 86_400));
/// Less holds not even one large batch.
const MIN_SPOOL_BYTES: u64 = 32 << 20;

pub(super) fn load(place: &str, text: &str, environment: &BTreeMap<String, String>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let root: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError {
        place: place.into(),
        key: "(file)".into(),
        // The parser's own text shows the line, which may hold a secret.
        problem: format!("is not TOML: {}{}", error.message(), error.span().map_or_else(String::new, |span| line_of(text, span.start))),
        remedy: "correct that line".into(),
    })?;
    let root = Place { place, path: String::new(), table: root, environment };
    root.only(KEYS)?;
    let (backend, spool, collector) = (root.table_of("backend")?, root.table_of("spool")?, root.table_of("collector")?);
    backend.only(BACKEND_KEYS)?;
    spool.only(SPOOL_KEYS)?;
    collector.only(COLLECTOR_KEYS)?;

    let views = views(&root, collector.string("views", "PGANALYTICS_COLLECTOR_VIEWS")?)?;
    let folder = overrides.spool_folder.clone().or(spool.string("folder", "PGANALYTICS_SPOOL_FOLDER")?.map(PathBuf::from));
    let folder = folder.unwrap_or_else(|| DEFAULT_SPOOL_FOLDER.into());
    let backend = match &overrides.backend {
        Some(backend) => backend.clone(),
        None => backend_of(&backend, overrides, &folder)?,
    };
    let max_bytes = spool.size("max_bytes", "PGANALYTICS_SPOOL_MAX_BYTES")?.unwrap_or(DEFAULT_SPOOL_BYTES);
    if max_bytes < MIN_SPOOL_BYTES {
        return Err(spool.error("max_bytes", "is too small", "give at least \"32MiB\""));
    }
    let listen = match overrides.listen.clone().or(collector.string("listen", "PGANALYTICS_COLLECTOR_LISTEN")?).as_deref() {
        None => Some(DEFAULT_LISTEN),
        Some("off") => None,
        Some(address) => Some(
            address
                .parse()
                .map_err(|_| collector.error("listen", "is no address", "write ip:port, as in \"127.0.0.1:8081\", or \"off\""))?,
        ),
    };
    let tls = tls(&collector)?;
    let plain_http = collector.truth("plain_http", "PGANALYTICS_COLLECTOR_PLAIN_HTTP")?.unwrap_or_default();
    if tls.is_none() && !plain_http && listen.is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
        let remedy = "give tls_cert and tls_key, or say plain_http = true, or listen on 127.0.0.1";
        return Err(collector.error("listen", "is reached by other machines, and /metrics would travel unencrypted", remedy));
    }
    let flush = collector.duration("flush", "PGANALYTICS_COLLECTOR_FLUSH")?.unwrap_or(DEFAULT_FLUSH);
    if flush < FLUSH_RANGE.0 || flush > FLUSH_RANGE.1 {
        return Err(collector.error("flush", "is not sensible", "give \"1s\" to \"1h\""));
    }
    let kubernetes = super::kubernetes::read(&root.table_of("kubernetes")?)?;
    Ok(Config {
        backend,
        spool: SpoolOptions { folder, max_bytes },
        name: overrides.name.clone().or(collector.string("name", "PGANALYTICS_COLLECTOR_NAME")?).unwrap_or_else(host_name),
        listen,
        tls,
        flush,
        views,
        targets: targets(&root, overrides, kubernetes.is_some())?,
        kubernetes,
    })
}

fn backend_of(backend: &Place<'_>, overrides: &Overrides, spool: &Path) -> Result<Backend, ConfigError> {
    let url = overrides.backend_url.clone().or(backend.string("url", "PGANALYTICS_BACKEND_URL")?).ok_or_else(|| {
        backend.error("url", "is missing", "say where the backend is: [backend] url, PGANALYTICS_BACKEND_URL or --backend-url")
    })?;
    let url: url::Url = url
        .parse()
        .ok()
        .filter(|url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| backend.error("url", "is no http or https URL", "write it as in \"https://pganalytics.example.com\""))?;
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

/// What requests show: a token, or a credential that a token is exchanged for; a flag stands over what the file and the environment say.
fn token_of(backend: &Place<'_>, overrides: &Overrides, spool: &Path) -> Result<Token, ConfigError> {
    let rotate_every = backend.duration("rotate_every", "PGANALYTICS_BACKEND_ROTATE_EVERY")?.unwrap_or(DEFAULT_ROTATE_EVERY);
    if rotate_every < ROTATE_RANGE.0 || rotate_every > ROTATE_RANGE.1 {
        return Err(backend.error("rotate_every", "is not sensible", "give \"1s\" to \"3660d\""));
    }
    let own = |enrolment| Token::Own { enrolment, rotate_every };
    match (&overrides.token, &overrides.token_file, &overrides.enrolment_token_file) {
        (Some(token), ..) => return Ok(Token::Given(token.clone())),
        (None, Some(file), None) => return Ok(Token::File(file.clone())),
        (None, None, Some(file)) => return Ok(own(Some(Source::File(file.clone())))),
        (None, Some(_), Some(_)) => {
            return Err(backend.error("token_file", "and enrolment_token_file are both given", "leave one of them out"));
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
        [(first, _), (second, _), ..] => Err(backend.error(first, &format!("and {second} are both given"), "leave one of them out")),
        // One that is enrolled needs no token any more.
        [] if Credential::is_in(spool) => Ok(own(None)),
        [] => {
            let remedy = "make one on the backend with `pganalytics token create NAME --kind enrolment`, and give it as enrolment_token or \
                          enrolment_token_file (one of kind collector as token or token_file)";
            Err(backend.error("token", "is missing", remedy))
        }
    }
}

/// How the collector's own port is encrypted.
fn tls(collector: &Place<'_>) -> Result<Option<ServerFiles>, ConfigError> {
    let pair = collector.pair(("tls_cert", "PGANALYTICS_COLLECTOR_TLS_CERT"), ("tls_key", "PGANALYTICS_COLLECTOR_TLS_KEY"))?;
    let client_ca = collector.string("tls_client_ca", "PGANALYTICS_COLLECTOR_TLS_CLIENT_CA")?.map(PathBuf::from);
    let client_crl = collector.string("tls_client_crl", "PGANALYTICS_COLLECTOR_TLS_CLIENT_CRL")?.map(PathBuf::from);
    if client_crl.is_some() && client_ca.is_none() {
        return Err(collector.error("tls_client_crl", "is about certificates that are not asked for", "give tls_client_ca too"));
    }
    let said = collector.parsed("tls_client_auth", "PGANALYTICS_COLLECTOR_TLS_CLIENT_AUTH")?;
    let client_auth = ClientAuth::resolve(said, client_ca.is_some())
        .map_err(|problem| collector.error("tls_client_auth", problem, "give tls_client_ca too"))?;
    let min_version = collector.parsed("tls_min_version", "PGANALYTICS_COLLECTOR_TLS_MIN_VERSION")?.unwrap_or_default();
    match pair {
        (Some(certificate), Some(key)) => Ok(Some(ServerFiles { certificate, key, client_ca, client_crl, client_auth, min_version })),
        _ if client_ca.is_some() => Err(collector.error("tls_client_ca", "needs TLS", "give tls_cert and tls_key too")),
        _ => Ok(None),
    }
}

fn targets(root: &Place<'_>, overrides: &Overrides, discovers: bool) -> Result<Vec<TargetOptions>, ConfigError> {
    let environment: Environment = root.environment.clone().into_iter().collect();
    let mut targets: Vec<TargetOptions> = Vec::new();
    for at in root.tables_of("target")? {
        at.only(TARGET_KEYS)?;
        let conninfo = at.string("conninfo", "")?.ok_or_else(|| {
            at.error("conninfo", "is missing", "give a connection string, as in \"postgresql://pganalytics@db-1:5432/postgres\"")
        })?;
        let conninfo = Conninfo::resolve_with(&conninfo, login_files(&at)?, &environment);
        let mut target = TargetOptions::new(conninfo.map_err(|error| at.error("conninfo", &error.problem, &error.remedy))?);
        if let Some(name) = at.string("name", "")? {
            target.name = name;
        }
        if let Some(databases) = at.strings("databases")? {
            target.databases = databases;
        }
        target.exclude_databases = at.strings("exclude_databases")?.unwrap_or_default();
        target.max_databases = at.positive("max_databases")?.unwrap_or(target.max_databases);
        target.max_connections = at.positive("max_connections")?.unwrap_or(target.max_connections);
        if target.max_connections < 2 {
            return Err(at.error("max_connections", "is too small", "give at least 2: one samples sessions, one reads everything else"));
        }
        if targets.iter().any(|other| other.name == target.name) {
            return Err(at.error("name", &format!("'{}' is another target's name already", target.name), "give each its own"));
        }
        targets.push(target);
    }
    let given = overrides.targets.iter().map(|text| ("flags", text.as_str()));
    let more = root.environment.get("PGANALYTICS_TARGET").filter(|text| !text.is_empty()).map(|text| ("environment", text.as_str()));
    for (place, text) in given.chain(more) {
        let error = |problem: &str, remedy: &str| ConfigError {
            place: place.into(),
            key: if place == "flags" { "--target".into() } else { "PGANALYTICS_TARGET".into() },
            problem: problem.into(),
            remedy: remedy.into(),
        };
        let conninfo = Conninfo::resolve(text, &environment).map_err(|cause| error(&cause.problem, &cause.remedy))?;
        let target = TargetOptions::new(conninfo);
        if targets.iter().any(|other| other.name == target.name) {
            return Err(error(&format!("'{}' is a target already", target.name), "name it once, or name it in the file"));
        }
        targets.push(target);
    }
    if targets.is_empty() && !overrides.targets_optional && !discovers {
        return Err(root.error(
            "target",
            "is missing",
            "name the servers to read: [[target]] in the file, PGANALYTICS_TARGET or --target; or let [kubernetes] find pods",
        ));
    }
    Ok(targets)
}

/// The files with a target's login.
fn login_files(at: &Place<'_>) -> Result<Option<LoginFiles>, ConfigError> {
    match (at.string("user_file", "")?, at.string("password_file", "")?) {
        (user, Some(password)) => Ok(Some(LoginFiles { user: user.map(Into::into), password: password.into() })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(at.error("password_file", "is missing beside user_file", "name the file with that user's password")),
    }
}

/// The built-in views and the folder's, as `[view.…]` changes them.
fn views(root: &Place<'_>, folder: Option<String>) -> Result<Vec<Arc<View>>, ConfigError> {
    let set = folder.map_or_else(ViewSet::builtin, |folder| ViewSet::with_folder(folder.as_ref()));
    let set = set.map_err(|error| ConfigError { place: error.file, key: error.key, problem: error.problem, remedy: error.remedy })?;
    let mut views: Vec<Arc<View>> = set.iter().cloned().collect();
    let changes = root.table_of("view")?;
    let names: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
    changes.only(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    for name in changes.table.keys() {
        let at = changes.table_of(name)?;
        at.only(VIEW_KEYS)?;
        let (interval, timeout, rows) = (at.duration("interval", "")?, at.duration("timeout", "")?, at.positive("max_rows")?);
        match at.table.get("enabled") {
            None | Some(toml::Value::Boolean(true)) => {}
            Some(toml::Value::Boolean(false)) => views.retain(|view| view.name != *name),
            Some(_) => return Err(at.error("enabled", "is neither true nor false", "write true or false")),
        }
        if let Some(view) = views.iter_mut().find(|view| view.name == *name) {
            let view = Arc::make_mut(view);
            view.interval = interval.unwrap_or(view.interval);
            view.timeout = timeout.unwrap_or(view.timeout);
            view.max_rows = rows.unwrap_or(view.max_rows);
        }
    }
    Ok(views)
}

fn line_of(text: &str, offset: usize) -> String {
    format!(" (line {})", text.get(..offset).map_or(0, |front| front.matches('\n').count()) + 1)
}

/// A table that knows where it stands, for errors, and the environment that is laid over it.
pub(super) struct Place<'a> {
    place: &'a str,
    path: String,
    pub(super) table: toml::Table,
    environment: &'a BTreeMap<String, String>,
}

impl<'a> Place<'a> {
    pub(super) fn error(&self, key: &str, problem: &str, remedy: &str) -> ConfigError {
        ConfigError { place: self.place.into(), key: format!("{}{key}", self.path), problem: problem.into(), remedy: remedy.into() }
    }

    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        let Some(key) = self.table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
        let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
        let remedy = nearest.map_or_else(|| "remove it".to_owned(), |nearest| format!("did you mean '{nearest}'?"));
        Err(self.error(key, "is no key that is known here", &remedy))
    }

    fn table_of(&self, key: &str) -> Result<Place<'a>, ConfigError> {
        let table = match self.table.get(key) {
            None => toml::Table::new(),
            Some(toml::Value::Table(table)) => table.clone(),
            Some(_) => return Err(self.error(key, "is no table", &format!("write [{}{key}]", self.path))),
        };
        Ok(Place { place: self.place, path: format!("{}{key}.", self.path), table, environment: self.environment })
    }

    fn tables_of(&self, key: &str) -> Result<Vec<Place<'a>>, ConfigError> {
        let wrong = || self.error(key, "is no array of tables", &format!("write [[{key}]]"));
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let tables = value.as_array().ok_or_else(wrong)?.iter().enumerate();
        tables
            .map(|(i, value)| {
                let table = value.as_table().ok_or_else(wrong)?.clone();
                Ok(Place { place: self.place, path: format!("{key}[{i}]."), table, environment: self.environment })
            })
            .collect()
    }

    /// The variable's value, or else the file's.
    pub(super) fn string(&self, key: &str, variable: &str) -> Result<Option<String>, ConfigError> {
        if let Some(value) = self.environment.get(variable).filter(|value| !value.is_empty()) {
            return Ok(Some(value.clone()));
        }
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(self.error(key, "is no text", "give a non-empty string")),
        }
    }

    /// A variable that stands for no key of its own.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A certificate's file and its key's: both or neither.
    fn pair(&self, certificate: (&str, &str), key: (&str, &str)) -> Result<(Option<PathBuf>, Option<PathBuf>), ConfigError> {
        let read = |(name, variable): (&str, &str)| Ok(self.string(name, variable)?.map(PathBuf::from));
        let pair = (read(certificate)?, read(key)?);
        match pair {
            (Some(_), None) => Err(self.error(key.0, "is missing", &format!("name the key of the certificate in {}", certificate.0))),
            (None, Some(_)) => Err(self.error(certificate.0, "is missing", &format!("name the certificate of the key in {}", key.0))),
            pair => Ok(pair),
        }
    }

    /// A list of the file, or the variable's words between commas.
    pub(super) fn words(&self, key: &str, variable: &str) -> Result<Option<Vec<String>>, ConfigError> {
        match self.environment.get(variable).filter(|value| !value.is_empty()) {
            Some(value) => Ok(Some(value.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect())),
            None => self.strings(key),
        }
    }

    /// A text that means something; its error says what may stand there.
    pub(super) fn parsed<T: FromStr<Err = String>>(&self, key: &str, variable: &str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.string(key, variable)? else { return Ok(None) };
        text.parse().map(Some).map_err(|remedy: String| self.error(key, &format!("'{text}' is not known"), &remedy))
    }

    /// True or false in the file, the same words in the variable.
    pub(super) fn truth(&self, key: &str, variable: &str) -> Result<Option<bool>, ConfigError> {
        if let Some(toml::Value::Boolean(truth)) = self.table.get(key).filter(|_| !self.environment.contains_key(variable)) {
            return Ok(Some(*truth));
        }
        self.parsed(key, variable)?.map_or(Ok(None), |Truth(truth)| Ok(Some(truth)))
    }

    pub(super) fn strings(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let texts = value.as_array().and_then(|array| array.iter().map(|value| value.as_str().map(Into::into)).collect());
        texts.map(Some).ok_or_else(|| self.error(key, "is no list of texts", "write it as in [\"app\", \"shop_*\"]"))
    }

    pub(super) fn positive(&self, key: &str) -> Result<Option<usize>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0);
        number.map(Some).ok_or_else(|| self.error(key, "is no positive number", "give a whole number above 0"))
    }

    fn duration(&self, key: &str, variable: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.string(key, variable)? else { return Ok(None) };
        let wrong = || self.error(key, &format!("'{text}' is no duration"), "give a number with ms, s, m, h or d, as in \"10s\"");
        parse_duration(&text).map(Some).ok_or_else(wrong)
    }

    fn size(&self, key: &str, variable: &str) -> Result<Option<u64>, ConfigError> {
        let wrong = || self.error(key, "is no size", "give a number of bytes, or one with KiB, MiB, GiB or TiB, as in \"1GiB\"");
        if self.environment.get(variable).is_none_or(String::is_empty)
            && let Some(toml::Value::Integer(bytes)) = self.table.get(key)
        {
            return u64::try_from(*bytes).map(Some).map_err(|_| wrong());
        }
        let Some(text) = self.string(key, variable)? else { return Ok(None) };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim() {
            "" | "B" => 0,
            "KiB" | "kB" | "KB" => 10,
            "MiB" | "MB" => 20,
            "GiB" | "GB" => 30,
            "TiB" | "TB" => 40,
            _ => return Err(wrong()),
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
        bytes.map(Some).ok_or_else(wrong)
    }
}

/// A truth value as a variable has it.
struct Truth(bool);

impl FromStr for Truth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err("write true or false".to_owned()),
        }
    }
}
