//! A certificate authority and a server certificate for `localhost` and 127.0.0.1, made by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::files::give_away;
use super::process::run;

const EXTENSIONS: &str = "[req]\ndistinguished_name = name\n[name]\n\
    [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
    [server]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:localhost, IP:127.0.0.1\nextendedKeyUsage = serverAuth\n";

/// PEM files. Every user can read them: the servers under test may run as another user.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate of the authority, which clients must trust.
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Certificate and key in one file, as HAProxy reads them.
    pub both: PathBuf,
}

impl Certificate {
    /// Makes an authority and a server certificate in this folder.
    ///
    /// # Errors
    /// If openssl is missing or refuses.
    pub fn make(folder: &Path) -> Result<Self> {
        let path = |name: &str| folder.join(name);
        let (config, authority_key) = (path("openssl.cnf"), path("authority.key"));
        let made =
            Self { authority: path("authority.crt"), certificate: path("server.crt"), key: path("server.key"), both: path("server.pem") };
        std::fs::write(&config, EXTENSIONS).with_context(|| format!("write {}", config.display()))?;
        let request = |name: &str, extensions: &str, key: &Path, certificate: &Path| {
            let mut command = Command::new("openssl");
            command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
            command.args(["-subj", &format!("/CN={name}"), "-extensions", extensions, "-config"]).arg(&config);
            command.arg("-keyout").arg(key).arg("-out").arg(certificate);
            command
        };
        run(&mut request("pgAnalytics test authority", "authority", &authority_key, &made.authority))
            .context("make the authority's certificate (apt install openssl)")?;
        let mut server = request("localhost", "server", &made.key, &made.certificate);
        server.arg("-CA").arg(&made.authority).arg("-CAkey").arg(&authority_key);
        run(&mut server).context("make the server's certificate")?;
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("read {}", path.display()));
        let both = [read(&made.certificate)?, read(&made.key)?].concat();
        std::fs::write(&made.both, both).with_context(|| format!("write {}", made.both.display()))?;
        for path in [&made.both, &made.key] {
            give_away(path)?;
        }
        Ok(made)
    }
}
