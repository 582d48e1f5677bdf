//! Valid configurations, and the errors for invalid ones.

use std::collections::BTreeMap;
use std::time::Duration;

use pganalytics_tls::{ClientAuth, MinVersion};

use super::load::read as load;
use super::{Config, Overrides, Token};
use crate::connect::conninfo::LoginFiles;

fn with(text: &str, variables: &[(&str, &str)], overrides: &Overrides) -> Result<Config, super::ConfigError> {
    let environment: BTreeMap<String, String> = variables.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    load("collector.toml", text, &environment, overrides)
}

const WHOLE: &str = r#"
[backend]
url = "http://127.0.0.1:8080"
token = "secret-token"
[spool]
folder = "/tmp/spool"
max_bytes = "64MiB"
[collector]
name = "c"
listen = "off"
flush = "2s"
[[target]]
conninfo = "host=a user=u password=hunter2"
exclude_databases = ["scratch_*"]
[[target]]
name = "b"
conninfo = "postgresql://u@b:6000/d"
databases = ["app", "shop_*"]
max_databases = 7
max_connections = 3
[[target]]
name = "c"
conninfo = "host=c"
user_file = "/run/c/username"
password_file = "/run/c/password"
[view.pg_stat_io]
interval = "5m"
timeout = "1s"
max_rows = 7
[view.pg_settings]
enabled = false
"#;

#[test]
fn a_local_server_without_a_name_gets_the_host_name() {
    let text = "[backend]\nurl = 'http://127.0.0.1:8080'\ntoken = 'token'\n[spool]\nfolder = '/tmp/spool'\n\
                [[target]]\nconninfo = 'host=localhost port=5433 user=u'\n[[target]]\nconninfo = 'host=/tmp user=u'\n\
                [[target]]\nconninfo = 'host=db-1 user=u'\n[[target]]\nname = 'mine'\nconninfo = 'host=127.0.0.1 user=u'\n";
    let config = with(text, &[], &Overrides::default()).expect("a configuration");
    let machine = super::collector::host_name();
    let names: Vec<_> = config.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, [format!("{machine}:5433").as_str(), &format!("{machine}:5432"), "db-1:5432", "mine"]);
}

#[test]
fn every_setting_can_be_set_in_the_file() {
    let config = with(WHOLE, &[], &Overrides::default()).expect("a configuration");
    assert_eq!(config.backend.url.as_str(), "http://127.0.0.1:8080/");
    assert_eq!((config.spool.max_bytes, config.flush, config.listen), (64 << 20, Duration::from_secs(2), None));
    let [a, b, c] = config.targets.as_slice() else { panic!("three targets") };
    assert_eq!((a.name.as_str(), b.name.as_str(), b.max_databases, b.max_connections), ("a:5432", "b", 7, 3));
    let files = LoginFiles { user: Some("/run/c/username".into()), password: "/run/c/password".into() };
    assert_eq!((c.conninfo.login_files.as_ref(), &b.conninfo.login_files), (Some(&files), &None));
    assert!(a.wants("app") && !a.wants("scratch_1"));
    assert!(b.wants("app") && b.wants("shop_eu") && !b.wants("application"));
    let view = |name: &str| config.views.iter().find(|view| view.name == name);
    assert!(view("pg_settings").is_none());
    assert!(view("pg_stat_io").is_some_and(|view| view.interval == Duration::from_secs(300) && view.max_rows == 7));
    assert!(!format!("{config:?}").contains("secret-token") && !format!("{config:?}").contains("hunter2"));
}

#[test]
fn variables_override_the_file_and_flags_override_variables() {
    let variables =
        [("PGANALYTICS_BACKEND_URL", "http://variable"), ("PGANALYTICS_COLLECTOR_NAME", "variable"), ("PGANALYTICS_TARGET", "host=v")];
    let overrides = Overrides { name: Some("flag".into()), targets: vec!["host=f".into()], ..Overrides::default() };
    let config = with(WHOLE, &variables, &overrides).expect("a configuration");
    assert_eq!((config.backend.url.as_str(), config.name.as_str()), ("http://variable/", "flag"));
    let names: Vec<_> = config.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["a:5432", "b", "c", "f:5432", "v:5432"]);
}

