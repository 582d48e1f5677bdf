//! The pods of six operators: their labels, the Secrets with their logins, and the encryption that their servers need.
//!
//! If the operator's naming allows it, the first login is a role of our own: a Secret for the user `pganalytics`, which the owner of the
//! cluster creates with the operator's own means. Superusers are the last resort, and only if the configuration asks for them.

use pganalytics_kubernetes::api::Pod as ApiPod;

use super::candidate::{Authority, Candidate, Login, Operator, Role, User};
use super::manifest::{declared_port, label, workload};
use crate::connect::conninfo::SslMode;

/// The role that is created for the collector.
const OWN_ROLE: &str = "pganalytics";
const CRUNCHY: &str = "postgres-operator.crunchydata.com";

/// What the labels of a pod mean.
pub(super) enum Pod {
    Unknown,
    /// The pod is a pooler in front of a server and has no statistics of its own.
    Pooler,
    Server(Box<Candidate>),
}

pub(super) fn recognise(pod: &ApiPod) -> Pod {
    cloudnative_pg(pod)
        .or_else(|| zalando(pod))
        .or_else(|| crunchy_or_percona(pod))
        .or_else(|| stackgres(pod))
        .or_else(|| bitnami(pod))
        .unwrap_or(Pod::Unknown)
}

fn server(candidate: Candidate) -> Option<Pod> {
    Some(Pod::Server(Box::new(candidate)))
}

fn cloudnative_pg(pod: &ApiPod) -> Option<Pod> {
    if label(pod, "cnpg.io/poolerName").is_some() || label(pod, "cnpg.io/podRole") == Some("pooler") {
        return Some(Pod::Pooler);
    }
    let cluster = label(pod, "cnpg.io/cluster")?;
    // The cluster's jobs (initdb, join, …) have this label too.
    if label(pod, "cnpg.io/podRole") != Some("instance") {
        return None;
    }
    server(Candidate {
        cluster: Some(cluster.into()),
        container: Some("postgres".into()),
        port: declared_port(pod, Some("postgres"), &["postgresql"]).unwrap_or(5432),
        role: label(pod, "cnpg.io/instanceRole").and_then(Role::of),
        usual_sslmode: SslMode::VerifyCa,
        logins: vec![
            Login::new(format!("{cluster}-{OWN_ROLE}"), "username", "password"),
            Login::new(format!("{cluster}-app"), "username", "password"),
            Login::new(format!("{cluster}-superuser"), "username", "password").superuser(),
        ],
        authority: Some(Authority { secret: format!("{cluster}-ca"), key: "ca.crt".into() }),
        ..Candidate::new(Operator::CloudNativePg)
    })
}

fn zalando(pod: &ApiPod) -> Option<Pod> {
    if label(pod, "application") == Some("db-connection-pooler") {
        return Some(Pod::Pooler);
    }
    let cluster = label(pod, "cluster-name").filter(|_| label(pod, "application") == Some("spilo"))?;
    let login = |user: &str| Login::new(format!("{user}.{cluster}.credentials.postgresql.acid.zalan.do"), "username", "password");
    server(Candidate {
        cluster: Some(cluster.into()),
        container: Some("postgres".into()),
        role: label(pod, "spilo-role").and_then(Role::of),
        usual_sslmode: SslMode::Require,
        logins: vec![login(OWN_ROLE), login("postgres").superuser()],
        ..Candidate::new(Operator::Zalando)
    })
}

/// Percona's second operator is derived from Crunchy's and kept its labels.
fn crunchy_or_percona(pod: &ApiPod) -> Option<Pod> {
    let of = |key: &str| label(pod, &format!("{CRUNCHY}/{key}"));
    let cluster = of("cluster")?;
    let role = of("role");
    if role == Some("pgbouncer") {
        return Some(Pod::Pooler);
    }
    // Backup jobs and the repository's host belong to a cluster, but to no instance.
    of("instance")?;
    let operator = if label(pod, "app.kubernetes.io/managed-by") == Some("percona-postgresql-operator") {
        Operator::Percona
    } else {
        Operator::Crunchy
    };
    let user = |user: &str| Login::new(format!("{cluster}-pguser-{user}"), "user", "password");
    let mut logins = vec![user(OWN_ROLE)];
    if operator == Operator::Crunchy {
        logins.push(Login {
            secret: format!("{cluster}-monitoring"),
            user: User::Named("ccp_monitoring".into()),
            password_key: "password".into(),
            is_superuser: false,
        });
    }
    logins.push(user(cluster));
    server(Candidate {
        cluster: Some(cluster.into()),
        container: Some("database".into()),
        port: declared_port(pod, Some("database"), &["postgres"]).unwrap_or(5432),
        role: role.and_then(Role::of),
        usual_sslmode: SslMode::Require,
        logins,
        ..Candidate::new(operator)
    })
}

fn stackgres(pod: &ApiPod) -> Option<Pod> {
    if label(pod, "app") != Some("StackGresCluster") || label(pod, "stackgres.io/cluster") != Some("true") {
        return None;
    }
    let cluster = label(pod, "stackgres.io/cluster-name").map(Into::into).or_else(|| workload(pod).1);
    let logins = cluster.iter().flat_map(|cluster: &String| {
        [
            Login::new(format!("{cluster}-{OWN_ROLE}"), "username", "password"),
            Login::new(cluster.clone(), "superuser-username", "superuser-password").superuser(),
        ]
    });
    server(Candidate {
        container: Some("patroni".into()),
        // The port for replication leads directly to PostgreSQL; `pgport` leads to the pooler, if there is one.
        port: declared_port(pod, None, &["pgreplication", "pgport"]).unwrap_or(5432),
        role: label(pod, "role").and_then(Role::of),
        logins: logins.collect(),
        cluster,
        ..Candidate::new(Operator::StackGres)
    })
}

fn bitnami(pod: &ApiPod) -> Option<Pod> {
    if label(pod, "app.kubernetes.io/name") == Some("postgresql-ha") && label(pod, "app.kubernetes.io/component") == Some("pgpool") {
        return Some(Pod::Pooler);
    }
    let component = label(pod, "app.kubernetes.io/component").filter(|_| label(pod, "app.kubernetes.io/name") == Some("postgresql"))?;
    if !matches!(component, "primary" | "read") {
        return None;
    }
    // With replication, the StatefulSets are `<fullname>-primary` and `<fullname>-read`; without, there is only `<fullname>`.
    let fullname = workload(pod).1.map(|name| name.strip_suffix(&format!("-{component}")).map(Into::into).unwrap_or(name));
    let login = |secret: String| {
        let login = Login::new(secret, "", "postgres-password").superuser();
        Login { user: User::Named("postgres".into()), ..login }
    };
    server(Candidate {
        cluster: label(pod, "app.kubernetes.io/instance").map(Into::into).or_else(|| fullname.clone()),
        container: Some("postgresql".into()),
        port: declared_port(pod, Some("postgresql"), &["tcp-postgresql"]).unwrap_or(5432),
        role: Role::of(component),
        logins: fullname
            .into_iter()
            .flat_map(|name| [Login::new(format!("{name}-{OWN_ROLE}"), "username", "password"), login(name)])
            .collect(),
        ..Candidate::new(Operator::Bitnami)
    })
}
