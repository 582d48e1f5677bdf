//! libpq's `require_auth`: the methods by which a server may verify the login.

use std::fmt;
use std::str::FromStr;

use super::error::ConninfoError;

/// A method by which a server verifies a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The password in clear text.
    Password,
    /// An MD5 hash of the password. A listener can find the password from the hash, or log in with the hash that the server stores.
    Md5,
    /// A proof that shows the server nothing, and that only the server with the role's own password can ask for.
    ScramSha256,
    /// No question at all: `trust`, `peer`, `cert`.
    None,
}

impl Method {
    const ALL: [Self; 4] = [Self::Password, Self::Md5, Self::ScramSha256, Self::None];

    /// libpq's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Md5 => "md5",
            Self::ScramSha256 => "scram-sha-256",
            Self::None => "none",
        }
    }
}

/// libpq's words for methods that this client does not have. A server that asks for them is refused, whatever the list says.
const NOT_DONE: [&str; 3] = ["gss", "sspi", "oauth"];

/// The methods by which a server may verify the login. If none is chosen, [`Method::ScramSha256`] and [`Method::None`] are allowed: a
/// password is sent to no server that asks for it in clear text or as MD5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequireAuth {
    /// In the order of [`Method::ALL`].
    allowed: [bool; 4],
}

impl Default for RequireAuth {
    fn default() -> Self {
        Self { allowed: Method::ALL.map(|method| matches!(method, Method::ScramSha256 | Method::None)) }
    }
}

impl RequireAuth {
    /// Whether the server may use this method.
    #[must_use]
    pub fn allows(self, method: Method) -> bool {
        Method::ALL.iter().zip(self.allowed).any(|(known, allowed)| *known == method && allowed)
    }

    /// The methods that both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { allowed: Method::ALL.map(|method| self.allows(method) && other.allows(method)) }
    }
}

/// Shows the list as libpq reads it.
impl fmt::Display for RequireAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Method::ALL.into_iter().filter(|method| self.allows(*method)).map(Method::name).collect();
        f.write_str(if names.is_empty() { "no method" } else { "" })?;
        f.write_str(&names.join(","))
    }
}

impl FromStr for RequireAuth {
    type Err = ConninfoError;

    /// Parses libpq's list: methods that are allowed, or methods behind `!` that are not.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const REMEDY: &str = "give a list of scram-sha-256, md5, password, none, or a list of those that are refused, each behind '!'";
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        let refuses = words.first().is_some_and(|word| word.starts_with('!'));
        let mut allowed = Method::ALL.map(|_| refuses);
        for (at, word) in words.iter().enumerate() {
            if word.starts_with('!') != refuses {
                return Err(ConninfoError::new("require_auth mixes methods with and without '!'", REMEDY));
            }
            if words.iter().take(at).any(|before| before == word) {
                return Err(ConninfoError::new("require_auth names a method twice", "leave one of them out"));
            }
            let name = word.strip_prefix('!').unwrap_or(word);
            match Method::ALL.iter().position(|method| method.name() == name) {
                Some(method) => allowed[method] = !refuses,
                None if NOT_DONE.contains(&name) => {}
                None => return Err(ConninfoError::new("require_auth names a method that libpq does not know", REMEDY)),
            }
        }
        Ok(Self { allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_mean_what_they_mean_to_libpq() {
        for (text, shown) in [
            ("scram-sha-256", "scram-sha-256"),
            ("md5, password", "password,md5"),
            ("!password", "md5,scram-sha-256,none"),
            ("!password,!md5,!none", "scram-sha-256"),
            ("none", "none"),
            ("gss", "no method"),
            ("!gss,!oauth", "password,md5,scram-sha-256,none"),
        ] {
            assert_eq!(text.parse::<RequireAuth>().expect(text).to_string(), shown, "{text}");
        }
        for (text, part) in [
            ("scram", "does not know"),
            ("!md5,none", "mixes"),
            ("none,!md5", "mixes"),
            ("md5,md5", "twice"),
            ("!!md5,!md5", "does not know"),
            ("", "does not know"),
        ] {
            let error = text.parse::<RequireAuth>().map(|list| list.to_string()).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|error| error.contains(part)), "{text}: {error:?}");
        }
    }

    #[test]
    fn by_default_no_password_goes_out_in_clear_text_or_as_md5() {
        assert_eq!(RequireAuth::default().to_string(), "scram-sha-256,none");
    }

    #[test]
    fn two_lists_together_are_never_weaker_than_either() {
        let list = |text: &str| text.parse::<RequireAuth>().expect(text);
        assert_eq!(RequireAuth::default().and(list("md5,password")).to_string(), "no method");
        assert_eq!(list("md5,scram-sha-256").and(list("!password")).to_string(), "md5,scram-sha-256");
        assert_eq!(RequireAuth::default().and(list("scram-sha-256")).to_string(), "scram-sha-256");
    }
}
