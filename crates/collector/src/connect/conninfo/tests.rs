//! Connection strings are read as libpq reads them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::{Address, Conninfo, Encryption, Environment, LoginFiles, RequireAuth, RootCert, SessionAttrs, SslMode, Trust};

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn resolve(text: &str) -> Conninfo {
    Conninfo::resolve(text, &environment(&[("USER", "os")])).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn password(conninfo: &Conninfo) -> Option<&str> {
    conninfo.hosts[0].password.as_ref().map(crate::connect::secret::Secret::reveal)
}

fn tcp(name: &str) -> Address {
    Address::Tcp(name.into())
}

#[test]
fn urls_are_parsed() {
    let conninfo = resolve("postgresql://al%40ice:p%3Aw%2F@db-1:5433/sh%20op?sslmode=require&connect_timeout=3&application_name=x");
    assert_eq!(conninfo.user.as_deref(), Some("al@ice"));
    assert_eq!(password(&conninfo), Some("p:w/"));
    assert_eq!((&conninfo.hosts[0].at, conninfo.hosts[0].port), (&tcp("db-1"), 5433));
    assert_eq!(conninfo.database(), Some("sh op"));
    assert_eq!((conninfo.sslmode, conninfo.connect_timeout), (SslMode::Require, Duration::from_secs(3)));
    assert_eq!(conninfo.server_name(), "db-1:5433");

    let several = resolve("postgres://u@a:1,[::1]:2,c/d?target_session_attrs=read-write");
    let hosts: Vec<_> = several.hosts.iter().map(|host| (host.at.clone(), host.port)).collect();
    assert_eq!(hosts, [(tcp("a"), 1), (tcp("::1"), 2), (tcp("c"), 5432)]);
    assert_eq!(several.hosts[1].to_string(), "[::1]:2");
    assert_eq!(several.target_session_attrs, SessionAttrs::ReadWrite);

    let socket = resolve("postgresql://%2Ftmp%2Fpg:5433/d");
    assert_eq!(socket.hosts[0].at, Address::Socket("/tmp/pg".into()));
    assert_eq!(socket.server_name(), "localhost:5433");
    let here = |text: &str| resolve(text).hosts[0].is_here();
    assert!(
        ["postgresql://%2Ftmp%2Fpg/d", "host=localhost", "host=LOCALHOST", "host=127.0.0.1", "host=127.3.2.1", "host=::1"]
            .into_iter()
            .all(here)
    );
    assert!(!["host=db-1", "host=10.0.0.1", "host=localhost.example.com", "host=::2"].into_iter().any(here));
    assert_eq!(resolve("postgresql:///d?host=/tmp&port=7&user=u").hosts[0].port, 7);
    assert_eq!(resolve("postgresql://h/d?ssl=true").sslmode, SslMode::Require);
}

#[test]
fn key_value_strings_are_parsed_with_quotes_and_escapes() {
    let conninfo = resolve(r"host = db port='5433' user=al\ ice password='it\'s a \\ secret' dbname=''");
    assert_eq!(conninfo.user.as_deref(), Some("al ice"));
    assert_eq!(password(&conninfo), Some(r"it's a \ secret"));
    assert_eq!(conninfo.database(), Some("al ice"));
    assert_eq!(conninfo.hosts[0].port, 5433);
    let several = resolve("host=a,b,/tmp port=6000 user=u");
    assert_eq!(several.hosts.iter().map(|host| host.port).collect::<Vec<_>>(), [6000, 6000, 6000]);
    assert_eq!(several.hosts[2].at, Address::Socket("/tmp".into()));
}

#[test]
fn errors_name_the_place_and_the_nearest_key_and_never_a_value() {
    for (text, part) in [
        ("host=h pasword=hunter2", "did you mean 'password'?"),
        ("host=h password=hunter2 geheim", "setting 3 has no '='"),
        ("host=h password='hunter2", "the quotation mark of setting 2 is not closed"),
        ("host=h password=a hunter2=b", "setting 3 is not a connection setting"),
        ("postgresql://u:hunter2%zz@h/d", "the password has an invalid percent-encoding"),
        ("postgresql://u:hun@ter2@h/d", "unencoded '@'; write '@' as %40"),
        ("postgresql://u@x:hunter2@h/d", "unencoded '@'; write '@' as %40"),
        ("postgresql://u:hun/ter2@h/d", "unencoded '/'; write '/' as %2F"),
        ("postgresql://u:12/hunter2@h/d", "unencoded '/'; write '/' as %2F"),
        ("postgresql://u:hun?ter2@h/d", "unencoded '?'; write '?' as %3F"),
        ("postgresql://u:hunter2@h:port/d", "a port is not a number"),
        ("postgresql://u:hunter2@h/d?sslmod=require", "did you mean 'sslmode'?"),
        ("host=a,b port=1,2,3 password=hunter2", "different numbers of hosts"),
        ("host=h sslmode=strict password=hunter2", "verify-full"),
        ("host=h password=hunter2 channel_binding=require", "this value of channel_binding is not supported"),
        ("host=h password=hunter2 require_auth=hunter2", "require_auth names a method that libpq does not know"),
        ("host=h password=hunter2 sslmode=verify-ca", "needs a root certificate"),
        ("host=h password=hunter2 sslrootcert=system sslmode=require", "use sslmode=verify-full"),
        ("just text hunter2", "has no '='"),
    ] {
        let error = Conninfo::resolve(text, &Environment::default()).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{text}: {error}");
    }
}

#[test]
fn the_string_overrides_the_service_and_the_service_overrides_variables() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("services");
    let text = "# comment\n[other]\nhost=no\n\n[shop]\nhost=svc\nuser=svc\nport=7000\nsslmode=disable\n[after]\nhost=no\n";
    fs::write(&file, text).expect("written");
    let file = file.to_string_lossy().into_owned();
    let variables = [("PGSERVICEFILE", file.as_str()), ("PGUSER", "var"), ("PGDATABASE", "var"), ("PGSSLMODE", "require")];
    let conninfo = Conninfo::resolve("service=shop port=7001", &environment(&variables)).expect("resolved");
    assert_eq!((&conninfo.hosts[0].at, conninfo.hosts[0].port), (&tcp("svc"), 7001));
    assert_eq!((conninfo.user.as_deref(), conninfo.database()), (Some("svc"), Some("var")));
    assert_eq!(conninfo.sslmode, SslMode::Disable);
    let from_variable = [("PGSERVICEFILE", file.as_str()), ("PGSERVICE", "shop")];
    assert_eq!(Conninfo::resolve("", &environment(&from_variable)).expect("resolved").hosts[0].at, tcp("svc"));
    let error = Conninfo::resolve("service=none", &environment(&variables)).expect_err("unknown").to_string();
    assert!(error.contains("service 'none' is not defined") && error.contains("[none]"), "{error}");
}

