//! The TLS settings of a server.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Whether clients must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Clients are not asked for a certificate.
    Off,
    /// Clients are asked, and may show none. A certificate that is shown must be valid. The server decides which requests need one.
    Optional,
    /// A connection needs a valid certificate.
    Required,
}

impl ClientAuth {
    /// The setting, or its default: with authorities certificates are required, without authorities they are not asked for.
    ///
    /// # Errors
    /// Certificates are asked for, and no authorities are given.
    pub fn resolve(setting: Option<Self>, has_authorities: bool) -> Result<Self, &'static str> {
        match setting {
            None if has_authorities => Ok(Self::Required),
            None => Ok(Self::Off),
            Some(Self::Optional | Self::Required) if !has_authorities => Err("asks for certificates, but no authorities are given"),
            Some(setting) => Ok(setting),
        }
    }
}

impl FromStr for ClientAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err("write off, optional or required".into()),
        }
    }
}

impl fmt::Display for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        })
    }
}

/// The oldest TLS version that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinVersion {
    Tls12,
    #[default]
    Tls13,
}

impl FromStr for MinVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err("write 1.2 or 1.3".into()),
        }
    }
}

impl fmt::Display for MinVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

/// The TLS settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// The certificate chain, starting with the server's own certificate.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The authorities of client certificates.
    pub client_ca: Option<PathBuf>,
    /// Revocation lists of these authorities.
    pub client_crl: Option<PathBuf>,
    pub client_auth: ClientAuth,
    pub min_version: MinVersion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_authorities_certificates_are_required_by_default() {
        use ClientAuth::{Off, Optional, Required};
        for (setting, has_authorities, resolved) in [
            (None, false, Some(Off)),
            (None, true, Some(Required)),
            (Some(Off), true, Some(Off)),
            (Some(Optional), true, Some(Optional)),
            (Some(Optional), false, None),
            (Some(Required), false, None),
        ] {
            assert_eq!(ClientAuth::resolve(setting, has_authorities).ok(), resolved, "{setting:?}, {has_authorities}");
        }
    }

    #[test]
    fn settings_parse_as_they_are_displayed() {
        for text in ["off", "optional", "required"] {
            assert_eq!(text.parse::<ClientAuth>().map(|auth| auth.to_string()), Ok(text.to_owned()));
        }
        for text in ["1.2", "1.3"] {
            assert_eq!(text.parse::<MinVersion>().map(|version| version.to_string()), Ok(text.to_owned()));
        }
        assert!("1.1".parse::<MinVersion>().is_err() && "yes".parse::<ClientAuth>().is_err());
    }
}
