//! Why a TLS connection failed, for the person who can do something about it.

use std::error::Error;

use rustls::{AlertDescription as Alert, CertificateError as Bad};

/// What went wrong between a client (us) and a server, with what helps; `None` where TLS is not what failed. `ca` and `identity` name the settings
/// for the authorities and for our own certificate. The text is the same each time the same thing fails.
#[must_use]
pub fn explain(error: &(dyn Error + 'static), ca: &str, identity: &str) -> Option<String> {
    Some(match find(error)? {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => {
                "the server's certificate has expired: renew it there, or set this machine's clock".into()
            }
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet: compare the clocks of both machines".into()
            }
            Bad::UnknownIssuer => format!("the server's certificate is signed by nobody we trust: name its authority in {ca}"),
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "the server's certificate is for another name: use a name that it has, or make it anew with this one".into()
            }
            Bad::Revoked => "the server's certificate is revoked: renew it there".into(),
            other => format!("the server's certificate is not taken ({other:?})"),
        },
        rustls::Error::AlertReceived(alert) => match alert {
            Alert::CertificateRequired => format!("the server asks for a certificate of ours, and there is none: give {identity}"),
            Alert::CertificateRevoked => format!("the server says that our certificate is revoked: give a new one with {identity}"),
            Alert::CertificateExpired => format!("the server says that our certificate has expired: renew what {identity} name"),
            Alert::UnknownCA => format!("the server does not trust who signed our certificate: give another with {identity}"),
            Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::UnsupportedCertificate
            | Alert::AccessDenied
            | Alert::DecryptError => {
                format!("the server does not take our certificate ({alert:?}): give another with {identity}")
            }
            Alert::ProtocolVersion | Alert::HandshakeFailure => {
                "the server and we have no version of TLS in common: allow TLS 1.2 here, or 1.3 there".into()
            }
            other => format!("the server ended the TLS handshake ({other:?})"),
        },
        rustls::Error::PeerIncompatible(what) => {
            format!("the server and we have no version of TLS in common ({what:?}): allow TLS 1.2 here, or 1.3 there")
        }
        rustls::Error::InvalidMessage(_) => "what answers speaks no TLS: is the port right, or is it http://?".into(),
        other => format!("TLS failed: {other}"),
    })
}

/// TLS's own error among the causes. One inside an I/O error is not its source but its content.
fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
