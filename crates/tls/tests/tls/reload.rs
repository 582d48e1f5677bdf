//! Changes of the files while the server runs.

use std::sync::Arc;

use pganalytics_tls::{ClientAuth, Limits, Reloaded, ServerFiles, Tls};

use crate::authority::{Authority, EXPIRED, GOOD, Issued};
use crate::served::{PATIENCE, echo, files, identity, start, trusting};

#[tokio::test]
async fn a_new_certificate_is_used_for_new_connections_only() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (old, new) = (Authority::new(folder.path(), "old")?, Authority::new(folder.path(), "new")?);
    let tls = Arc::new(Tls::load(files(&old.issue("server", GOOD)?))?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;
    let expires = tls.figures().expires;

    // One connection, used before and after.
    let client = trusting(&old.file)?.pool_max_idle_per_host(1).build()?;
    let url = format!("https://localhost:{}/", served.address.port());
    assert!(client.get(&url).send().await?.status().is_success());
    assert!(matches!(tls.reload(), Reloaded::Unchanged));

    new.issue("server", GOOD + 1)?;
    assert!(matches!(tls.reload(), Reloaded::Loaded));
    assert!(served.ask(trusting(&new.file)?).await.is_ok());
    assert!(served.ask(trusting(&old.file)?).await.is_err(), "a client that trusts only the old authority gets no new connection");
    assert!(client.get(&url).send().await?.status().is_success(), "the old connection continues");
    let figures = tls.figures();
    assert_eq!((figures.reloads, figures.reload_failures), (1, 0));
    assert!(figures.expires > expires);
    Ok(())
}

#[tokio::test]
async fn new_client_authorities_are_loaded() -> anyhow::Result<()> {
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
    assert!(matches!(tls.reload(), Reloaded::Loaded));
    assert!(!ask(&first).await? && ask(&second).await?);
    Ok(())
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_an_authority_without_a_list_revokes_nothing() -> anyhow::Result<()> {
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
    let refused = || Err("the server reports that the client certificate is revoked: give a new one with CERT and KEY".to_owned());

    assert_eq!((ask(&good).await?, ask(&revoked).await?, ask(&other).await?), (Ok(()), refused(), Ok(())));
    assert_eq!(tls.figures().lists_due, Some(7_258_118_400), "2200-01-01 00:00:00 UTC");

    // An invalid list changes nothing.
    std::fs::write(&client_crl, "half a li")?;
    let Reloaded::Invalid(error) = tls.reload() else { panic!("loaded") };
    assert!(format!("{error:#}").contains("revoked.pem contains no list of revoked certificates in PEM"), "{error:#}");
    assert_eq!((ask(&good).await?, ask(&revoked).await?), (Ok(()), refused()));

    // An overdue list still revokes its certificates and no others. A file may contain several lists.
    std::fs::write(&client_crl, [ours.revoked(&[&revoked], 2016)?, silent.revoked(&[&other], GOOD)?].concat())?;
    assert!(matches!(tls.reload(), Reloaded::Loaded));
    assert_eq!((ask(&good).await?, ask(&revoked).await?, ask(&other).await?), (Ok(()), refused(), refused()));
    assert_eq!(tls.figures().lists_due, Some(1_451_606_400), "2016-01-01 00:00:00 UTC");
    Ok(())
}

#[tokio::test]
async fn a_connection_ends_after_its_certificate_is_revoked() -> anyhow::Result<()> {
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
    assert!(matches!(tls.reload(), Reloaded::Loaded));
    // The connection ends soon after the change.
    let ended = async { while gone.get(&url).send().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, ended).await?;
    assert!(gone.get(&url).send().await.is_err());
    assert!(going.get(&url).send().await?.status().is_success(), "a valid client connects again");
    Ok(())
}

#[tokio::test]
async fn invalid_files_are_reported_once_and_change_nothing() -> anyhow::Result<()> {
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
        ("contains no certificate in PEM", Some(b"half a fi".to_vec()), key.clone()),
        ("contains no private key in PEM", Some(certificate.clone()), b"half a fi".to_vec()),
        ("has already expired", Some(std::fs::read(&expired.certificate)?), std::fs::read(&expired.key)?),
        ("No such file", None, key.clone()),
    ];
    for (failures, (part, new_certificate, new_key)) in (1..).zip(cases) {
        match new_certificate {
            Some(new) => std::fs::write(&server.certificate, new)?,
            None => std::fs::remove_file(&server.certificate)?,
        }
        std::fs::write(&server.key, new_key)?;
        let Reloaded::Invalid(error) = tls.reload() else { panic!("loaded: {part}") };
        let error = format!("{error:#}");
        assert!(error.contains(part) && error.contains("server."), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
        assert!(matches!(tls.reload(), Reloaded::Unchanged), "reported once: {part}");
        assert_eq!((tls.figures().reloads, tls.figures().reload_failures), (0, failures), "{part}");
        assert!(served.ask(trusting(&ours.file)?).await.is_ok(), "{part}");
    }
    std::fs::write(&server.certificate, certificate)?;
    std::fs::write(&server.key, key)?;
    assert!(matches!(tls.reload(), Reloaded::Loaded), "valid files are loaded again");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_kubernetes_replaces_is_loaded() -> anyhow::Result<()> {
    // A mounted Secret is a folder of links into ..data. This is itself a link, to a folder that is replaced.
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
    let issued = Issued { certificate: mounted.join("tls.crt"), key: mounted.join("tls.key"), ..first };
    let tls = Arc::new(Tls::load(files(&issued))?);
    let served = start(Some(Arc::clone(&tls)), echo(), Limits::default()).await?;
    std::os::unix::fs::symlink("..second", mounted.join("..data_tmp"))?;
    std::fs::rename(mounted.join("..data_tmp"), mounted.join("..data"))?;
    assert!(matches!(tls.reload(), Reloaded::Loaded));
    assert!(served.ask(trusting(&second.file)?).await.is_ok());
    Ok(())
}
