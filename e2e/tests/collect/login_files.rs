//! A target's login in files that change while the collector runs.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::drive::watched::{down, up};
use e2e::drive::{Backend, Collector};
use e2e::servers::Postgres;
use e2e::servers::postgres::Options;
use e2e::wait::{PATIENCE, until};

/// Writes a login, as a kubelet renews a mounted Secret.
fn write(folder: &Path, user: &str, password: &str) -> Result<()> {
    for (name, value) in [("username", user), ("password", password)] {
        std::fs::write(folder.join(name), value).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

/// Ends this role's sessions. Later readings need a new login.
async fn end_sessions(postgres: &Postgres, role: &str) -> Result<()> {
    postgres.execute(&format!("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '{role}'")).await
}

/// Waits until the collector has a session of this role.
async fn logged_in(postgres: &Postgres, role: &str, collector: &Collector) -> Result<()> {
    let mut connection = postgres.connect().await?;
    let what = format!("a session of {role}");
    let sessions = until(&what, PATIENCE, async || {
        let sql = "select count(*) from pg_stat_activity where usename = $1 and application_name = 'pganalytics'";
        let count: i64 = sqlx::query_scalar(sql).bind(role).fetch_one(&mut connection).await?;
        Ok((count > 0).then_some(()))
    });
    sessions.await.with_context(|| format!("the collector's log:\n{}", collector.log()))
}

#[tokio::test]
async fn a_login_in_files_is_rotated_while_the_collector_runs() -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start_with(17, Options::default().scram()), Backend::start())?;
    postgres.execute("create role one login password 'hunter1' in role pg_monitor").await?;
    postgres.execute("create role two login password 'hunter3' in role pg_monitor").await?;
    let secret = tempfile::tempdir().context("a folder")?;
    let mut collector = Collector::prepare(&backend, &[]).await?;
    collector.configure(&format!(
        "[[target]]\nname = \"db\"\nconninfo = \"host=127.0.0.1 port={} dbname=postgres sslmode=disable\"\nuser_file = {:?}\npassword_file = {:?}\n",
        postgres.port,
        secret.path().join("username"),
        secret.path().join("password"),
    ))?;
    // The collector starts before the files are there, and names the missing file.
    collector.run()?;
    let error = down(&backend.api, "db", "user_file").await?;
    ensure!(error.contains("username cannot be read") && error.contains("provide a text file that this user may read"), "{error}");
    let doctor = String::from_utf8(collector.doctor()?.stdout)?;
    ensure!(doctor.contains("username cannot be read"), "{doctor}");
    write(secret.path(), "one", "hunter1\n")?;
    up(&backend.api, "db").await?;
    logged_in(&postgres, "one", &collector).await?;

    // Another password: open sessions go on, and new sessions use it.
    postgres.execute("alter role one password 'hunter2'").await?;
    write(secret.path(), "one", "hunter2\n")?;
    end_sessions(&postgres, "one").await?;
    logged_in(&postgres, "one", &collector).await?;

    // Another role: some secret stores alternate between two roles.
    write(secret.path(), "two", "hunter3")?;
    postgres.execute("alter role one nologin").await?;
    end_sessions(&postgres, "one").await?;
    logged_in(&postgres, "two", &collector).await?;
    up(&backend.api, "db").await?;
    let doctor = String::from_utf8(collector.doctor()?.stdout)?;
    ensure!(doctor.contains("role two"), "{doctor}");

    // A wrong password is reported, and the right one is used without a restart.
    write(secret.path(), "two", "hunter4")?;
    end_sessions(&postgres, "two").await?;
    down(&backend.api, "db", "password authentication failed").await?;
    write(secret.path(), "two", "hunter3")?;
    up(&backend.api, "db").await?;
    let shown = format!("{}{doctor}{error}", collector.log());
    ensure!(!shown.contains("hunter"), "a password is shown: {shown}");
    Ok(())
}
