//! The pods of each operator.

use serde_json::{Value, json};

use super::{cloudnative_pg, crunchy, labelled, pod, secrets, server, superusers};
use crate::connect::conninfo::SslMode;
use crate::find::kubernetes::recognise::{Login, Operator, Recognised, Role, User, recognise, server_name, workload};

#[test]
fn cloudnative_pg_is_verified_with_its_own_authority() {
    let candidate = server(cloudnative_pg());
    assert_eq!((candidate.operator, candidate.cluster.as_deref()), (Operator::CloudNativePg, Some("orders")));
    assert_eq!((candidate.container.as_deref(), candidate.port, candidate.role), (Some("postgres"), 5432, Some(Role::Standby)));
    assert_eq!(secrets(&candidate), ["orders-pganalytics", "orders-app", "orders-superuser"]);
    assert_eq!(superusers(&candidate), ["orders-superuser"]);
    assert_eq!(candidate.usual_sslmode, SslMode::VerifyCa);
    assert_eq!(candidate.authority.map(|authority| (authority.secret, authority.key)), Some(("orders-ca".into(), "ca.crt".into())));
    assert_eq!(server_name(&pod(cloudnative_pg())), "db/orders-2");
}

#[test]
fn zalando_has_a_secret_per_user() {
    let candidate = server(labelled(
        "acid-minimal-0",
        &json!({"application": "spilo", "cluster-name": "acid-minimal", "spilo-role": "master", "team": "acid"}),
        ("StatefulSet", "acid-minimal"),
        &[("postgres", &[("", 8008), ("", 5432), ("", 8080)])],
    ));
    assert_eq!((candidate.operator, candidate.role, candidate.port), (Operator::Zalando, Some(Role::Primary), 5432));
    assert_eq!(
        secrets(&candidate),
        ["pganalytics.acid-minimal.credentials.postgresql.acid.zalan.do", "postgres.acid-minimal.credentials.postgresql.acid.zalan.do"]
    );
    assert_eq!(superusers(&candidate), ["postgres.acid-minimal.credentials.postgresql.acid.zalan.do"]);
    assert_eq!(candidate.usual_sslmode, SslMode::Require);
}

#[test]
fn crunchy_and_percona_share_labels_with_different_values() {
    let candidate = server(crunchy("master"));
    assert_eq!(
        (candidate.operator, candidate.role, candidate.container.as_deref()),
        (Operator::Crunchy, Some(Role::Primary), Some("database"))
    );
    assert_eq!(secrets(&candidate), ["hippo-pguser-pganalytics", "hippo-monitoring", "hippo-pguser-hippo"]);
    assert_eq!(candidate.logins[1].user, User::Named("ccp_monitoring".into()));
    assert!(superusers(&candidate).is_empty());
    let mut percona = crunchy("primary");
    percona["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("percona-postgresql-operator");
    let candidate = server(percona);
    assert_eq!((candidate.operator, candidate.role, candidate.usual_sslmode), (Operator::Percona, Some(Role::Primary), SslMode::Require));
    assert_eq!(secrets(&candidate), ["hippo-pguser-pganalytics", "hippo-pguser-hippo"]);
}

#[test]
fn stackgres_is_reached_behind_its_pooler() {
    let candidate = server(labelled(
        "stack-0",
        &json!({"app": "StackGresCluster", "stackgres.io/cluster": "true", "stackgres.io/cluster-name": "stack", "role": "master"}),
        ("StatefulSet", "stack"),
        &[("patroni", &[("patroniport", 8008)]), ("envoy", &[("pgport", 7432), ("pgreplication", 7433)]), ("pgbouncer", &[])],
    ));
    assert_eq!((candidate.operator, candidate.port, candidate.container.as_deref()), (Operator::StackGres, 7433, Some("patroni")));
    assert_eq!(secrets(&candidate), ["stack-pganalytics", "stack"]);
    assert_eq!(candidate.logins[1], Login::new("stack", "superuser-username", "superuser-password").superuser());
}

#[test]
fn bitnami_keeps_its_secret_under_the_full_name() {
    for (component, owner, role) in [
        ("primary", "shop-postgresql-primary", Role::Primary),
        ("read", "shop-postgresql-read", Role::Standby),
        ("primary", "shop-postgresql", Role::Primary),
    ] {
        let candidate = server(labelled(
            &format!("{owner}-0"),
            &json!({
                "app.kubernetes.io/name": "postgresql", "app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": component,
                "helm.sh/chart": "postgresql-16.4.1"
            }),
            ("StatefulSet", owner),
            &[("postgresql", &[("tcp-postgresql", 5432)])],
        ));
        assert_eq!((candidate.operator, candidate.role), (Operator::Bitnami, Some(role)));
        assert_eq!(secrets(&candidate), ["shop-postgresql-pganalytics", "shop-postgresql"]);
        assert_eq!((candidate.logins[1].password_key.as_str(), superusers(&candidate)), ("postgres-password", vec!["shop-postgresql"]));
    }
}

#[test]
fn poolers_jobs_and_other_pods_are_not_servers() {
    let of = |labels: Value| recognise(&pod(labelled("p", &labels, ("ReplicaSet", "p"), &[("c", &[])])));
    for labels in [
        json!({"cnpg.io/poolerName": "orders-pooler", "cnpg.io/cluster": "orders", "cnpg.io/podRole": "pooler"}),
        json!({"application": "db-connection-pooler", "cluster-name": "acid-minimal"}),
        json!({"postgres-operator.crunchydata.com/cluster": "hippo", "postgres-operator.crunchydata.com/role": "pgbouncer"}),
        json!({"app.kubernetes.io/name": "postgresql-ha", "app.kubernetes.io/component": "pgpool"}),
    ] {
        assert_eq!(of(labels.clone()), Recognised::LeftOut("the pod is a connection pooler"), "{labels}");
    }
    for labels in [
        json!({}),
        json!({"cnpg.io/cluster": "orders", "cnpg.io/jobRole": "initdb"}),
        json!({"postgres-operator.crunchydata.com/cluster": "hippo", "postgres-operator.crunchydata.com/pgbackrest-backup": "replica-create"}),
        json!({"app.kubernetes.io/name": "postgresql", "app.kubernetes.io/component": "metrics"}),
        json!({"app": "StackGresCluster"}),
        json!({"application": "spilo"}),
    ] {
        assert_eq!(of(labels.clone()), Recognised::No, "{labels}");
    }
}

#[test]
fn pods_of_a_deployment_share_its_name_and_other_pods_keep_theirs() {
    let mut value =
        labelled("shop-7d9f8b6c5-x2x4z", &json!({"pod-template-hash": "7d9f8b6c5"}), ("ReplicaSet", "shop-7d9f8b6c5"), &[("c", &[])]);
    assert_eq!(server_name(&pod(value.clone())), "db/shop");
    assert_eq!(workload(&pod(value.clone())), (Some("Deployment"), Some("shop".into())));
    value["metadata"]["ownerReferences"] = json!([]);
    assert_eq!(server_name(&pod(value)), "db/shop-7d9f8b6c5-x2x4z");
}
