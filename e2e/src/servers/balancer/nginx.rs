//! nginx with `deploy/nginx.conf`. This module replaces the marked lines, and with TLS to the backends the comments for that; each line must be in
//! the file. Flags move the folders that Debian compiled in and only root may write (the first log, temporary bodies).

use anyhow::{Context, Result};

use super::parameters::{Inner, Parameters, adapt, deployed};
use crate::machine::files::write_for_server;
use crate::machine::process::Spec;
use crate::machine::programs::installed;

pub(super) fn spec(parameters: &Parameters<'_>) -> Result<Spec> {
    let Parameters { folder, certificate, http, https, backends, inner } = parameters;
    let from = deployed("nginx.conf");
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
        // /dev/stdout is a file of another user here, which nginx may not open; under a service manager it is a pipe.
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
    write_for_server(&path, &text)?;
    let arguments = ["-e".into(), "stderr".into(), "-g".into(), "daemon off;".into(), "-c".into(), path.into_os_string()];
    Ok(Spec::new(&installed("nginx")?, &folder.join("nginx.log")).arguments(arguments))
}
