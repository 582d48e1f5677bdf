//! What pods are taken for: one fixture an operator, as its pods look, and everything a person may write into an annotation.

use pganalytics_kubernetes::api::Pod;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::recognise::{Candidate, Login, Operator, Recognised, Role, User, recognise, server_name, workload};
use crate::connect::conninfo::SslMode;

fn pod(value: Value) -> Pod {
    serde_json::from_value(value).expect("a pod")
}

fn server(value: Value) -> Candidate {
    match recognise(&pod(value)) {
        Recognised::Server(candidate) => *candidate,
        other => panic!("{other:?}"),
    }
}

/// A pod of these labels, owned by this, with these containers and their ports.
fn labelled(name: &str, labels: &Value, owner: (&str, &str), containers: &[(&str, &[(&str, u16)])]) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .map(|(name, ports)| {
            let ports: Vec<Value> =
                ports.iter().map(|(name, port)| json!({"name": name, "containerPort": port, "protocol": "TCP"})).collect();
            json!({"name": name, "image": "registry.example.com/postgres:17", "ports": ports})
        })
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "db", "uid": "2f1c9d4e-0a7b-4f3e-9c55-1b2d3e4f5a6b", "labels": labels, "annotations": {},
            "ownerReferences": [{"apiVersion": "v1", "kind": owner.0, "name": owner.1, "uid": "u", "controller": true}]
        },
        "spec": {"nodeName": "node-1", "containers": containers},
        "status": {"phase": "Running", "podIP": "10.1.2.3"}
    })
}

fn annotated(annotations: &Value) -> Value {
    let mut pod = labelled("app-0", &json!({"app": "shop"}), ("StatefulSet", "app"), &[("pg", &[("a", 7000), ("sql", 6000)])]);
    pod["metadata"]["annotations"] = annotations.clone();
    pod
}

fn cloudnative_pg() -> Value {
    labelled(
        "orders-2",
        &json!({
            "cnpg.io/cluster": "orders", "cnpg.io/instanceName": "orders-2", "cnpg.io/instanceRole": "replica", "cnpg.io/podRole": "instance",
            "role": "replica"
        }),
        ("Cluster", "orders"),
        &[("postgres", &[("postgresql", 5432), ("metrics", 9187), ("status", 8000)])],
    )
}

fn crunchy(role: &str) -> Value {
    labelled(
        "hippo-00-7xkp-0",
        &json!({
            "postgres-operator.crunchydata.com/cluster": "hippo", "postgres-operator.crunchydata.com/instance": "hippo-00-7xkp",
            "postgres-operator.crunchydata.com/instance-set": "00", "postgres-operator.crunchydata.com/data": "postgres",
            "postgres-operator.crunchydata.com/patroni": "hippo-ha", "postgres-operator.crunchydata.com/role": role
        }),
        ("StatefulSet", "hippo-00-7xkp"),
        &[("database", &[("postgres", 5432)]), ("replication-cert-copy", &[]), ("pgbackrest", &[])],
    )
}

fn secrets(candidate: &Candidate) -> Vec<&str> {
    candidate.logins.iter().map(|login| login.secret.as_str()).collect()
}

#[test]
fn cloudnative_pg_is_checked_against_its_own_authority() {
    let candidate = server(cloudnative_pg());
    assert_eq!((candidate.operator, candidate.cluster.as_deref()), (Operator::CloudNativePg, Some("orders")));
    assert_eq!((candidate.container.as_deref(), candidate.port, candidate.role), (Some("postgres"), 5432, Some(Role::Standby)));
    assert_eq!(secrets(&candidate), ["orders-pganalytics", "orders-app", "orders-superuser"]);
    assert_eq!(candidate.usual_sslmode, SslMode::VerifyCa);
    assert_eq!(candidate.authority.map(|authority| (authority.secret, authority.key)), Some(("orders-ca".into(), "ca.crt".into())));
    assert_eq!(server_name(&pod(cloudnative_pg())), "db/orders-2");
}

#[test]
fn zalando_names_a_secret_a_user() {
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
    assert_eq!(candidate.usual_sslmode, SslMode::Require);
}

