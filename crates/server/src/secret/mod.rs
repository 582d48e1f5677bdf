//! Secrets that the backend makes: tokens and first passwords.
//!
//! A token is `pga_`, its kind, and 256 random bits in hexadecimal: `pga_a_…` (API), `pga_c_…` (collector), `pga_e_…` (enrolment),
//! `pga_k_…` (a collector's own credential, which that collector makes), `pga_s_…` (session). The prefix lets secret scanners find a leaked one, and tells where to look it up. Only its SHA-256 is stored:
//! with 256 random bits there is nothing to guess, so a slow hash would protect nothing. Neither a token nor a password
//! prints itself: [`Secret`] shows as `***`.

mod password;

use std::fmt;

use pganalytics_views::enrol;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

pub use password::{MIN_PASSWORD_LENGTH, PasswordError, check_password};
pub(crate) use password::{Overloaded, Passwords, hash_blocking};

/// Letters of a generated password: those nobody mistakes for another when reading them from a log.
const PASSWORD_LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// 24 letters of 57: 139 bits.
const PASSWORD_LENGTH: usize = 24;
const TOKEN_BYTES: usize = enrol::SECRET_BYTES;

/// A text that never shows itself.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenPrefix {
    Api,
    Collector,
    Enrolment,
    Credential,
    Session,
}

impl TokenPrefix {
    const ALL: [Self; 5] = [Self::Api, Self::Collector, Self::Enrolment, Self::Credential, Self::Session];

    const fn text(self) -> &'static str {
        match self {
            Self::Api => "pga_a_",
            Self::Collector => "pga_c_",
            Self::Enrolment => enrol::TOKEN_PREFIX,
            Self::Credential => enrol::CREDENTIAL_PREFIX,
            Self::Session => "pga_s_",
        }
    }

    /// The kind that a token's text states; `None` for a text that is none of ours.
    #[must_use]
    pub(crate) fn of(token: &str) -> Option<Self> {
        let kind = Self::ALL.into_iter().find(|kind| token.starts_with(kind.text()))?;
        let rest = &token[kind.text().len()..];
        (rest.len() == TOKEN_BYTES * 2 && rest.bytes().all(|b| b.is_ascii_hexdigit())).then_some(kind)
    }

    /// A new token of this kind.
    #[must_use]
    pub(crate) fn generate(self) -> Secret {
        let mut bytes = [0u8; TOKEN_BYTES];
        rand::rng().fill(&mut bytes[..]);
        Secret(format!("{}{}", self.text(), hex(&bytes)))
    }
}

/// What is stored of a token.
#[must_use]
pub(crate) fn fingerprint(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A token for the command line beside a backend: see [`crate::App::with_operator`].
#[must_use]
pub fn generate_operator_token() -> Secret {
    TokenPrefix::Api.generate()
}

/// A password for a first administrator.
#[must_use]
pub fn generate_password() -> Secret {
    let mut rng = rand::rng();
    let letters = (0..PASSWORD_LENGTH).map(|_| char::from(PASSWORD_LETTERS[rng.random_range(0..PASSWORD_LETTERS.len())]));
    Secret(letters.collect())
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_states_its_kind_and_a_damaged_one_does_not() {
        for kind in TokenPrefix::ALL {
            let token = kind.generate();
            assert_eq!(TokenPrefix::of(token.expose()), Some(kind));
            assert_eq!(TokenPrefix::of(&token.expose()[..20]), None);
            assert_ne!(token, kind.generate());
        }
        assert_eq!(TokenPrefix::of("Bearer x"), None);
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "*** ***");
    }

    #[test]
    fn a_fingerprint_is_the_sha_256() {
        assert_eq!(hex(&fingerprint("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_generated_password_is_long_and_readable() {
        let password = generate_password();
        assert_eq!(password.expose().len(), PASSWORD_LENGTH);
        assert!(password.expose().bytes().all(|letter| PASSWORD_LETTERS.contains(&letter)));
    }
}
