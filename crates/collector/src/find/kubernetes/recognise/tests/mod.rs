//! How pods are recognised: one fixture per operator, shaped as its pods are.

mod annotations;
mod operators;

use pganalytics_kubernetes::api::Pod;
use serde_json::{Value, json};

use super::{Candidate, Recognised, recognise};

fn pod(value: Value) -> Pod {
    serde_json::from_value(value).expect("a pod")
}

fn server(value: Value) -> Candidate {
    match recognise(&pod(value)) {
        Recognised::Server(candidate) => *candidate,
        other => panic!("{other:?}"),
    }
}

/// A pod with these labels, this owner, and these containers with their ports.
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

/// The Secrets of superusers among a candidate's logins.
fn superusers(candidate: &Candidate) -> Vec<&str> {
    candidate.logins.iter().filter(|login| login.is_superuser).map(|login| login.secret.as_str()).collect()
}
