//! The TLS provider: ring, and no other.

use rustls::crypto::{CryptoProvider, ring};

/// Makes ring the process-wide TLS provider unless one is installed already. Calling it again changes nothing.
///
/// reqwest without a provider of its own panics when it builds a client before one is installed (reqwest 0.13,
/// `default_rustls_crypto_provider`), so [`CloudflareClientBuilder::build`](crate::CloudflareClientBuilder::build) calls this first.
pub fn ensure_crypto_provider() {
    if CryptoProvider::get_default().is_none() {
        // Losing a race to another thread leaves a provider installed, which is all that is asked.
        let _lost_race = ring::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_leaves_one_provider() {
        ensure_crypto_provider();
        let first = CryptoProvider::get_default().expect("installed");
        ensure_crypto_provider();
        assert!(std::sync::Arc::ptr_eq(first, CryptoProvider::get_default().expect("still installed")));
        let suites = ring::default_provider().cipher_suites;
        assert_eq!(first.cipher_suites, suites, "the provider is ring");
    }
}
