//! Which certificates do, on either side; and what happens when the files change.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pganalytics_tls::{ClientAuth, Limits, MinVersion, Reloaded, ServerFiles, Tls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::authority::{Authority, EXPIRED, GOOD};
use crate::served::{PATIENCE, echo, files, identity, start, trusting};

#[tokio::test]
async fn the_right_authority_answers_over_both_versions_of_http_and_a_wrong_one_is_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, foreign) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "foreign")?);
    let tls = Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;

    let answer = served.ask(trusting(&ours.file)?).await;
    assert_eq!(answer.as_deref(), Ok("HTTP/1.1 localhost tls=true certificate=false"));
    let refused = served.ask(trusting(&foreign.file)?).await.expect_err("a wrong authority");
    assert_eq!(refused, "the server's certificate is signed by nobody we trust: name its authority in CA");
    Ok(())
}

#[tokio::test]
async fn http_2_is_agreed_on_and_names_the_host_like_http_1() -> anyhow::Result<()> {
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
async fn an_expired_certificate_is_served_and_clients_say_what_is_wrong() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls = Tls::load(files(&ours.issue("server", EXPIRED)?))?;
    assert_eq!(tls.figures().expires, 1_577_836_800, "2020-01-01 00:00:00 UTC");
    let served = start(Some(Arc::new(tls)), echo(), Limits::default()).await?;
    let refused = served.ask(trusting(&ours.file)?).await.expect_err("expired");
    assert!(refused.starts_with("the server's certificate has expired: renew it there"), "{refused}");
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
    assert!(refused.starts_with("the server and we have no version of TLS in common"), "{refused}");
    let served = start(Some(Arc::new(Tls::load(lax)?)), echo(), Limits::default()).await?;
    assert!(served.ask(old()?).await.is_ok());
    assert!(served.ask(trusting(&ours.file)?).await.is_ok(), "1.3 is spoken too");
    Ok(())
}

#[tokio::test]
async fn where_certificates_are_required_only_a_good_one_gets_in() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, foreign) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "foreign")?);
    let server = files(&ours.issue("server", GOOD)?);
    let required = ServerFiles { client_ca: Some(ours.file.clone()), client_auth: ClientAuth::Required, ..server };
    let tls = Arc::new(Tls::load(required)?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;

    let good = trusting(&ours.file)?.identity(identity(&ours.issue("client", GOOD)?)?);
    assert_eq!(served.ask(good).await.as_deref(), Ok("HTTP/1.1 localhost tls=true certificate=true"));
    let none = served.ask(trusting(&ours.file)?).await.expect_err("no certificate");
    assert_eq!(none, "the server asks for a certificate of ours, and there is none: give CERT and KEY");
    let expired = trusting(&ours.file)?.identity(identity(&ours.issue("old", EXPIRED)?)?);
    let expired = served.ask(expired).await.expect_err("an expired certificate");
    assert_eq!(expired, "the server says that our certificate has expired: renew what CERT and KEY name");
    let stranger = trusting(&ours.file)?.identity(identity(&foreign.issue("stranger", GOOD)?)?);
    let stranger = served.ask(stranger).await.expect_err("a foreign certificate");
    assert!(
        stranger == "the server does not trust who signed our certificate: give another with CERT and KEY"
            // A client that has nothing of the authorities that are asked for shows nothing.
            || stranger == none,
        "{stranger}"
    );
    assert_eq!(tls.figures().handshake_failures, 3);
    Ok(())
}

#[tokio::test]
async fn where_certificates_are_optional_none_is_fine_and_a_bad_one_is_not() -> anyhow::Result<()> {
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
async fn a_new_certificate_is_served_to_new_connections_and_old_ones_go_on() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (old, new) = (Authority::new(folder.path(), "old")?, Authority::new(folder.path(), "new")?);
    let tls = Arc::new(Tls::load(files(&old.issue("server", GOOD)?))?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;
    let expires = tls.figures().expires;

    // One connection, asked before and after.
    let client = trusting(&old.file)?.pool_max_idle_per_host(1).build()?;
    let url = format!("https://localhost:{}/", served.address.port());
    assert!(client.get(&url).send().await?.status().is_success());
    assert!(matches!(tls.reload(), Reloaded::Unchanged));

    new.issue("server", GOOD + 1)?;
    assert!(matches!(tls.reload(), Reloaded::Taken));
    assert!(served.ask(trusting(&new.file)?).await.is_ok());
    assert!(served.ask(trusting(&old.file)?).await.is_err(), "who trusts the old authority alone gets no new connection");
    assert!(client.get(&url).send().await?.status().is_success(), "the old connection is still there");
    let figures = tls.figures();
    assert_eq!((figures.reloads, figures.reload_failures), (1, 0));
    assert!(figures.expires > expires);
    Ok(())
}

#[tokio::test]
async fn new_authorities_for_clients_are_taken_too() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, next) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "next")?);
    let server = files(&ours.issue("server", GOOD)?);
    let asked = folder.path().join("clients.crt");
    std::fs::copy(&ours.file, &asked)?;
    let required = ServerFiles { client_ca: Some(asked.clone()), client_auth: ClientAuth::Required, ..server };
    let tls = Arc::new(Tls::load(required)?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;
    let (first, second) = (ours.issue("first", GOOD)?, next.issue("second", GOOD)?);
    let ask = async |issued| anyhow::Ok(served.ask(trusting(&ours.file)?.identity(identity(issued)?)).await.is_ok());

    assert!(ask(&first).await? && !ask(&second).await?);
    std::fs::copy(&next.file, &asked)?;
    assert!(matches!(tls.reload(), Reloaded::Taken));
    assert!(!ask(&first).await? && ask(&second).await?);
    Ok(())
}

