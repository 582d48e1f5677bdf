//! Where a fleet ships to.

use std::fmt;
use std::path::PathBuf;

/// A collector's token; prints as `***`.
#[derive(Clone)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a fleet ships to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// A load balancer, or several backends. Each collector begins at another URL, and takes the next URL after a failure.
    pub urls: Vec<String>,
    pub token: Token,
    /// PEM of the authority that signed the backends' certificates, if it is no public authority.
    pub ca: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_does_not_print() {
        assert_eq!(format!("{:?}", Token("secret".into())), "***");
    }
}
