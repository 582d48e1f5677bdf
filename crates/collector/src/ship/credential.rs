//! The collector's own credential. The collector creates the credential and keeps it in the spool's folder. The backend knows its hash only.
//!
//! # Promise
//! A credential is on disk before a request uses it or asks the backend to accept it. So neither a crash nor a lost answer locks the
//! collector out: the collector asks again with the same credential. The file has mode 0600, and its secrets print as `***`.
//!
//! # Format of `credential`, lines of text
//! ```text
//! collector <id>            the owner: the spool's identity
//! current <secret>          the secret in requests; absent before enrolment
//! since <microseconds>      when the current secret came into use
//! pending <secret>          the next secret; the backend has not confirmed its hash yet
//! former <id> <secret>      the previous identity and its secret, for batches of that identity that still wait
//! end .
//! ```

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pganalytics_views::enrol::{CREDENTIAL_PREFIX, SECRET_BYTES};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::durable::write_whole;
use crate::config::{CREDENTIAL_FILE, credential_file};
use crate::connect::secret::Secret;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    folder: PathBuf,
    collector: Uuid,
    current: Option<(Secret, i64)>,
    pending: Option<Secret>,
    former: Option<(Uuid, Secret)>,
}

impl Credential {
    /// Reads the credential of this collector. If the file belongs to another identity (the spool's state was lost), its secret serves only
    /// the batches of that identity.
    ///
    /// # Errors
    /// If the file cannot be read or parsed.
    pub(crate) fn read(folder: &Path, collector: Uuid) -> anyhow::Result<Self> {
        let none = Self { folder: folder.to_owned(), collector, current: None, pending: None, former: None };
        let file = credential_file(folder);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(none),
            Err(error) => return Err(error).with_context(|| format!("cannot read the collector's credential {}", file.display())),
        };
        let found = parse(&text, folder).with_context(|| {
            format!(
                "the collector's credential {} is damaged: remove the file, run `pganalytics collector forget NAME` on the backend, and \
                 give this collector an enrolment token",
                file.display()
            )
        })?;
        if found.collector == collector {
            return Ok(found);
        }
        let former = found.current.map(|(secret, _)| (found.collector, secret));
        Ok(Self { former: former.or(found.former), ..none })
    }

    /// The secret for batches of this collector. `None`: not enrolled yet.
    pub(crate) fn secret_for(&self, collector: Uuid) -> Option<&Secret> {
        match &self.former {
            Some((former, secret)) if *former == collector => Some(secret),
            _ => self.current(),
        }
    }

    pub(crate) fn current(&self) -> Option<&Secret> {
        self.current.as_ref().map(|(secret, _)| secret)
    }

    /// When the current secret came into use, in microseconds.
    pub(crate) fn since_us(&self) -> Option<i64> {
        self.current.as_ref().map(|(_, since_us)| *since_us)
    }

    /// The hash of the pending secret, if there is one.
    pub(crate) fn pending_hash(&self) -> Option<String> {
        self.pending.as_ref().map(hash)
    }

    /// Returns the hash of the pending secret, and creates the secret if needed. The secret is on disk when this returns.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn prepare(&mut self) -> anyhow::Result<String> {
        if let Some(known) = self.pending_hash() {
            return Ok(known);
        }
        let fresh = generate();
        let hash = hash(&fresh);
        self.change(Self { pending: Some(fresh), ..self.clone() })?;
        Ok(hash)
    }

    /// Makes the pending secret current, after the backend has accepted it.
    ///
    /// # Errors
    /// If the file cannot be written. The previous secret then stays in use; it is valid until the next one is used.
    pub(crate) fn promote(&mut self, now_us: i64) -> anyhow::Result<()> {
        let Some(pending) = self.pending.clone() else { return Ok(()) };
        self.change(Self { current: Some((pending, now_us)), pending: None, ..self.clone() })
    }

    fn change(&mut self, next: Self) -> anyhow::Result<()> {
        let mut text = format!("collector {}\n", next.collector);
        if let Some((secret, since_us)) = &next.current {
            text.push_str(&format!("current {}\nsince {since_us}\n", secret.reveal()));
        }
        if let Some(secret) = &next.pending {
            text.push_str(&format!("pending {}\n", secret.reveal()));
        }
        if let Some((collector, secret)) = &next.former {
            text.push_str(&format!("former {collector} {}\n", secret.reveal()));
        }
        text.push_str("end .\n");
        write_whole(&next.folder, CREDENTIAL_FILE, text.as_bytes())
            .with_context(|| format!("cannot write the collector's credential to {}: free space on this disk", next.folder.display()))?;
        *self = next;
        Ok(())
    }
}

