//! Secrets of tokens: shown once, kept as a hash.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// What a secret starts with, so that scanners of leaked secrets know it.
const TOKEN: &str = "hbk_";
/// What that of a browser's session starts with.
const SESSION: &str = "hbs_";

/// The secret of a token or a session: 256 random bits.
pub(crate) struct Secret {
    prefix: &'static str,
    bits: [u8; 32],
}

impl Secret {
    /// A new one for a token, from the system's generator.
    pub(crate) fn of_token() -> Self {
        Self {
            prefix: TOKEN,
            bits: rand::random(),
        }
    }

    /// A new one for a session.
    pub(crate) fn of_session() -> Self {
        Self {
            prefix: SESSION,
            bits: rand::random(),
        }
    }

    /// As the caller sends it: `hbk_` or `hbs_` and 43 characters.
    pub(crate) fn reveal(&self) -> String {
        format!(
            "{}{}",
            self.prefix,
            BASE64_URL_SAFE_NO_PAD.encode(self.bits)
        )
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

/// Whether a secret as sent is that of a session.
pub(crate) fn is_of_session(secret: &str) -> bool {
    secret.starts_with(SESSION)
}

/// SHA-256 of a secret as sent.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
