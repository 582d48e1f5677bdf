//! Credentials and clocks of collectors.

use axum::http::{Method, StatusCode};
use chrono::{TimeDelta, Utc};
use pganalytics_server::lake::{NewToken, Role, TokenKind};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::backend::{Backend, Reply, batch, bearer, log, request, rows};

/// A random secret of this kind that the backend does not know.
fn secret(prefix: &str) -> String {
    format!("{prefix}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn sha256(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// A collector with a credential that it created.
struct Applicant {
    id: Uuid,
    credential: String,
}

impl Applicant {
    fn new() -> Self {
        Self { id: Uuid::new_v4(), credential: secret("pga_k_") }
    }

    fn request(&self) -> Value {
        json!({"collector": self.id, "name": "db-1", "version": "0.1.0", "credential_sha256": sha256(&self.credential)})
    }

    async fn enrol(&self, backend: &Backend, token: &str) -> Reply {
        backend.post("/api/v1/collectors/enrol", token, &self.request()).await
    }

    async fn ship(&self, backend: &Backend, sequence: u64) -> (StatusCode, String) {
        brief(&backend.ship(&self.credential, batch(self.id, sequence, &["db-1"])).await)
    }
}

fn brief(reply: &Reply) -> (StatusCode, String) {
    (reply.status, if reply.status.is_success() { String::new() } else { reply.code() })
}

fn ok() -> (StatusCode, String) {
    (StatusCode::OK, String::new())
}

fn no(status: StatusCode, code: &str) -> (StatusCode, String) {
    (status, code.to_owned())
}

/// An enrolment token that an admin created.
async fn token(backend: &Backend, max_uses: Option<u32>) -> (String, i64) {
    let admin = backend.api(Role::Admin).await;
    let order = json!({"name": Uuid::new_v4(), "kind": "enrolment", "max_uses": max_uses});
    let made = backend.post("/api/v1/tokens", &admin, &order).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    assert!(made["expires"].is_string(), "an enrolment token expires: {made}");
    (made["token"].as_str().unwrap().to_owned(), made["id"].as_i64().unwrap())
}

async fn listed(backend: &Backend, id: Uuid) -> Value {
    let viewer = backend.api(Role::Viewer).await;
    let all = backend.get("/api/v1/collectors", &viewer).await.json();
    all.as_array().unwrap().iter().find(|collector| collector["id"] == json!(id)).cloned().unwrap_or_default()
}

#[tokio::test]
async fn an_enrolled_collector_ships_only_its_own_batches() {
    let backend = Backend::start().await;
    let (token, _) = token(&backend, None).await;
    let one = Applicant::new();
    assert_eq!(one.ship(&backend, 1).await, no(StatusCode::UNAUTHORIZED, "credential_unknown"));
    let reply = one.enrol(&backend, &token).await;
    assert_eq!(reply.json(), json!({"collector": one.id, "again": false}));
    assert_eq!(listed(&backend, one.id).await["credential"]["kind"], "own", "the collector is listed before it ships");
    assert_eq!(one.ship(&backend, 1).await, ok());
    assert_eq!(listed(&backend, one.id).await["sequence"], 1);

    let foreign = backend.ship(&one.credential, batch(Uuid::new_v4(), 1, &["db-1"])).await;
    assert_eq!(brief(&foreign), no(StatusCode::FORBIDDEN, "foreign_collector"));
    assert!(foreign.text().contains(&one.id.to_string()), "{}", foreign.text());
    // Neither secret is valid for other routes.
    for path in ["/api/v1/servers", "/api/v1/collectors", "/api/v1/tokens"] {
        for secret in [&one.credential, &token] {
            assert_eq!(brief(&backend.get(path, secret).await), no(StatusCode::FORBIDDEN, "wrong_token"), "{path}");
        }
    }
    assert_eq!(brief(&backend.ship(&token, batch(one.id, 2, &["db-1"])).await), no(StatusCode::FORBIDDEN, "wrong_token"));
    assert!(!log().contains(&one.credential) && !log().contains(&token), "no secret is logged");
}

#[tokio::test]
async fn a_shared_token_ships_nothing_for_an_enrolled_collector() {
    let backend = Backend::start().await;
    let (token, _) = token(&backend, None).await;
    let (victim, shared) = (Applicant::new(), backend.collector().await);
    assert_eq!(victim.enrol(&backend, &token).await.status, StatusCode::OK);
    // Before the collector has shipped its first batch, too.
    for sequence in [1, 2, 1 << 62] {
        let forged = backend.ship(&shared, batch(victim.id, sequence, &["db-1"])).await;
        assert_eq!(brief(&forged), no(StatusCode::FORBIDDEN, "collector_enrolled"), "{sequence}");
    }
    assert_eq!(victim.ship(&backend, 1).await, ok());
    assert_eq!(victim.ship(&backend, 2).await, ok());
    assert_eq!(listed(&backend, victim.id).await["sequence"], 2);
    assert_eq!(listed(&backend, victim.id).await["rows"], 2, "no batch of the collector is a duplicate");
}

#[tokio::test]
async fn an_admin_sets_back_a_mark_that_a_batch_of_somebody_else_moved() {
    let backend = Backend::start().await;
    let (shared, admin, viewer) = (backend.collector().await, backend.api(Role::Admin).await, backend.api(Role::Viewer).await);
    let id = Uuid::new_v4();
    assert_eq!(backend.ship(&shared, batch(id, 1, &["db-1"])).await.status, StatusCode::OK);
    let leap = backend.ship(&shared, batch(id, 1 << 62, &["db-1"])).await;
    assert_eq!(brief(&leap), no(StatusCode::CONFLICT, "sequence_leap"));
    assert_eq!(backend.ship(&shared, batch(id, 5_000, &["db-1"])).await.json()["duplicate"], false);
    let behind = backend.ship(&shared, batch(id, 2, &["db-1"])).await.json();
    assert_eq!((&behind["duplicate"], &behind["mark"]), (&json!(true), &json!(5_000)));

    let path = format!("/api/v1/collectors/{id}/mark");
    assert_eq!(backend.post(&path, &viewer, &json!({"sequence": 1})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(backend.post(&path, &admin, &json!({"sequence": u64::MAX})).await.status, StatusCode::BAD_REQUEST);
    let unknown = format!("/api/v1/collectors/{}/mark", Uuid::new_v4());
    assert_eq!(backend.post(&unknown, &admin, &json!({"sequence": 1})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(backend.post(&path, &admin, &json!({"sequence": 1})).await.status, StatusCode::NO_CONTENT);
    let again = backend.ship(&shared, batch(id, 2, &["db-1"])).await.json();
    assert_eq!((&again["duplicate"], &again["mark"]), (&json!(false), &Value::Null));
    assert!(log().contains("set a collector's mark"), "the audit log has the change");
}

#[tokio::test]
async fn enrolling_again_needs_the_same_credential_and_does_not_use_the_token_again() {
    let backend = Backend::start().await;
    let (token, id) = token(&backend, Some(1)).await;
    let one = Applicant::new();
    let asked = json!({"dry_run": true}).as_object().unwrap().clone();
    let mut dry = one.request();
    dry.as_object_mut().unwrap().extend(asked);
    for _ in 0..2 {
        assert_eq!(backend.post("/api/v1/collectors/enrol", &token, &dry).await.json()["again"], false);
    }
    assert_eq!(listed(&backend, one.id).await, Value::Null, "a dry run changes nothing");
    for again in [false, true, true] {
        assert_eq!(one.enrol(&backend, &token).await.json(), json!({"collector": one.id, "again": again}));
    }
    let admin = backend.api(Role::Admin).await;
    let tokens = backend.get("/api/v1/tokens", &admin).await.json();
    let used = tokens.as_array().unwrap().iter().find(|entry| entry["id"] == id).unwrap();
    assert_eq!((&used["kind"], &used["uses"], &used["max_uses"]), (&json!("enrolment"), &json!(1), &json!(1)));

    // This also works after the token is revoked: a lost response is repeated.
    assert_eq!(backend.json(Method::DELETE, &format!("/api/v1/tokens/{id}"), &admin, &json!(null)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(one.enrol(&backend, &token).await.status, StatusCode::OK);

    let (other_token, _) = self::token(&backend, None).await;
    let thief = Applicant { id: one.id, credential: secret("pga_k_") };
    assert_eq!(brief(&thief.enrol(&backend, &other_token).await), no(StatusCode::CONFLICT, "collector_enrolled"));
    let copy = Applicant { id: Uuid::new_v4(), credential: one.credential.clone() };
    assert_eq!(brief(&copy.enrol(&backend, &other_token).await), no(StatusCode::CONFLICT, "credential_taken"));
    assert_eq!(one.ship(&backend, 1).await, ok());
}

#[tokio::test]
async fn each_kind_of_invalid_enrolment_token_has_its_own_error() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let forged = secret("pga_e_");
    let (revoked, id) = token(&backend, None).await;
    backend.json(Method::DELETE, &format!("/api/v1/tokens/{id}"), &admin, &json!(null)).await;
    let (used_up, _) = token(&backend, Some(1)).await;
    assert_eq!(Applicant::new().enrol(&backend, &used_up).await.status, StatusCode::OK);
    let expired = secret("pga_e_");
    let hash = Sha256::digest(expired.as_bytes());
    let (created, expires) = (Utc::now() - TimeDelta::days(2), Some(Utc::now() - TimeDelta::days(1)));
    let new = NewToken { name: "old", kind: TokenKind::Enrolment, role: Role::Viewer, hash: &hash, created, expires, max_uses: None };
    backend.lake.meta().create_token(new).await.unwrap();

    let one = Applicant::new();
    for (token, status, code, said) in [
        (forged, StatusCode::UNAUTHORIZED, "enrolment_token_unknown", "the enrolment token does not exist"),
        (expired, StatusCode::FORBIDDEN, "enrolment_token_expired", "expired at 20"),
        (revoked, StatusCode::FORBIDDEN, "enrolment_token_revoked", "was revoked"),
        (used_up, StatusCode::FORBIDDEN, "enrolment_token_used_up", "was used 1 times"),
        (backend.collector().await, StatusCode::UNAUTHORIZED, "unauthenticated", "log in first"),
        ("pga_e_short".into(), StatusCode::UNAUTHORIZED, "unauthenticated", "log in first"),
    ] {
        let reply = one.enrol(&backend, &token).await;
        assert_eq!(brief(&reply), no(status, code));
        let error = &reply.json()["error"];
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert!(code == "unauthenticated" || error["remedy"].as_str().unwrap().contains("--kind enrolment"), "{error}");
    }
    assert_eq!(listed(&backend, one.id).await, Value::Null, "a refused collector is not listed");
    let (good, _) = token(&backend, None).await;
    for (key, value) in
        [("credential_sha256", json!("ab")), ("name", json!("a\nb")), ("version", json!("1".repeat(65))), ("role", json!("admin"))]
    {
        let mut body = one.request();
        body[key] = value;
        assert_eq!(backend.post("/api/v1/collectors/enrol", &good, &body).await.status, StatusCode::BAD_REQUEST, "{key}");
    }
}

#[tokio::test]
async fn guessing_enrolment_tokens_must_wait_and_does_not_delay_valid_ones() {
    let backend = Backend::start().await;
    let (guess, (good, _)) = (secret("pga_e_"), token(&backend, None).await);
    let one = Applicant::new();
    for _ in 0..5 {
        assert_eq!(one.enrol(&backend, &guess).await.status, StatusCode::UNAUTHORIZED);
    }
    let reply = one.enrol(&backend, &guess).await;
    assert_eq!(brief(&reply), no(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"));
    assert!(!reply.header("retry-after").is_empty());
    assert_eq!(one.enrol(&backend, &good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn after_a_rotation_both_credentials_are_valid_until_the_new_one_is_used() {
    let backend = Backend::start().await;
    let (token, _) = token(&backend, None).await;
    let one = Applicant::new();
    assert_eq!(one.enrol(&backend, &token).await.status, StatusCode::OK);
    assert_eq!(one.ship(&backend, 1).await, ok());
    let rotate = async |current: &str, fresh: &str| {
        brief(&backend.post("/api/v1/collectors/rotate", current, &json!({"credential_sha256": sha256(fresh)})).await)
    };
    let (abandoned, fresh) = (secret("pga_k_"), Applicant { id: one.id, credential: secret("pga_k_") });
    assert_eq!(rotate(&one.credential, &abandoned).await, ok());
    for _ in 0..2 {
        assert_eq!(rotate(&one.credential, &fresh.credential).await, ok(), "the request is repeated after a lost response");
    }
    assert_eq!(brief(&backend.ship(&abandoned, batch(one.id, 2, &["db-1"])).await), no(StatusCode::UNAUTHORIZED, "credential_unknown"));
    assert_eq!(one.ship(&backend, 2).await, ok(), "the old credential is still valid");
    assert_eq!(fresh.ship(&backend, 3).await, ok());
    assert_eq!(one.ship(&backend, 4).await, no(StatusCode::UNAUTHORIZED, "credential_replaced"));
    assert_eq!(rotate(&one.credential, &secret("pga_k_")).await, no(StatusCode::UNAUTHORIZED, "credential_replaced"));
    assert_eq!(
        rotate(&fresh.credential, &one.credential).await,
        no(StatusCode::UNAUTHORIZED, "credential_replaced"),
        "a replaced credential cannot be used again"
    );

    // Credentials that were replaced long ago are unknown: the number of stored credentials is limited.
    let mut current = fresh.credential.clone();
    for sequence in 5..12 {
        let next = secret("pga_k_");
        assert_eq!(rotate(&current, &next).await, ok());
        assert_eq!(brief(&backend.ship(&next, batch(one.id, sequence, &["db-1"])).await), ok());
        current = next;
    }
    assert_eq!(one.ship(&backend, 12).await, no(StatusCode::UNAUTHORIZED, "credential_unknown"));
    let plain = backend.collector().await;
    assert_eq!(rotate(&plain, &secret("pga_k_")).await, no(StatusCode::BAD_REQUEST, "bad_request"));
}

#[tokio::test]
async fn a_revoked_collector_is_refused_with_any_credential_until_it_is_forgotten() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let (token, _) = token(&backend, None).await;
    let (one, plain) = (Applicant::new(), backend.collector().await);
    assert_eq!(one.enrol(&backend, &token).await.status, StatusCode::OK);
    assert_eq!(one.ship(&backend, 7).await, ok());
    let revoke = format!("/api/v1/collectors/{}/revoke", one.id);
    let forget = format!("/api/v1/collectors/{}", one.id);
    assert_eq!(backend.post(&revoke, &token, &json!({})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(backend.post(&revoke, &backend.api(Role::Editor).await, &json!({})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(backend.post(&revoke, &admin, &json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(backend.post(&revoke, &admin, &json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(&backend, one.id).await["credential"]["kind"], "revoked");

    let revoked = no(StatusCode::FORBIDDEN, "collector_revoked");
    assert_eq!(one.ship(&backend, 8).await, revoked);
    assert_eq!(
        brief(&backend.ship(&plain, batch(one.id, 8, &["db-1"])).await),
        revoked,
        "its batches are refused with a shared token, too"
    );
    assert_eq!(brief(&one.enrol(&backend, &token).await), revoked);
    assert_eq!(brief(&Applicant { id: one.id, ..Applicant::new() }.enrol(&backend, &token).await), revoked);
    let fresh = json!({"credential_sha256": sha256(&secret("pga_k_"))});
    assert_eq!(brief(&backend.post("/api/v1/collectors/rotate", &one.credential, &fresh).await), revoked);
    assert_eq!(backend.ship(&plain, batch(Uuid::new_v4(), 1, &["db-2"])).await.status, StatusCode::OK, "other collectors are not affected");

    assert_eq!(backend.json(Method::DELETE, &forget, &admin, &json!(null)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(listed(&backend, one.id).await, Value::Null);
    assert_eq!(one.ship(&backend, 8).await, no(StatusCode::UNAUTHORIZED, "credential_unknown"));
    let back = Applicant { id: one.id, ..Applicant::new() };
    assert_eq!(back.enrol(&backend, &token).await.status, StatusCode::OK);
    // A batch from before it was forgotten is not stored again.
    let replay = backend.ship(&back.credential, batch(one.id, 7, &["db-1"])).await;
    assert_eq!(replay.json()["duplicate"], true);
    assert_eq!(back.ship(&backend, 8).await, ok());
    assert_eq!(listed(&backend, one.id).await["credential"]["kind"], "own");
    let gone = format!("/api/v1/collectors/{}", Uuid::new_v4());
    assert_eq!(backend.json(Method::DELETE, &gone, &admin, &json!(null)).await.status, StatusCode::NOT_FOUND);
    for line in ["enrolled a collector", "revoked a collector", "forgot a collector"] {
        assert!(log().lines().any(|logged| logged.contains(line) && logged.contains(&one.id.to_string())), "{line}");
    }
}

#[tokio::test]
async fn batches_with_a_wrong_clock_are_stored_marked_and_logged_once() {
    use pganalytics_views::wire;
    let backend = Backend::start().await;
    let (token, id) = (backend.collector().await, Uuid::new_v4());
    let schema = pganalytics_views::schema(pganalytics_views::ViewSet::builtin().unwrap().get("pganalytics_server").unwrap());
    let ship = async |sequence: u64, off_by_s: i64, waited_s: i64, sent_at: bool| {
        let theirs = Utc::now().timestamp_micros() + off_by_s * 1_000_000;
        let status = wire::Status {
            started_us: 5,
            spool_batches: 3,
            spool_bytes: 4_000,
            targets: 2,
            targets_up: 1,
            last_error: Some("unreachable".into()),
            ..Default::default()
        };
        let header = wire::Header {
            collector: id,
            collector_name: "skewed".into(),
            sequence,
            created_us: theirs - waited_s * 1_000_000,
            version: "0.1.0".into(),
            dropped_rows: 0,
            status: Some(status),
            frames: Vec::new(),
        };
        let frames = [("pganalytics_server".to_owned(), rows(&schema, theirs - waited_s * 1_000_000, &["db-1"]))];
        let body = wire::encode(header, &frames, &wire::Limits::default()).unwrap();
        let (bearer, sent) = (bearer(&token), theirs.to_string());
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", wire::CONTENT_TYPE)];
        headers.extend(sent_at.then_some(("pganalytics-sent-at", sent.as_str())));
        let reply = backend.send(request(Method::POST, "/api/v1/ingest", &headers, body)).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        listed(&backend, id).await
    };
    let right = ship(1, 0, 3_600, true).await;
    assert_eq!(right["clock_wrong"], false, "a batch that waited an hour: {right}");
    assert!(right["lag_ms"].as_i64().unwrap() >= 3_600_000, "{right}");
    for (sequence, off_by_s) in [(2, 3_600), (3, 3_601), (4, -3_600)] {
        let wrong = ship(sequence, off_by_s, 0, true).await;
        assert_eq!((&wrong["clock_wrong"], &wrong["lag_ms"]), (&json!(true), &json!(0)), "{wrong}");
        assert_eq!((wrong["clock_skew_ms"].as_f64().unwrap() / 60_000.0).round() as i64 * 60, off_by_s / 60 * 60, "{wrong}");
    }
    assert_eq!(ship(5, 3_600, 0, false).await["clock_wrong"], true, "a batch from the future needs no header");
    let unknown = ship(6, -3_600, 0, false).await;
    assert_eq!((&unknown["clock_wrong"], &unknown["clock_skew_ms"]), (&json!(false), &json!(null)), "{unknown}");
    assert_eq!(unknown["rows"], 6, "all rows are stored");
    let status = &unknown["status"];
    assert_eq!(
        (&status["spool_batches"], &status["targets"], &status["targets_up"], &status["last_error"]),
        (&json!(3), &json!(2), &json!(1), &json!("unreachable"))
    );
    let (log, id) = (log(), id.to_string());
    let logged = |words: &str| log.lines().filter(|line| line.contains(&id) && line.contains(words)).count();
    assert_eq!((logged("clock is wrong"), logged("clock is correct again")), (1, 1));
}
