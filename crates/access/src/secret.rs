//! Secrets of tokens: shown once, kept as a hash.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// What a secret starts with, so that scanners of leaked secrets know it.
const PREFIX: &str = "hbk_";

/// The secret of a token: 256 random bits.
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// A new one, from the system's generator.
    pub(crate) fn generate() -> Self {
        Self(rand::random())
    }

    /// As the caller sends it: `hbk_` and 43 characters.
    pub(crate) fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }

    /// What the database knows it by.
    pub(crate) fn hash(&self) -> [u8; 32] {
        hash(&self.reveal())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a secret as sent.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
