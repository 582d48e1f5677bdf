//! How the collector gets into a server: methods of authentication, TLS, and nothing that another process could use.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::drive::watched::{down, up};
use e2e::drive::{Backend, Collector};
use e2e::machine::certificate::Certificate;
use e2e::servers::Postgres;
use e2e::servers::postgres::{MAJORS, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A server with a role for each method of authentication, named like the method.
async fn methods(major: u32) -> Result<Postgres> {
    let mut options = Options::default();
    for method in ["password", "md5", "scram-sha-256"] {
        options = options.hba(&format!("host all \"{method}\" 127.0.0.1/32 {method}"));
    }
    let postgres = Postgres::start_with(major, options).await?;
    for (role, encryption) in [("password", "scram-sha-256"), ("md5", "md5"), ("scram-sha-256", "scram-sha-256")] {
        postgres
            .execute(&format!(
                "set password_encryption = '{encryption}'; create role \"{role}\" login password 'hunter2' in role pg_monitor"
            ))
            .await?;
    }
    Ok(postgres)
}

#[tokio::test]
async fn a_password_goes_out_only_as_scram_unless_the_connection_string_allows_more() -> Result<()> {
    for major in [MAJORS[0], MAJORS[4]] {
        let (postgres, backend) = tokio::try_join!(methods(major), Backend::start())?;
        let target = |method: &str, rest: &str| postgres.conninfo(method, Some("hunter2")) + rest;
        let targets = [
            ("scram", target("scram-sha-256", "")),
            ("clear", target("password", "")),
            ("md5", target("md5", "")),
            ("clear-allowed", target("password", "&require_auth=password")),
            ("md5-allowed", target("md5", "&require_auth=md5,scram-sha-256")),
            ("scram-refused", target("scram-sha-256", "&require_auth=!scram-sha-256")),
            ("trust-refused", postgres.conninfo("postgres", None) + "&require_auth=scram-sha-256"),
        ];
        let collector = Collector::start(&backend, &targets).await?;
        for server in ["scram", "clear-allowed", "md5-allowed"] {
            up(&backend.api, server).await.with_context(|| collector.log())?;
        }
        for (server, name) in [("clear", "password"), ("md5", "md5"), ("scram-refused", "scram-sha-256"), ("trust-refused", "none")] {
            let error = down(&backend.api, server, "no password was sent").await?;
            let at = format!("127.0.0.1:{}: the server ", postgres.port);
            ensure!(error.starts_with(&at) && error.ends_with(&format!("require_auth={name}")), "{server}: {error}");
        }
        let doctor = String::from_utf8(collector.doctor()?.stdout)?;
        ensure!(doctor.contains("the server asks for the password as MD5") && doctor.contains("require_auth=md5"), "{doctor}");
        ensure!(!doctor.contains("hunter2") && !collector.log().contains("hunter2"), "the password is shown: {doctor}");
        // The server was asked for nothing that it had to refuse.
        let log = postgres.log();
        ensure!(!log.contains("authentication failed"), "{log}");
    }
    Ok(())
}

/// A server that asks for the password in clear text. Sends on what it gets.
async fn ask_in_clear_text(mut client: TcpStream, heard: mpsc::UnboundedSender<Vec<u8>>) -> Result<()> {
    let length = client.read_i32().await?;
    let mut startup = vec![0; usize::try_from(length - 4)?];
    client.read_exact(&mut startup).await?;
    client.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).await?;
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await?;
    heard.send([startup, rest].concat()).context("tell what was heard")
}

#[tokio::test]
async fn a_false_server_gets_no_password() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (sender, mut heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(ask_in_clear_text(client, sender.clone()));
        }
    });
    let backend = Backend::start().await?;
    let target = format!("postgres://watcher:hunter2@127.0.0.1:{port}/postgres?sslmode=disable");
    let collector = Collector::start(&backend, &[("false", target)]).await?;
    down(&backend.api, "false", "no password was sent").await.with_context(|| collector.log())?;
    let heard = heard.recv().await.context("a connection")?;
    let text = String::from_utf8_lossy(&heard);
    ensure!(text.contains("watcher") && !text.contains("hunter2"), "{text}");
    Ok(())
}

