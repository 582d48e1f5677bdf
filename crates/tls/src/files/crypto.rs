//! The cryptography of rustls.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// ring, for all of TLS.
pub(super) fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
