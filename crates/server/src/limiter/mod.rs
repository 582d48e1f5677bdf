//! Slows down guesses of passwords and enrolment tokens. All replicas share the counts.
//!
//! | count | free failures | then each attempt waits | too early |
//! |---|---|---|---|
//! | a user from a network | 5 | 2 s, doubled up to 1 minute | refused |
//! | a network, all users | 30 | 0.25 s, doubled up to 2 s | delayed up to 5 s, else refused |
//! | a user, all networks | 20 | 1 s, doubled up to 15 s | delayed up to 5 s, else refused |
//! | everything | 120 a minute | | refused |
//!
//! A network is an IPv4 address, or the /64 of an IPv6 address. A count without attempts for an hour starts again. A user who logged in from
//! a network within 30 days is known there, and only the first count applies.
//!
//! # Promise
//! Guesses by others never lock out a user with a second proof ([`SecondProof`]): a browser in which the user logged in within 30 days, or an open
//! session of the user. A proof has a count of its own, which others cannot raise, so only its holder's failures count.
//!
//! An attempt counts as failed when it begins, so that many concurrent attempts count like many attempts in a row. The counts are in Redis;
//! if there is no Redis, or it is unavailable, they are in the meta store. Counts of proofs are always in the meta store, since Redis may
//! forget. Names and addresses are stored only as hashes, since people type passwords into the name field. The last count of the table also
//! bounds the number of stored counts.

mod counts;
mod rule;

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;
use pganalytics_lake::{Attempts, Meta};

use self::counts::Counts;
use self::rule::{ACCOUNT, KNOWN_FOR, MINUTE, NETWORK, OWN, Rule, expires, is_known, shared_attempt, succeeded, undone};
use crate::error::ApiError;
use crate::network::network;
use crate::redis::Redis;
use crate::secret::fingerprint;

/// How long a browser is known after a login.
pub(crate) const DEVICE_KNOWN_FOR: TimeDelta = KNOWN_FOR;

/// What a sender shows in addition to the name and the password.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SecondProof {
    Nothing,
    /// The hash of an open session of the same user. The caller has verified it.
    Session([u8; 32]),
    /// The hash of a browser's token, which the limiter looks up.
    Device([u8; 32]),
}

/// An attempt that has begun.
pub(crate) struct Attempt {
    /// The count that only this user, network or proof raises.
    own: [u8; 32],
    is_proven: bool,
    /// The counts that others raise, too.
    common: Vec<[u8; 32]>,
}

/// Limits attempts of one kind; see the module.
pub(crate) struct LoginLimiter {
    /// The kind of attempt. Different kinds do not affect each other.
    kind: &'static str,
    counts: Counts,
    /// Counts of proofs.
    proofs: Counts,
}

impl LoginLimiter {
    pub(crate) fn new(kind: &'static str, meta: Meta, redis: Option<Redis>) -> Self {
        Self { kind, counts: Counts::new(meta.clone(), redis), proofs: Counts::new(meta, None) }
    }

    /// Begins an attempt. It may take some seconds: see the table of the module.
    ///
    /// # Errors
    /// [`ApiError::TooManyAttempts`] with the time to wait; an error of the meta store.
    pub(crate) async fn begin(&self, user: &str, address: IpAddr, proof: SecondProof) -> Result<Attempt, ApiError> {
        if let Some(own) = self.proven(user, proof).await? {
            self.proofs.change(&own, |read, now| OWN.attempt(read, now), expires).await?.0.map_err(too_many)?;
            return Ok(Attempt { own, is_proven: true, common: Vec::new() });
        }
        let network = network(address).to_string();
        let own = self.key(&["pair", &network, user]);
        let (read, now) = self.counts.read(&own).await?;
        OWN.attempt(read, now).map_err(too_many)?;
        let mut common = Vec::new();
        if !read.is_some_and(|read| is_known(read, now)) {
            let levels = [(self.key(&["network", &network]), NETWORK), (self.key(&["account", user]), ACCOUNT)];
            self.begin_in_common(&levels).await?;
            common.extend(levels.map(|(key, _)| key));
        }
        self.counts.change(&own, |read, now| OWN.attempt(read, now), expires).await?.0.map_err(too_many)?;
        Ok(Attempt { own, is_proven: false, common })
    }

