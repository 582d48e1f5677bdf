//! Annotations as people write them, valid and invalid.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{annotated, cloudnative_pg, crunchy, labelled, pod, secrets, server};
use crate::connect::conninfo::SslMode;
use crate::find::kubernetes::recognise::{Login, Operator, Recognised, User, recognise};

#[test]
fn our_annotations_override_the_operators_labels() {
    let mut value = cloudnative_pg();
    value["metadata"]["annotations"] = json!({
        "pganalytics.io/scrape": "true", "pganalytics.io/port": "6543", "pganalytics.io/sslmode": "require", "pganalytics.io/require-auth": "!md5",
        "pganalytics.io/database": "orders", "pganalytics.io/secret-name": "mine", "pganalytics.io/secret-password-key": "pw"
    });
    let candidate = server(value.clone());
    assert_eq!((candidate.operator, candidate.port, candidate.sslmode), (Operator::CloudNativePg, 6543, Some(SslMode::Require)));
    assert_eq!((candidate.database.as_deref(), candidate.login_is_asked_for), (Some("orders"), true));
    assert_eq!(candidate.logins, [Login::new("mine", "username", "pw")]);
    assert_eq!(candidate.require_auth.map(|methods| methods.to_string()).as_deref(), Some("password,scram-sha-256,none"));
    value["metadata"]["annotations"] = json!({"pganalytics.io/scrape": "false"});
    assert!(matches!(recognise(&pod(value)), Recognised::LeftOut(_)));
}

