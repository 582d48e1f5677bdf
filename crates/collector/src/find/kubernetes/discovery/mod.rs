//! Keeps the targets in step with the pods.
//!
//! # How
//! One task a watched collection hands what it hears to a single loop, which alone knows the pods and owns the targets. What takes time
//! (Secrets, the handshake) is done beside it, one attempt a pod at a time; when it comes back, the loop looks whether the pod is still the
//! one that was meant.
//!
//! A pod's attempt that failed is made again later, longer each time; one that succeeded is made again every few minutes where its login
//! can change, and at once where the server refuses it. A pod where nobody listened yet is a target too, since a server that is down is to be
//! seen; it is asked again what it speaks until it has said so, and one that is no PostgreSQL is a target no more ([`attempt`]).
//!
//! What is known of one pod is in [`found`].

mod attempt;
mod found;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use pganalytics_kubernetes::api::Pod;
use pganalytics_kubernetes::{Access, ApiError, Client, Event, Scope, Watch};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::credentials::{self, Missing, Resolved};
use super::handshake::Answer;
use super::log::PodLog;
use super::pod::Facts;
use super::recognise::{Candidate, Recognised, recognise, server_name, status_of};
use super::rights::READ_PODS;
use crate::config::KubernetesOptions;
use crate::read::target::link::Link;
use crate::read::target::{self, Common};
use attempt::{Attempt, Outcome, attempt};
use found::{Found, Meant, Running, Speaks, State};

/// More servers than this are not one collector's work: each has two connections and its own baselines.
const MAX_SERVERS: usize = 500;
/// Events that wait while the loop is busy; the watches wait with them.
const QUEUE: usize = 64;
/// A Secret that is made later is found within a minute.
const RETRY_CAP: Duration = Duration::from_secs(60);
/// What speaks something else than PostgreSQL seldom changes its mind.
const RETRY_OTHER_CAP: Duration = Duration::from_secs(600);
/// How often a login is looked at again that nobody has refused.
const REREAD: Duration = Duration::from_secs(300);
/// A server that refuses the login over and over does not make us ask the API over and over.
const REREAD_REFUSED: Duration = Duration::from_secs(5);
/// Where nothing is planned.
const IDLE: Duration = Duration::from_secs(3_600);

/// What discovery works with.
#[derive(Debug)]
pub(crate) struct Discovery {
    pub options: KubernetesOptions,
    pub client: Client,
    /// Names of the configuration's own targets.
    pub taken: HashSet<String>,
}

/// The API's client.
///
/// # Errors
/// Where this is no pod and nothing else names the API, or its files cannot be read.
pub(crate) fn client(options: &KubernetesOptions) -> anyhow::Result<Client> {
    let access = match &options.access {
        Some(access) => access.clone(),
        None => Access::of_pod().context("[kubernetes]")?,
    };
    Client::new(access).context("[kubernetes]")
}

/// The collections that are watched.
pub(crate) fn scopes(options: &KubernetesOptions) -> Vec<Scope> {
    let fields = options.watched.node.as_ref().map(|node| format!("spec.nodeName={node}"));
    match &options.watched.namespaces {
        None => vec![Scope { namespace: None, fields }],
        Some(names) => names.iter().map(|name| Scope { namespace: Some(name.clone()), fields: fields.clone() }).collect(),
    }
}

/// The way in to one pod's server, for `doctor`.
///
/// # Errors
/// Why there is none.
pub(crate) async fn login_of(
    client: &Client,
    options: &KubernetesOptions,
    pod: &Pod,
    candidate: &Candidate,
) -> Result<(crate::TargetOptions, String, Option<String>), String> {
    let address = address(pod).ok_or("it has no address yet")?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    match credentials::resolve(client, options, namespace, address, candidate).await {
        Ok(resolved) => Ok((options.target(server_name(pod), resolved.conninfo), resolved.from, resolved.caution)),
        Err(Missing::Credentials(why) | Missing::Right(why) | Missing::Answer(why)) => Err(why),
    }
}

/// Finds servers and keeps them as targets until told to stop.
pub(crate) async fn run(discovery: Discovery, common: Arc<Common>, stop: CancellationToken) {
    let known = Known::new(discovery, common, stop);
    let (events, heard) = mpsc::channel(QUEUE);
    let mut watches = JoinSet::new();
    for (at, scope) in known.scopes.iter().enumerate() {
        watches.spawn(listen(at, Watch::new(Arc::clone(&known.client), scope.clone()), events.clone()));
    }
    drop(events);
    Box::pin(known.follow(heard)).await;
}

