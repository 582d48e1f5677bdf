//! Generated passwords.

use rand::RngExt as _;

use super::text::Secret;

/// Letters of a generated password. They leave out letters that look alike.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// 24 of 57 letters: 139 bits.
const LENGTH: usize = 24;

/// A password for a first administrator.
#[must_use]
pub fn generate_password() -> Secret {
    let mut rng = rand::rng();
    let letters = (0..LENGTH).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]));
    Secret::new(letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_long_and_readable() {
        let password = generate_password();
        assert_eq!(password.expose().len(), LENGTH);
        assert!(password.expose().bytes().all(|letter| LETTERS.contains(&letter)));
    }
}