#[test]
fn an_operators_pod_needs_no_scrape_and_keeps_defaults_without_annotations() {
    let mut value = cloudnative_pg();
    value["metadata"]["annotations"] = json!({
        "cnpg.io/operatorVersion": "1.27.0", "pganalytics.io/secret-name": "monitoring", "pganalytics.io/secret-username-key": "role",
        "pganalytics.io/secret-password-key": "pw"
    });
    let mut operators = server(cloudnative_pg());
    operators.logins = vec![Login::new("monitoring", "role", "pw")];
    operators.login_is_asked_for = true;
    assert_eq!(server(value), operators, "only its own login differs from the operator's labels");

    let mut value = crunchy("replica");
    value["metadata"]["annotations"] =
        json!({"pganalytics.io/port": "5433", "pganalytics.io/sslmode": "verify-ca", "pganalytics.io/database": "app"});
    let candidate = server(value.clone());
    assert_eq!((candidate.port, candidate.sslmode, candidate.database.as_deref()), (5433, Some(SslMode::VerifyCa), Some("app")));
    assert_eq!(secrets(&candidate), ["hippo-pguser-pganalytics", "hippo-monitoring", "hippo-pguser-hippo"]);
    assert!(!candidate.login_is_asked_for);

    // The first family that asks for anything is taken, as on any other pod.
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
fn an_invalid_annotation_on_an_operators_pod_is_reported() {
    for (annotations, part) in [
        (
            json!({"pganalytics.io/secretname": "mine"}),
            "annotation pganalytics.io/secretname is not a known annotation: did you mean pganalytics.io/secret-name?",
        ),
        (json!({"pganalytics.io/secret-name": "hunter2@other"}), "annotation pganalytics.io/secret-name is not a valid name of a Secret"),
        (json!({"pganalytics.io/secret-password-key": "hunter2"}), "name the Secret in annotation pganalytics.io/secret-name"),
        (json!({"pganalytics.io/secret-username-key": "u", "pganalytics.io/secret-name": ""}), "is set, but no Secret is named"),
        (json!({"pganalytics.io/port": "hunter2"}), "annotation pganalytics.io/port is not a port"),
        (json!({"pganalytics.io/sslmode": "hunter2"}), "annotation pganalytics.io/sslmode has an unknown value"),
        (json!({"pganalytics.io/require-auth": "hunter2"}), "annotation pganalytics.io/require-auth is not a list of methods"),
    ] {
        for mut value in [cloudnative_pg(), crunchy("master")] {
            value["metadata"]["annotations"] = annotations.clone();
            match recognise(&pod(value)) {
                Recognised::Wrong(why) => assert!(why.contains(part) && !why.contains("hunter2"), "{why}"),
                other => panic!("{annotations}: {other:?}"),
            }
        }
        // Operators copy the annotations to the pods of their jobs, and other pods do not concern us.
        let job = json!({"cnpg.io/cluster": "orders", "cnpg.io/jobRole": "join"});
        for labels in [job, json!({"app": "shop"})] {
            let mut value = labelled("p", &labels, ("Job", "p"), &[("c", &[])]);
            value["metadata"]["annotations"] = annotations.clone();
            assert_eq!(recognise(&pod(value)), Recognised::No, "{annotations}");
        }
    }
}

#[test]
fn annotations_of_coroot_and_datadog_are_understood() {
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
    let login = Login { user: User::Named("datadog".into()), ..Login::new("dd", "", "pw") };
    assert_eq!(candidate.logins, [login]);

    let candidate = server(annotated(&json!({
        "ad.datadoghq.com/pg.check_names": "[\"http_check\", \"postgres\"]", "ad.datadoghq.com/pg.init_configs": "[{}, {}]",
        "ad.datadoghq.com/pg.instances": "[{\"url\": \"x\"}, {\"host\": \"%%host%%\", \"port\": 6001, \"username\": \"dd\", \"ssl\": false}]"
    })));
    assert_eq!((candidate.port, candidate.user.as_deref(), candidate.sslmode), (6001, Some("dd"), Some(SslMode::Disable)));
    assert_eq!(recognise(&pod(annotated(&json!({"ad.datadoghq.com/pg.checks": "{\"redisdb\": {\"instances\": [{}]}}"})))), Recognised::No);
}

#[test]
fn an_invalid_annotation_is_reported_with_a_remedy_and_without_a_password() {
    for (annotations, part) in [
        (json!({"pganalytics.io/scrape": "yes"}), "set one of them, in quotes"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/prot": "1"}), "did you mean pganalytics.io/port?"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/port": "hunter2"}), "is not a port"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/port": "0"}), "from 1 to 65535"),
        (json!({"pganalytics.io/scrape": "true", "pganalytics.io/sslmode": "hunter2"}), "verify-full"),
        (
            json!({"pganalytics.io/scrape": "true", "pganalytics.io/secret-name": "other/hunter2"}),
            "the name of a Secret in the pod's namespace",
        ),
        (
            json!({"pganalytics.io/scrape": "true", "pganalytics.io/secret-username-key": "hunter2"}),
            "name the Secret in annotation pganalytics.io/secret-name",
        ),
        (
            json!({"coroot.com/postgres-scrape": "true", "coroot.com/postgres-scrape-credentials-password": "hunter2"}),
            "name the Secret in annotation coroot.com/postgres-scrape-credentials-secret-name",
        ),
        (
            json!({"coroot.com/postgres-scrape": "true", "coroot.com/postgres-scrape-credentials-secret-name": "Hunter2"}),
            "credentials-secret-name is not a valid name of a Secret",
        ),
        (json!({"ad.datadoghq.com/pg.checks": "{\"postgres\": \"hunter2\""}), "is not valid JSON (line 1, column 22)"),
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

/// JSON of any shape, with the words that a check may contain.
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
    /// Any text in an annotation gets an answer: never a panic, and never a value in an error.
    #[test]
    fn no_text_in_an_annotation_panics(
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
    fn no_datadog_check_panics(json in any_json(), password in "hunter[0-9]{4}") {
        for value in [json.clone(), json!({"postgres": {"instances": [json.clone(), {"password": password, "port": json.clone()}]}})] {
            for key in ["checks", "check_names", "instances"] {
                let answer = recognise(&pod(annotated(&json!({format!("ad.datadoghq.com/pg.{key}"): value.to_string(), "ad.datadoghq.com/pg.check_names": "[\"postgres\"]"}))));
                let shown = format!("{answer:?}");
                prop_assert!(!shown.contains(&password));
            }
        }
    }
}
