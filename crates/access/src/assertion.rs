//! Assertions: a service's signed word about who it calls for.
//!
//! A JSON Web Token (RFC 7519) with HMAC-SHA-256, valid for a minute, for one service.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_rpc::{Caller, Role};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::Error,
};
use serde::{Deserialize, Serialize};

/// How long an assertion is good for, in seconds.
pub(crate) const LIFETIME: u64 = 60;
/// How far the clocks of two machines may be apart, in seconds.
const LEEWAY: u64 = 30;

/// Signs and checks assertions.
pub(crate) struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    exp: u64,
    sub: PrincipalId,
    name: String,
    workspace: WorkspaceId,
    role: i32,
}

impl Signer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
        }
    }

    /// An assertion that calls to `audience`, such as `tracking`, are for `caller`.
    pub(crate) fn sign(&self, caller: &Caller, audience: &str) -> Result<String, Error> {
        let claims = Claims {
            aud: audience.to_owned(),
            exp: now() + LIFETIME,
            sub: caller.principal,
            name: caller.name.to_string(),
            workspace: caller.workspace,
            role: caller.role.to_proto().into(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Who a call to `audience` is for, and for how long that is good yet; `None` if the assertion is forged, too old or
    /// for another.
    pub(crate) fn check(&self, assertion: &str, audience: &str) -> Option<(Caller, Duration)> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.leeway = LEEWAY;
        let claims = decode::<Claims>(assertion, &self.decoding, &validation)
            .ok()?
            .claims;
        let caller = Caller {
            principal: claims.sub,
            name: claims.name.into(),
            workspace: claims.workspace,
            role: Role::from_proto(claims.role)?,
        };
        let left = (claims.exp + LEEWAY).saturating_sub(now());
        Some((caller, Duration::from_secs(left)))
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            principal: PrincipalId::generate(),
            name: "ana".into(),
            workspace: WorkspaceId(3),
            role: Role::Approver,
        }
    }

    #[test]
    fn an_assertion_is_believed_by_its_audience_alone() {
        let signer = Signer::new(&[7; 32]);
        let assertion = signer.sign(&caller(), "tracking").unwrap();
        let (believed, left) = signer.check(&assertion, "tracking").unwrap();
        assert_eq!(
            (&*believed.name, believed.workspace, believed.role),
            ("ana", WorkspaceId(3), Role::Approver)
        );
        assert!(left <= Duration::from_secs(LIFETIME + LEEWAY));
        assert!(signer.check(&assertion, "lineage").is_none());
    }

    #[test]
    fn a_forged_or_unsigned_assertion_is_not_believed() {
        let assertion = Signer::new(&[8; 32]).sign(&caller(), "tracking").unwrap();
        assert!(
            Signer::new(&[7; 32])
                .check(&assertion, "tracking")
                .is_none()
        );
        let body = assertion.split('.').nth(1).unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIn0.{body}.");
        assert!(Signer::new(&[8; 32]).check(&unsigned, "tracking").is_none());
    }
}
