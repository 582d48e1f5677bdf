//! Tests of shipping over TLS: trusted authorities, client certificates, and the messages for invalid ones.

use std::path::Path;
use std::sync::Arc;

use pganalytics_collector::Config;
use pganalytics_tls::{ClientAuth, Limits, MinVersion, ServerFiles, Tls};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::authority::{Authority, EXPIRED, GOOD, Issued};
use super::{PATIENCE, Sink, SinkState, routes};

/// A sink with this server certificate. If `clients` is given, the sink requires a client certificate from that authority, and uses the
/// authority's revocation list if there is one.
async fn sink(server: &Issued, clients: Option<&Authority>, min_version: MinVersion) -> anyhow::Result<(Sink, DropGuard)> {
    let (sender, batches) = tokio::sync::mpsc::unbounded_channel();
    let state = Arc::new(SinkState { answers: std::sync::Mutex::default(), batches: sender });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, stop) = (listener.local_addr()?, CancellationToken::new());
    let tls = Tls::load(ServerFiles {
        certificate: server.certificate.clone(),
        key: server.key.clone(),
        client_ca: clients.map(|authority| authority.file.clone()),
        client_crl: clients.map(|authority| authority.file.with_extension("crl")).filter(|list| list.exists()),
        client_auth: if clients.is_some() { ClientAuth::Required } else { ClientAuth::Off },
        min_version,
    })?;
    tokio::spawn(pganalytics_tls::serve(listener, Some(Arc::new(tls)), routes(state), Limits::default(), stop.clone()));
    Ok((Sink { address, batches, until: tokio::time::Instant::now() + PATIENCE }, stop.drop_guard()))
}

/// A configuration that trusts this authority.
async fn config(sink: &Sink, spool: &Path, authority: &Authority) -> anyhow::Result<Config> {
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let mut config = super::config(sink, spool, &[("closed", format!("host=127.0.0.1 port={} user=u", closed.port()))])?;
    config.backend.url = format!("https://localhost:{}", sink.address.port()).parse()?;
    config.backend.ca_file = Some(authority.file.clone());
    Ok(config)
}

fn show(config: &mut Config, issued: &Issued) {
    (config.backend.cert_file, config.backend.key_file) = (Some(issued.certificate.clone()), Some(issued.key.clone()));
}

#[tokio::test]
async fn doctor_names_the_problem_of_a_certificate_and_its_remedy() -> anyhow::Result<()> {
    let (folder, spool) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (ours, foreign) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "foreign")?);
    let said = async |config: &Config| pganalytics_collector::doctor(config).await.to_string();

    let (open, _open) = sink(&ours.issue("server", GOOD)?, None, MinVersion::Tls13).await?;
    let mut config = config(&open, spool.path(), &ours).await?;
    let text = said(&config).await;
    assert!(text.contains("answers and accepts the token"), "{text}");
    config.backend.ca_file = Some(foreign.file.clone());
    let text = said(&config).await;
    assert!(text.contains("signed by an unknown authority: name that authority in [backend] ca_file"), "{text}");
    config.backend.ca_file = Some(ours.file.clone());
    config.backend.url = format!("https://127.0.0.2:{}", open.address.port()).parse()?;
    // On some systems nothing listens at this address. On others the sink answers, and its certificate is for another name.
    let text = said(&config).await;
    assert!(text.contains("is for another name") || text.contains("refused"), "{text}");

    let (old, _old) = sink(&ours.issue("expired", EXPIRED)?, None, MinVersion::Tls13).await?;
    config.backend.url = format!("https://localhost:{}", old.address.port()).parse()?;
    let text = said(&config).await;
    assert!(text.contains("the server's certificate has expired: renew it"), "{text}");

    let revoked = ours.issue("revoked", GOOD)?;
    std::fs::write(ours.file.with_extension("crl"), ours.revoked(&[&revoked], GOOD)?)?;
    let (strict, _strict) = sink(&ours.issue("asking", GOOD)?, Some(&ours), MinVersion::Tls13).await?;
    config.backend.url = format!("https://localhost:{}", strict.address.port()).parse()?;
    let text = said(&config).await;
    assert!(text.contains("requires a client certificate: give [backend] cert_file and key_file"), "{text}");
    show(&mut config, &ours.issue("lapsed", EXPIRED)?);
    let text = said(&config).await;
    assert!(text.contains("reports that the client certificate has expired"), "{text}");
    show(&mut config, &revoked);
    let text = said(&config).await;
    assert!(
        text.contains("reports that the client certificate is revoked: give a new one with [backend] cert_file and key_file"),
        "{text}"
    );
    show(&mut config, &ours.issue("collector", GOOD)?);
    let text = said(&config).await;
    assert!(text.contains("answers and accepts the token"), "{text}");
    config.backend.key_file = Some(ours.issue("another", GOOD)?.key);
    let text = said(&config).await;
    assert!(text.contains("[backend] cert_file and key_file") && text.contains("is not the key of the certificate in"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_backend_without_tls_is_distinguished_from_an_unreachable_backend() -> anyhow::Result<()> {
    let (folder, spool) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let ours = Authority::new(folder.path(), "ours")?;
    let plain = super::sink(&[]).await?;
    let config = config(&plain, spool.path(), &ours).await?;
    let text = pganalytics_collector::doctor(&config).await.to_string();
    assert!(text.contains("the server does not use TLS on this port"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart_and_an_invalid_one_is_not() -> anyhow::Result<()> {
    let (folder, spool) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (ours, foreign) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "foreign")?);
    let (mut sink, _stop) = sink(&ours.issue("server", GOOD)?, Some(&ours), MinVersion::Tls13).await?;
    let mut config = config(&sink, spool.path(), &ours).await?;
    for view in config.views.iter_mut().filter(|view| view.name.starts_with("host_") || view.name == "pganalytics_server") {
        Arc::make_mut(view).interval = std::time::Duration::from_millis(500);
    }
    let issued = ours.issue("collector", GOOD)?;
    show(&mut config, &issued);
    let stop = CancellationToken::new();
    let running = tokio::spawn(pganalytics_collector::run(config, stop.clone()));
    let (_, first) = sink.next().await?;

    // A half-written certificate is ignored: the previous one stays in use.
    std::fs::write(&issued.certificate, "half a fi")?;
    let (_, second) = sink.next().await?;
    assert!(second.header.sequence > first.header.sequence);

    // The backend refuses a foreign certificate. No batch is lost meanwhile: the spool holds the new batches.
    foreign.issue("collector", GOOD)?;
    while sink.batches.try_recv().is_ok() {}
    ours.issue("collector", GOOD + 1)?;
    let (_, third) = sink.next().await?;
    let (_, fourth) = sink.next().await?;
    assert_eq!(fourth.header.sequence, third.header.sequence + 1);
    stop.cancel();
    running.await?
}