/// Hands on what a watch tells.
async fn listen(at: usize, mut watch: Watch<Pod>, events: mpsc::Sender<(usize, Result<Event<Pod>, ApiError>)>) {
    loop {
        let event = watch.next().await;
        if events.send((at, event)).await.is_err() {
            return;
        }
    }
}

struct Known {
    scopes: Vec<Scope>,
    /// What each watch that fails said last.
    failing: HashMap<usize, String>,
    options: Arc<KubernetesOptions>,
    client: Arc<Client>,
    taken: HashSet<String>,
    common: Arc<Common>,
    stop: CancellationToken,
    /// Rung by a target whose login was refused.
    bell: Arc<Notify>,
    pods: BTreeMap<String, Found>,
    attempts: JoinSet<Attempt>,
    /// Each ends with its server's name.
    targets: JoinSet<String>,
    began: DateTime<Utc>,
}

impl Known {
    fn new(discovery: Discovery, common: Arc<Common>, stop: CancellationToken) -> Self {
        let Discovery { options, client, taken } = discovery;
        Self {
            scopes: scopes(&options),
            failing: HashMap::new(),
            options: Arc::new(options),
            client: Arc::new(client),
            taken,
            common,
            stop,
            bell: Arc::default(),
            pods: BTreeMap::new(),
            attempts: JoinSet::new(),
            targets: JoinSet::new(),
            began: Utc::now(),
        }
    }