#[test]
fn crunchy_and_percona_share_labels_and_differ_in_words() {
    let candidate = server(crunchy("master"));
    assert_eq!(
        (candidate.operator, candidate.role, candidate.container.as_deref()),
        (Operator::Crunchy, Some(Role::Primary), Some("database"))
    );
    assert_eq!(secrets(&candidate), ["hippo-pguser-pganalytics", "hippo-monitoring", "hippo-pguser-hippo"]);
    assert_eq!(candidate.logins[1].user, User::Named("ccp_monitoring".into()));
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
    assert_eq!(candidate.logins[1], Login::new("stack", "superuser-username", "superuser-password"));
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
        assert_eq!(candidate.logins[1].password_key, "postgres-password");
    }
}

#[test]
fn poolers_jobs_and_everything_else_are_no_servers() {
    let of = |labels: Value| recognise(&pod(labelled("p", &labels, ("ReplicaSet", "p"), &[("c", &[])])));
    for labels in [
        json!({"cnpg.io/poolerName": "orders-pooler", "cnpg.io/cluster": "orders", "cnpg.io/podRole": "pooler"}),
        json!({"application": "db-connection-pooler", "cluster-name": "acid-minimal"}),
        json!({"postgres-operator.crunchydata.com/cluster": "hippo", "postgres-operator.crunchydata.com/role": "pgbouncer"}),
        json!({"app.kubernetes.io/name": "postgresql-ha", "app.kubernetes.io/component": "pgpool"}),
    ] {
        assert_eq!(of(labels.clone()), Recognised::LeftOut("it is a connection pooler"), "{labels}");
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
fn our_annotations_stand_above_what_an_operator_means() {
    let mut value = cloudnative_pg();
    value["metadata"]["annotations"] = json!({
        "pganalytics.io/scrape": "true", "pganalytics.io/port": "6543", "pganalytics.io/sslmode": "require",
        "pganalytics.io/database": "orders", "pganalytics.io/secret-name": "mine", "pganalytics.io/secret-password-key": "pw"
    });
    let candidate = server(value.clone());
    assert_eq!((candidate.operator, candidate.port, candidate.sslmode), (Operator::CloudNativePg, 6543, Some(SslMode::Require)));
    assert_eq!((candidate.database.as_deref(), candidate.login_is_asked_for), (Some("orders"), true));
    assert_eq!(candidate.logins, [Login::new("mine", "username", "pw")]);
    value["metadata"]["annotations"] = json!({"pganalytics.io/scrape": "false"});
    assert!(matches!(recognise(&pod(value)), Recognised::LeftOut(_)));
}

#[test]
fn an_operators_pod_needs_no_scrape_and_keeps_what_the_annotations_do_not_say() {
    let mut value = cloudnative_pg();
    value["metadata"]["annotations"] = json!({
        "cnpg.io/operatorVersion": "1.27.0", "pganalytics.io/secret-name": "monitoring", "pganalytics.io/secret-username-key": "role",
        "pganalytics.io/secret-password-key": "pw"
    });
    let mut operators = server(cloudnative_pg());
    operators.logins = vec![Login::new("monitoring", "role", "pw")];
    operators.login_is_asked_for = true;
    assert_eq!(server(value), operators, "its own login alone, and all else as the operator's labels have it");

    let mut value = crunchy("replica");
    value["metadata"]["annotations"] =
        json!({"pganalytics.io/port": "5433", "pganalytics.io/sslmode": "verify-ca", "pganalytics.io/database": "app"});
    let candidate = server(value.clone());
    assert_eq!((candidate.port, candidate.sslmode, candidate.database.as_deref()), (5433, Some(SslMode::VerifyCa), Some("app")));
    assert_eq!(secrets(&candidate), ["hippo-pguser-pganalytics", "hippo-monitoring", "hippo-pguser-hippo"]);
    assert!(!candidate.login_is_asked_for);

    // The first family that says anything is taken, here as on any pod.
    let coroots = json!({"coroot.com/postgres-scrape": "true", "coroot.com/postgres-scrape-credentials-secret-name": "theirs"});
    value["metadata"]["annotations"] = coroots.clone();
    assert_eq!(secrets(&server(value.clone())), ["theirs"]);
    value["metadata"]["annotations"]["pganalytics.io/secret-name"] = json!("mine");
    assert_eq!(secrets(&server(value.clone())), ["mine"]);
    value["metadata"]["annotations"] = coroots;
    value["metadata"]["annotations"]["pganalytics.io/scrape"] = json!("false");
    assert!(matches!(recognise(&pod(value)), Recognised::LeftOut(_)));
}

#[test]
fn a_wrong_annotation_on_an_operators_pod_is_told() {
    for (annotations, part) in [
        (
            json!({"pganalytics.io/secretname": "mine"}),
            "annotation pganalytics.io/secretname is none that is known: did you mean pganalytics.io/secret-name?",
        ),
        (json!({"pganalytics.io/secret-name": "hunter2@other"}), "annotation pganalytics.io/secret-name is no name of a Secret"),
        (json!({"pganalytics.io/secret-password-key": "hunter2"}), "name it in annotation pganalytics.io/secret-name"),
        (json!({"pganalytics.io/secret-username-key": "u", "pganalytics.io/secret-name": ""}), "is a key of a Secret that nothing names"),
        (json!({"pganalytics.io/port": "hunter2"}), "annotation pganalytics.io/port is no port"),
        (json!({"pganalytics.io/sslmode": "hunter2"}), "annotation pganalytics.io/sslmode is none that is known"),
    ] {
        for mut value in [cloudnative_pg(), crunchy("master")] {
            value["metadata"]["annotations"] = annotations.clone();
            match recognise(&pod(value)) {
                Recognised::Wrong(why) => assert!(why.contains(part) && !why.contains("hunter2"), "{why}"),
                other => panic!("{annotations}: {other:?}"),
            }
        }
        // Operators put the same annotations on pods of their jobs, and other pods are none of ours.
        let job = json!({"cnpg.io/cluster": "orders", "cnpg.io/jobRole": "join"});
        for labels in [job, json!({"app": "shop"})] {
            let mut value = labelled("p", &labels, ("Job", "p"), &[("c", &[])]);
            value["metadata"]["annotations"] = annotations.clone();
            assert_eq!(recognise(&pod(value)), Recognised::No, "{annotations}");
        }
    }
}

#[test]
fn what_users_of_coroot_and_datadog_wrote_is_understood() {
    let candidate = server(annotated(&json!({
        "coroot.com/postgres-scrape": "true", "coroot.com/postgres-scrape-port": "6000",
        "coroot.com/postgres-scrape-credentials-secret-name": "creds", "coroot.com/postgres-scrape-credentials-secret-username-key": "u",
        "coroot.com/postgres-scrape-credentials-secret-password-key": "p", "coroot.com/postgres-scrape-param-sslmode": "disable"
    })));
    assert_eq!((candidate.operator, candidate.port, candidate.sslmode), (Operator::Annotated, 6000, Some(SslMode::Disable)));
    assert_eq!(candidate.logins, [Login::new("creds", "u", "p")]);

    let checks = json!({"postgres": {"init_config": {}, "instances": [
        {"host": "rds.example.com", "port": 5432},
        {"host": "%%host%%", "port": "%%port_sql%%", "username": "datadog", "password": "ENC[k8s_secret@db/dd/pw]", "dbname": "shop", "ssl": "require"}
    ]}});
    let candidate = server(annotated(&json!({"ad.datadoghq.com/pg.checks": checks.to_string()})));
    assert_eq!((candidate.container.as_deref(), candidate.port), (Some("pg"), 6000));
    assert_eq!((candidate.database.as_deref(), candidate.sslmode), (Some("shop"), Some(SslMode::Require)));
    let login = Login { secret: "dd".into(), user: User::Named("datadog".into()), password_key: "pw".into() };
    assert_eq!(candidate.logins, [login]);

    let candidate = server(annotated(&json!({
        "ad.datadoghq.com/pg.check_names": "[\"http_check\", \"postgres\"]", "ad.datadoghq.com/pg.init_configs": "[{}, {}]",
        "ad.datadoghq.com/pg.instances": "[{\"url\": \"x\"}, {\"host\": \"%%host%%\", \"port\": 6001, \"username\": \"dd\", \"ssl\": false}]"
    })));
    assert_eq!((candidate.port, candidate.user.as_deref(), candidate.sslmode), (6001, Some("dd"), Some(SslMode::Disable)));
    assert_eq!(recognise(&pod(annotated(&json!({"ad.datadoghq.com/pg.checks": "{\"redisdb\": {\"instances\": [{}]}}"})))), Recognised::No);
}

#[test]
fn an_annotation_that_cannot_be_followed_says_what_helps_and_no_password() {
    for (annotations, part) in [
        (json!({"pganalytics.io/scrape": "yes"}), "write one of them, in quotes"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/prot": "1"}), "did you mean pganalytics.io/port?"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/port": "hunter2"}), "is no port"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/port": "0"}), "from 1 to 65535"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/sslmode": "hunter2"}), "verify-full"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/secret-name": "other/hunter2"}), "as it is called in the pod's namespace"),
        (
            json!({"pganalytics.io/scrape": "true", "pganalytics.io/secret-username-key": "hunter2"}),
            "name it in annotation pganalytics.io/secret-name",
        ),
        (
            json!({"coroot.com/postgres-scrape": "true", "coroot.com/postgres-scrape-credentials-password": "hunter2"}),
            "name it in annotation coroot.com/postgres-scrape-credentials-secret-name",
        ),
        (
            json!({"coroot.com/postgres-scrape": "true", "coroot.com/postgres-scrape-credentials-secret-name": "Hunter2"}),
            "credentials-secret-name is no name of a Secret",
        ),
        (json!({"ad.datadoghq.com/pg.checks": "{\"postgres\": \"hunter2\""}), "is no JSON (line 1, column 22)"),
        (json!({"ad.datadoghq.com/pg.check_names": "[\"postgres\"]"}), "ad.datadoghq.com/pg.instances is missing"),
        (
            json!({"ad.datadoghq.com/pg.checks": "{\"postgres\": {\"instances\": [{\"password\": \"ENC[k8s_secret@other/hunter2/k]\"}]}}"}),
            "names a Secret of another namespace",
        ),
    ] {
        match recognise(&pod(annotated(&annotations))) {
            Recognised::Wrong(why) => {
                assert!(why.contains(part), "{why}");
                assert!(!why.contains("hunter2"), "{why}");
            }
            other => panic!("{annotations}: {other:?}"),
        }
    }
}

