//! The times in certificates and revocation lists.
//!
//! Only two fields of X.509 are needed. They are read here by their position, since a library for all of X.509 would be ten times as much
//! code.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, SliceReader, Tag, Tagged as _};
use rustls::pki_types::CertificateDer;

/// When a certificate expires: seconds since the epoch.
pub(super) fn expires(certificate: &CertificateDer<'_>) -> anyhow::Result<i64> {
    let not_after = not_after(certificate).context("not an X.509 certificate")?;
    i64::try_from(not_after.as_secs()).context("the time is out of range")
}

/// The end of a certificate's validity (RFC 5280, 4.1). The validity is the fifth field of the certificate's first part, or the fourth if
/// the version is omitted.
fn not_after(certificate: &[u8]) -> der::Result<Duration> {
    let certificate = AnyRef::from_der(certificate)?;
    let signed = AnyRef::decode(&mut SliceReader::new(certificate.value())?)?;
    let mut parts = SliceReader::new(signed.value())?;
    let version = AnyRef::decode(&mut parts)?;
    if version.tag().is_context_specific() {
        let _serial = AnyRef::decode(&mut parts)?;
    }
    let (_algorithm, _issuer) = (AnyRef::decode(&mut parts)?, AnyRef::decode(&mut parts)?);
    let validity = AnyRef::decode(&mut parts)?;
    let mut times = SliceReader::new(validity.value())?;
    let (_not_before, not_after) = (AnyRef::decode(&mut times)?, AnyRef::decode(&mut times)?);
    time(not_after)
}

/// When a newer list is due (RFC 5280, 5.1). This is the fifth field of the list's first part, or the fourth if the version is omitted. The
/// field itself may be omitted, too.
pub(super) fn next_update(list: &[u8]) -> der::Result<Option<Duration>> {
    let list = AnyRef::from_der(list)?;
    let signed = AnyRef::decode(&mut SliceReader::new(list.value())?)?;
    let mut parts = SliceReader::new(signed.value())?;
    let first = AnyRef::decode(&mut parts)?;
    if first.tag() == Tag::Integer {
        let _algorithm = AnyRef::decode(&mut parts)?;
    }
    let (_issuer, this_update) = (AnyRef::decode(&mut parts)?, AnyRef::decode(&mut parts)?);
    time(this_update)?;
    Ok(AnyRef::decode(&mut parts).and_then(time).ok())
}

fn time(part: AnyRef<'_>) -> der::Result<Duration> {
    match part.tag() {
        Tag::UtcTime => Ok(part.decode_as::<UtcTime>()?.to_unix_duration()),
        _ => Ok(part.decode_as::<GeneralizedTime>()?.to_unix_duration()),
    }
}

/// The current time in seconds since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
