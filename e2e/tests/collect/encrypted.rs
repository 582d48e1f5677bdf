//! TLS from end to end: a collector with a client certificate ships to a backend that asks for one, and both take renewed certificates.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use e2e::drive::backend::ready_url;
use e2e::drive::watched::{judge, rounds, up};
use e2e::drive::{Backend, Collector, Settings};
use e2e::machine::process::Spec;
use e2e::machine::programs::binary;
use e2e::servers::Postgres;
use e2e::wait::{PATIENCE, until};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::authority::{Authority, EXPIRED, GOOD, Issued};

fn pganalytics(arguments: &[&str], environment: &[(&str, &str)]) -> Result<String> {
    let mut command = Command::new(binary("pganalytics")?);
    let output = command.args(arguments).envs(environment.iter().copied()).output().context("run pganalytics")?;
    let [printed, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    ensure!(output.status.success(), "pganalytics {arguments:?}: {printed}{errors}");
    Ok(printed)
}

#[tokio::test]
async fn a_collector_ships_with_its_certificate_and_both_sides_take_renewed_certificates() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, foreign) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "foreign")?);
    let (server, client) = (ours.issue("server", GOOD)?, ours.issue("collector", GOOD)?);
    let text = |path: &std::path::Path| path.display().to_string();
    let client_crl = folder.path().join("revoked.pem");
    std::fs::write(&client_crl, ours.revoked(&[], GOOD)?)?;
    let mut settings = Settings::flags(&[
        "--tls-cert",
        &text(&server.certificate),
        "--tls-key",
        &text(&server.key),
        "--tls-client-ca",
        &text(&ours.file),
        "--tls-client-auth",
        "optional",
        "--tls-client-crl",
        &text(&client_crl),
    ]);
    settings.authority = Some(ours.file.clone());
    let (postgres, backend) = tokio::try_join!(Postgres::start(18), Backend::start_with(settings))?;
    postgres.execute("create extension pg_stat_statements").await?;

    // Without a certificate the token is not enough, and doctor says so.
    let mut collector = Collector::prepare_for(&backend.api, Some(&ours.file), &[("db", postgres.conninfo("postgres", None))]).await?;
    let doctor = String::from_utf8_lossy(&collector.doctor()?.stdout).into_owned();
    ensure!(doctor.contains("set [backend] cert_file and key_file to a certificate that it trusts"), "{doctor}");
    collector.configure(&format!("[backend]\ncert_file = {:?}\nkey_file = {:?}", client.certificate, client.key))?;
    collector.run()?;
    up(&backend.api, "db").await.with_context(|| collector.log())?;
    rounds(&backend.api, "db", 1).await.with_context(|| collector.log())?;

    // The command line needs no certificate on this machine, and the authority from elsewhere.
    let token = pganalytics(&["token", "create", "cli", "--kind", "api", "--data", &text(&backend.data())], &[])?;
    let environment = [("PGANALYTICS_TOKEN", token.trim())];
    let remote = ["sql", "--url", &backend.api.url, "select count(*) from pganalytics_server"];
    let refused = format!("{:#}", pganalytics(&remote, &environment).expect_err("the system trusts no such authority"));
    ensure!(refused.contains("signed by an unknown authority: name that authority in --ca-file"), "{refused}");
    pganalytics(&[&remote[..], &["--ca-file", &text(&ours.file)]].concat(), &environment)?;
    // Health needs the authority, but no token.
    let health = ["health", "--url", &backend.api.url, "--ca-file", &text(&ours.file)];
    let ready = pganalytics(&health, &[])?;
    ensure!(ready.contains("is ready: version "), "{ready}");
    let refused = format!("{:#}", pganalytics(&health[..3], &[]).expect_err("the system trusts no such authority"));
    ensure!(refused.contains("name that authority in --ca-file"), "{refused}");

    // A bad certificate is counted, and the old one stays in use.
    let expires = backend.api.metric("pganalytics_tls_certificate_expiry_timestamp_seconds").await?;
    ours.issue("server", EXPIRED)?;
    until("the bad certificate to be reported", PATIENCE, async || {
        let failures = backend.api.metric("pganalytics_tls_reload_failures_total").await?;
        Ok((failures > 0 && backend.log().contains("has already expired")).then_some(()))
    })
    .await?;
    rounds(&backend.api, "db", 1).await.with_context(|| collector.log())?;

    // Both sides take renewed certificates without a restart.
    ours.issue("server", GOOD + 1)?;
    ours.issue("collector", GOOD + 1)?;
    until("the renewed certificate to be served", PATIENCE, async || {
        let now = backend.api.metric("pganalytics_tls_certificate_expiry_timestamp_seconds").await?;
        Ok((now > expires).then_some(()))
    })
    .await?;
    rounds(&backend.api, "db", 1).await.with_context(|| collector.log())?;

    // A certificate of another authority is refused. Batches wait in the spool until there is a good certificate.
    foreign.issue("collector", GOOD)?;
    until("the collector to log that it is refused", PATIENCE, async || {
        let log = collector.log();
        let refusals = ["does not trust the authority of the client certificate", "requires a client certificate"];
        if refusals.iter().any(|part| log.contains(part)) { Ok(Some(())) } else { bail!("{log}") }
    })
    .await?;
    let third = ours.issue("collector", GOOD + 2)?;
    rounds(&backend.api, "db", 2).await.with_context(|| collector.log())?;

    // A revoked certificate is refused, also on its open connection. A new certificate is accepted at once.
    std::fs::write(&client_crl, ours.revoked(&[&third], GOOD)?)?;
    until("the collector to log that its certificate is revoked", PATIENCE, async || {
        let log = collector.log();
        if log.contains("reports that the client certificate is revoked") { Ok(Some(())) } else { bail!("{log}") }
    })
    .await?;
    ours.issue("collector", GOOD + 3)?;
    rounds(&backend.api, "db", 2).await.with_context(|| collector.log())?;
    collector.stop()?;
    judge(&backend.api).await
}

