//! nginx with `deploy/nginx.conf`; its parameters are the marked lines, which are replaced here and must all be there, and so are the comments with
//! the lines for TLS to the backends. What Debian
//! compiled in as folders for root (the log before the configuration is read, temporary bodies) is moved by flags.

use anyhow::{Context, Result};

use crate::machine::process::Spec;
use crate::servers::balancer::{Inner, Parameters, adapt, deployed, program};
use crate::servers::postgres::installation::give_away;

pub(crate) fn spec(parameters: &Parameters<'_>) -> Result<Spec> {
    let Parameters { folder, certificate, http, https, backends, inner } = parameters;
    let from = deployed("nginx.conf")?;
    let mut text = std::fs::read_to_string(&from).with_context(|| format!("read {}", from.display()))?;
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        temporary.push_str(&format!("\n    {kind}_temp_path {}/{kind};", folder.display()));
    }
    for (line, adapted) in [
        ("pid /run/nginx.pid;".to_owned(), format!("pid {}/nginx.pid;", folder.display())),
        ("http {".to_owned(), format!("http {{{temporary}")),
        ("server 10.0.0.11:8080".to_owned(), format!("server {}", backends[0])),
        ("server 10.0.0.12:8080".to_owned(), format!("server {}", backends[1])),
        ("server 10.0.0.13:8080".to_owned(), format!("server {}", backends[2])),
        ("listen 80;".to_owned(), format!("listen 127.0.0.1:{http};")),
        ("https://pganalytics.example.com$".to_owned(), format!("https://127.0.0.1:{https}$")),
        ("listen 443 ssl http2;".to_owned(), format!("listen 127.0.0.1:{https} ssl http2;")),
        ("/etc/nginx/pganalytics.crt".to_owned(), certificate.certificate.display().to_string()),
        ("/etc/nginx/pganalytics.key".to_owned(), certificate.key.display().to_string()),
        // A service manager's standard output is a pipe that can be opened by that name; a file of another user's is not.
        ("access_log /dev/stdout plain;".to_owned(), format!("access_log {}/access.log plain;", folder.display())),
    ] {
        text = adapt(&text, &line, &adapted)?;
    }
    if let Some(Inner { authority, name }) = inner {
        for (line, adapted) in [
            ("proxy_pass http://pganalytics;", "proxy_pass https://pganalytics;".to_owned()),
            (
                "# proxy_ssl_trusted_certificate /etc/nginx/pganalytics-ca.pem;",
                format!("proxy_ssl_trusted_certificate {};", authority.display()),
            ),
            ("# proxy_ssl_verify on;", "proxy_ssl_verify on;".to_owned()),
            ("# proxy_ssl_name pganalytics.internal;", format!("proxy_ssl_name {name};")),
            ("# proxy_ssl_server_name on;", "proxy_ssl_server_name on;".to_owned()),
            ("# proxy_ssl_protocols TLSv1.3;", "proxy_ssl_protocols TLSv1.3;".to_owned()),
        ] {
            text = adapt(&text, line, &adapted)?;
        }
    }
    let path = folder.join("nginx.conf");
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    give_away(&path)?;
    let arguments = ["-e".into(), "stderr".into(), "-g".into(), "daemon off;".into(), "-c".into(), path.into_os_string()];
    Ok(Spec::new(&program("nginx")?, &folder.join("nginx.log")).arguments(arguments))
}
