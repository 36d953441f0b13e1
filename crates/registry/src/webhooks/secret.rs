//! Secrets of webhooks, and what is signed with them.
//!
//! As Standard Webhooks has it (version 1, symmetric): 32 random bytes, or what a receiver chose, shown as
//! `whsec_` and base64;
//! HMAC-SHA256 (RFC 2104) over `id.timestamp.body`, in the header as `v1,` and base64.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// What a receiver knows signatures by.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Vec<u8>);

/// Bytes of a secret that a receiver chose.
const BYTES: usize = 512;
/// Before the base64 of a secret.
const PREFIX: &str = "whsec_";
/// Bytes of a block of SHA-256, as HMAC takes keys.
const BLOCK: usize = 64;

/// A text that is no secret.
#[derive(Debug, thiserror::Error)]
#[error("must have {BYTES} bytes at most, and base64 behind whsec_")]
pub(crate) struct InvalidSecret;

impl Secret {
    /// A new one.
    pub(crate) fn random() -> Self {
        Self(rand::random::<[u8; 32]>().to_vec())
    }

    /// Reads what a receiver chose.
    pub(crate) fn read(text: &str) -> Result<Self, InvalidSecret> {
        let bytes = match text.strip_prefix(PREFIX) {
            Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| InvalidSecret)?,
            None => text.as_bytes().to_vec(),
        };
        match bytes.len() {
            0..=BYTES => Ok(Self(bytes)),
            _ => Err(InvalidSecret),
        }
    }

    /// One that signs nothing.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether it signs.
    pub(super) fn signs(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is shown, once.
    pub(crate) fn show(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }

    /// The signature of a message sent at `timestamp` (seconds since 1970).
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        // Filled up with zeros to a block, and hashed before if it is longer, as HMAC does itself.
        let mut key = [0; BLOCK];
        let hashed = Sha256::digest(&self.0);
        let short = match self.0.len() {
            0..=BLOCK => self.0.as_slice(),
            _ => hashed.as_slice(),
        };
        key.iter_mut().zip(short).for_each(|(to, from)| *to = *from);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_signatures_are_those_of_the_standard() {
        // Made with Python's hmac and base64.
        let secret = Secret((0..32).collect());
        assert_eq!(
            secret.show(),
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        );
        assert_eq!(
            secret.sign("evt_7_42", 1_790_000_000, br#"{"a":1}"#),
            "v1,058RM1CnNEycOH5hSR22nj8mTE2XoQSgLW3zdkL0wHg="
        );
    }

    #[test]
    fn receivers_choose_secrets_of_any_length() {
        let shown = Secret::random().show();
        assert_eq!(Secret::read(&shown).unwrap().show(), shown);
        // Made with Python's hmac and base64.
        let signed = |secret: &str| Secret::read(secret).unwrap().sign("id", 1, b"body");
        assert_eq!(
            signed("my-secret"),
            "v1,n+VcMwes3o5GfZ7epvC/rASzOSxVUicb9ZC/hDEoufg="
        );
        assert_eq!(
            signed(&"s".repeat(100)),
            "v1,hXMqiqX1IHOIQwvhxLo8KMeElVBJpnhcBp/Uwz6Q5KM="
        );
        assert!(Secret::read(&"s".repeat(BYTES + 1)).is_err());
        assert!(Secret::read("whsec_?").is_err());
    }
}