#[tokio::test]
async fn a_revoked_certificate_is_not_let_in_and_one_whose_authority_has_no_list_is() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, silent) = (Authority::new(folder.path(), "ours")?, Authority::new(folder.path(), "silent")?);
    let (client_ca, client_crl) = (folder.path().join("clients.crt"), folder.path().join("revoked.pem"));
    std::fs::write(&client_ca, [std::fs::read(&ours.file)?, std::fs::read(&silent.file)?].concat())?;
    let (good, revoked, other) = (ours.issue("good", GOOD)?, ours.issue("revoked", GOOD)?, silent.issue("other", GOOD)?);
    std::fs::write(&client_crl, ours.revoked(&[&revoked], GOOD)?)?;
    let server = files(&ours.issue("server", GOOD)?);
    let files =
        ServerFiles { client_ca: Some(client_ca), client_crl: Some(client_crl.clone()), client_auth: ClientAuth::Required, ..server };
    let tls = Arc::new(Tls::load(files)?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;
    let ask = async |issued| anyhow::Ok(served.ask(trusting(&ours.file)?.identity(identity(issued)?)).await.map(drop));
    let told = || Err("the server says that our certificate is revoked: give a new one with CERT and KEY".to_owned());

    assert_eq!((ask(&good).await?, ask(&revoked).await?, ask(&other).await?), (Ok(()), told(), Ok(())));
    assert_eq!(tls.figures().lists_due, Some(7_258_118_400), "2200-01-01 00:00:00 UTC");

    // A list that cannot be taken leaves the one before.
    std::fs::write(&client_crl, "half a li")?;
    let Reloaded::Kept(error) = tls.reload() else { panic!("taken") };
    assert!(format!("{error:#}").contains("revoked.pem holds no list of revoked certificates in PEM"), "{error:#}");
    assert_eq!((ask(&good).await?, ask(&revoked).await?), (Ok(()), told()));

    // One that is overdue still says what was revoked, and keeps nobody else out. The file may hold several.
    std::fs::write(&client_crl, [ours.revoked(&[&revoked], 2016)?, silent.revoked(&[&other], GOOD)?].concat())?;
    assert!(matches!(tls.reload(), Reloaded::Taken));
    assert_eq!((ask(&good).await?, ask(&revoked).await?, ask(&other).await?), (Ok(()), told(), told()));
    assert_eq!(tls.figures().lists_due, Some(1_451_606_400), "2016-01-01 00:00:00 UTC");
    Ok(())
}