    async fn follow(mut self, mut heard: mpsc::Receiver<(usize, Result<Event<Pod>, ApiError>)>) {
        let bell = Arc::clone(&self.bell);
        loop {
            let next = self.pods.values().filter_map(|found| found.next).min().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                () = self.stop.cancelled() => break,
                event = heard.recv() => match event {
                    Some((at, event)) => self.hear(at, event),
                    None => break,
                },
                Some(attempt) = self.attempts.join_next() => match attempt {
                    Ok(attempt) => self.settle(attempt),
                    Err(error) => tracing::error!(%error, "an attempt to reach a discovered server ended in a defect"),
                },
                Some(ended) = self.targets.join_next() => self.ended(ended),
                () = bell.notified() => self.login_refused(),
                () = tokio::time::sleep_until(next) => {}
            }
            self.begin_attempts();
            self.count();
        }
        // Targets end by the same token; each hands on what it has.
        while self.targets.join_next().await.is_some() {}
    }

    fn hear(&mut self, at: usize, event: Result<Event<Pod>, ApiError>) {
        let place = self.scopes.get(at).map(place).unwrap_or_default();
        match event {
            Err(error) => {
                let text = error.to_string();
                self.common.metrics.kubernetes_watch(&place, false);
                if self.failing.get(&at) != Some(&text) {
                    let remedy = if matches!(error, ApiError::Forbidden { .. }) { READ_PODS } else { "it is tried again" };
                    tracing::warn!(watched = place, error = text, remedy, "pods cannot be watched; what was found is read on");
                    self.failing.insert(at, text);
                }
                return;
            }
            Ok(Event::Listed(pods)) => {
                let there: HashSet<String> = pods.iter().map(key).collect();
                let gone: Vec<String> = self
                    .pods
                    .iter()
                    .filter(|(key, found)| found.scope == at && !there.contains(*key))
                    .map(|(key, _)| key.clone())
                    .collect();
                gone.iter().for_each(|key| self.forget(key, None));
                pods.iter().for_each(|pod| self.look(at, pod));
            }
            Ok(Event::Applied(pod)) => self.look(at, &pod),
            Ok(Event::Deleted(pod)) => self.forget(&key(&pod), pod.metadata.uid.as_deref()),
        }
        self.common.metrics.kubernetes_watch(&place, true);
        if self.failing.remove(&at).is_some() {
            tracing::info!(watched = place, "pods are watched again");
        }
    }

    /// A pod as it is now.
    fn look(&mut self, at: usize, pod: &Pod) {
        let (key, uid) = (key(pod), pod.metadata.uid.clone().unwrap_or_default());
        if self.pods.get(&key).is_some_and(|found| found.uid != uid) {
            // Another pod of the same name: its end was missed.
            self.forget(&key, None);
        }
        let ended =
            pod.status.as_ref().and_then(|status| status.phase.as_deref()).is_some_and(|phase| matches!(phase, "Succeeded" | "Failed"));
        let (meant, state, why) = match recognise(pod) {
            Recognised::No => return self.forget(&key, None),
            _ if ended => return self.forget(&key, None),
            Recognised::LeftOut(why) => (None, State::LeftOut, why.to_owned()),
            Recognised::Wrong(why) => (None, State::Wrong, why),
            Recognised::Server(candidate) => {
                let facts = Facts::new(pod, &candidate, self.options.cgroups.as_deref(), self.options.volumes.as_deref());
                let meant = Meant { candidate: *candidate, address: address(pod), facts: Arc::new(facts) };
                (Some(meant), State::Waiting, String::new())
            }
        };
        let server = server_name(pod);
        let created = pod.metadata.creation_timestamp.clone();
        let found = self.pods.entry(key.clone()).or_insert_with(|| {
            // Lines of before this collector have been read by another, or by nobody.
            let log = self.options.logs.then(|| Arc::new(PodLog::new(Arc::clone(&self.client), self.began)));
            Found::new(at, uid, server, created, log)
        });
        let Some(meant) = meant else {
            found.halt();
            found.meant = None;
            found.next = None;
            return found.tell(&key, state, why);
        };
        let same_way = found.meant.as_ref().is_some_and(|before| before.reaches_as(&meant));
        let started = started(pod, &meant.candidate);
        if let Some(running) = &found.running {
            running.link.set_pod(Arc::clone(&meant.facts));
        }
        found.meant = Some(meant);
        if !same_way {
            // Another address is another way in; whoever listened at the old one is gone.
            found.halt();
            found.failures = 0;
            found.speaks = Speaks::Nothing;
            found.state = State::Waiting;
            found.next = Some(Instant::now());
        } else if found.running.is_none() && started && found.state == State::Waiting && found.next.is_some() {
            found.next = Some(Instant::now());
        }
    }

    /// A pod is gone; of this uid, if one is named.
    fn forget(&mut self, key: &str, uid: Option<&str>) {
        if self.pods.get(key).is_none_or(|found| uid.is_some_and(|uid| found.uid != uid)) {
            return;
        }
        let Some(mut found) = self.pods.remove(key) else { return };
        if found.running.is_some() {
            tracing::info!(server = found.server, "the server's pod is gone; it is read no more");
        }
        found.halt();
        // Whoever waited for the name may have it.
        let waiting = self.pods.values_mut().filter(|other| other.server == found.server && other.state == State::Duplicate);
        waiting.for_each(|other| other.next = Some(Instant::now()));
    }

    /// Begins what is due.
    fn begin_attempts(&mut self) {
        let now = Instant::now();
        let due: Vec<String> = self
            .pods
            .iter()
            .filter(|(_, found)| !found.attempt_under_way && found.next.is_some_and(|next| next <= now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            let refusal = self.refusal(&key);
            let Some(found) = self.pods.get_mut(&key) else { continue };
            found.next = None;
            if let Some((state, why)) = refusal {
                found.tell(&key, state, why);
                continue;
            }
            let Some(meant) = found.meant.clone() else { continue };
            let Some(address) = meant.address else {
                found.tell(&key, State::Waiting, String::new());
                continue;
            };
            found.attempt_under_way = true;
            found.last_attempt = Some(now);
            let (client, options) = (Arc::clone(&self.client), Arc::clone(&self.options));
            let (uid, speaks, is_target) = (found.uid.clone(), found.speaks(), found.running.is_some());
            self.attempts.spawn(async move {
                let (speaks, outcome) = attempt(&client, &options, &meant, address, speaks, is_target).await;
                Attempt { key, uid, meant, speaks, outcome }
            });
        }
    }

    /// Why a pod may not be a target at all.
    fn refusal(&self, key: &str) -> Option<(State, String)> {
        let found = self.pods.get(key)?;
        if found.running.is_some() {
            return None;
        }
        if self.taken.contains(&found.server) {
            return Some((State::Duplicate, format!("a target of the configuration is called {} already: rename that one", found.server)));
        }
        // Of several the one that runs, else the oldest.
        let rank = |key: &str, found: &Found| (found.running.is_none(), found.created.clone(), key.to_owned());
        let rivals = self.pods.iter().filter(|(_, other)| other.server == found.server && other.meant.is_some());
        let first = rivals.min_by_key(|(key, other)| rank(key, other));
        if let Some((first, _)) = first
            && first != key
        {
            return Some((State::Duplicate, format!("pod {first} is {} already; this one follows when that is gone", found.server)));
        }
        let running = self.pods.values().filter(|found| found.running.is_some() || found.attempt_under_way).count();
        (running >= MAX_SERVERS)
            .then(|| (State::TooMany, format!("{MAX_SERVERS} servers are read already: let another collector watch some")))
    }

    /// An attempt came back.
    fn settle(&mut self, attempt: Attempt) {
        let Attempt { key, uid, meant, speaks, outcome } = attempt;
        let Some(found) = self.pods.get_mut(&key).filter(|found| found.uid == uid) else { return };
        found.attempt_under_way = false;
        if found.meant.as_ref().is_none_or(|now| !now.reaches_as(&meant)) {
            // It was about what no longer is; what is has a plan already, or is only counted.
            if found.meant.is_some() {
                found.next = Some(Instant::now());
            }
            return;
        }
        found.speaks = speaks;
        match outcome {
            Outcome::Login(resolved) => self.take(&key, *resolved),
            Outcome::Missing(missing) => {
                let (state, why) = match missing {
                    Missing::Credentials(why) => (State::NoCredentials, why),
                    Missing::Right(why) => (State::NoRight, why),
                    Missing::Answer(why) => (State::Waiting, why),
                };
                found.fail(&key, state, why, RETRY_CAP);
            }
            Outcome::Nobody => found.wait(if found.running.is_some() { RETRY_CAP } else { RETRY_OTHER_CAP }),
            Outcome::NotPostgresql(answer) => {
                let what = if answer == Answer::Closed { "closes the connection without a word" } else { "speaks something else" };
                let why = format!(
                    "what listens on port {} is no PostgreSQL (it {what}): correct the pod's labels, or the port in pganalytics.io/port",
                    meant.candidate.port
                );
                // Where nobody listened before, it was taken for a server that is down.
                found.halt();
                found.fail(&key, State::NotPostgresql, why, RETRY_OTHER_CAP);
            }
        }
    }

    /// There is a way in: a target takes it, or begins with it.
    fn take(&mut self, key: &str, resolved: Resolved) {
        let Some(found) = self.pods.get_mut(key) else { return };
        let Some(facts) = found.meant.as_ref().map(|meant| Arc::clone(&meant.facts)) else { return };
        found.failures = 0;
        match found.speaks() {
            Speaks::Postgresql => found.next = Some(Instant::now() + REREAD.mul_f64(0.9 + 0.2 * rand::random::<f64>())),
            Speaks::Nothing | Speaks::Other => found.wait(RETRY_CAP),
        }
        if let Some(caution) = &resolved.caution
            && found.said != *caution
        {
            tracing::warn!(server = found.server, "{caution}");
            found.said.clone_from(caution);
        }
        found.state = State::Watched;
        if let Some(running) = &found.running {
            if running.link.replace(resolved.conninfo) {
                tracing::info!(server = found.server, login.from = resolved.from, "the server's login has changed and is taken");
            }
            return;
        }
        tracing::info!(
            server = found.server,
            operator = facts.operator,
            cluster = facts.cluster,
            pod.ip = %resolved.conninfo.server_name(),
            login.from = resolved.from,
            "found a PostgreSQL server"
        );
        let link = Link::of_pod(resolved.conninfo.clone(), facts, Arc::clone(&self.bell), found.log.clone());
        let options = self.options.target(found.server.clone(), resolved.conninfo);
        let stop = self.stop.child_token();
        let (name, common, token) = (found.server.clone(), Arc::clone(&self.common), stop.clone());
        found.running = Some(Running { link: Arc::clone(&link), stop });
        self.targets.spawn(async move {
            target::run(options, link, common, token).await;
            name
        });
    }

    /// Some server does not take its login: it is looked at again.
    fn login_refused(&mut self) {
        for found in self.pods.values_mut() {
            if found.running.as_ref().is_some_and(|running| running.link.was_refused()) {
                let earliest = found.last_attempt.map_or_else(Instant::now, |last| last + REREAD_REFUSED);
                found.next = Some(found.next.map_or(earliest, |next| next.min(earliest)));
            }
        }
    }

    /// A target's task has ended.
    fn ended(&mut self, ended: Result<String, tokio::task::JoinError>) {
        if let Ok(server) = ended
            && !self.pods.values().any(|found| found.server == server && found.running.is_some())
        {
            self.common.metrics.forget(&server, &self.common.views);
        }
    }

    fn count(&self) {
        for state in State::ALL {
            let count = self.pods.values().filter(|found| found.state == state).count();
            self.common.metrics.kubernetes_pods(state.name(), count);
        }
        // What should be read and is not, is a server that does not answer.
        let meant = self.pods.values().filter(|found| found.state != State::LeftOut).count();
        self.common.metrics.expect(self.taken.len() + meant);
    }
}

fn key(pod: &Pod) -> String {
    format!("{}/{}", pod.metadata.namespace.as_deref().unwrap_or_default(), pod.metadata.name.as_deref().unwrap_or_default())
}

fn address(pod: &Pod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

/// Whether the server's container runs.
fn started(pod: &Pod, candidate: &Candidate) -> bool {
    status_of(pod, candidate.container.as_deref()).is_some_and(|status| status.started == Some(true) || status.ready)
}

fn place(scope: &Scope) -> String {
    scope.namespace.clone().or_else(|| scope.fields.clone()).unwrap_or_else(|| "all".into())
}
