//! Signed checkpoints of the audit log (Ed25519, RFC 8032).

use chrono::{DateTime, Utc};
use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey, pkcs8::DecodePrivateKey as _,
};
use herdbook_core::{Digest, WorkspaceId};
use herdbook_proto::{
    registry::v1 as proto,
    time::{from_timestamp, to_timestamp},
};

/// How far the audit log of a workspace had come, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub(crate) workspace: WorkspaceId,
    /// Revision of the last record.
    pub revision: i64,
    /// Hash of that record.
    pub hash: Digest,
    pub(crate) at: DateTime<Utc>,
    pub(crate) public_key: [u8; 32],
    pub(crate) signature: [u8; 64],
}

/// The key that signs checkpoints.
#[derive(Debug, Clone)]
pub struct AuditKey(SigningKey);

/// A text that is no key for checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no Ed25519 key (PKCS#8, PEM); make one with `openssl genpkey -algorithm ed25519`")]
pub struct InvalidAuditKey;

impl AuditKey {
    /// Reads a private key as PKCS#8 in PEM (RFC 8410).
    pub fn from_pem(pem: &str) -> Result<Self, InvalidAuditKey> {
        SigningKey::from_pkcs8_pem(pem)
            .map(Self)
            .map_err(|_| InvalidAuditKey)
    }

    /// The key of a seed (RFC 8032).
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }
}

/// A checkpoint that cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckpoint {
    /// Fields are missing or malformed.
    #[error("is not a whole checkpoint; give it as `herdbook audit checkpoint` wrote it")]
    Malformed,
    /// It was changed, or made by somebody else.
    #[error("is not signed by the key that it names; it was changed since")]
    Forged,
}

impl Checkpoint {
    /// Signs that `workspace` was at `revision`, with `hash`, at the time `at`.
    pub(crate) fn sign(
        workspace: WorkspaceId,
        revision: i64,
        hash: Digest,
        at: DateTime<Utc>,
        key: &AuditKey,
    ) -> Self {
        let mut checkpoint = Self {
            workspace,
            revision,
            hash,
            at,
            public_key: key.0.verifying_key().to_bytes(),
            signature: [0; 64],
        };
        checkpoint.signature = key.0.sign(checkpoint.text().as_bytes()).to_bytes();
        checkpoint
    }

    /// Whether it is as it was signed.
    pub(crate) fn check(&self) -> Result<(), InvalidCheckpoint> {
        let key = VerifyingKey::from_bytes(&self.public_key);
        let signature = Signature::from_bytes(&self.signature);
        key.and_then(|key| key.verify_strict(self.text().as_bytes(), &signature))
            .map_err(|_| InvalidCheckpoint::Forged)
    }

    /// What is signed.
    fn text(&self) -> String {
        format!(
            "herdbook audit checkpoint v1\n{}\n{}\n{}\n{}\n",
            self.workspace,
            self.revision,
            self.hash,
            self.at.timestamp_micros()
        )
    }

    /// Reads a checkpoint and checks its signature.
    pub fn read(given: &proto::Checkpoint) -> Result<Self, InvalidCheckpoint> {
        let malformed = InvalidCheckpoint::Malformed;
        let mut checkpoint = Self {
            workspace: WorkspaceId(given.workspace),
            revision: given.revision,
            hash: given.hash.parse().map_err(|_| malformed)?,
            at: given
                .at
                .as_ref()
                .and_then(from_timestamp)
                .ok_or(malformed)?,
            public_key: [0; 32],
            signature: [0; 64],
        };
        hex::decode_to_slice(&given.public_key, &mut checkpoint.public_key)
            .map_err(|_| malformed)?;
        hex::decode_to_slice(&given.signature, &mut checkpoint.signature).map_err(|_| malformed)?;
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// As the contract has it.
    pub(crate) fn to_proto(&self) -> proto::Checkpoint {
        proto::Checkpoint {
            workspace: self.workspace.0,
            revision: self.revision,
            hash: self.hash.to_string(),
            at: Some(to_timestamp(self.at)),
            public_key: hex::encode(self.public_key),
            signature: hex::encode(self.signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_believed_as_it_was_signed_and_no_other() {
        let at = DateTime::from_timestamp(1_790_000_000, 123_456_000).unwrap();
        let key = AuditKey::from_seed(&[5; 32]);
        let made = Checkpoint::sign(WorkspaceId(1), 7, Digest([9; 32]), at, &key);
        let shown = made.to_proto();
        assert_eq!(Checkpoint::read(&shown), Ok(made));
        let changes: [fn(&mut proto::Checkpoint); 5] = [
            |c| c.workspace = 2,
            |c| c.revision = 6,
            |c| c.hash = Digest([8; 32]).to_string(),
            |c| c.at.as_mut().unwrap().seconds += 1,
            |c| c.public_key = hex::encode(SigningKey::from_bytes(&[6; 32]).verifying_key()),
        ];
        for change in changes {
            let mut changed = shown.clone();
            change(&mut changed);
            assert_eq!(Checkpoint::read(&changed), Err(InvalidCheckpoint::Forged));
        }
    }
}