#[tokio::test]
async fn who_is_connected_and_then_revoked_does_not_go_on() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let (good, revoked) = (ours.issue("good", GOOD)?, ours.issue("revoked", GOOD)?);
    let client_crl = folder.path().join("revoked.pem");
    std::fs::write(&client_crl, ours.revoked(&[], GOOD)?)?;
    let server = files(&ours.issue("server", GOOD)?);
    let client_ca = Some(ours.file.clone());
    let optional = ServerFiles { client_ca, client_crl: Some(client_crl.clone()), client_auth: ClientAuth::Optional, ..server };
    let tls = Arc::new(Tls::load(optional)?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;
    let url = format!("https://localhost:{}/", served.address.port());
    let connected = |issued| anyhow::Ok(trusting(&ours.file)?.identity(identity(issued)?).pool_max_idle_per_host(1).build()?);
    let (going, gone) = (connected(&good)?, connected(&revoked)?);
    for client in [&going, &gone] {
        assert!(client.get(&url).send().await?.text().await?.ends_with("certificate=true"));
    }

    std::fs::write(&client_crl, ours.revoked(&[&revoked], GOOD)?)?;
    assert!(matches!(tls.reload(), Reloaded::Taken));
    // The connection ends a moment after the change.
    let ended = async { while gone.get(&url).send().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, ended).await?;
    assert!(gone.get(&url).send().await.is_err());
    assert!(going.get(&url).send().await?.status().is_success(), "a good one connects again");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_taken_is_told_once_and_changes_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let server = ours.issue("server", GOOD)?;
    let tls = Arc::new(Tls::load(files(&server))?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;
    let (certificate, key) = (std::fs::read(&server.certificate)?, std::fs::read(&server.key)?);
    let other = ours.issue("other", GOOD)?;
    let expired = ours.issue("expired", EXPIRED)?;

    let cases = [
        ("is not the key of the certificate in", Some(certificate.clone()), std::fs::read(&other.key)?),
        ("holds no certificate in PEM", Some(b"half a fi".to_vec()), key.clone()),
        ("holds no private key in PEM", Some(certificate.clone()), b"half a fi".to_vec()),
        ("has expired already", Some(std::fs::read(&expired.certificate)?), std::fs::read(&expired.key)?),
        ("No such file", None, key.clone()),
    ];
    for (failures, (part, new_certificate, new_key)) in (1..).zip(cases) {
        match new_certificate {
            Some(new) => std::fs::write(&server.certificate, new)?,
            None => std::fs::remove_file(&server.certificate)?,
        }
        std::fs::write(&server.key, new_key)?;
        let Reloaded::Kept(error) = tls.reload() else { panic!("taken: {part}") };
        let error = format!("{error:#}");
        assert!(error.contains(part) && error.contains("server."), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
        assert!(matches!(tls.reload(), Reloaded::Unchanged), "told once: {part}");
        assert_eq!((tls.figures().reloads, tls.figures().reload_failures), (0, failures), "{part}");
        assert!(served.ask(trusting(&ours.file)?).await.is_ok(), "{part}");
    }
    std::fs::write(&server.certificate, certificate)?;
    std::fs::write(&server.key, key)?;
    assert!(matches!(tls.reload(), Reloaded::Taken), "what does again is taken again");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_kubernetes_swaps_is_read_anew() -> anyhow::Result<()> {
    // A Secret is a folder of links into ..data, which is a link to a folder that is replaced.
    let folder = tempfile::tempdir()?;
    let mounted = folder.path();
    for generation in ["..first", "..second"] {
        std::fs::create_dir(mounted.join(generation))?;
    }
    let first = Authority::new(&mounted.join("..first"), "ca")?.issue("tls", GOOD)?;
    let second = Authority::new(&mounted.join("..second"), "ca")?;
    second.issue("tls", GOOD)?;
    std::os::unix::fs::symlink("..first", mounted.join("..data"))?;
    for name in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), mounted.join(name))?;
    }
    let issued = crate::authority::Issued { certificate: mounted.join("tls.crt"), key: mounted.join("tls.key"), ..first };
    let tls = Arc::new(Tls::load(files(&issued))?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;
    std::os::unix::fs::symlink("..second", mounted.join("..data_tmp"))?;
    std::fs::rename(mounted.join("..data_tmp"), mounted.join("..data"))?;
    assert!(matches!(tls.reload(), Reloaded::Taken));
    assert!(served.ask(trusting(&second.file)?).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_start_with_files_that_do_not_do_says_which_and_why() -> anyhow::Result<()> {
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
        (ServerFiles { certificate: nothing.clone(), ..good.clone() }, "nothing.pem holds no certificate in PEM"),
        (ServerFiles { key: nothing.clone(), ..good.clone() }, "nothing.pem holds no private key in PEM"),
        (
            ServerFiles { client_ca: Some(nothing.clone()), client_auth: ClientAuth::Required, ..good.clone() },
            "nothing.pem holds no certificate in PEM",
        ),
        (
            ServerFiles {
                client_ca: Some(ours.file.clone()),
                client_crl: Some(strange.clone()),
                client_auth: ClientAuth::Required,
                ..good.clone()
            },
            "strange.pem holds something that is no list of revoked certificates",
        ),
    ] {
        let error = format!("{:#}", Tls::load(files).expect_err(part));
        assert!(error.contains(part), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_request_in_plain_http_is_told_where_to_ask() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let served = start(Some(Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?)), echo(), Limits::default()).await?;
    let mut stream = served.connect().await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains("ask https://"), "{answer}");
    // What is neither is closed without a word.
    let mut stream = served.connect().await?;
    stream.write_all(b"\0\0\0\x08").await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert!(answer.is_empty(), "{answer:?}");
    Ok(())
}
