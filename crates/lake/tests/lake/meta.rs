//! The meta store: users, sessions and tokens.

use chrono::{TimeDelta, Utc};
use pganalytics_lake::{MetaError, NewToken, Role, TokenKind};

use crate::world::World;

#[tokio::test]
async fn users_are_created_and_change_their_password() {
    let world = World::new().await;
    let meta = world.lake.meta();
    let now = Utc::now();
    let admin = meta.create_user("admin", Role::Admin, "hash-1", now).await.unwrap();
    let error = meta.create_user("admin", Role::Viewer, "hash-2", now).await.unwrap_err();
    assert!(matches!(&error, MetaError::Exists { name, .. } if name == "admin"), "{error}");
    meta.create_user("ann", Role::Viewer, "hash-3", now).await.unwrap();
    let names: Vec<_> = meta.users().await.unwrap().into_iter().map(|user| (user.name, user.role)).collect();
    assert_eq!(names, [("admin".to_owned(), Role::Admin), ("ann".to_owned(), Role::Viewer)]);

    let credentials = meta.credentials("admin").await.unwrap().unwrap();
    assert_eq!((credentials.user.clone(), credentials.password_hash.as_str()), (admin, "hash-1"));
    assert!(!format!("{credentials:?}").contains("hash-1"));
    assert!(meta.credentials("nobody").await.unwrap().is_none());
    assert!(meta.set_password("ann", "hash-4").await.unwrap());
    assert!(!meta.set_password("nobody", "hash").await.unwrap());
    assert_eq!(meta.credentials("ann").await.unwrap().unwrap().password_hash, "hash-4");
}

#[tokio::test]
async fn the_last_admin_cannot_be_removed() {
    let world = World::new().await;
    let meta = world.lake.meta();
    let now = Utc::now();
    meta.create_user("admin", Role::Admin, "hash", now).await.unwrap();
    meta.create_user("ann", Role::Viewer, "hash", now).await.unwrap();
    assert!(matches!(meta.delete_user("admin").await, Err(MetaError::LastAdmin(_))));
    assert!(matches!(meta.set_role("admin", Role::Editor).await, Err(MetaError::LastAdmin(_))));
    assert!(matches!(meta.set_disabled("admin", true).await, Err(MetaError::LastAdmin(_))));
    assert_eq!(meta.users().await.unwrap().len(), 2);
    assert!(meta.set_role("ann", Role::Admin).await.unwrap());
    assert!(meta.delete_user("admin").await.unwrap());
    assert!(!meta.delete_user("admin").await.unwrap());
}

#[tokio::test]
async fn sessions_end() {
    let world = World::new().await;
    let meta = world.lake.meta();
    let now = Utc::now();
    let soon = now + TimeDelta::hours(1);
    let user = meta.create_user("ann", Role::Editor, "hash", now).await.unwrap();
    meta.create_user("admin", Role::Admin, "hash", now).await.unwrap();
    for hash in [b"one", b"two"] {
        meta.create_session(hash, user.id, now, soon).await.unwrap();
    }
    let session = meta.session(b"one", now).await.unwrap().unwrap();
    assert_eq!((session.user.name.as_str(), session.user.role), ("ann", Role::Editor));
    assert!(meta.session(b"none", now).await.unwrap().is_none());
    assert!(meta.session(b"one", soon).await.unwrap().is_none(), "expired");
    assert!(meta.delete_session(b"two").await.unwrap());
    assert!(meta.session(b"two", now).await.unwrap().is_none());
    meta.set_password("ann", "other").await.unwrap();
    assert!(meta.session(b"one", now).await.unwrap().is_none(), "a new password ends sessions");

    meta.create_session(b"three", user.id, now, soon).await.unwrap();
    assert_eq!(meta.delete_expired_sessions(soon).await.unwrap(), 1);
    meta.create_session(b"four", user.id, now, soon).await.unwrap();
    meta.set_disabled("ann", true).await.unwrap();
    assert!(meta.session(b"four", now).await.unwrap().is_none(), "disabled");
    meta.set_disabled("ann", false).await.unwrap();
    meta.create_session(b"five", user.id, now, soon).await.unwrap();
    meta.delete_user("ann").await.unwrap();
    assert!(meta.session(b"five", now).await.unwrap().is_none(), "deleted");
}

#[tokio::test]
async fn tokens_are_found_until_they_expire_or_are_revoked() {
    let world = World::new().await;
    let meta = world.lake.meta();
    let now = Utc::now();
    let new =
        NewToken { name: "grafana", kind: TokenKind::Api, role: Role::Viewer, hash: b"one", created: now, expires: None, max_uses: None };
    let token = meta.create_token(new.clone()).await.unwrap();
    assert!(matches!(meta.create_token(new).await, Err(MetaError::Exists { .. })));
    let expires = Some(now + TimeDelta::hours(1));
    meta.create_token(NewToken {
        name: "db-1",
        kind: TokenKind::Collector,
        role: Role::Viewer,
        hash: b"two",
        created: now,
        expires,
        max_uses: None,
    })
    .await
    .unwrap();

    let found = meta.token(b"one", now).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.kind, found.last_used), ("grafana", TokenKind::Api, None));
    let used = |tokens: Vec<pganalytics_lake::Token>| tokens.into_iter().find(|token| token.name == "grafana").unwrap().last_used;
    let noted = used(meta.tokens().await.unwrap()).unwrap();
    assert_eq!(noted.timestamp_micros(), now.timestamp_micros());
    meta.token(b"one", now + TimeDelta::seconds(59)).await.unwrap();
    assert_eq!(used(meta.tokens().await.unwrap()), Some(noted), "recorded once a minute");
    meta.token(b"one", now + TimeDelta::seconds(60)).await.unwrap();
    assert!(used(meta.tokens().await.unwrap()) > Some(noted));

    assert!(meta.token(b"two", now).await.unwrap().is_some());
    assert!(meta.token(b"two", now + TimeDelta::hours(1)).await.unwrap().is_none(), "expired");
    assert!(meta.revoke_token(token.id, now).await.unwrap());
    assert!(!meta.revoke_token(token.id, now).await.unwrap());
    assert!(meta.token(b"one", now).await.unwrap().is_none(), "revoked");
    assert_eq!(meta.tokens().await.unwrap().len(), 2);
}

#[tokio::test]
async fn each_role_includes_the_lower_roles() {
    assert!(Role::Viewer < Role::Editor && Role::Editor < Role::Admin);
    assert_eq!("editor".parse::<Role>().unwrap(), Role::Editor);
    assert!("root".parse::<Role>().unwrap_err().to_string().contains("viewer, editor, admin"));
}

#[tokio::test]
async fn a_lake_is_ready_when_it_can_write() {
    let world = World::new().await;
    world.lake.check().await.unwrap();
    world.lake.close().await;
    assert!(world.lake.check().await.is_err());
}
