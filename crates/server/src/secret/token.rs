//! Tokens.
//!
//! A token is `pga_`, a letter for its kind, and 256 random bits in hexadecimal: `pga_a_…` (API), `pga_c_…` (collector), `pga_e_…`
//! (enrolment), `pga_k_…` (a collector's own credential, which the collector creates), `pga_s_…` (session) or `pga_d_…` (a browser in which a
//! user logged in, which gives no access). Secret scanners recognise the prefix, and it tells where to look the token up. Only the SHA-256 is stored. A slow hash would protect nothing, since 256 random bits
//! cannot be guessed.

use pganalytics_views::enrol;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

use super::text::Secret;

const RANDOM_BYTES: usize = enrol::SECRET_BYTES;

/// The kind of a token, as its prefix states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenPrefix {
    Api,
    Collector,
    Enrolment,
    Credential,
    Session,
    Device,
}

impl TokenPrefix {
    const ALL: [Self; 6] = [Self::Api, Self::Collector, Self::Enrolment, Self::Credential, Self::Session, Self::Device];

    const fn text(self) -> &'static str {
        match self {
            Self::Api => "pga_a_",
            Self::Collector => "pga_c_",
            Self::Enrolment => enrol::TOKEN_PREFIX,
            Self::Credential => enrol::CREDENTIAL_PREFIX,
            Self::Session => "pga_s_",
            Self::Device => "pga_d_",
        }
    }

    /// The kind of a token. `None` if the text is not a token of pgAnalytics.
    #[must_use]
    pub(crate) fn of(token: &str) -> Option<Self> {
        let kind = Self::ALL.into_iter().find(|kind| token.starts_with(kind.text()))?;
        let rest = &token[kind.text().len()..];
        (rest.len() == RANDOM_BYTES * 2 && rest.bytes().all(|b| b.is_ascii_hexdigit())).then_some(kind)
    }

    /// A new token of this kind.
    #[must_use]
    pub(crate) fn generate(self) -> Secret {
        let mut bytes = [0u8; RANDOM_BYTES];
        rand::rng().fill(&mut bytes[..]);
        Secret::new(format!("{}{}", self.text(), hex::encode(bytes)))
    }
}

/// The hash of a token that the store keeps.
#[must_use]
pub(crate) fn fingerprint(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A token for the command line of a running backend: see [`crate::App::with_operator`].
#[must_use]
pub fn generate_operator_token() -> Secret {
    TokenPrefix::Api.generate()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_states_its_kind_and_a_damaged_token_does_not() {
        for kind in TokenPrefix::ALL {
            let token = kind.generate();
            assert_eq!(TokenPrefix::of(token.expose()), Some(kind));
            assert_eq!(TokenPrefix::of(&token.expose()[..20]), None);
            assert_ne!(token, kind.generate());
        }
        assert_eq!(TokenPrefix::of("Bearer x"), None);
    }

    #[test]
    fn a_fingerprint_is_the_sha_256() {
        assert_eq!(hex::encode(fingerprint("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
