//! Starts attempts to reach pods when they are due, and handles their results.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Attempt, Outcome, attempt};
use super::found::{Found, Running};
use super::known::Known;
use super::state::{Speaks, State};
use crate::find::kubernetes::credentials::{Missing, Resolved};
use crate::find::kubernetes::handshake::Answer;
use crate::find::kubernetes::log::LogOfPod;
use crate::find::kubernetes::pod::PodHost;
use crate::read::target::{self, Link};

/// The most servers of one collector. Each server has two connections and its own baselines.
const MAX_SERVERS: usize = 500;
/// The longest wait between attempts: a Secret that is created later is found within a minute.
pub(super) const RETRY_CAP: Duration = Duration::from_secs(60);
/// The longest wait for a pod that does not answer as PostgreSQL, which rarely changes.
const RETRY_OTHER_CAP: Duration = Duration::from_secs(600);
/// How often a login is read again although no server has refused it.
const REREAD: Duration = Duration::from_secs(300);

impl Known {
    /// Starts the attempts that are due.
    pub(super) fn begin_attempts(&mut self) {
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
                found.set_state(&key, state, why);
                continue;
            }
            let Some(intended) = found.intended.clone() else { continue };
            let Some(address) = intended.address else {
                found.set_state(&key, State::Waiting, String::new());
                continue;
            };
            found.attempt_under_way = true;
            found.last_attempt = Some(now);
            let (client, options) = (Arc::clone(&self.client), Arc::clone(&self.options));
            let (uid, speaks, is_target) = (found.uid.clone(), found.speaks(), found.running.is_some());
            self.attempts.spawn(async move {
                let (speaks, outcome) = attempt(&client, &options, &intended, address, speaks, is_target).await;
                Attempt { key, uid, intended, speaks, outcome }
            });
        }
    }

    /// Returns why a pod may not be a target at all.
    fn refusal(&self, key: &str) -> Option<(State, String)> {
        let found = self.pods.get(key)?;
        if found.running.is_some() {
            return None;
        }
        if self.taken.contains(&found.server) {
            return Some((
                State::Duplicate,
                format!("a target in the configuration file has the name {} already: rename that target", found.server),
            ));
        }
        // Of several pods with one server name, the pod with a running target wins, else the oldest.
        let rank = |key: &str, found: &Found| (found.running.is_none(), found.created.clone(), key.to_owned());
        let rivals = self.pods.iter().filter(|(_, other)| other.server == found.server && other.intended.is_some());
        let first = rivals.min_by_key(|(key, other)| rank(key, other));
        if let Some((first, _)) = first
            && first != key
        {
            return Some((
                State::Duplicate,
                format!("pod {first} is already read as {}; this pod is read when that pod is gone", found.server),
            ));
        }
        let running = self.pods.values().filter(|found| found.running.is_some() || found.attempt_under_way).count();
        (running >= MAX_SERVERS).then(|| {
            (State::TooMany, format!("{MAX_SERVERS} servers, the maximum, are read already: let another collector watch some of them"))
        })
    }

    /// Handles a finished attempt.
    pub(super) fn settle(&mut self, attempt: Attempt) {
        let Attempt { key, uid, intended, speaks, outcome } = attempt;
        let Some(found) = self.pods.get_mut(&key).filter(|found| found.uid == uid) else { return };
        found.attempt_under_way = false;
        if found.intended.as_ref().is_none_or(|now| !now.reaches_as(&intended)) {
            // The pod has changed since the attempt began. If the pod is still a server, it is tried again at once.
            if found.intended.is_some() {
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
                let what = if answer == Answer::Closed { "closes the connection without an answer" } else { "speaks another protocol" };
                let why = format!(
                    "the service on port {} is not PostgreSQL (it {what}): correct the pod's labels, or the port in pganalytics.io/port",
                    intended.candidate.port
                );
                // The pod may have a target, because nothing answered at first and the server was taken to be down.
                found.halt();
                found.fail(&key, State::NotPostgresql, why, RETRY_OTHER_CAP);
            }
        }
    }

    /// A login was found: the running target takes it, or a new target starts with it.
    fn take(&mut self, key: &str, resolved: Resolved) {
        let Some(found) = self.pods.get_mut(key) else { return };
        let Some(facts) = found.intended.as_ref().map(|intended| Arc::clone(&intended.facts)) else { return };
        found.failures = 0;
        match found.speaks() {
            Speaks::Postgresql => found.next = Some(Instant::now() + REREAD.mul_f64(0.9 + 0.2 * rand::random::<f64>())),
            Speaks::Nothing | Speaks::Other => found.wait(RETRY_CAP),
        }
        if let Some(caution) = &resolved.caution
            && found.last_reported != *caution
        {
            tracing::warn!(server = found.server, "{caution}");
            found.last_reported.clone_from(caution);
        }
        found.state = State::Watched;
        if let Some(running) = &found.running {
            if running.link.replace(resolved.conninfo) {
                tracing::info!(server = found.server, login.from = resolved.from, "the server's login has changed; the new login is used");
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
        let pod = PodHost::new(facts);
        let log = found.log.clone().map(|log| LogOfPod::shared(log, Arc::clone(&pod)));
        let link = Link::found(resolved.conninfo.clone(), Arc::clone(&self.bell), pod.clone(), log);
        let options = self.options.target(found.server.clone(), resolved.conninfo);
        let stop = self.stop.child_token();
        let (name, common, token) = (found.server.clone(), Arc::clone(&self.common), stop.clone());
        found.running = Some(Running { link: Arc::clone(&link), pod, stop });
        self.targets.spawn(async move {
            target::run(options, link, common, token).await;
            name
        });
    }
}
