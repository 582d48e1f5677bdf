//! The backend with TLS, and its local port.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use pganalytics_server::lake::Role;
use pganalytics_server::tls::{ClientAuth, MinVersion, ServerFiles, Tls};
use pganalytics_server::{App, Secret, ServerOptions};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::authority::{Authority, EXPIRED, GOOD, Issued};
use crate::backend::{Backend, PASSWORD, batch, logged};

fn tls(server: &Issued, client_ca: Option<&Path>, client_auth: ClientAuth) -> Option<Arc<Tls>> {
    let files = ServerFiles {
        certificate: server.certificate.clone(),
        key: server.key.clone(),
        client_ca: client_ca.map(Path::to_owned),
        client_crl: None,
        client_auth,
        min_version: MinVersion::default(),
    };
    Some(Arc::new(Tls::load(files).unwrap()))
}

fn client(authority: &Authority) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = reqwest::Certificate::from_pem_bundle(&std::fs::read(&authority.file).unwrap()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only(roots)
}

fn identity(issued: &Issued) -> reqwest::Identity {
    let both = [std::fs::read(&issued.certificate).unwrap(), std::fs::read(&issued.key).unwrap()].concat();
    reqwest::Identity::from_pem(&both).unwrap()
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn ship(client: &reqwest::Client, base: &str, token: &str) -> (StatusCode, Value) {
    let body = batch(uuid::Uuid::new_v4(), 1, &["db-1"]);
    let request = client.post(format!("{base}/api/v1/ingest")).bearer_auth(token);
    let reply = request.header("content-type", pganalytics_views::wire::CONTENT_TYPE).body(body).send().await.unwrap();
    (reply.status(), reply.json().await.unwrap())
}

#[tokio::test]
async fn with_tls_the_cookie_is_secure_hsts_is_set_and_metrics_show_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours").unwrap();
    let tls = tls(&ours.issue("server", GOOD).unwrap(), None, ClientAuth::Off);
    let backend = Backend::with(ServerOptions { tls: tls.clone(), ..ServerOptions::default() }).await;
    let (listener, address) = listen().await;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(pganalytics_server::serve(listener, backend.app.clone(), stop.clone()));

    let client = client(&ours).build().unwrap();
    let base = format!("https://localhost:{}", address.port());
    let login = client.post(format!("{base}/api/v1/auth/login")).json(&json!({"username": "admin", "password": PASSWORD}));
    let reply = login.send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    assert!(reply.headers()["set-cookie"].to_str().unwrap().ends_with("; Secure"));
    assert_eq!(reply.headers()["strict-transport-security"], "max-age=86400");
    // Without TLS there is neither.
    let plain = backend.login("admin", PASSWORD).await;
    assert!(!plain.header("set-cookie").contains("Secure") && plain.header("strict-transport-security").is_empty());

    std::fs::write(folder.path().join("server.crt"), "half a fi").unwrap();
    assert!(matches!(tls.as_ref().unwrap().reload(), pganalytics_server::tls::Reloaded::Invalid(_)));
    let token = backend.api(Role::Viewer).await;
    let text = client.get(format!("{base}/metrics")).bearer_auth(&token).send().await.unwrap().text().await.unwrap();
    for line in [
        // 2200-01-01
        "pganalytics_tls_certificate_expiry_timestamp_seconds 7258118400",
        "pganalytics_tls_reloads_total 0",
        "pganalytics_tls_reload_failures_total 1",
        "pganalytics_tls_handshake_failures_total 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is missing in\n{text}");
    }
    drop(client);
    stop.cancel();
    serving.await.unwrap().unwrap();
    assert!(backend.login("admin", PASSWORD).await.status.is_success(), "the store is still open");
}

