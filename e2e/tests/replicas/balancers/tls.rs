//! TLS before and behind the balancer.

use anyhow::{Context, Result, ensure};
use e2e::drive::{Backend, Settings};
use e2e::machine::certificate::Certificate;
use e2e::servers::Balancer;
use e2e::servers::balancer::{BACKENDS, Inner, Software};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::stream::{Stream, serving, three};

pub(super) async fn plain_http_is_redirected_to_https(software: Software) -> Result<()> {
    let (_backends, balancer) = three(software).await?;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    // The redirect names the host of the file, whatever host the request names.
    let request = client.post(format!("http://127.0.0.1:{}/api/v1/sql?a=b", balancer.http)).header("host", "evil.example").body("x");
    let answer = request.send().await?;
    assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
    let location = answer.headers()["location"].to_str()?;
    assert_eq!(location, format!("https://127.0.0.1:{}/api/v1/sql?a=b", balancer.https));
    let health = balancer.api.request(Method::GET, "/api/v1/health", None).await?;
    assert_eq!(health["status"], json!("ok"));
    Ok(())
}

/// The report of openssl as a TLS client.
fn handshake(balancer: &Balancer, arguments: &[&str]) -> Result<String> {
    let mut command = std::process::Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{}", balancer.https), "-CAfile"]).arg(&balancer.certificate.authority);
    let output = command.args(arguments).stdin(std::process::Stdio::null()).output().context("run openssl")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

pub(super) async fn only_tls_1_2_and_1_3_are_spoken_and_http2_is_offered(software: Software) -> Result<()> {
    let (_backends, balancer) = three(software).await?;
    let modern = handshake(&balancer, &["-alpn", "h2,http/1.1"])?;
    for expected in ["TLSv1.3", "ALPN protocol: h2", "Verify return code: 0 (ok)"] {
        assert!(modern.contains(expected), "{expected} is missing: {modern}");
    }
    assert!(handshake(&balancer, &["-tls1_2"])?.contains("Verify return code: 0 (ok)"));
    // The oldest version that openssl still offers, at its lowest security level.
    let old = handshake(&balancer, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])?;
    assert!(old.contains("alert protocol version") && old.contains("Cipher is (NONE)"), "TLS 1.1 was accepted: {old}");
    Ok(())
}

pub(super) async fn backends_are_reached_over_tls_and_verified(software: Software) -> Result<()> {
    let (folder, foreign) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (ours, foreign) = (Certificate::make(folder.path())?, Certificate::make(foreign.path())?);
    let (certificate, key) = (ours.certificate.display().to_string(), ours.key.display().to_string());
    let mut settings = Settings::flags(&["--trusted-proxy", "--tls-cert", &certificate, "--tls-key", &key]);
    settings.authority = Some(ours.authority.clone());
    let mut backends = Vec::new();
    for _ in 0..BACKENDS {
        backends.push(Backend::start_with(settings.clone()).await?);
    }
    let ports: [u16; BACKENDS] = std::array::from_fn(|at| backends[at].port);

    // A server with a certificate of another authority or with another name gets no request.
    for inner in
        [Inner { authority: &foreign.authority, name: "localhost" }, Inner { authority: &ours.authority, name: "pganalytics.internal" }]
    {
        let balancer = Balancer::encrypted(software, ports, inner).await?;
        let (status, body) = balancer.api.ask(Method::GET, "/api/v1/health", None).await?;
        ensure!(status.is_server_error(), "a server was asked that {inner:?} does not trust: {status} {body}");
    }
    let balancer = Balancer::encrypted(software, ports, Inner { authority: &ours.authority, name: "localhost" }).await?;
    serving(&balancer).await?;
    let stream = Stream::start(&balancer.api);
    stream.more(50).await?;
    backends[0].kill();
    stream.more(100).await?;
    stream.end(&balancer).await
}
