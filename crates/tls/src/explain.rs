//! Why a TLS connection of a client failed, with a remedy for people.

use std::error::Error;

use rustls::{AlertDescription as Alert, CertificateError as Bad};

/// Explains a failed connection to a server, with a remedy. `None` if the failure has another cause than TLS. `ca` and `identity` name the
/// settings for the authorities and for the client's own certificate. The same failure always yields the same text.
#[must_use]
pub fn explain(error: &(dyn Error + 'static), ca: &str, identity: &str) -> Option<String> {
    Some(match find(error)? {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => {
                "the server's certificate has expired: renew it, or correct this machine's clock".into()
            }
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet: compare the clocks of both machines".into()
            }
            Bad::UnknownIssuer => format!("the server's certificate is signed by an unknown authority: name that authority in {ca}"),
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "the server's certificate is for another name: use a name in the certificate, or issue a certificate with this name".into()
            }
            Bad::Revoked => "the server's certificate is revoked: renew it".into(),
            other => format!("the server's certificate is not valid ({other:?})"),
        },
        rustls::Error::AlertReceived(alert) => match alert {
            Alert::CertificateRequired => format!("the server requires a client certificate: give {identity}"),
            Alert::CertificateRevoked => {
                format!("the server reports that the client certificate is revoked: give a new one with {identity}")
            }
            Alert::CertificateExpired => {
                format!("the server reports that the client certificate has expired: renew the files of {identity}")
            }
            Alert::UnknownCA => {
                format!("the server does not trust the authority of the client certificate: give another certificate with {identity}")
            }
            Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::UnsupportedCertificate
            | Alert::AccessDenied
            | Alert::DecryptError => {
                format!("the server refuses the client certificate ({alert:?}): give another one with {identity}")
            }
            Alert::ProtocolVersion | Alert::HandshakeFailure => {
                "no TLS version in common with the server: allow TLS 1.2 here, or TLS 1.3 there".into()
            }
            other => format!("the server ended the TLS handshake ({other:?})"),
        },
        rustls::Error::PeerIncompatible(what) => {
            format!("no TLS version in common with the server ({what:?}): allow TLS 1.2 here, or TLS 1.3 there")
        }
        rustls::Error::InvalidMessage(_) => "the server does not use TLS on this port: check the port, or use http://".into(),
        other => format!("TLS failed: {other}"),
    })
}

/// The TLS error among the causes. Inside an I/O error it is the content, not the source.
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
