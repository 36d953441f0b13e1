//! What a browser carries while it is at the identity provider: a JSON Web Token (RFC 7519) of ours with
//! HMAC-SHA-256, good for ten minutes. It binds the answer to the browser that asked.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

/// How long one may be at the provider, in seconds.
const LIFETIME: u64 = 600;
const AUDIENCE: &str = "herdbook-sign-in";

/// What a sign-in began with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// What the provider hands back unchanged.
    pub(super) state: String,
    /// What the provider puts into its word about the user.
    pub(super) nonce: String,
    /// What proves to the provider that who asks for the word is who sent the browser.
    pub(super) verifier: String,
    /// The page of ours to go back to.
    pub(super) return_to: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    exp: u64,
    #[serde(flatten)]
    ticket: Ticket,
}

/// Signs and checks tickets.
pub(crate) struct Tickets {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Tickets {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
        }
    }

    pub(super) fn sign(&self, ticket: Ticket) -> Result<String, jsonwebtoken::errors::Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            exp: now + LIFETIME,
            ticket,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// The ticket of a browser; `None` if it is forged, too old, or something else that we have signed.
    pub(super) fn check(&self, text: &str) -> Option<Ticket> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        let claims = decode::<Claims>(text, &self.decoding, &validation).ok()?;
        Some(claims.claims.ticket)
    }
}