#[test]
fn a_collector_needs_no_file_at_all() {
    let variables =
        [("PGANALYTICS_BACKEND_URL", "https://x"), ("PGANALYTICS_BACKEND_TOKEN_FILE", "/run/token"), ("PGANALYTICS_TARGET", "host=v")];
    let config = with("", &variables, &Overrides::default()).expect("a configuration");
    assert!(matches!(config.backend.token, Token::File(_)));
    assert_eq!(config.listen, Some(super::collector::DEFAULT_LISTEN));
}

#[test]
fn metrics_are_plain_http_for_other_machines_only_with_plain_http() {
    let listen = |more: &str| WHOLE.replace("listen = \"off\"", &format!("listen = \"0.0.0.0:8081\"\n{more}"));
    for text in [listen("plain_http = true"), listen("tls_cert = \"/c\"\ntls_key = \"/k\"")] {
        assert!(with(&text, &[], &Overrides::default()).is_ok(), "{text}");
    }
    assert!(with(&listen(""), &[("PGANALYTICS_COLLECTOR_PLAIN_HTTP", "true")], &Overrides::default()).is_ok());
    assert!(with(&listen("plain_http = true"), &[("PGANALYTICS_COLLECTOR_PLAIN_HTTP", "off")], &Overrides::default()).is_err());
}

#[test]
fn an_enrolment_token_makes_an_own_credential_and_an_enrolled_collector_needs_no_token() {
    let enrolled =
        |text: &str, variables: &[(&str, &str)]| match with(text, variables, &Overrides::default()).expect("a configuration").backend.token
        {
            Token::OwnCredential { enrolment, rotate_every } => (enrolment.is_some(), rotate_every),
            other => panic!("{other:?}"),
        };
    let month = super::backend::DEFAULT_ROTATE_EVERY;
    let token = "token = \"secret-token\"";
    assert_eq!(enrolled(&WHOLE.replace(token, "enrolment_token = \"secret-token\"\nrotate_every = \"1d\""), &[]), (true, month / 30));
    let bare = WHOLE.replace(token, "");
    assert_eq!(enrolled(&bare, &[("PGANALYTICS_BACKEND_ENROLMENT_TOKEN_FILE", "/run/e")]), (true, month));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("credential"), "").expect("a file");
    let spool = folder.path().display().to_string();
    assert_eq!(enrolled(&bare, &[("PGANALYTICS_SPOOL_FOLDER", &spool)]), (false, month));
    let overrides = Overrides { enrolment_token_file: Some("/run/e".into()), ..Overrides::default() };
    let flag = with(WHOLE, &[], &overrides).expect("a flag overrides the file");
    assert!(matches!(flag.backend.token, Token::OwnCredential { .. }));
}

#[test]
fn certificate_files_are_set_in_the_file_or_in_variables() {
    let text = WHOLE.replace("[spool]", "cert_file = \"/c\"\nkey_file = \"/k\"\ntls_min_version = \"1.2\"\n[spool]");
    let variables = [("PGANALYTICS_COLLECTOR_TLS_CERT", "/vc"), ("PGANALYTICS_COLLECTOR_TLS_KEY", "/vk")];
    let config = with(&text, &variables, &Overrides::default()).expect("a configuration");
    assert_eq!((config.backend.cert_file, config.backend.key_file), (Some("/c".into()), Some("/k".into())));
    assert_eq!(config.backend.tls_min_version, MinVersion::Tls12);
    let tls = config.tls.expect("TLS");
    assert_eq!((tls.client_auth, tls.min_version), (ClientAuth::Off, MinVersion::Tls13));
    let clients = [("PGANALYTICS_COLLECTOR_TLS_CLIENT_CA", "/ca"), ("PGANALYTICS_COLLECTOR_TLS_CLIENT_CRL", "/crl")];
    let tls = with(&text, &[&variables[..], &clients].concat(), &Overrides::default()).expect("a configuration").tls.expect("TLS");
    assert_eq!((tls.client_auth, tls.client_crl), (ClientAuth::Required, Some("/crl".into())));
}