fn parse(text: &str, folder: &Path) -> Option<Credential> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    value("end")?;
    let current = match value("current") {
        Some(secret) => Some((Secret::new(secret), value("since")?.parse().ok()?)),
        None => None,
    };
    let former = match value("former") {
        Some(former) => {
            let (collector, secret) = former.split_once(' ')?;
            Some((collector.parse().ok()?, Secret::new(secret)))
        }
        None => None,
    };
    let pending = value("pending").map(Secret::new);
    Some(Credential { folder: folder.to_owned(), collector: value("collector")?.parse().ok()?, current, pending, former })
}

fn generate() -> Secret {
    let mut bytes = [0_u8; SECRET_BYTES];
    rand::rng().fill(&mut bytes[..]);
    Secret::new(format!("{CREDENTIAL_PREFIX}{}", hex::encode(bytes)))
}

/// The hash of a secret, which is all that the backend stores.
pub(crate) fn hash(secret: &Secret) -> String {
    hex::encode(Sha256::digest(secret.reveal().as_bytes()))
}

/// The hash of a random secret that nobody has, for a dry run.
pub(crate) fn hash_of_none() -> String {
    hash(&generate())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_pending_credential_survives_a_crash_and_is_then_used() -> anyhow::Result<()> {
        let (folder, collector) = (tempfile::tempdir()?, Uuid::new_v4());
        let read = || Credential::read(folder.path(), collector);
        let mut first = read()?;
        assert!(!credential_file(folder.path()).exists() && first.secret_for(collector).is_none());
        let asked = first.prepare()?;
        assert_eq!(std::fs::metadata(credential_file(folder.path()))?.permissions().mode() & 0o777, 0o600);
        let mut again = read()?;
        assert_eq!((again.prepare()?, again.current()), (asked.clone(), None));
        again.promote(7)?;
        let mut known = read()?;
        assert_eq!((known.current().map(hash), known.since_us(), known.pending_hash()), (Some(asked.clone()), Some(7), None));

        // A renewal: the current secret stays in use until the backend accepts the next one.
        let next = known.prepare()?;
        assert_ne!(next, asked);
        assert_eq!(read()?.current().map(hash), Some(asked));
        known.promote(8)?;
        assert_eq!(read()?.current().map(hash), Some(next));
        Ok(())
    }

    #[test]
    fn a_credential_of_a_lost_identity_is_used_only_for_its_batches() -> anyhow::Result<()> {
        let (folder, before, now) = (tempfile::tempdir()?, Uuid::new_v4(), Uuid::new_v4());
        let mut old = Credential::read(folder.path(), before)?;
        old.prepare()?;
        old.promote(1)?;
        for _ in 0..2 {
            let mut new = Credential::read(folder.path(), now)?;
            assert_eq!(new.secret_for(before), old.current());
            assert_eq!(new.secret_for(now), new.current());
            assert_ne!(new.current(), old.current());
            new.prepare()?;
            new.promote(2)?;
        }
        Ok(())
    }

    #[test]
    fn a_damaged_credential_is_reported_with_a_remedy_and_no_credential_is_printed() -> anyhow::Result<()> {
        let (folder, collector) = (tempfile::tempdir()?, Uuid::new_v4());
        let mut credential = Credential::read(folder.path(), collector)?;
        credential.prepare()?;
        credential.promote(1)?;
        assert!(!format!("{credential:?}").contains(CREDENTIAL_PREFIX));
        let path = credential_file(folder.path());
        let text = std::fs::read_to_string(&path)?;
        std::fs::write(&path, &text[..text.len() - 8])?;
        let error = Credential::read(folder.path(), collector).expect_err("damaged").to_string();
        assert!(error.contains("collector forget") && !error.contains(CREDENTIAL_PREFIX), "{error}");
        Ok(())
    }
}