    /// Counts an attempt where others count, too, and waits as long as the slowest count demands.
    async fn begin_in_common(&self, levels: &[([u8; 32], Rule)]) -> Result<(), ApiError> {
        // A refused attempt is counted nowhere: else it would slow down others.
        for (key, rule) in levels {
            let (read, now) = self.counts.read(key).await?;
            rule.attempt(read, now).map_err(too_many)?;
        }
        let shared = self.key(&["all"]);
        self.counts.change(&shared, shared_attempt, |read| read.last + MINUTE).await?.0.map_err(too_many)?;
        let mut wait = Duration::ZERO;
        for (key, rule) in levels {
            let (decision, now) = self.counts.change(key, |read, now| rule.attempt(read, now), expires).await?;
            let new = decision.map_err(too_many)?;
            wait = wait.max((new.last - now).to_std().unwrap_or(Duration::ZERO));
        }
        if wait > Duration::ZERO {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Records that the attempt was successful.
    ///
    /// # Errors
    /// An error of the meta store.
    pub(crate) async fn succeeded(&self, attempt: &Attempt) -> Result<(), ApiError> {
        let counts = if attempt.is_proven { &self.proofs } else { &self.counts };
        // After too many conflicts a later attempt only waits longer than necessary.
        let _ = counts.change(&attempt.own, |_, now| Ok(succeeded(now)), expires).await?;
        for key in &attempt.common {
            // Others' failures stay: else somebody with an account could guess at another one without waits.
            let _ = self.counts.change(key, |read, now| Ok(undone(read, now)), expires).await?;
        }
        Ok(())
    }

    /// Remembers that the user logged in with this browser.
    ///
    /// # Errors
    /// An error of the meta store.
    pub(crate) async fn remember(&self, user: &str, device: &[u8; 32]) -> Result<(), ApiError> {
        let _ = self.proofs.change(&self.device(user, device), |_, now| Ok(succeeded(now)), expires).await?;
        Ok(())
    }

    /// Whether the user logged in with this browser.
    ///
    /// # Errors
    /// An error of the meta store.
    pub(crate) async fn is_known_device(&self, user: &str, device: &[u8; 32]) -> Result<bool, ApiError> {
        let (read, now) = self.proofs.read(&self.device(user, device)).await?;
        Ok(read.is_some_and(|read: Attempts| is_known(read, now)))
    }

    /// The key of the proof's own count, if the proof is valid for the user.
    async fn proven(&self, user: &str, proof: SecondProof) -> Result<Option<[u8; 32]>, ApiError> {
        Ok(match proof {
            SecondProof::Session(session) => Some(self.key(&["session", &hex::encode(session), user])),
            SecondProof::Device(device) if self.is_known_device(user, &device).await? => Some(self.device(user, &device)),
            SecondProof::Device(_) | SecondProof::Nothing => None,
        })
    }

    fn device(&self, user: &str, device: &[u8; 32]) -> [u8; 32] {
        self.key(&["device", &hex::encode(device), user])
    }

    /// Only the last part may contain NUL, so different parts have different keys.
    fn key(&self, parts: &[&str]) -> [u8; 32] {
        fingerprint(&format!("{}\0{}", self.kind, parts.join("\0")))
    }
}

fn too_many(wait: TimeDelta) -> ApiError {
    // Never 0 s: a client that returns at once would have to wait again.
    ApiError::TooManyAttempts(wait.to_std().unwrap_or(Duration::ZERO).max(Duration::from_millis(1)))
}