/// Starts a server that speaks TLS 1.2 and nothing newer, like an old load balancer in front of a backend. Returns its port.
fn old_balancer(server: &Issued) -> Result<u16> {
    let chain = CertificateDer::pem_file_iter(&server.certificate)?.collect::<Result<Vec<_>, _>>()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS12])?;
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(&server.key)?)?);
    let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let Ok(connection) = rustls::ServerConnection::new(Arc::clone(&config)) else { return };
            let mut stream = rustls::StreamOwned::new(connection, stream);
            // Reading sends a refused client its alert.
            let Ok(1..) = stream.read(&mut [0; 4096]) else { continue };
            let body = r#"{"version": "0.1.0", "timestamp": "2026-01-01T00:00:00Z"}"#;
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    Ok(port)
}

#[tokio::test]
async fn the_command_line_speaks_tls_1_2_only_if_it_is_allowed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let url = format!("https://localhost:{}", old_balancer(&ours.issue("server", GOOD)?)?);
    let authority = ours.file.display().to_string();
    let health = ["health", "--url", &url, "--ca-file", &authority];
    let refused = format!("{:#}", pganalytics(&health, &[]).expect_err("TLS 1.2"));
    ensure!(refused.contains("no TLS version in common with the server: allow TLS 1.2 here, or TLS 1.3 there"), "{refused}");
    for allowed in [
        pganalytics(&[&health[..], &["--tls-min-version", "1.2"]].concat(), &[])?,
        pganalytics(&health, &[("PGANALYTICS_CLIENT_TLS_MIN_VERSION", "1.2")])?,
    ] {
        ensure!(allowed.contains("is ready: version 0.1.0"), "{allowed}");
    }
    Ok(())
}

#[tokio::test]
async fn plain_http_for_other_machines_is_refused_at_the_start_unless_it_is_allowed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let text = data.display().to_string();
    let refused = format!("{:#}", pganalytics(&["serve", "--data", &text, "--listen", "0.0.0.0:0"], &[]).expect_err("refused"));
    ensure!(refused.contains("--tls-cert and --tls-key") && refused.contains("--plain-http"), "{refused}");
    ensure!(!data.exists(), "the data folder was made");
    Ok(())
}

#[tokio::test]
async fn all_in_one_reaches_itself_if_clients_must_show_a_certificate() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    // An expired certificate: on its own machine the process needs none.
    let server = ours.issue("server", EXPIRED)?;
    let data = folder.path().join("data");
    let spec =
        Spec::new(&binary("pganalytics")?, &folder.path().join("log")).arguments(["all-in-one", "--listen", "127.0.0.1:0", "--data"]);
    let spec = spec.arguments([&data]).arguments(["--tls-cert"]).arguments([&server.certificate]).arguments(["--tls-key"]);
    // No server listens on port 1, which is a row to ship.
    let spec =
        spec.arguments([&server.key]).arguments(["--tls-client-ca"]).arguments([&ours.file]).arguments(["host=127.0.0.1 port=1 user=u"]);
    let mut process = spec.spawn()?;
    let url = ready_url(&mut process, "pganalytics ready ").await?;
    ensure!(url.starts_with("https://"), "{url}");
    until("the collector's rows", PATIENCE, async || {
        let rows = pganalytics(&["sql", "--data", &data.display().to_string(), "select server from pganalytics_server"], &[])?;
        // A server on this machine is named after its host.
        Ok(rows.lines().any(|row| row.trim_end_matches([' ', '|']).ends_with(":1")).then_some(()))
    })
    .await
    .with_context(|| process.log())?;
    process.stop().map(drop)
}
