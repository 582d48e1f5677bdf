//! A real Kubernetes API: etcd and kube-apiserver on free loopback ports and a temporary folder, gone when dropped. There is no node and no
//! controller: pods are what a test writes, their status too, and their addresses are loopback ones where real servers listen.
//!
//! The programs are built once by `scripts/cluster/programs.sh`, which says where they are; `PGANALYTICS_KUBERNETES_PROGRAMS` names
//! another folder that has them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::drive::backend::Api;
use crate::machine::certificate::Certificate;
use crate::machine::ports;
use crate::machine::process::{Process, Spec, run};
use crate::wait::{PATIENCE, until};

/// The token of somebody who may do anything.
const ADMIN: &str = "admin-of-this-test";
/// A fault in a token's lifetime would otherwise be seen by nobody.
const TOKEN_SECONDS: u32 = 3_600;

/// Where programs are.
fn programs() -> Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOLDER.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    found.clone().map_err(anyhow::Error::msg)
}

fn find() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("PGANALYTICS_KUBERNETES_PROGRAMS").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace's folder")?;
    let output = Command::new(root.join("scripts/cluster/programs.sh")).args(["kubernetes", "etcd"]).output();
    let output = output.context("run scripts/cluster/programs.sh")?;
    ensure!(output.status.success(), "scripts/cluster/programs.sh: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.trim().lines().next_back().context("the folder of the cluster's programs")?.into())
}

/// An API of its own.
#[derive(Debug)]
pub struct Kubernetes {
    pub port: u16,
    /// As somebody who may do anything.
    pub api: Api,
    pub certificate: Certificate,
    etcd_port: u16,
    // Before the folder, the API before what it stands on.
    server: Option<Process>,
    etcd: Process,
    folder: tempfile::TempDir,
}

impl Kubernetes {
    /// An empty one.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub async fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("pganalytics-kubernetes-").tempdir().context("create a temporary folder")?;
        let certificate = Certificate::make(folder.path())?;
        let key = folder.path().join("accounts.key");
        run(Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048")).context("make a key for ServiceAccounts")?;
        std::fs::write(folder.path().join("tokens.csv"), format!("{ADMIN},admin,1,\"system:masters\"\n"))
            .context("write the admin's token")?;
        let (etcd_port, peers, port) = (ports::free()?, ports::free()?, ports::free()?);
        let (clients, peers) = (format!("http://127.0.0.1:{etcd_port}"), format!("http://127.0.0.1:{peers}"));
        let data = folder.path().join("etcd");
        let etcd = Spec::new(&programs.join("etcd"), &folder.path().join("etcd.log"))
            .arguments(["--unsafe-no-fsync", "--log-level", "warn", "--name", "one", "--data-dir"])
            .arguments([&data])
            .arguments(["--listen-client-urls", &clients, "--advertise-client-urls", &clients, "--listen-peer-urls", &peers])
            .arguments(["--initial-advertise-peer-urls", &peers, "--initial-cluster", &format!("one={peers}")])
            .spawn()?;
        let mut api = Api::trusting(&format!("https://127.0.0.1:{port}"), &certificate.authority)?;
        api.token = Some(ADMIN.into());
        let mut kubernetes = Self { port, api, certificate, etcd_port, server: None, etcd, folder };
        kubernetes.run().await?;
        Ok(kubernetes)
    }

    /// Starts the API again after [`Self::kill`], with all that it knew.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn run(&mut self) -> Result<()> {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let file = |path: &Path| path.display().to_string();
        let mut server = Spec::new(&programs()?.join("kube-apiserver"), &self.folder.path().join("apiserver.log"))
            .arguments([
                format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
                format!("--secure-port={}", self.port),
                format!("--tls-cert-file={}", file(&self.certificate.certificate)),
                format!("--tls-private-key-file={}", file(&self.certificate.key)),
                format!("--token-auth-file={}", at("tokens.csv")),
                format!("--service-account-key-file={}", at("accounts.key")),
                format!("--service-account-signing-key-file={}", at("accounts.key")),
                format!("--cert-dir={}", at("certificates")),
            ])
            .arguments([
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.96.0.0/24",
                "--authorization-mode=RBAC",
                // It wants a controller that makes each namespace's default account.
                "--disable-admission-plugins=ServiceAccount",
            ])
            .spawn()?;
        let api = &self.api;
        let etcd = &mut self.etcd;
        let answers = async || {
            etcd.still_running()?;
            server.still_running()?;
            let (status, said) = api.ask(Method::GET, "/readyz", None).await?;
            ensure!(status == StatusCode::OK, "/readyz answered {status}: {said}");
            Ok(Some(()))
        };
        if let Err(error) = until("the Kubernetes API to be ready", PATIENCE, answers).await {
            bail!("{error:#}\n{}", server.log().lines().rev().take(30).collect::<Vec<_>>().join("\n"));
        }
        self.server = Some(server);
        Ok(())
    }

    /// kill -9 of the API; etcd stays.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// # Errors
    /// The API's.
    pub async fn namespace(&self, name: &str) -> Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.api.request(Method::POST, "/api/v1/namespaces", Some(&object)).await.map(drop)
    }

    /// A ServiceAccount with a Role of these rules in each of these namespaces; the file that its token is in.
    ///
    /// # Errors
    /// The API's.
    pub async fn account(&self, namespace: &str, name: &str, rules: &[(&str, Value)]) -> Result<PathBuf> {
        let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        self.api.request(Method::POST, &format!("/api/v1/namespaces/{namespace}/serviceaccounts"), Some(&object)).await?;
        for (place, rules) in rules {
            self.grant(namespace, name, place, rules).await?;
        }
        let file = self.folder.path().join(format!("{namespace}-{name}.token"));
        std::fs::write(&file, self.token(namespace, name, None).await?).context("write a ServiceAccount's token")?;
        Ok(file)
    }

    /// Gives an account a Role of these rules in a namespace, beside those it has.
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

    /// A projected token, as the kubelet asks for one.
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
        let (status, said) = self.api.ask(Method::POST, &path, Some(&object)).await?;
        if status == StatusCode::CONFLICT {
            return self.api.request(Method::PUT, &format!("{path}/{name}"), Some(&object)).await.map(drop);
        }
        ensure!(status.is_success(), "make Secret {namespace}/{name}: {status}: {said}");
        Ok(())
    }

    /// Makes a pod on node-1 and lets it run at this address.
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

    /// The pod runs, at this address.
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

    /// Sets a label.
    ///
    /// # Errors
    /// The API's.
    pub async fn label(&self, namespace: &str, name: &str, key: &str, value: &str) -> Result<()> {
        self.change(namespace, name, "", |pod| pod["metadata"]["labels"][key] = json!(value)).await
    }

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

/// A pod as a test wants it.
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