#[test]
fn a_deployments_pods_share_its_name_and_a_lone_pod_has_its_own() {
    let mut value =
        labelled("shop-7d9f8b6c5-x2x4z", &json!({"pod-template-hash": "7d9f8b6c5"}), ("ReplicaSet", "shop-7d9f8b6c5"), &[("c", &[])]);
    assert_eq!(server_name(&pod(value.clone())), "db/shop");
    assert_eq!(workload(&pod(value.clone())), (Some("Deployment"), Some("shop".into())));
    value["metadata"]["ownerReferences"] = json!([]);
    assert_eq!(server_name(&pod(value)), "db/shop-7d9f8b6c5-x2x4z");
}

/// JSON of any shape, with the words a check may have.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        "postgres|instances|host|port|username|password|ssl|dbname|%%host%%|%%port_[a-z0-9]{0,4}%%",
        "\\PC{0,12}",
        "[0-9]{1,7}"
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(word.clone(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect()))
        ]
    })
}

proptest! {
    /// Whatever stands in an annotation: an answer, never a panic, and no value in an error.
    #[test]
    fn any_text_in_any_annotation_is_answered(
        key in "(pganalytics\\.io/(scrape|port|sslmode|database|secret-name|[a-z-]{0,12}))|(coroot\\.com/postgres-scrape(-port|-param-sslmode|)?)|(ad\\.datadoghq\\.com/[a-z]{0,5}\\.(checks|check_names|instances))",
        other in "(pganalytics\\.io/scrape)|(coroot\\.com/postgres-scrape)|(ad\\.datadoghq\\.com/[a-z]{0,5}\\.(checks|check_names|instances))",
        text in "\\PC{0,80}",
    ) {
        let annotations = json!({key: text, other: "true"});
        let mut operated = cloudnative_pg();
        operated["metadata"]["annotations"] = annotations.clone();
        let _ = (recognise(&pod(annotated(&annotations))), recognise(&pod(operated)));
    }

    #[test]
    fn any_check_of_datadogs_is_answered(json in any_json(), password in "hunter[0-9]{4}") {
        for value in [json.clone(), json!({"postgres": {"instances": [json.clone(), {"password": password, "port": json.clone()}]}})] {
            for key in ["checks", "check_names", "instances"] {
                let answer = recognise(&pod(annotated(&json!({format!("ad.datadoghq.com/pg.{key}"): value.to_string(), "ad.datadoghq.com/pg.check_names": "[\"postgres\"]"}))));
                let shown = format!("{answer:?}");
                prop_assert!(!shown.contains(&password));
            }
        }
    }
}
