//! Keeps the targets in step with the pods.
//!
//! # How
//! One task a watched collection hands what it hears to a single loop, which alone knows the pods and owns the targets. What takes time
//! (Secrets, the handshake) is done beside it, one attempt a pod at a time; when it comes back, the loop looks whether the pod is still the
//! one that was meant.
//!
//! A pod's attempt that failed is made again later, longer each time; one that succeeded is made again every few minutes where its login
//! can change, and at once where the server refuses it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pganalytics_kubernetes::api::Pod;
use pganalytics_kubernetes::{Access, ApiError, Client, Event, Scope, Watch};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::credentials::{self, Missing, Resolved};
use super::handshake;
use super::pod::Facts;
use super::recognise::{Candidate, Recognised, recognise, server_name, status_of};
use super::rights::READ_PODS;
use crate::config::KubernetesOptions;
use crate::target::link::Link;
use crate::target::{self, Common};

/// More servers than this are not one collector's work: each has two connections and its own baselines.
const MAX_SERVERS: usize = 500;
/// Events that wait while the loop is busy; the watches wait with them.
const QUEUE: usize = 64;
/// The wait after an attempt that failed; it doubles with each.
const RETRY: Duration = Duration::from_secs(2);
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

/// What became of a pod, as /metrics counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum State {
    /// It is a target.
    Watched,
    /// It has no address yet, or its first attempt is under way, or the API did not answer.
    Waiting,
    NoCredentials,
    NoRight,
    NotPostgresql,
    /// Its annotations cannot be followed.
    Wrong,
    /// A pooler, or one that asked for it.
    LeftOut,
    /// Another pod, or a target of the configuration, has its name.
    Duplicate,
    TooMany,
}

impl State {
    pub(crate) const ALL: [Self; 9] = [
        Self::Watched,
        Self::Waiting,
        Self::NoCredentials,
        Self::NoRight,
        Self::NotPostgresql,
        Self::Wrong,
        Self::LeftOut,
        Self::Duplicate,
        Self::TooMany,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::Waiting => "waiting",
            Self::NoCredentials => "no_credentials",
            Self::NoRight => "no_right",
            Self::NotPostgresql => "not_postgresql",
            Self::Wrong => "wrong_annotation",
            Self::LeftOut => "left_out",
            Self::Duplicate => "duplicate",
            Self::TooMany => "too_many",
        }
    }
}

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
    let Discovery { options, client, taken } = discovery;
    let client = Arc::new(client);
    let (events, heard) = mpsc::channel(QUEUE);
    let mut watches = JoinSet::new();
    for (at, scope) in scopes(&options).into_iter().enumerate() {
        watches.spawn(listen(at, Watch::new(Arc::clone(&client), scope), events.clone()));
    }
    drop(events);
    let known = Known {
        scopes: scopes(&options),
        failing: HashMap::new(),
        options: Arc::new(options),
        client,
        taken,
        common,
        stop,
        bell: Arc::default(),
        pods: BTreeMap::new(),
        attempts: JoinSet::new(),
        targets: JoinSet::new(),
    };
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

/// One pod that is about PostgreSQL.
#[derive(Debug)]
struct Found {
    scope: usize,
    uid: String,
    server: String,
    created: Option<String>,
    /// `None` where it is only counted.
    meant: Option<Meant>,
    state: State,
    /// What was said about it last.
    said: String,
    attempt_under_way: bool,
    failures: u32,
    next: Option<Instant>,
    last_attempt: Option<Instant>,
    running: Option<Running>,
}

/// What is to be reached.
#[derive(Debug, Clone, PartialEq)]
struct Meant {
    candidate: Candidate,
    address: Option<IpAddr>,
    facts: Arc<Facts>,
}

#[derive(Debug)]
struct Running {
    link: Arc<Link>,
    stop: CancellationToken,
}

/// What an attempt came to.
#[derive(Debug)]
enum Outcome {
    Login(Box<Resolved>),
    Missing(Missing),
    NotPostgresql(handshake::Answer),
}

struct Attempt {
    key: String,
    uid: String,
    meant: Meant,
    outcome: Outcome,
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
}

