//! Prove and ExportProof.

use std::collections::BTreeSet;

use bytes::Bytes;
use chrono::{SecondsFormat, Utc};
use herdbook_core::WorkspaceId;
use herdbook_proto::{InvalidRequest, lineage::v1 as proto, time::to_timestamp};
use serde_json::json;

use super::{LineageApi, chunks, descents::Found};
use crate::{
    LineageError, convert,
    making::Descent,
    node::NodeKey,
    proof::{Proof, Question, Suspect},
    store::Snapshot,
};

impl LineageApi {
    pub(super) async fn prove(
        &self,
        workspace: WorkspaceId,
        request: proto::ProveRequest,
    ) -> Result<proto::ProveResponse, LineageError> {
        let (proof, found) = self.decide(workspace, request).await?;
        // Nearest first.
        let suspects = found.walk.nodes().iter().filter(|id| {
            let node = found.nodes.get(id);
            node.is_some_and(|node| proof.found.contains(&node.key))
        });
        let evidence =
            suspects.map(|id| convert::to_path(&found.walk.path(*id), *id, &found.nodes));
        let unknown = |(key, missing): (NodeKey, &'static str)| proto::Unknown {
            node: Some(key.into()),
            missing: missing.to_owned(),
        };
        Ok(proto::ProveResponse {
            verdict: proto::Verdict::from(proof.verdict).into(),
            evidence: evidence.collect(),
            digest: proof.digest().to_string(),
            examined: proof.nodes.into_keys().map(Into::into).collect(),
            unknowns: proof.unknowns.into_iter().map(unknown).collect(),
            decided_at: Some(to_timestamp(Utc::now())),
        })
    }

    /// The proof as a text, in pieces.
    pub(super) async fn export_proof(
        &self,
        workspace: WorkspaceId,
        request: proto::ExportProofRequest,
    ) -> Result<impl Iterator<Item = proto::ExportProofResponse> + Send + use<>, LineageError> {
        let question = request.question.ok_or_else(|| {
            InvalidRequest::field("question", "is required: whose descent, and from what not")
        })?;
        let (proof, _) = self.decide(workspace, question).await?;
        let mut text = String::new();
        for line in proof.lines() {
            text.push_str(&line);
            text.push('\n');
        }
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let last = json!(["digest", proof.digest().to_string(), now]);
        text.push_str(&format!("{last}\n"));
        let parts = chunks(Bytes::from(text));
        Ok(parts.map(|chunk| proto::ExportProofResponse { chunk }))
    }

    async fn decide(
        &self,
        workspace: WorkspaceId,
        request: proto::ProveRequest,
    ) -> Result<(Proof, Found), LineageError> {
        if request.suspects.is_empty() && request.suspect_tags.is_empty() {
            let what =
                "name a suspect, or a tag in suspect_tags: without either anything is proved";
            return Err(InvalidRequest::field("suspects", what).into());
        }
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let mut snapshot = self.store.snapshot(workspace).await?.at(moment);
        let (Descent { subject, pedigree }, found) =
            snapshot.descent("node", &request.node).await?;
        let mut question = Question {
            subject,
            suspects: Default::default(),
            tags: request.suspect_tags.into_iter().collect(),
        };
        for (index, text) in request.suspects.iter().enumerate() {
            let suspects = snapshot
                .suspects(&format!("suspects[{index}]"), text)
                .await?;
            question.suspects.extend(suspects);
        }
        let proof = Proof::decide(question, pedigree.nodes, pedigree.edges);
        Ok((proof, found))
    }
}

impl Snapshot {
    /// What a reference suspects: each node that it names, or every version of a name.
    async fn suspects(
        &mut self,
        field: &str,
        text: &str,
    ) -> Result<BTreeSet<Suspect>, LineageError> {
        let reference = convert::reference(field, text)?;
        let ids = self.resolve(&reference).await?;
        let nodes = self.nodes(&ids).await?.into_values();
        Ok(nodes
            .map(|node| {
                // Other names lead to nodes of names that were not asked for as a whole.
                if node.key.kind == reference.kind && node.key.name == reference.rest {
                    Suspect::Named {
                        kind: node.key.kind,
                        name: node.key.name,
                    }
                } else {
                    Suspect::Node(node.key)
                }
            })
            .collect())
    }
}
