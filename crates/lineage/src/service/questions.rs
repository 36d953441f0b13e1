//! What is asked of the graph.

use std::collections::{BTreeSet, HashMap};

use chrono::Utc;
use herdbook_core::{Digest, WorkspaceId};
use herdbook_proto::{InvalidRequest, Violations, lineage::v1 as proto, time::to_timestamp};

use super::LineageApi;
use crate::{
    LineageError, convert,
    edge::Edge,
    graph::{Direction, Walk},
    node::{Node, NodeId, NodeKey},
    pedigree::Pedigree,
    proof::{self, Question},
    store::Snapshot,
};

/// Nodes of a graph when the request does not say, and at most.
const DEFAULT_NODES: u32 = 10_000;
const MAX_NODES: u32 = 100_000;
/// Nodes that a question about the whole descent looks at.
const EXAMINED: usize = 1_000_000;
/// Nodes that a reference without a version is listed for.
const LISTED: usize = 1_000;

impl LineageApi {
    pub(super) async fn nodes_of(
        &self,
        workspace: WorkspaceId,
        reference: &str,
    ) -> Result<(Snapshot, Vec<NodeId>), LineageError> {
        let reference = convert::reference("node", reference)?;
        let mut snapshot = self.store.snapshot(workspace).await?;
        let ids = snapshot.resolve(&reference).await?;
        Ok((snapshot, ids))
    }

    pub(super) async fn list(
        &self,
        workspace: WorkspaceId,
        reference: &str,
    ) -> Result<Vec<proto::Node>, LineageError> {
        let (mut snapshot, mut ids) = self.nodes_of(workspace, reference).await?;
        ids.truncate(LISTED);
        let nodes = snapshot.nodes(&ids).await?;
        Ok(ids
            .iter()
            .filter_map(|id| Some(nodes.get(id)?.clone().into()))
            .collect())
    }

    pub(super) async fn tag(
        &self,
        workspace: WorkspaceId,
        request: proto::TagNodeRequest,
    ) -> Result<Vec<proto::Node>, LineageError> {
        let mut violations = Violations::default();
        convert::read_tags("add", &request.add, &mut violations);
        convert::read_tags("remove", &request.remove, &mut violations);
        violations.finish()?;
        let (snapshot, ids) = self.nodes_of(workspace, &request.node).await?;
        drop(snapshot);
        let add: BTreeSet<_> = request.add.into_iter().collect();
        self.store.tag(&ids, &add, &request.remove).await?;
        self.list(workspace, &request.node).await
    }

    pub(super) async fn graph(
        &self,
        workspace: WorkspaceId,
        direction: Direction,
        question: GraphQuestion,
    ) -> Result<proto::Graph, LineageError> {
        if question.limit > MAX_NODES {
            return Err(
                InvalidRequest::field("limit", format!("must be at most {MAX_NODES}")).into(),
            );
        }
        let limit = if question.limit == 0 {
            DEFAULT_NODES
        } else {
            question.limit
        };
        let (mut snapshot, starts) = self.nodes_of(workspace, &question.node).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let walk = snapshot
            .walk(direction, &starts, question.depth, limit, |_| false)
            .await?;
        let mut nodes = snapshot.nodes(walk.nodes()).await?;
        if !question.kinds.is_empty() {
            nodes.retain(|id, node| {
                walk.depth_of(*id) == Some(0) || question.kinds.contains(&node.key.kind)
            });
        }
        Ok(convert::to_graph(&walk, &nodes))
    }

    pub(super) async fn impact(
        &self,
        workspace: WorkspaceId,
        request: proto::FindImpactRequest,
    ) -> Result<Vec<proto::Impact>, LineageError> {
        let (mut snapshot, starts) = self.nodes_of(workspace, &request.node).await?;
        let walk = snapshot.whole_walk(Direction::Descendants, &starts).await?;
        let versions = snapshot
            .versions_in_stage(walk.nodes(), &request.stage)
            .await?;
        let paths: Vec<_> = versions.iter().map(|id| (*id, walk.path(*id))).collect();
        let along: BTreeSet<_> = paths
            .iter()
            .flat_map(|(id, path)| convert::along(path, *id))
            .collect();
        let nodes = snapshot
            .nodes(&along.into_iter().collect::<Vec<_>>())
            .await?;
        let impact = |(id, path): &(NodeId, Vec<&Edge<NodeId>>)| {
            Some(proto::Impact {
                version: Some(nodes.get(id)?.clone().into()),
                path: Some(convert::to_path(path, *id, &nodes)),
            })
        };
        Ok(paths.iter().filter_map(impact).collect())
    }

