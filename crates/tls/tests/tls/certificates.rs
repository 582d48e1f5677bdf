//! Which certificates servers and clients accept.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pganalytics_tls::{ClientAuth, Limits, MinVersion, ServerFiles, Tls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::authority::{Authority, EXPIRED, GOOD};
use crate::served::{echo, files, identity, start, trusting};

#[tokio::test]
async fn a_client_accepts_a_trusted_authority_and_refuses_another() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, foreign) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "foreign")?);
    let tls = Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;

    let answer = served.ask(trusting(&ours.file)?).await;
    assert_eq!(answer.as_deref(), Ok("HTTP/1.1 localhost tls=true certificate=false"));
    let refused = served.ask(trusting(&foreign.file)?).await.expect_err("an unknown authority");
    assert_eq!(refused, "the server's certificate is signed by an unknown authority: name that authority in CA");
    Ok(())
}

#[tokio::test]
async fn http_2_is_negotiated_and_has_a_host_header() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls = Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?);
    let served = start(Some(tls), echo(), Limits::default()).await?;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&ours.file)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect("localhost".try_into()?, served.connect().await?).await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = axum::http::Request::get("https://localhost/").body(String::new())?;
    let answer = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    assert_eq!(answer, "HTTP/2.0 localhost tls=true certificate=false");
    Ok(())
}

#[tokio::test]
async fn an_expired_certificate_is_served_and_clients_report_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls = Tls::load(files(&ours.issue("server", EXPIRED)?))?;
    assert_eq!(tls.figures().expires, 1_577_836_800, "2020-01-01 00:00:00 UTC");
    let served = start(Some(Arc::new(tls)), echo(), Limits::default()).await?;
    let refused = served.ask(trusting(&ours.file)?).await.expect_err("expired");
    assert!(refused.starts_with("the server's certificate has expired: renew it"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn tls_1_2_is_refused_unless_it_is_allowed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let strict = files(&ours.issue("server", GOOD)?);
    let old = || anyhow::Ok(trusting(&ours.file)?.tls_version_max(reqwest::tls::Version::TLS_1_2));
    let lax = ServerFiles { min_version: MinVersion::Tls12, ..strict.clone() };

    let served = start(Some(Arc::new(Tls::load(strict)?)), echo(), Limits::default()).await?;
    let refused = served.ask(old()?).await.expect_err("TLS 1.2");
    assert!(refused.starts_with("no TLS version in common with the server"), "{refused}");
    let served = start(Some(Arc::new(Tls::load(lax)?)), echo(), Limits::default()).await?;
    assert!(served.ask(old()?).await.is_ok());
    assert!(served.ask(trusting(&ours.file)?).await.is_ok(), "TLS 1.3 is accepted, too");
    Ok(())
}

#[tokio::test]
async fn required_certificates_must_be_valid() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, foreign) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "foreign")?);
    let server = files(&ours.issue("server", GOOD)?);
    let required = ServerFiles { client_ca: Some(ours.file.clone()), client_auth: ClientAuth::Required, ..server };
    let tls = Arc::new(Tls::load(required)?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;

    let good = trusting(&ours.file)?.identity(identity(&ours.issue("client", GOOD)?)?);
    assert_eq!(served.ask(good).await.as_deref(), Ok("HTTP/1.1 localhost tls=true certificate=true"));
    let none = served.ask(trusting(&ours.file)?).await.expect_err("no certificate");
    assert_eq!(none, "the server requires a client certificate: give CERT and KEY");
    let expired = trusting(&ours.file)?.identity(identity(&ours.issue("old", EXPIRED)?)?);
    let expired = served.ask(expired).await.expect_err("an expired certificate");
    assert_eq!(expired, "the server reports that the client certificate has expired: renew the files of CERT and KEY");
    let stranger = trusting(&ours.file)?.identity(identity(&foreign.issue("stranger", GOOD)?)?);
    let stranger = served.ask(stranger).await.expect_err("a foreign certificate");
    assert!(
        stranger == "the server does not trust the authority of the client certificate: give another certificate with CERT and KEY"
            // A client without a certificate of the requested authorities shows none.
            || stranger == none,
        "{stranger}"
    );
    assert_eq!(tls.figures().handshake_failures, 3);
    Ok(())
}

#[tokio::test]
async fn optional_certificates_may_be_missing_but_not_invalid() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let server = files(&ours.issue("server", GOOD)?);
    let optional = ServerFiles { client_ca: Some(ours.file.clone()), client_auth: ClientAuth::Optional, ..server };
    let served = start(Some(Arc::new(Tls::load(optional)?)), echo(), Limits::default()).await?;

    assert_eq!(served.ask(trusting(&ours.file)?).await.as_deref(), Ok("HTTP/1.1 localhost tls=true certificate=false"));
    let good = trusting(&ours.file)?.identity(identity(&ours.issue("client", GOOD)?)?);
    assert_eq!(served.ask(good).await.as_deref(), Ok("HTTP/1.1 localhost tls=true certificate=true"));
    let expired = trusting(&ours.file)?.identity(identity(&ours.issue("old", EXPIRED)?)?);
    assert!(served.ask(expired).await.is_err());
    Ok(())
}

#[tokio::test]
async fn invalid_files_at_the_start_are_an_error() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let (server, other) = (ours.issue("server", GOOD)?, ours.issue("other", GOOD)?);
    let good = files(&server);
    let nothing = folder.path().join("nothing.pem");
    std::fs::write(&nothing, "")?;
    let strange = folder.path().join("strange.pem");
    std::fs::write(&strange, "-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----\n")?;
    for (files, part) in [
        (ServerFiles { key: other.key.clone(), ..good.clone() }, "other.key is not the key of the certificate in"),
        (ServerFiles { certificate: folder.path().join("absent"), ..good.clone() }, "absent: No such file"),
        (ServerFiles { certificate: nothing.clone(), ..good.clone() }, "nothing.pem contains no certificate in PEM"),
        (ServerFiles { key: nothing.clone(), ..good.clone() }, "nothing.pem contains no private key in PEM"),
        (
            ServerFiles { client_ca: Some(nothing.clone()), client_auth: ClientAuth::Required, ..good.clone() },
            "nothing.pem contains no certificate in PEM",
        ),
        (
            ServerFiles {
                client_ca: Some(ours.file.clone()),
                client_crl: Some(strange.clone()),
                client_auth: ClientAuth::Required,
                ..good.clone()
            },
            "strange.pem contains something that is not a list of revoked certificates",
        ),
    ] {
        let error = format!("{:#}", Tls::load(files).expect_err(part));
        assert!(error.contains(part), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn plain_http_is_answered_with_a_hint_to_use_https() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let served = start(Some(Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?)), echo(), Limits::default()).await?;
    let mut stream = served.connect().await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains("ask https://"), "{answer}");
    // Other protocols are closed without an answer.
    let mut stream = served.connect().await?;
    stream.write_all(b"\0\0\0\x08").await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert!(answer.is_empty(), "{answer:?}");
    Ok(())
}
