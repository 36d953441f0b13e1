//! Questions about all that one thing came from: ComparePedigrees, CheckCompleteness, GetReproduction.

use std::collections::{BTreeSet, HashMap};

use herdbook_core::WorkspaceId;
use herdbook_proto::{InvalidRequest, lineage::v1 as proto};

use super::LineageApi;
use crate::{
    LineageError, completeness, convert, diff,
    graph::{Direction, Walk},
    making::Descent,
    node::{Node, NodeId, NodeKey, kind},
    pedigree::Pedigree,
    reproduction,
    store::Snapshot,
};

/// Files of a run that are looked at.
const OUTPUTS: usize = 10_000;

impl LineageApi {
    pub(super) async fn compare(
        &self,
        workspace: WorkspaceId,
        request: proto::ComparePedigreesRequest,
    ) -> Result<proto::ComparePedigreesResponse, LineageError> {
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let mut snapshot = self.store.snapshot(workspace).await?.at(moment);
        let (from, _) = snapshot.descent("from", &request.from).await?;
        let (to, _) = snapshot.descent("to", &request.to).await?;
        let found = diff::compare(&from, &to);
        Ok(convert::to_comparison(&from, &to, found))
    }

    pub(super) async fn completeness(
        &self,
        workspace: WorkspaceId,
        request: proto::CheckCompletenessRequest,
    ) -> Result<proto::CheckCompletenessResponse, LineageError> {
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let mut snapshot = self.store.snapshot(workspace).await?.at(moment);
        let (descent, found) = snapshot.descent("node", &request.node).await?;
        let outputs = snapshot.outputs(&descent, &found).await?;
        let findings = completeness::check(&descent, &outputs);
        Ok(convert::to_completeness(&descent, findings))
    }

    pub(super) async fn reproduction(
        &self,
        workspace: WorkspaceId,
        request: proto::GetReproductionRequest,
    ) -> Result<proto::Reproduction, LineageError> {
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let mut snapshot = self.store.snapshot(workspace).await?.at(moment);
        let (descent, found) = snapshot.descent("node", &request.node).await?;
        let outputs = snapshot.outputs(&descent, &found).await?;
        let found = reproduction::of(&descent, &outputs);
        Ok(convert::to_reproduction(&descent, found))
    }
}

impl Snapshot {
    /// The one node that `text` means.
    async fn one(&mut self, field: &str, text: &str) -> Result<NodeId, LineageError> {
        let found = self.resolve(&convert::reference(field, text)?).await?;
        if let [one] = found[..] {
            return Ok(one);
        }
        let nodes = self.nodes(&found[..found.len().min(10)]).await?;
        let names: BTreeSet<_> = nodes.values().map(|node| node.key.to_string()).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let what = format!("means {} nodes; name one of them: {names}", found.len());
        Err(InvalidRequest::field(field, what).into())
    }

    /// The one node that `text` means with all it came from, and how that was found.
    pub(super) async fn descent(
        &mut self,
        field: &str,
        text: &str,
    ) -> Result<(Descent, Found), LineageError> {
        let start = self.one(field, text).await?;
        let walk = self.whole_walk(Direction::Ancestors, &[start]).await?;
        let nodes = self.nodes(walk.nodes()).await?;
        let subject = nodes
            .get(&start)
            .ok_or_else(|| LineageError::NodeNotFound {
                reference: text.to_owned(),
                near: Vec::new(),
            })?;
        let descent = Descent {
            subject: subject.key.clone(),
            pedigree: Pedigree::of(&walk, &nodes),
        };
        Ok((descent, Found { walk, nodes }))
    }

    /// The files that the run left which made what `descent` is of.
    async fn outputs(
        &mut self,
        descent: &Descent,
        found: &Found,
    ) -> Result<Vec<Node>, LineageError> {
        let run = descent.making().map(|making| &making.run.key);
        let Some(run) = run.and_then(|key| found.id(key)) else {
            return Ok(Vec::new());
        };
        let walk = self
            .walk(Direction::Descendants, &[run], 1, OUTPUTS, |_| false)
            .await?;
        let nodes = self.nodes(walk.nodes()).await?.into_values();
        Ok(nodes
            .filter(|node| node.key.kind == kind::ARTIFACT)
            .collect())
    }
}

/// What the store calls the nodes of a descent, and the ways to them.
pub(super) struct Found {
    pub(super) walk: Walk,
    pub(super) nodes: HashMap<NodeId, Node>,
}

impl Found {
    pub(super) fn id(&self, key: &NodeKey) -> Option<NodeId> {
        let mut nodes = self.nodes.iter();
        nodes.find(|(_, node)| node.key == *key).map(|(id, _)| *id)
    }
}