/// The inodes of a process's sockets.
fn sockets(process: u32) -> Result<BTreeSet<String>> {
    let folder = format!("/proc/{process}/fd");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("list {folder}"))? {
        // A descriptor may be closed meanwhile.
        let Ok(target) = std::fs::read_link(entry?.path()) else { continue };
        if let Some(inode) = target.to_string_lossy().strip_prefix("socket:[") {
            found.insert(inode.trim_end_matches(']').to_owned());
        }
    }
    Ok(found)
}

/// The local addresses of a process's listening TCP sockets, and the paths of its listening Unix sockets.
fn listeners(process: u32) -> Result<Vec<String>> {
    let own = sockets(process)?;
    let mut found = Vec::new();
    for (file, state, inode, name) in [("tcp", 3, 9, 1), ("tcp6", 3, 9, 1), ("unix", 3, 6, 7)] {
        let path = format!("/proc/{process}/net/{file}");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        for line in text.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            // The state of TCP's table is 0A for LISTEN; Unix sockets have the flag "accepts connections".
            let listens = columns.get(state).is_some_and(|state| if file == "unix" { *state == "00010000" } else { *state == "0A" });
            if listens && columns.get(inode).is_some_and(|inode| own.contains(*inode)) {
                found.push(format!("{file} {}", columns.get(name).copied().unwrap_or_default()));
            }
        }
    }
    Ok(found)
}

#[tokio::test]
async fn an_encrypted_connection_leaves_nothing_that_another_process_could_connect_to() -> Result<()> {
    let (folder, temporary) = (tempfile::tempdir()?, tempfile::tempdir()?);
    // The server runs as another user, who must be able to read its key.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let certificate = Certificate::make(folder.path())?;
    let file = |path: &Path| path.display().to_string();
    let options = Options::default().scram().set("ssl", "on").set("ssl_cert_file", &file(&certificate.certificate));
    let (postgres, backend) =
        tokio::try_join!(Postgres::start_with(17, options.set("ssl_key_file", &file(&certificate.key))), Backend::start())?;
    postgres.execute("create role watcher login password 'hunter2' in role pg_monitor").await?;
    let target = |rest: &str| postgres.conninfo("watcher", Some("hunter2")).replace("sslmode=disable", rest);
    let authority = file(&certificate.authority);
    let targets = [
        ("full", target(&format!("sslmode=verify-full&sslrootcert={authority}"))),
        ("authority", target(&format!("sslmode=verify-ca&sslrootcert={authority}"))),
        ("unchecked", target("sslmode=require")),
        ("prefer", target("sslmode=prefer")),
        ("plain", target("sslmode=disable")),
        ("system", target("sslmode=verify-full")),
    ];
    let mut collector = Collector::prepare(&backend, &targets).await?;
    collector.environment.push(("TMPDIR".into(), file(temporary.path())));
    collector.run()?;
    for server in ["full", "authority", "unchecked", "prefer", "plain"] {
        up(&backend.api, server).await.with_context(|| collector.log())?;
    }
    // Without the authority's certificate, the server's certificate is refused.
    down(&backend.api, "system", "tls: ").await?;
    let process = collector.process().context("the collector's process")?;
    let health = format!("0100007F:{:04X}", collector.port);
    for _ in 0..20 {
        let found: Vec<String> = listeners(process)?.into_iter().filter(|listener| !listener.ends_with(&health)).collect();
        // The server that is refused is tried again and again: its attempts open a socket only after the handshake.
        ensure!(found.is_empty(), "the collector listens at {found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let left: Vec<_> = std::fs::read_dir(temporary.path())?.collect::<Result<_, _>>()?;
    ensure!(left.is_empty(), "the collector left {left:?}");
    let mut session = postgres.connect().await?;
    let sql = "select count(distinct ssl) from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'pganalytics'";
    let both: i64 = sqlx::query_scalar(sql).fetch_one(&mut session).await?;
    ensure!(both == 2, "there are encrypted and plain sessions");
    Ok(())
}
