//! The backend's certificate.

use anyhow::Context as _;
use pganalytics_server::tls::{ClientAuth, ServerFiles, Tls};

use super::args::BackendArgs;

impl BackendArgs {
    /// The certificate, or none for plain HTTP. Other machines get plain HTTP only if it is explicitly allowed.
    pub(crate) fn tls(&self) -> anyhow::Result<Option<Tls>> {
        let client_auth = ClientAuth::resolve(self.tls_client_auth, self.tls_client_ca.is_some())
            .map_err(|problem| anyhow::anyhow!("--tls-client-auth {problem}: give --tls-client-ca, too"))?;
        let (client_ca, client_crl) = (self.tls_client_ca.clone(), self.tls_client_crl.clone());
        anyhow::ensure!(
            client_crl.is_none() || client_ca.is_some(),
            "--tls-client-crl needs client certificates, which are not asked for: give --tls-client-ca, too"
        );
        anyhow::ensure!(
            !self.tls_client_bind || client_auth != ClientAuth::Off,
            "--tls-client-bind needs client certificates, which are not asked for: give --tls-client-ca, too"
        );
        let (certificate, key) = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
            (Some(_), None) => anyhow::bail!("--tls-cert needs the certificate's key: give --tls-key, too"),
            (None, Some(_)) => anyhow::bail!("--tls-key needs the key's certificate: give --tls-cert, too"),
            (None, None) => {
                anyhow::ensure!(client_ca.is_none(), "--tls-client-ca needs TLS: give --tls-cert and --tls-key, too");
                let address = self.listen;
                anyhow::ensure!(
                    self.plain_http || address.ip().to_canonical().is_loopback(),
                    "other machines can reach --listen {address}, and passwords and tokens would be unencrypted: give a certificate with \
                     --tls-cert and --tls-key, or --plain-http if a proxy with TLS is in front, or listen on 127.0.0.1"
                );
                return Ok(None);
            }
        };
        anyhow::ensure!(!self.plain_http, "--plain-http and --tls-cert are both given: omit one of them");
        let min_version = self.tls_min_version;
        let files = ServerFiles { certificate, key, client_ca, client_crl, client_auth, min_version };
        Tls::load(files).context("load the certificate (--tls-cert, --tls-key, --tls-client-ca, --tls-client-crl)").map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::tests::args;

    fn problem(flags: &[&str]) -> String {
        args(flags).and_then(|args| args.tls()).map(|_| ()).map_err(|error| format!("{error:#}")).expect_err("refused")
    }

    #[test]
    fn other_machines_get_plain_http_only_if_it_is_allowed() -> anyhow::Result<()> {
        for address in ["0.0.0.0:8080", "10.1.2.3:8080", "[::]:8080"] {
            let problem = problem(&["--listen", address]);
            assert!(
                problem.contains("--tls-cert and --tls-key") && problem.contains("--plain-http") && problem.contains(address),
                "{problem}"
            );
            assert!(args(&["--listen", address, "--plain-http"])?.tls()?.is_none());
        }
        for address in ["127.0.0.1:8080", "127.8.8.8:80", "[::1]:8080", "[::ffff:127.0.0.1]:8080"] {
            assert!(args(&["--listen", address])?.tls()?.is_none(), "{address}");
        }
        Ok(())
    }

    #[test]
    fn incomplete_tls_settings_name_what_is_missing() {
        for (flags, part) in [
            (&["--tls-cert", "c"][..], "give --tls-key, too"),
            (&["--tls-key", "k"], "give --tls-cert, too"),
            (&["--tls-client-ca", "c"], "--tls-client-ca needs TLS"),
            (&["--tls-cert", "c", "--tls-key", "k", "--tls-client-crl", "r"], "not asked for: give --tls-client-ca, too"),
            (&["--tls-cert", "c", "--tls-key", "k", "--tls-client-bind"], "not asked for: give --tls-client-ca, too"),
            (&["--tls-cert", "c", "--tls-key", "k", "--tls-client-auth", "optional"], "give --tls-client-ca, too"),
            (&["--tls-cert", "c", "--tls-key", "k", "--plain-http"], "omit one of them"),
            (&["--tls-cert", "/nowhere/c", "--tls-key", "k"], "read /nowhere/c"),
        ] {
            let problem = problem(flags);
            assert!(problem.contains(part), "{problem}");
        }
        assert!(args(&["--tls-min-version", "1.1"]).expect_err("no such version").to_string().contains("write 1.2 or 1.3"));
    }
}