#[test]
fn errors_name_the_file_the_key_and_the_remedy_and_never_a_secret() {
    let changed = |from: &str, to: &str| {
        assert!(WHOLE.contains(from), "{from}");
        WHOLE.replacen(from, to, 1)
    };
    for (text, part) in [
        (changed("[backend]", "[backed]"), "collector.toml: backed: is not a known key; did you mean 'backend'?"),
        (changed("url =", "ulr ="), "collector.toml: backend.ulr: is not a known key; did you mean 'url'?"),
        (changed("http://127.0.0.1:8080", "ftp://x"), "backend.url: is not an http or https URL"),
        (changed("token = \"secret-token\"", ""), "backend.token: is missing"),
        (
            changed("[spool]", "enrolment_token = \"secret-token\"\n[spool]"),
            "backend.token: and enrolment_token are both set; remove one of them",
        ),
        (changed("[spool]", "rotate_every = \"500ms\"\n[spool]"), "backend.rotate_every: is out of range"),
        (changed("64MiB", "64 parsecs"), "spool.max_bytes: is not a size"),
        (changed("64MiB", "1MiB"), "spool.max_bytes: is too small"),
        (changed("\"off\"", "\"here\""), "collector.listen: is not an address"),
        (
            changed("\"off\"", "\"0.0.0.0:8081\""),
            "collector.listen: is an address that other machines can reach, and /metrics would be sent unencrypted",
        ),
        (changed("listen = \"off\"", "plain_http = \"maybe\""), "collector.plain_http: 'maybe' is not a valid value; write true or false"),
        (
            changed("listen = \"off\"", "tls_cert = \"/c\""),
            "collector.tls_key: is missing; set it to the file with the key of the certificate in tls_cert",
        ),
        (changed("listen = \"off\"", "tls_client_ca = \"/c\""), "collector.tls_client_ca: needs TLS; set tls_cert and tls_key too"),
        (
            changed("listen = \"off\"", "tls_client_crl = \"/c\""),
            "collector.tls_client_crl: has no effect without client certificates; set tls_client_ca too",
        ),
        (
            changed("listen = \"off\"", "tls_client_auth = \"required\""),
            "collector.tls_client_auth: asks for certificates, but no authorities are given",
        ),
        (changed("listen = \"off\"", "tls_client_auth = \"maybe\""), "'maybe' is not a valid value; write off, optional or required"),
        (
            changed("[spool]", "key_file = \"/k\"\n[spool]"),
            "backend.cert_file: is missing; set it to the file with the certificate of the key in key_file",
        ),
        (changed("[spool]", "tls_min_version = \"1.1\"\n[spool]"), "backend.tls_min_version: '1.1' is not a valid value; write 1.2 or 1.3"),
        (changed("\"2s\"", "\"2 fortnights\""), "collector.flush: '2 fortnights' is not a duration"),
        (changed("host=a user=u password=hunter2", "host=a pasword=hunter2"), "target[0].conninfo: 'pasword'"),
        (
            changed("host=a user=u password=hunter2\"", "host=a user=u password=hunter2\"\npassword_file = \"/p\""),
            "target[0].conninfo: has a password, but password_file is set too; remove one of them",
        ),
        (changed("host=c", "host=c user=u"), "target[2].conninfo: has a user, but user_file is set too; remove one of them"),
        (
            changed("password_file = \"/run/c/password\"", ""),
            "target[2].password_file: is missing, but user_file is set; set it to the file with this user's password",
        ),
        (changed("name = \"b\"", "name = \"a:5432\""), "target[1].name: 'a:5432' is also the name of another target"),
        (changed("exclude_databases", "exclude"), "target[0].exclude: is not a known key; did you mean 'exclude_databases'?"),
        (changed("max_connections = 3", "max_connections = 1"), "target[1].max_connections: is too small"),
        (changed("view.pg_stat_io", "view.pg_stat_oi"), "view.pg_stat_oi: is not a known key; did you mean 'pg_stat_io'?"),
        (changed("url = ", "url = = "), "is not TOML"),
    ] {
        let error = with(&text, &[], &Overrides::default()).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("hunter2") && !error.contains("secret-token"), "{error}");
    }
    let without = "[backend]\nurl='http://x'\ntoken='t'";
    assert!(with(without, &[], &Overrides::default()).expect_err("no target").to_string().contains("target: is missing"));
    assert!(with(without, &[], &Overrides { targets_optional: true, ..Overrides::default() }).is_ok());
}