#[tokio::test]
async fn metrics_show_when_the_next_revocation_list_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours").unwrap();
    let server = ours.issue("server", GOOD).unwrap();
    let client_crl = folder.path().join("revoked.pem");
    std::fs::write(&client_crl, ours.revoked(&[], GOOD).unwrap()).unwrap();
    let files = ServerFiles {
        certificate: server.certificate,
        key: server.key,
        client_ca: Some(ours.file),
        client_crl: Some(client_crl),
        client_auth: ClientAuth::Optional,
        min_version: MinVersion::default(),
    };
    let backend = Backend::with(ServerOptions { tls: Some(Arc::new(Tls::load(files).unwrap())), ..ServerOptions::default() }).await;
    let text = backend.get("/metrics", &backend.api(Role::Viewer).await).await.text();
    assert!(text.contains("\npganalytics_tls_client_crl_due_timestamp_seconds 7258118400\n"), "{text}");
}

#[tokio::test]
async fn with_optional_certificates_only_collectors_must_show_one() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours").unwrap();
    let tls = tls(&ours.issue("server", GOOD).unwrap(), Some(&ours.file), ClientAuth::Optional);
    let backend = Backend::with(ServerOptions { tls, ..ServerOptions::default() }).await;
    let (listener, address) = listen().await;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(pganalytics_server::serve(listener, backend.app.clone(), stop.clone()));
    let base = format!("https://localhost:{}", address.port());
    let token = backend.collector().await;

    let bare = client(&ours).build().unwrap();
    assert_eq!(bare.get(format!("{base}/readyz")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(bare.get(&base).send().await.unwrap().status(), StatusCode::OK, "the web UI");
    let (status, body) = ship(&bare, &base, &token).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::FORBIDDEN, &json!("certificate_required")));
    // A wrong token is refused first: without a valid token nobody learns about certificates.
    assert_eq!(ship(&bare, &base, "pga_c_wrong").await.0, StatusCode::UNAUTHORIZED);
    let shown = client(&ours).identity(identity(&ours.issue("collector", GOOD).unwrap())).build().unwrap();
    assert_eq!(ship(&shown, &base, &token).await.0, StatusCode::OK);
    assert_eq!(ship(&shown, &base, "pga_c_wrong").await.0, StatusCode::UNAUTHORIZED, "a certificate does not replace a token");
    let expired = client(&ours).identity(identity(&ours.issue("old", EXPIRED).unwrap())).build().unwrap();
    assert!(expired.get(format!("{base}/readyz")).send().await.is_err(), "a shown certificate must be valid");
    drop((bare, shown));
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn with_bound_certificates_a_credential_needs_its_collectors_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours").unwrap();
    let tls = tls(&ours.issue("server", GOOD).unwrap(), Some(&ours.file), ClientAuth::Optional);
    let backend = Backend::with(ServerOptions { tls, client_bind: true, ..ServerOptions::default() }).await;
    let (listener, address) = listen().await;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(pganalytics_server::serve(listener, backend.app.clone(), stop.clone()));
    let base = format!("https://localhost:{}", address.port());
    let client_for = |names: &[&str]| client(&ours).identity(identity(&ours.issue_for(names, names[0], GOOD).unwrap())).build().unwrap();
    // The collector in test batches is called "test".
    let (test, db_1) = (client_for(&["test"]), client_for(&["db-1", "10.0.0.1"]));
    let admin = backend.api(Role::Admin).await;
    let order = json!({"name": "enrolment", "kind": "enrolment"});
    let token = backend.post("/api/v1/tokens", &admin, &order).await.json()["token"].as_str().unwrap().to_owned();
    let enrol = async |client: &reqwest::Client, name: &str| {
        let (id, credential) = (uuid::Uuid::new_v4(), format!("pga_k_{0}{0}", uuid::Uuid::new_v4().simple()));
        let hash = hex::encode(Sha256::digest(credential.as_bytes()));
        let body = json!({"collector": id, "name": name, "version": "0.1.0", "credential_sha256": hash});
        let reply = client.post(format!("{base}/api/v1/collectors/enrol")).bearer_auth(&token).json(&body).send().await.unwrap();
        (id, credential, reply.status(), reply.json::<Value>().await.unwrap())
    };
    let ship = async |client: &reqwest::Client, id: uuid::Uuid, credential: &str| {
        let request = client.post(format!("{base}/api/v1/ingest")).bearer_auth(credential);
        let request = request.header("content-type", pganalytics_views::wire::CONTENT_TYPE).body(batch(id, 1, &["db-1"]));
        let reply = request.send().await.unwrap();
        (reply.status(), reply.json::<Value>().await.unwrap()["error"].clone())
    };
    let assert_foreign = |answer: &(StatusCode, Value), part: &str| {
        assert_eq!((answer.0, &answer.1["code"]), (StatusCode::FORBIDDEN, &json!("foreign_certificate")), "{}", answer.1);
        assert!(answer.1["message"].as_str().unwrap().contains(part), "{}", answer.1);
    };

    let (_, _, status, body) = enrol(&db_1, "test").await;
    assert_foreign(&(status, body["error"].clone()), "is not for the collector's name, test");
    let (id, credential, status, body) = enrol(&test, "test").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(ship(&test, id, &credential).await.0, StatusCode::OK);
    assert_foreign(&ship(&db_1, id, &credential).await, "is not for the collector's name, test");
    let (status, error) = ship(&client(&ours).build().unwrap(), id, &credential).await;
    assert_eq!((status, &error["code"]), (StatusCode::FORBIDDEN, &json!("certificate_required")));
    // An address is a name, too. But the batch has another name than the enrolment.
    let (id, credential, status, body) = enrol(&db_1, "10.0.0.1").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_foreign(&ship(&db_1, id, &credential).await, "with the name 'test', but the collector was enrolled as '10.0.0.1'");
    // A shared token belongs to no collector.
    let (status, error) = ship(&test, uuid::Uuid::new_v4(), &backend.collector().await).await;
    assert_eq!((status, &error["code"]), (StatusCode::FORBIDDEN, &json!("wrong_token")), "{error}");
    drop((test, db_1));
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_local_port_accepts_only_the_command_lines_token_and_batches() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours").unwrap();
    let tls = tls(&ours.issue("server", GOOD).unwrap(), Some(&ours.file), ClientAuth::Optional);
    let backend = Backend::start().await;
    let operator = pganalytics_server::generate_operator_token();
    let app =
        App::with_operator(backend.lake.clone(), ServerOptions { tls, ..ServerOptions::default() }, Some::<&Secret>(&operator)).unwrap();
    let (listener, address) = listen().await;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(pganalytics_server::serve_local(listener, app, stop.clone()));
    let base = format!("http://{address}");
    let client = client(&ours).build().unwrap();
    let users = async |token: &str| client.get(format!("{base}/api/v1/users")).bearer_auth(token).send().await.unwrap().status();

    assert_eq!(users(operator.expose()).await, StatusCode::OK);
    assert_eq!(client.get(format!("{base}/livez")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(
        ship(&client, &base, &backend.collector().await).await.0,
        StatusCode::OK,
        "the collector in this process needs no certificate"
    );
    // An admin's token, which is valid elsewhere.
    assert_eq!(users(&backend.api(Role::Admin).await).await, StatusCode::FORBIDDEN);
    for path in ["/", "/metrics", "/api/v1/health", "/api/v1/auth/me"] {
        assert_eq!(client.get(format!("{base}{path}")).send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
    }
    let login = client.post(format!("{base}/api/v1/auth/login")).json(&json!({"username": "admin", "password": PASSWORD}));
    assert_eq!(login.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert!(
        logged(&["request refused", "http.route=\"local port\"", "client.address=127.0.0.1"]) >= 1,
        "the refusals are in the audit log"
    );
    drop(client);
    stop.cancel();
    serving.await.unwrap();
}