    pub(super) async fn path(
        &self,
        workspace: WorkspaceId,
        request: proto::FindPathRequest,
    ) -> Result<Option<proto::Path>, LineageError> {
        let from = convert::reference("from", &request.from)?;
        let to = convert::reference("to", &request.to)?;
        let mut snapshot = self.store.snapshot(workspace).await?;
        let ancestors = snapshot.resolve(&from).await?;
        let descendants = snapshot.resolve(&to).await?;
        // Upwards, for a thing has fewer ancestors than a source has descendants.
        let reached = |walk: &Walk| ancestors.iter().any(|id| walk.depth_of(*id).is_some());
        let walk = snapshot
            .walk(Direction::Ancestors, &descendants, 0, EXAMINED, reached)
            .await?;
        let nearest = ancestors
            .iter()
            .filter_map(|id| Some((walk.depth_of(*id)?, *id)))
            .min();
        let Some((_, found)) = nearest else {
            return Ok(None);
        };
        let path = walk.path(found);
        let nodes = snapshot.nodes(&convert::along(&path, found)).await?;
        Ok(Some(convert::to_path(&path, found, &nodes)))
    }

    pub(super) async fn prove(
        &self,
        workspace: WorkspaceId,
        request: proto::ProveRequest,
    ) -> Result<proto::ProveResponse, LineageError> {
        if request.suspects.is_empty() && request.suspect_tags.is_empty() {
            let what =
                "name a suspect, or a tag in suspect_tags: without either anything is proved";
            return Err(InvalidRequest::field("suspects", what).into());
        }
        let (mut snapshot, subjects) = self.nodes_of(workspace, &request.node).await?;
        let [subject] = subjects[..] else {
            let nodes = snapshot.nodes(&subjects[..subjects.len().min(10)]).await?;
            let names: BTreeSet<_> = nodes.values().map(|node| node.key.to_string()).collect();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            let what = format!("means {} nodes; name one of them: {names}", subjects.len());
            return Err(InvalidRequest::field("node", what).into());
        };
        let mut suspects = Vec::new();
        for (index, text) in request.suspects.iter().enumerate() {
            let reference = convert::reference(&format!("suspects[{index}]"), text)?;
            suspects.extend(snapshot.resolve(&reference).await?);
        }
        let walk = snapshot
            .whole_walk(Direction::Ancestors, &[subject])
            .await?;
        let nodes = snapshot.nodes(walk.nodes()).await?;
        Ok(conclude(&request, subject, &suspects, &walk, &nodes))
    }
}

/// What the ancestors found say about the question.
fn conclude(
    request: &proto::ProveRequest,
    subject: NodeId,
    suspects: &[NodeId],
    walk: &Walk,
    nodes: &HashMap<NodeId, Node>,
) -> proto::ProveResponse {
    let tagged = |node: &Node| {
        request
            .suspect_tags
            .iter()
            .any(|tag| node.facts.tags.contains(tag))
    };
    let found: Vec<NodeId> = walk
        .nodes()
        .iter()
        .copied()
        .filter(|id| suspects.contains(id) || nodes.get(id).is_some_and(tagged))
        .collect();
    let pedigree = Pedigree::of(walk, nodes);
    let unknowns = proof::unknowns(&pedigree.nodes, &pedigree.edges);
    let verdict = proof::verdict(!found.is_empty(), &unknowns);
    let digest = nodes.get(&subject).map(|node| {
        let question = Question {
            subject: &node.key,
            suspects: &request.suspects,
            suspect_tags: &request.suspect_tags,
        };
        Digest(proof::digest(
            &question,
            &pedigree.nodes,
            &pedigree.edges,
            verdict,
        ))
        .to_string()
    });
    let unknown = |(key, missing): (NodeKey, &'static str)| proto::Unknown {
        node: Some(key.into()),
        missing: missing.to_owned(),
    };
    proto::ProveResponse {
        verdict: proto::Verdict::from(verdict).into(),
        evidence: found
            .iter()
            .map(|id| convert::to_path(&walk.path(*id), *id, nodes))
            .collect(),
        examined: pedigree.nodes.into_keys().map(Into::into).collect(),
        unknowns: unknowns.into_iter().map(unknown).collect(),
        digest: digest.unwrap_or_default(),
        decided_at: Some(to_timestamp(Utc::now())),
    }
}

impl Snapshot {
    /// Walks to the very end: an answer about all of a descent must not rest on a part of it.
    pub(super) async fn whole_walk(
        &mut self,
        direction: Direction,
        starts: &[NodeId],
    ) -> Result<Walk, LineageError> {
        let walk = self.walk(direction, starts, 0, EXAMINED, |_| false).await?;
        if walk.truncated() {
            Err(LineageError::TooLarge(EXAMINED))
        } else {
            Ok(walk)
        }
    }
}

/// What GetAncestors and GetDescendants ask alike.
pub(super) struct GraphQuestion {
    pub(super) node: String,
    pub(super) depth: u32,
    pub(super) kinds: Vec<String>,
    pub(super) limit: u32,
}
