//! A pod where nothing answers yet: how long it counts as a server, and which answers show that it is not PostgreSQL.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use pganalytics_kubernetes::api::Pod;
use pganalytics_kubernetes::{Access, Client, Event};
use pganalytics_views::ViewSet;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempt::attempt;
use super::follow::QUEUE;
use super::found::{Found, Intended};
use super::known::{Discovery, Known};
use super::settle::RETRY_CAP;
use super::state::Speaks;
use crate::config::{KubernetesOptions, Watched};
use crate::connect::conninfo::SslMode;
use crate::find::kubernetes::pod::Facts;
use crate::find::kubernetes::recognise::{Recognised, recognise};
use crate::find::metrics::Metrics;
use crate::read::target::Common;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The first two waits, plus the delay of a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Discovery that never asks the API: the login is in the configuration.
fn discovery(registry: &mut Registry) -> Discovery {
    let mut options = KubernetesOptions::new(Watched::default());
    options.secrets = false;
    options.user = Some("monitor".into());
    options.sslmode = Some(SslMode::Disable);
    let url = "http://127.0.0.1:1".parse().expect("a URL");
    let client = Client::new(Access { url, token_file: "/nonexistent".into(), ca_file: None, namespace: None }).expect("a client");
    Discovery { options, client, taken: HashSet::new(), metrics: Arc::new(Metrics::register(registry)) }
}

fn pod(port: u16) -> Pod {
    let pod = json!({
        "metadata": {
            "name": "web-0", "namespace": "db", "uid": "u",
            "annotations": {"pganalytics.io/scrape": "true", "pganalytics.io/port": port.to_string()}
        },
        "spec": {"containers": [{"name": "web"}]},
        "status": {"phase": "Running", "podIP": LOOPBACK.to_string()}
    });
    serde_json::from_value(pod).expect("a pod")
}

/// A port where nothing listens.
async fn free() -> u16 {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Listens on a port and answers every connection with `words`, or closes it if `words` is empty, until the task is aborted.
async fn listen_and_say(port: u16, words: &'static [u8]) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind((LOOPBACK, port)).await.expect("listening");
    let port = listener.local_addr().expect("its address").port();
    let listening = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 8];
            let _ = stream.read_exact(&mut asked).await;
            let _ = stream.write_all(words).await;
        }
    });
    (port, listening)
}

/// Waits until the text of /metrics contains, or does not contain, a text.
async fn says(metrics: &Registry, text: &str, is_there: bool) {
    let shown = || {
        let mut shown = String::new();
        prometheus_client::encoding::text::encode(&mut shown, metrics).expect("a text");
        shown
    };
    let waiting = async {
        while shown().contains(text) != is_there {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{text} ({is_there})\n{}", shown());
}

#[tokio::test]
async fn a_silent_pod_becomes_a_target_and_a_pod_with_another_protocol_does_not() {
    let Discovery { options, client, .. } = discovery(&mut Registry::default());
    let (postgres, one) = listen_and_say(0, b"N").await;
    let (web, two) = listen_and_say(0, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let (silent, three) = listen_and_say(0, b"").await;
    let nobody = free().await;
    for (port, before, is_target, after, came_to) in [
        (nobody, Speaks::Nothing, false, Speaks::Nothing, "Login"),
        (nobody, Speaks::Nothing, true, Speaks::Nothing, "Nobody"),
        (nobody, Speaks::Other, false, Speaks::Other, "Nobody"),
        (postgres, Speaks::Nothing, true, Speaks::Postgresql, "Login"),
        (postgres, Speaks::Other, false, Speaks::Postgresql, "Login"),
        (web, Speaks::Nothing, false, Speaks::Other, "NotPostgresql(Other)"),
        (web, Speaks::Nothing, true, Speaks::Other, "NotPostgresql(Other)"),
        (silent, Speaks::Nothing, true, Speaks::Other, "NotPostgresql(Closed)"),
        // A pod that has answered as PostgreSQL is not asked again: only its login is read.
        (web, Speaks::Postgresql, true, Speaks::Postgresql, "Login"),
    ] {
        let pod = pod(port);
        let Recognised::Server(candidate) = recognise(&pod) else { panic!("a server") };
        let facts = Arc::new(Facts::new(&pod, &candidate, None, None));
        let intended = Intended { candidate: *candidate, address: Some(LOOPBACK), facts };
        let (speaks, outcome) = attempt(&client, &options, &intended, LOOPBACK, before, is_target).await;
        assert_eq!(speaks, after, "{before:?} {is_target} {outcome:?}");
        assert!(format!("{outcome:?}").starts_with(came_to), "{before:?} {is_target} {outcome:?}");
    }
    [one, two, three].iter().for_each(tokio::task::JoinHandle::abort);
}

#[test]
fn retries_become_rarer_up_to_a_longest_wait() {
    let mut found = Found::new(0, "u".into(), "db/web-0".into(), None, None);
    let mut waits = Vec::new();
    for _ in 0..40 {
        found.wait(RETRY_CAP);
        waits.push(found.next.expect("a plan").duration_since(Instant::now()));
    }
    assert!(waits[0] > Duration::from_secs(1) && waits[0] <= Duration::from_secs(2), "{waits:?}");
    assert!(waits[5..].iter().all(|wait| (RETRY_CAP / 2..=RETRY_CAP).contains(wait)), "{waits:?}");
}

#[tokio::test]
async fn a_pod_found_before_it_listens_is_a_target_until_it_speaks_another_protocol() {
    let mut metrics = Registry::default();
    let discovery = discovery(&mut metrics);
    let read = Arc::new(crate::read::metrics::Metrics::register(&mut metrics));
    let views = ViewSet::builtin().expect("views").iter().cloned().collect();
    let common = Common { collector: "c".into(), views, gather: Arc::default(), metrics: read };
    let stop = CancellationToken::new();
    let (events, heard) = mpsc::channel(QUEUE);
    let following = tokio::spawn(Known::new(discovery, Arc::new(common), stop.clone()).follow(heard));
    let port = free().await;
    events.send((0, Ok(Event::Applied(Box::new(pod(port)))))).await.expect("received");
    says(&metrics, "kubernetes_pods{state=\"watched\"} 1", true).await;
    says(&metrics, "target_up{server=\"db/web-0\"} 0", true).await;

    let (_, web) = listen_and_say(port, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    says(&metrics, "kubernetes_pods{state=\"not_postgresql\"} 1", true).await;
    says(&metrics, "target_up{server=\"db/web-0\"}", false).await;
    web.abort();

    stop.cancel();
    tokio::time::timeout(PATIENCE, following).await.expect("an end").expect("no panic");
}