const DISCOVERY: &str = "[backend]\nurl = \"http://x\"\ntoken = \"t\"\n[kubernetes]\nenabled = true\n";

#[test]
fn discovery_is_off_by_default_and_needs_no_target() {
    let config = with(DISCOVERY, &[], &Overrides::default()).expect("a configuration");
    let kubernetes = config.kubernetes.expect("discovery");
    assert!(config.targets.is_empty() && kubernetes.secrets && !kubernetes.logs && kubernetes.access.is_none());
    assert_eq!((kubernetes.watched.namespaces, kubernetes.watched.node), (None, None));
    assert!(!kubernetes.superuser_secrets);
    assert_eq!(kubernetes.require_auth.to_string(), "scram-sha-256,none");
    let off = with(WHOLE, &[], &Overrides::default()).expect("a configuration");
    assert!(off.kubernetes.is_none());

    let text = format!(
        "{DISCOVERY}namespaces = [\"shop\"]\nsslmode = \"verify-ca\"\nsuperuser_secrets = true\ncgroups = \"/host\"\nlogs = true\n"
    );
    let variables = [
        ("PGANALYTICS_KUBERNETES_NODE", "node-1"),
        ("PGANALYTICS_KUBERNETES_NAMESPACES", "db, billing"),
        ("PGANALYTICS_KUBERNETES_SECRETS", "false"),
        ("PGANALYTICS_KUBERNETES_REQUIRE_AUTH", "md5,scram-sha-256"),
        ("PGUSER", "monitor"),
        ("PGPASSWORD", "hunter2"),
    ];
    let kubernetes = with(&text, &variables, &Overrides::default()).expect("a configuration").kubernetes.expect("discovery");
    assert_eq!(kubernetes.watched.namespaces.as_deref(), Some(&["db".to_owned(), "billing".to_owned()][..]));
    assert_eq!((kubernetes.watched.node.as_deref(), kubernetes.user.as_deref()), (Some("node-1"), Some("monitor")));
    assert!(kubernetes.superuser_secrets);
    assert_eq!(kubernetes.require_auth.to_string(), "md5,scram-sha-256");
    assert!(kubernetes.logs && !kubernetes.secrets && !format!("{kubernetes:?}").contains("hunter2"));
}

#[test]
fn invalid_discovery_settings_are_refused_with_their_remedy() {
    for (lines, part) in [
        ("namespaces = []", "kubernetes.namespaces: is empty; list the namespaces to watch"),
        ("namespaces = [\"Shop\"]", "'Shop' is not a valid namespace name"),
        ("namespace = [\"shop\"]", "kubernetes.namespace: is not a known key; did you mean 'namespaces'?"),
        ("secrets = false", "is false, and no user is set, so there is no login; set secrets = true"),
        ("sslmode = \"strict\"", "kubernetes.sslmode: sslmode has an unknown value"),
        ("require_auth = \"scram\"", "kubernetes.require_auth: require_auth names a method that libpq does not know"),
        ("max_connections = 1", "kubernetes.max_connections: is too small"),
        ("api_url = \"https://x\"", "kubernetes.token_file: is missing, but api_url is set"),
        ("api_ca_file = \"/x\"", "kubernetes.api_url: is missing, but token_file"),
    ] {
        let error = with(&format!("{DISCOVERY}{lines}\n"), &[], &Overrides::default()).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }
    let error = with(&DISCOVERY.replace("enabled", "secrets"), &[], &Overrides::default()).expect_err("not enabled").to_string();
    assert!(error.contains("kubernetes.enabled: is missing; write enabled = true"), "{error}");
}