impl Known {
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
        let found = self.pods.entry(key.clone()).or_insert_with(|| Found {
            scope: at,
            uid,
            server,
            created,
            meant: None,
            state: State::Waiting,
            said: String::new(),
            attempt_under_way: false,
            failures: 0,
            next: None,
            last_attempt: None,
            running: None,
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
            let (uid, is_running) = (found.uid.clone(), found.running.is_some());
            self.attempts.spawn(async move {
                let outcome = attempt(&client, &options, &meant, address, is_running).await;
                Attempt { key, uid, meant, outcome }
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
        let Attempt { key, uid, meant, outcome } = attempt;
        let Some(found) = self.pods.get_mut(&key).filter(|found| found.uid == uid) else { return };
        found.attempt_under_way = false;
        if found.meant.as_ref().is_none_or(|now| !now.reaches_as(&meant)) {
            // It was about what no longer is; what is has a plan already, or is only counted.
            if found.meant.is_some() {
                found.next = Some(Instant::now());
            }
            return;
        }
        let facts = found.meant.as_ref().map_or(meant.facts, |now| Arc::clone(&now.facts));
        match outcome {
            Outcome::Login(resolved) => {
                found.failures = 0;
                found.next = Some(Instant::now() + REREAD.mul_f64(0.9 + 0.2 * rand::random::<f64>()));
                if let Some(caution) = &resolved.caution
                    && found.said != *caution
                {
                    tracing::warn!(server = found.server, "{caution}");
                    found.said.clone_from(caution);
                }
                found.state = State::Watched;
                match &found.running {
                    Some(running) => {
                        if running.link.replace(resolved.conninfo) {
                            tracing::info!(
                                server = found.server,
                                login.from = resolved.from,
                                "the server's login has changed and is taken"
                            );
                        }
                    }
                    None => {
                        tracing::info!(
                            server = found.server,
                            operator = facts.operator,
                            cluster = facts.cluster,
                            pod.ip = %resolved.conninfo.server_name(),
                            login.from = resolved.from,
                            "found a PostgreSQL server"
                        );
                        let link = Link::of_pod(resolved.conninfo.clone(), facts, Arc::clone(&self.bell));
                        let options = self.options.target(found.server.clone(), resolved.conninfo);
                        let stop = self.stop.child_token();
                        let (name, common, token) = (found.server.clone(), Arc::clone(&self.common), stop.clone());
                        found.running = Some(Running { link: Arc::clone(&link), stop });
                        self.targets.spawn(async move {
                            target::run(options, link, common, token).await;
                            name
                        });
                    }
                }
            }
            Outcome::Missing(missing) => {
                let (state, why) = match missing {
                    Missing::Credentials(why) => (State::NoCredentials, why),
                    Missing::Right(why) => (State::NoRight, why),
                    Missing::Answer(why) => (State::Waiting, why),
                };
                found.fail(&key, state, why, RETRY_CAP);
            }
            Outcome::NotPostgresql(answer) => {
                let what =
                    if answer == handshake::Answer::Closed { "closes the connection without a word" } else { "speaks something else" };
                let why = format!(
                    "what listens on port {} is no PostgreSQL (it {what}): correct the pod's labels, or the port in pganalytics.io/port",
                    meant.candidate.port
                );
                found.fail(&key, State::NotPostgresql, why, RETRY_OTHER_CAP);
            }
        }
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

impl Meant {
    /// Whether another is reached in the same way.
    fn reaches_as(&self, other: &Self) -> bool {
        // A failover changes the role, and nothing about the way in.
        let way = |candidate: &Candidate| Candidate { role: None, ..candidate.clone() };
        self.address == other.address && way(&self.candidate) == way(&other.candidate)
    }
}

impl Found {
    /// Stops its target, if one runs.
    fn halt(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.cancel();
        }
    }

    /// What it is now, said once.
    fn tell(&mut self, key: &str, state: State, why: String) {
        self.state = state;
        if self.said == why {
            return;
        }
        match state {
            State::LeftOut => tracing::debug!(pod = key, why, "a pod is left out"),
            _ if why.is_empty() => {}
            _ => tracing::warn!(pod = key, state = state.name(), why, "a pod that should be a server is not read"),
        }
        self.said = why;
    }

    /// An attempt failed. A target that runs goes on with what it has.
    fn fail(&mut self, key: &str, state: State, why: String, cap: Duration) {
        let wait = RETRY.saturating_mul(2_u32.saturating_pow(self.failures)).min(cap);
        self.failures = self.failures.saturating_add(1);
        self.next = Some(Instant::now() + wait.mul_f64(0.75 + rand::random::<f64>() / 4.0));
        match self.running {
            Some(_) if self.said == why => {}
            Some(_) => {
                tracing::warn!(server = self.server, why, "the server's login cannot be read again; the last one is used");
                self.said = why;
            }
            None => self.tell(key, state, why),
        }
    }
}

async fn attempt(client: &Client, options: &KubernetesOptions, meant: &Meant, address: IpAddr, is_running: bool) -> Outcome {
    if !is_running {
        // A server that nobody answers for may be starting: as a target it is seen as down.
        match handshake::ask(SocketAddr::new(address, meant.candidate.port)).await {
            handshake::Answer::PostgreSql | handshake::Answer::Nobody => {}
            answer => return Outcome::NotPostgresql(answer),
        }
    }
    match credentials::resolve(client, options, &meant.facts.namespace, address, &meant.candidate).await {
        Ok(resolved) => Outcome::Login(Box::new(resolved)),
        Err(missing) => Outcome::Missing(missing),
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
