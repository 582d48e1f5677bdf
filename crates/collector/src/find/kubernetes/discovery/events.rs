//! Handles the events of a watch: pods that exist, pods that changed, pods that are gone.

use std::collections::HashSet;
use std::sync::Arc;

use pganalytics_kubernetes::api::Pod;
use pganalytics_kubernetes::{ApiError, Event};
use tokio::time::Instant;

use super::found::{Found, Intended};
use super::known::Known;
use super::state::{Speaks, State};
use crate::find::kubernetes::access::place;
use crate::find::kubernetes::log::PodLog;
use crate::find::kubernetes::pod::Facts;
use crate::find::kubernetes::recognise::{Recognised, address, key, recognise, server_name, started};
use crate::find::kubernetes::rights::READ_PODS;

impl Known {
    pub(super) fn handle_event(&mut self, at: usize, event: Result<Event<Pod>, ApiError>) {
        let place = self.scopes.get(at).map(place).unwrap_or_default();
        match event {
            Err(error) => {
                let text = error.to_string();
                self.metrics.kubernetes_watch(&place, false);
                if self.failing.get(&at) != Some(&text) {
                    let remedy = if matches!(error, ApiError::Forbidden { .. }) { READ_PODS } else { "retries automatically" };
                    tracing::warn!(
                        watched = place,
                        error = text,
                        remedy,
                        "pods cannot be watched; servers that were found before are still read"
                    );
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
        self.metrics.kubernetes_watch(&place, true);
        if self.failing.remove(&at).is_some() {
            tracing::info!(watched = place, "pods are watched again");
        }
    }

    /// Handles the current state of a pod.
    fn look(&mut self, at: usize, pod: &Pod) {
        let (key, uid) = (key(pod), pod.metadata.uid.clone().unwrap_or_default());
        if self.pods.get(&key).is_some_and(|found| found.uid != uid) {
            // Another pod has the same name: the deletion of the first was missed.
            self.forget(&key, None);
        }
        let ended =
            pod.status.as_ref().and_then(|status| status.phase.as_deref()).is_some_and(|phase| matches!(phase, "Succeeded" | "Failed"));
        let (intended, state, why) = match recognise(pod) {
            Recognised::No => return self.forget(&key, None),
            _ if ended => return self.forget(&key, None),
            Recognised::LeftOut(why) => (None, State::LeftOut, why.to_owned()),
            Recognised::Wrong(why) => (None, State::Wrong, why),
            Recognised::Server(candidate) => {
                let facts = Facts::new(pod, &candidate, self.options.cgroups.as_deref(), self.options.volumes.as_deref());
                let intended = Intended { candidate: *candidate, address: address(pod), facts: Arc::new(facts) };
                (Some(intended), State::Waiting, String::new())
            }
        };
        let server = server_name(pod);
        let created = pod.metadata.creation_timestamp.clone();
        let found = self.pods.entry(key.clone()).or_insert_with(|| {
            // Lines from before this collector's start are not read: another collector has read them, or none has.
            let log = self.options.logs.then(|| Arc::new(PodLog::new(Arc::clone(&self.client), self.began)));
            Found::new(at, uid, server, created, log)
        });
        let Some(intended) = intended else {
            found.halt();
            found.intended = None;
            found.next = None;
            return found.set_state(&key, state, why);
        };
        let same_way = found.intended.as_ref().is_some_and(|before| before.reaches_as(&intended));
        let started = started(pod, &intended.candidate);
        if let Some(running) = &found.running {
            running.pod.set_facts(Arc::clone(&intended.facts));
        }
        found.intended = Some(intended);
        if !same_way {
            // The way in has changed, for example to a new address. Earlier answers no longer count.
            found.halt();
            found.failures = 0;
            found.speaks = Speaks::Nothing;
            found.state = State::Waiting;
            found.next = Some(Instant::now());
        } else if found.running.is_none() && started && found.state == State::Waiting && found.next.is_some() {
            found.next = Some(Instant::now());
        }
    }

    /// Forgets a pod that is gone. If `uid` is given, only a pod with this uid.
    fn forget(&mut self, key: &str, uid: Option<&str>) {
        if self.pods.get(key).is_none_or(|found| uid.is_some_and(|uid| found.uid != uid)) {
            return;
        }
        let Some(mut found) = self.pods.remove(key) else { return };
        if found.running.is_some() {
            tracing::info!(server = found.server, "the server's pod is gone; the server is no longer read");
        }
        found.halt();
        // A pod that waits for this server name may now use the name.
        let waiting = self.pods.values_mut().filter(|other| other.server == found.server && other.state == State::Duplicate);
        waiting.for_each(|other| other.next = Some(Instant::now()));
    }
}
