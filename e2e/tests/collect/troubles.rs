//! Servers that are down, silent, locked or closed to the collector: each trouble is visible and delays no other server.

use std::net::TcpListener;

use anyhow::{Context, Result};
use e2e::drive::watched::{begin, down, judge, newest_state, nothing_failed, rounds, up};
use e2e::drive::{Backend, Collector, Watched};
use e2e::servers::Postgres;
use e2e::servers::postgres::{Ending, MAJORS, Options, execute};
use e2e::wait::{PATIENCE, until};

#[tokio::test]
async fn a_server_that_is_down_or_silent_is_visible_as_down_and_delays_no_other() -> Result<()> {
    let (mut first, second, backend) = tokio::try_join!(Postgres::start(16), Postgres::start(17), Backend::start())?;
    for server in [&first, &second] {
        server.execute("create extension pg_stat_statements").await?;
    }
    // Its backlog accepts connections, and it never answers.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let silent_target = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", silent.local_addr()?.port());
    let targets = [("silent", silent_target), ("first", first.conninfo("postgres", None)), ("second", second.conninfo("postgres", None))];
    let collector = Collector::start(&backend, &targets).await?;
    let api = &backend.api;
    up(api, "first").await?;
    up(api, "second").await?;
    rounds(api, "second", 2).await?;
    down(api, "silent", "").await?;

    first.stop(Ending::Fast)?;
    // First the error says that the session was ended, then that the connection is refused.
    down(api, "first", "refused").await?;
    rounds(api, "second", 3).await?;
    first.run().await?;
    up(api, "first").await?;
    rounds(api, "first", 2).await?;
    assert_eq!(newest_state(api, "second").await?, Some((true, None)));
    judge(api).await?;
    drop(collector);
    Ok(())
}

/// The server is down when the collector starts, and its name is known all the same.
#[tokio::test]
async fn a_server_that_was_never_seen_up_is_visible_as_down() -> Result<()> {
    let backend = Backend::start().await?;
    let port = e2e::machine::ports::free()?;
    let target = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let mut collector = Collector::start(&backend, &[("gone", target)]).await?;
    down(&backend.api, "gone", "refused").await?;
    collector.stop()?;
    let before = backend.api.integer("select count(*) from pganalytics_server where server = 'gone'").await?;
    collector.run()?;
    until("the server to be seen down after the collector's restart", PATIENCE, async || {
        let now = backend.api.integer("select count(*) from pganalytics_server where server = 'gone' and not up").await?;
        Ok((now > before).then_some(()))
    })
    .await?;
    let servers = backend.api.request(reqwest::Method::GET, "/api/v1/servers", None).await?;
    let gone =
        servers.as_array().and_then(|servers| servers.iter().find(|server| server["name"] == "gone")).context("the server in the list")?;
    assert_eq!(gone["up"], false);
    Ok(())
}

#[tokio::test]
async fn held_and_queued_locks_stop_no_reading_and_no_session_waits() -> Result<()> {
    for major in [MAJORS[0], MAJORS[4]] {
        let watched = Watched::start(major).await?;
        watched.postgres.execute("create table held (id int primary key, wide text); create table queued (id int primary key)").await?;
        let holder = begin(&watched.postgres, "postgres", "lock table held in access exclusive mode").await?;
        let reader = begin(&watched.postgres, "postgres", "select count(*) from queued").await?;
        let mut waiter = watched.postgres.connect().await?;
        let waiting =
            tokio::spawn(async move { execute(&mut waiter, "begin; lock table queued in access exclusive mode; rollback").await });
        let tables = "select count(distinct ts) from pg_stat_user_tables where server = 'db'";
        watched.rounds(4).await?;
        // The view of tables is still read each second.
        watched.postgres.execute("create table meanwhile (id int); insert into meanwhile select generate_series(1, 10)").await?;
        watched.rows_of("select 1 from pg_stat_user_tables where server = 'db' and relname = 'meanwhile' limit 1").await?;
        let sizes = watched.rows_of("select size from pg_stat_user_tables where relname = 'held' order by ts desc limit 1").await?;
        assert!(sizes[0][0].is_null() || sizes[0][0].is_number(), "{sizes:?}");
        assert!(watched.api().integer(tables).await? > 0);

        let mut session = watched.postgres.connect().await?;
        let ours: i64 = sqlx::query_scalar("select count(*) from pg_stat_activity where application_name like 'pganalytics%'")
            .fetch_one(&mut session)
            .await?;
        assert!((1..=2).contains(&ours), "the collector has {ours} sessions");
        let stuck: i64 = sqlx::query_scalar(
            "select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.application_name like 'pganalytics%'",
        )
        .fetch_one(&mut session)
        .await?;
        assert_eq!(stuck, 0, "the collector waits for a lock");
        nothing_failed(watched.api()).await?;
        drop((holder, reader));
        waiting.await??;
    }
    Ok(())
}

