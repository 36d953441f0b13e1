//! Signatures of versions.

use herdbook_proto::{
    InvalidRequest, Violations,
    registry::v1::{self as proto, signature_service_server::SignatureService},
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{RegistryError, convert, signing::PublicKey, store::Store, version::Version};

/// Bytes of an envelope.
const ENVELOPE: usize = 8 << 20;
/// Bytes of a public key: an Ed25519 key as PEM has 113.
const KEY: usize = 1_024;

pub(crate) struct SignatureApi {
    store: Store,
}

impl SignatureApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn add(
        &self,
        caller: &Caller,
        request: proto::AddSignatureRequest,
    ) -> Result<proto::Signature, RegistryError> {
        let proto::AddSignatureRequest {
            model,
            version,
            envelope,
            public_key,
        } = request;
        let mut violations = Violations::default();
        for (field, text, most) in [
            ("envelope", &envelope, ENVELOPE),
            ("public_key", &public_key, KEY),
        ] {
            if text.len() > most {
                violations.add(
                    field,
                    format!("has {} bytes; at most {most} are allowed", text.len()),
                );
            }
        }
        violations.finish()?;
        let key = PublicKey::from_pem(&public_key)
            .map_err(|error| InvalidRequest::field("public_key", error))?;
        let check = |version: &Version| {
            let opened = version.statement().open(&envelope, &key);
            opened.map_err(|error| InvalidRequest::field("envelope", error).into())
        };
        let (workspace, principal) = (caller.workspace, &caller.name);
        let added = self
            .store
            .add_signature(workspace, principal, (&model, version), key, check)
            .await?;
        Ok(convert::to_signature(added))
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListSignaturesRequest,
    ) -> Result<proto::ListSignaturesResponse, RegistryError> {
        let proto::ListSignaturesRequest { model, version } = request;
        let found = self
            .store
            .signatures(caller.workspace, &model, version)
            .await?;
        let (version, signatures) = found;
        Ok(proto::ListSignaturesResponse {
            signatures: signatures.into_iter().map(convert::to_signature).collect(),
            statement: version.statement().as_bytes().to_vec().into(),
        })
    }
}

#[tonic::async_trait]
impl SignatureService for SignatureApi {
    async fn add_signature(
        &self,
        request: Request<proto::AddSignatureRequest>,
    ) -> Result<Response<proto::AddSignatureResponse>, Status> {
        let caller = Caller::of(&request)?;
        let signature = self.add(&caller, request.into_inner()).await;
        answer(signature.map(|signature| proto::AddSignatureResponse {
            signature: Some(signature),
        }))
    }

    async fn list_signatures(
        &self,
        request: Request<proto::ListSignaturesRequest>,
    ) -> Result<Response<proto::ListSignaturesResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }
}
