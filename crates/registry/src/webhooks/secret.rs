//! Secrets of webhooks, and what is signed with them.
//!
//! As Standard Webhooks has it (version 1, symmetric): 32 random bytes shown as `whsec_` and base64;
//! HMAC-SHA256 (RFC 2104) over `id.timestamp.body`, in the header as `v1,` and base64.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a receiver knows signatures by.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// A new one.
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is shown, once.
    pub(crate) fn show(&self) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(self.0))
    }

    /// The signature of a message sent at `timestamp` (seconds since 1970).
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        // Filled up with zeros to a block, as HMAC does itself.
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl TryFrom<Vec<u8>> for Secret {
    type Error = Vec<u8>;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        bytes.try_into().map(Self)
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
        let secret = Secret(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        assert_eq!(
            secret.show(),
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        );
        assert_eq!(
            secret.sign("evt_7_42", 1_790_000_000, br#"{"a":1}"#),
            "v1,058RM1CnNEycOH5hSR22nj8mTE2XoQSgLW3zdkL0wHg="
        );
    }
}