#[test]
fn the_users_service_file_is_searched_before_the_systems() {
    let (home, system) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let path = |folder: &Path| folder.to_string_lossy().into_owned();
    fs::write(system.path().join("pg_service.conf"), "[a]\nhost=system\n[b]\nhost=system\n").expect("written");
    fs::write(home.path().join(".pg_service.conf"), "[a]\nhost=home\n").expect("written");
    let (home, system) = (path(home.path()), path(system.path()));
    let environment = environment(&[("HOME", &home), ("PGSYSCONFDIR", &system)]);
    assert_eq!(Conninfo::resolve("service=a", &environment).expect("resolved").hosts[0].at, tcp("home"));
    assert_eq!(Conninfo::resolve("service=b", &environment).expect("resolved").hosts[0].at, tcp("system"));
}

#[test]
fn the_password_file_is_used_for_each_host_and_only_if_it_is_private() {
    let home = tempfile::tempdir().expect("folder");
    let file = home.path().join(".pgpass");
    fs::write(&file, "# c\na:5432:d:u:one\n*:6000:*:u:tw\\:o:x\nlocalhost:*:*:*:local\n").expect("written");
    let home = home.path().to_string_lossy().into_owned();
    let environment = environment(&[("HOME", &home)]);
    let passwords = |text: &str| -> Vec<Option<String>> {
        let conninfo = Conninfo::resolve(text, &environment).expect("resolved");
        conninfo.hosts.iter().map(|host| host.password.as_ref().map(|password| password.reveal().to_owned())).collect()
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    assert_eq!(passwords("host=a user=u dbname=d"), [None]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    assert_eq!(passwords("host=a,b,c port=5432,6000,1 user=u dbname=d"), [Some("one".into()), Some("tw:o:x".into()), None]);
    assert_eq!(passwords("host=/tmp user=x dbname=y"), [Some("local".into())]);
    assert_eq!(passwords("host=a user=u dbname=d password=own"), [Some("own".into())]);
}

/// The login of a connection string with these files, while variables and a password file name another login.
async fn login(text: &str, files: &LoginFiles) -> Result<(Option<String>, Vec<Option<String>>), String> {
    let variables = [("USER", "os"), ("PGUSER", "variable"), ("PGPASSWORD", "variable")];
    let conninfo = Conninfo::resolve_with(text, Some(files.clone()), &environment(&variables)).map_err(|error| error.to_string())?;
    assert!(conninfo.hosts.iter().all(|host| host.password.is_none()), "a password from a variable does not replace the file's");
    let found = conninfo.with_login().await?.into_owned();
    assert!(!format!("{found:?} {found}").contains("hunter"), "{found:?}");
    Ok((found.user, found.hosts.into_iter().map(|host| host.password.map(|password| password.reveal().to_owned())).collect()))
}

#[tokio::test]
async fn login_files_are_read_at_each_connection() {
    let folder = tempfile::tempdir().expect("folder");
    let (user, password) = (folder.path().join("username"), folder.path().join("password"));
    let mut files = LoginFiles { user: None, password: password.clone() };
    fs::write(&password, "hunter1\n").expect("written");
    let both = |password: &str| vec![Some(password.to_owned()); 2];
    assert_eq!(login("host=a,b user=u", &files).await, Ok((Some("u".into()), both("hunter1"))));
    fs::write(&password, "hunter2").expect("written");
    assert_eq!(login("host=a,b", &files).await, Ok((Some("variable".into()), both("hunter2"))));
    files.user = Some(user.clone());
    let error = login("host=a,b", &files).await.expect_err("no user");
    assert!(error.starts_with(&format!("user_file {} cannot be read", user.display())), "{error}");
    fs::write(&user, "monitor\n").expect("written");
    assert_eq!(login("host=a,b", &files).await, Ok((Some("monitor".into()), both("hunter2"))));
    for (text, part) in [
        ("postgresql://u@a", "has a user, but user_file is set too; remove one of them"),
        ("postgresql://:hunter3@a", "has a password, but password_file is set too; remove one of them"),
    ] {
        let error = login(text, &files).await.expect_err(part);
        assert!(error.contains(part) && !error.contains("hunter"), "{error}");
    }
    fs::remove_file(&password).expect("removed");
    let error = login("host=a", &files).await.expect_err("no password");
    assert!(error.contains("password_file") && error.contains("provide a text file that this user may read"), "{error}");
}

#[test]
fn a_password_in_a_service_and_in_a_file_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let services = folder.path().join("services");
    fs::write(&services, "[a]\nhost=a\npassword=hunter2\n").expect("written");
    let text = format!("service=a servicefile={}", services.display());
    let files = LoginFiles { user: None, password: "/p".into() };
    let error = Conninfo::resolve_with(&text, Some(files), &Environment::default()).expect_err("two passwords").to_string();
    assert!(error.contains("has a password, but password_file is set too"), "{error}");
}

#[test]
fn each_sslmode_connects_as_libpq_does() {
    let attempts = |text: &str| -> Vec<String> {
        let conninfo = resolve(text);
        let shown = |encryption: Encryption| match encryption {
            Encryption::Off => "off".to_owned(),
            Encryption::IfSupported(Trust { roots, name, .. }) => format!("if supported: {roots:?} {name}"),
            Encryption::Required(Trust { roots, name, .. }) => format!("required: {roots:?} {name}"),
        };
        conninfo.attempts(&conninfo.hosts[0], None).into_iter().map(|attempt| shown(attempt.encryption)).collect()
    };
    let (file, unchecked) = ("required: File(\"/ca.pem\")", "required: Unchecked false");
    assert_eq!(attempts("host=h sslmode=disable"), ["off"]);
    assert_eq!(attempts("host=h sslmode=allow"), ["off", unchecked]);
    assert_eq!(attempts("host=h"), ["if supported: Unchecked false", "off"]);
    assert_eq!(attempts("host=h sslmode=require"), [unchecked]);
    assert_eq!(attempts("host=h sslmode=require sslrootcert=/ca.pem"), [format!("{file} false")]);
    assert_eq!(attempts("host=h sslmode=verify-ca sslrootcert=/ca.pem"), [format!("{file} false")]);
    assert_eq!(attempts("host=h sslmode=verify-full sslrootcert=/ca.pem"), [format!("{file} true")]);
    assert_eq!(attempts("host=h sslmode=verify-full"), ["required: System true"]);
    assert_eq!(attempts("host=h sslrootcert=system"), ["required: System true"]);
    assert_eq!(attempts("host=/tmp sslmode=verify-full"), ["off"]);
    assert_eq!(resolve("host=h sslrootcert=system").sslrootcert, Some(RootCert::System));
}

#[test]
fn require_auth_is_read_from_the_string_the_service_and_the_variable() {
    assert_eq!(resolve("host=h").require_auth, RequireAuth::default());
    let allowed = |text: &str| resolve(text).require_auth.to_string();
    assert_eq!(allowed("host=h require_auth=md5"), "md5");
    assert_eq!(allowed("postgresql://u@h/d?require_auth=%21password"), "md5,scram-sha-256,none");
    let variable = Conninfo::resolve("host=h", &environment(&[("PGREQUIREAUTH", "password")])).expect("resolved");
    assert_eq!(variable.require_auth.to_string(), "password");
    assert!(variable.attempts(&variable.hosts[0], None).iter().all(|attempt| attempt.require_auth == variable.require_auth));
}

proptest! {
    #[test]
    fn any_value_survives_quoting_and_none_is_shown(value in "[ -~é]{1,20}") {
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        let conninfo = resolve(&format!("host=h user=u dbname=d password='{quoted}'"));
        prop_assert_eq!(password(&conninfo), Some(value.as_str()));
        let escaped: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let conninfo = resolve(&format!("postgresql://u:{escaped}@h/d"));
        prop_assert_eq!(password(&conninfo), Some(value.as_str()));
        prop_assert_eq!(format!("{conninfo:?} {conninfo}"), "postgresql://u@h:5432/d postgresql://u@h:5432/d");
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = Conninfo::resolve(&text, &Environment::default());
        let _ = Conninfo::resolve(&format!("postgresql://{text}"), &Environment::default());
    }
}