#[tokio::test]
async fn the_reason_why_a_server_cannot_be_read_is_in_its_history_and_in_doctor() -> Result<()> {
    let (closed, backend) = tokio::try_join!(Postgres::start_with(18, Options::default().scram()), Backend::start())?;
    closed.execute("create role watcher login password 'right'").await?;
    let targets = [
        ("wrong-password", closed.conninfo("watcher", Some("sesame-wrong"))),
        ("unknown-host", "postgres://postgres@no-such-host.invalid/postgres".to_owned()),
        ("no-database", closed.conninfo("postgres", None).replace("/postgres?", "/not_there?")),
    ];
    let collector = Collector::start(&backend, &targets).await?;
    let expected = [("wrong-password", "password"), ("unknown-host", "no-such-host.invalid"), ("no-database", "not_there")];
    for (server, word) in expected {
        let reason = down(&backend.api, server, word).await?;
        assert!(!reason.contains("sesame"), "{server}: the reason holds the password");
    }
    let doctor = collector.doctor()?;
    let printed = String::from_utf8_lossy(&doctor.stdout).into_owned() + &String::from_utf8_lossy(&doctor.stderr);
    assert!(!doctor.status.success(), "doctor found no problem: {printed}");
    for (server, word) in expected {
        assert!(printed.contains(server) && printed.contains(word), "doctor does not report {server}: {printed}");
    }
    assert!(!printed.contains("sesame"), "doctor shows the password: {printed}");
    assert!(!collector.log().contains("sesame"), "the log holds the password");
    Ok(())
}

#[tokio::test]
async fn doctor_names_the_grant_that_a_role_lacks_and_accepts_a_role_with_it() -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(15), Backend::start())?;
    postgres
        .execute("create extension pg_stat_statements; create role poor login; create role good login; grant pg_monitor to good")
        .await?;
    let poor = Collector::prepare(&backend, &[("db", postgres.conninfo("poor", None))]).await?;
    let doctor = poor.doctor()?;
    let printed = String::from_utf8_lossy(&doctor.stdout).into_owned() + &String::from_utf8_lossy(&doctor.stderr);
    assert!(printed.to_lowercase().contains("grant pg_monitor to"), "{printed}");
    assert!(printed.contains("poor"), "{printed}");

    let mut good = Collector::prepare(&backend, &[("db", postgres.conninfo("good", None))]).await?;
    let doctor = good.doctor()?;
    let printed = String::from_utf8_lossy(&doctor.stdout).into_owned() + &String::from_utf8_lossy(&doctor.stderr);
    assert!(doctor.status.success(), "{printed}");
    assert!(!printed.to_lowercase().contains("grant pg_monitor"), "{printed}");
    // Doctor is right: the role reads every view.
    good.run()?;
    rounds(&backend.api, "db", 2).await?;
    nothing_failed(&backend.api).await
}

#[tokio::test]
async fn a_password_in_a_statement_never_leaves_the_host() -> Result<()> {
    for major in MAJORS {
        let watched = Watched::start(major).await?;
        watched.postgres.execute("create role somebody login; create extension dblink; create table marker_of_the_round (id int)").await?;
        for statement in [
            "alter role somebody password 'sesame-1'",
            "create role other login password 'sesame-2'",
            "alter user somebody with encrypted password 'sesame-3' valid until 'infinity'",
            "create user mapping for somebody server nowhere options (user 'u', password 'sesame-4')",
            "do $$ begin perform dblink_connect('a', 'host=127.0.0.1 port=1 password=sesame-5'); exception when others then null; end $$",
        ] {
            // Some statements fail: there is no such server. PostgreSQL records the texts of those that got far enough.
            let _ = watched.postgres.execute(statement).await;
        }
        watched.postgres.execute("select count(*) as marker from marker_of_the_round").await?;
        watched.rows_of("select 1 from pg_stat_statements_text where query like '%marker_of_the_round%' limit 1").await?;
        watched.rounds(1).await?;
        let mut session = watched.postgres.connect().await?;
        let recorded: i64 =
            sqlx::query_scalar("select count(*) from pg_stat_statements where query like '%sesame%'").fetch_one(&mut session).await?;
        assert!(recorded > 0, "PostgreSQL {major} recorded no password, so this test proves nothing");
        let leaked = watched.api().sql("select query from pg_stat_statements_text where query like '%sesame%'").await?;
        assert!(leaked.is_empty(), "on {major}: {leaked:?}");
        let kept = watched.api().sql("select query from pg_stat_statements_text where lower(query) like 'alter role%'").await?;
        assert!(!kept.is_empty(), "the statement itself is missing");
    }
    Ok(())
}
