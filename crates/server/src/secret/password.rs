//! Passwords: hashed with argon2id, verified on blocking threads, a few at a time.
//!
//! By design a verification takes [`MEMORY_KIB`] of memory and tens of milliseconds of a core. [`Passwords`] lets only [`CONCURRENT`] of
//! them run and [`WAITING`] wait. So a flood of logins does not take the memory and cores that ingest needs. The password of an unknown or
//! disabled user is verified against a dummy hash, so that the response time tells nothing.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::generate::generate_password;
use super::text::Secret;

/// OWASP's recommendation for argon2id: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Concurrent verifications: 38 MiB and at most two cores.
const CONCURRENT: usize = 2;
/// Verifications that may wait. With about 30 ms each, the last one waits half a second.
const WAITING: usize = 32;
/// Shorter passwords are refused. NIST requires at least 8 characters; this password is not typed often.
pub const MIN_PASSWORD_LENGTH: usize = 12;
/// Longer passwords are refused, so that the cost of hashing is bounded.
const MAX_PASSWORD_LENGTH: usize = 1024;

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("the password has {0} characters; at least {MIN_PASSWORD_LENGTH} are required")]
    TooShort(usize),
    #[error("the password has more than {MAX_PASSWORD_LENGTH} bytes")]
    TooLong,
}

/// Checks that a password is neither too short nor too long.
///
/// # Errors
/// The password is too short or too long.
pub fn check_password(password: &Secret) -> Result<(), PasswordError> {
    let length = password.expose().chars().count();
    if password.expose().len() > MAX_PASSWORD_LENGTH {
        Err(PasswordError::TooLong)
    } else if length < MIN_PASSWORD_LENGTH {
        Err(PasswordError::TooShort(length))
    } else {
        Ok(())
    }
}

/// Too many verifications are already waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overloaded;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    dummy: Arc<str>,
}

impl Passwords {
    /// Also hashes a random password as the dummy for unknown users.
    ///
    /// # Errors
    /// The operating system provides no randomness.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let dummy = hash_blocking(&generate_password())?;
        Ok(Self {
            running: Arc::new(Semaphore::new(CONCURRENT)),
            queue: Arc::new(Semaphore::new(CONCURRENT + WAITING)),
            dummy: dummy.into(),
        })
    }

    /// The hash to store for a password.
    ///
    /// # Errors
    /// [`Overloaded`] if too many verifications wait; else an error of the hasher.
    pub(crate) async fn hash(&self, password: Secret) -> anyhow::Result<Result<String, Overloaded>> {
        self.run(move || hash_blocking(&password)).await
    }

    /// Whether the password matches the hash. `None` stands for an unknown user: it takes as long and returns false.
    ///
    /// # Errors
    /// The hash is invalid, because the store was edited manually.
    pub(crate) async fn verify(&self, password: Secret, hash: Option<String>) -> anyhow::Result<Result<bool, Overloaded>> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.to_string());
        self.run(move || {
            let hash = PasswordHash::new(&hash).map_err(|error| anyhow::anyhow!("read a password's hash: {error}"))?;
            // The length limit applies here, too: anybody may send a password to the login.
            let matches =
                password.expose().len() <= MAX_PASSWORD_LENGTH && hasher()?.verify_password(password.expose().as_bytes(), &hash).is_ok();
            Ok(matches && known)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<Result<T, Overloaded>> {
        let Ok(_slot) = self.queue.clone().try_acquire_owned() else { return Ok(Err(Overloaded)) };
        let permit = self.running.clone().acquire_owned().await?;
        // The permit moves into the task: if the caller stops waiting, this hash still counts as running.
        let result = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await?;
        result.map(Ok)
    }
}

/// Hashes on this thread, for the command line.
///
/// # Errors
/// The operating system provides no randomness.
pub(crate) fn hash_blocking(password: &Secret) -> anyhow::Result<String> {
    let hash = hasher()?.hash_password(password.expose().as_bytes()).map_err(|error| anyhow::anyhow!("hash a password: {error}"))?;
    Ok(hash.to_string())
}

fn hasher() -> anyhow::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| anyhow::anyhow!("set up argon2: {error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_correct_password_of_a_known_user_verifies() -> anyhow::Result<()> {
        let passwords = Passwords::new()?;
        let secret = Secret::new("correct horse battery");
        let hash = passwords.hash(secret.clone()).await?.expect("not overloaded");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(passwords.verify(secret.clone(), Some(hash.clone())).await?, Ok(true));
        assert_eq!(passwords.verify(Secret::new("wrong"), Some(hash)).await?, Ok(false));
        assert_eq!(passwords.verify(secret, None).await?, Ok(false));
        Ok(())
    }

    #[tokio::test]
    async fn a_flood_of_logins_is_refused() -> anyhow::Result<()> {
        let passwords = Passwords::new()?;
        let _all = passwords.queue.clone().acquire_many_owned(u32::try_from(CONCURRENT + WAITING)?).await?;
        assert_eq!(passwords.verify(Secret::new("x"), None).await?, Err(Overloaded));
        Ok(())
    }

    #[test]
    fn a_password_has_a_minimum_and_a_maximum_length() {
        assert_eq!(check_password(&Secret::new("elevenchars")), Err(PasswordError::TooShort(11)));
        assert_eq!(check_password(&Secret::new("x".repeat(2000))), Err(PasswordError::TooLong));
        assert_eq!(check_password(&Secret::new("twelve chars")), Ok(()));
    }
}
