//! The objects that tests make: namespaces, accounts with rights, Secrets, pods.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::Kubernetes;
use crate::machine::ports;

/// The lifetime of tokens: long enough that no test meets an expired token.
const TOKEN_SECONDS: u32 = 3_600;

/// A pod that a test makes.
#[derive(Debug, Clone)]
pub struct Pod<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub labels: Value,
    pub annotations: Value,
    pub container: &'a str,
    pub port: u16,
    pub address: &'a str,
}

impl Kubernetes {
    /// Makes a namespace.
    ///
    /// # Errors
    /// The API's.
    pub async fn namespace(&self, name: &str) -> Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.api.request(Method::POST, "/api/v1/namespaces", Some(&object)).await.map(drop)
    }

    /// Makes a ServiceAccount with a Role of these rules in each of these namespaces. Returns the file with the account's token.
    ///
    /// # Errors
    /// The API's.
    pub async fn account(&self, namespace: &str, name: &str, rules: &[(&str, Value)]) -> Result<PathBuf> {
        let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        self.api.request(Method::POST, &format!("/api/v1/namespaces/{namespace}/serviceaccounts"), Some(&object)).await?;
        for (place, rules) in rules {
            self.grant(namespace, name, place, rules).await?;
        }
        let file = self.folder().join(format!("{namespace}-{name}.token"));
        std::fs::write(&file, self.token(namespace, name, None).await?).context("write a ServiceAccount's token")?;
        Ok(file)
    }

    /// Gives an account another Role, with these rules, in a namespace.
    ///
    /// # Errors
    /// The API's.
    pub async fn grant(&self, of: &str, account: &str, place: &str, rules: &Value) -> Result<()> {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{place}");
        let name = format!("{account}-{}", ports::free()?);
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules});
        self.api.request(Method::POST, &format!("{path}/roles"), Some(&role)).await?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": of}]
        });
        self.api.request(Method::POST, &format!("{path}/rolebindings"), Some(&binding)).await.map(drop)
    }

    /// Gives an account a ClusterRole in the whole cluster.
    ///
    /// # Errors
    /// The API's.
    pub async fn grant_everywhere(&self, of: &str, account: &str, role: &str) -> Result<()> {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": format!("{account}-{}", ports::free()?)},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": of}]
        });
        self.api.request(Method::POST, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", Some(&binding)).await.map(drop)
    }

    /// A projected token, as the kubelet requests tokens.
    ///
    /// # Errors
    /// The API's.
    pub async fn token(&self, namespace: &str, account: &str, audience: Option<&str>) -> Result<String> {
        let audiences: Vec<&str> = audience.into_iter().collect();
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": audiences, "expirationSeconds": TOKEN_SECONDS}
        });
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let made = self.api.request(Method::POST, &path, Some(&request)).await?;
        Ok(made["status"]["token"].as_str().context("a token in the answer")?.to_owned())
    }

    /// Makes or replaces a Secret.
    ///
    /// # Errors
    /// The API's.
    pub async fn secret(&self, namespace: &str, name: &str, values: &Value) -> Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values});
        let (status, body) = self.api.ask(Method::POST, &path, Some(&object)).await?;
        if status == StatusCode::CONFLICT {
            return self.api.request(Method::PUT, &format!("{path}/{name}"), Some(&object)).await.map(drop);
        }
        ensure!(status.is_success(), "make Secret {namespace}/{name}: {status}: {body}");
        Ok(())
    }

    /// Makes a pod on node-1 that runs at the pod's address.
    ///
    /// # Errors
    /// The API's.
    pub async fn pod(&self, pod: &Pod<'_>) -> Result<()> {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod.name, "labels": pod.labels, "annotations": pod.annotations},
            "spec": {"nodeName": "node-1", "automountServiceAccountToken": false, "containers": [{
                "name": pod.container, "image": "registry.example.com/postgres:17",
                "ports": [{"name": "postgresql", "containerPort": pod.port}],
                "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
            }]}
        });
        self.api.request(Method::POST, &format!("/api/v1/namespaces/{}/pods", pod.namespace), Some(&object)).await?;
        self.runs_at(pod.namespace, pod.name, pod.address).await
    }

    /// Sets the pod's status: running at this address.
    ///
    /// # Errors
    /// The API's.
    pub async fn runs_at(&self, namespace: &str, name: &str, address: &str) -> Result<()> {
        self.change(namespace, name, "/status", |pod| {
            let container = pod["spec"]["containers"][0].clone();
            pod["status"] = json!({
                "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                "containerStatuses": [{
                    "name": container["name"], "image": container["image"], "imageID": "", "ready": true, "started": true, "restartCount": 0,
                    "state": {"running": {}}
                }]
            });
        })
        .await
    }

    /// Sets a label of a pod.
    ///
    /// # Errors
    /// The API's.
    pub async fn label(&self, namespace: &str, name: &str, key: &str, value: &str) -> Result<()> {
        self.change(namespace, name, "", |pod| pod["metadata"]["labels"][key] = json!(value)).await
    }

    /// Deletes a pod at once.
    ///
    /// # Errors
    /// The API's.
    pub async fn delete_pod(&self, namespace: &str, name: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}?gracePeriodSeconds=0");
        self.api.request(Method::DELETE, &path, None).await.map(drop)
    }

    async fn change(&self, namespace: &str, name: &str, part: &str, change: impl Fn(&mut Value)) -> Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
        let mut pod = self.api.request(Method::GET, &path, None).await?;
        change(&mut pod);
        self.api.request(Method::PUT, &format!("{path}{part}"), Some(&pod)).await.map(drop)
    }
}
