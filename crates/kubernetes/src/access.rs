//! The address of the API, and the credentials for it.
//!
//! A pod has all of this: two variables hold the API's address, and a folder holds the ServiceAccount's token, the authority that signs the
//! API's certificate, and the pod's namespace.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use url::Url;

/// The folder of a ServiceAccount's files in a pod.
pub const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The maximum bytes of a file. A token has about a thousand bytes, and each certificate of an authority a few thousand.
const FILE_CAP: u64 = 1 << 20;

/// How to reach the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub url: Url,
    /// The file of the token. Read again for each request, because the kubelet replaces the token every hour.
    pub token_file: PathBuf,
    /// The file of the only authorities that are trusted for the API. `None`: the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// The namespace of this pod.
    pub namespace: Option<String>,
}

impl Access {
    /// Reads the access of the pod that this process runs in.
    ///
    /// # Errors
    /// If the process is not in a pod, or the pod has no ServiceAccount token.
    pub fn of_pod() -> anyhow::Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::of(variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"), Path::new(SERVICE_ACCOUNT))
    }

    /// As [`Self::of_pod`], with the values of the variables and the folder as arguments.
    ///
    /// # Errors
    /// See [`Self::of_pod`].
    pub fn of(host: Option<String>, port: Option<String>, folder: &Path) -> anyhow::Result<Self> {
        let Some(host) = host else {
            bail!(
                "this process runs in no pod (KUBERNETES_SERVICE_HOST is not set): run it in the cluster, \
                 or name the API with api_url, token_file and ca_file"
            );
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let port = port.unwrap_or_else(|| "443".into());
        let url = format!("https://{host}:{port}").parse().context("KUBERNETES_SERVICE_HOST and _PORT are no address")?;
        let token_file = folder.join("token");
        if !token_file.exists() {
            bail!(
                "this pod has no ServiceAccount token ({} is missing): set automountServiceAccountToken: true for it, \
                 which the chart does where discovery is on",
                token_file.display()
            );
        }
        let namespace = std::fs::read_to_string(folder.join("namespace")).ok().map(|text| text.trim().to_owned());
        let ca_file = Some(folder.join("ca.crt")).filter(|file| file.exists());
        Ok(Self { url, token_file, ca_file, namespace: namespace.filter(|name| !name.is_empty()) })
    }
}

/// Reads a file of at most [`FILE_CAP`] bytes.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = (|| {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(FILE_CAP + 1).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    })();
    let bytes = bytes.with_context(|| format!("read {}", path.display()))?;
    if bytes.len() as u64 > FILE_CAP {
        bail!("{} is larger than {FILE_CAP} bytes: it is no token and no certificate", path.display());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_knows_all_and_anything_else_is_told_what_is_missing() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let of = |host: Option<&str>| Access::of(host.map(Into::into), Some("6443".into()), folder.path());
        assert!(of(None).expect_err("no pod").to_string().contains("api_url"));
        assert!(of(Some("10.0.0.1")).expect_err("no token").to_string().contains("automountServiceAccountToken"));
        std::fs::write(folder.path().join("token"), "t")?;
        std::fs::write(folder.path().join("namespace"), "db\n")?;
        let access = of(Some("fd00::1"))?;
        assert_eq!((access.url.as_str(), access.ca_file), ("https://[fd00::1]:6443/", None));
        assert_eq!(access.namespace.as_deref(), Some("db"));
        Ok(())
    }
}
