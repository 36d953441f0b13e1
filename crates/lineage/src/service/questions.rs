//! What is asked of the graph.

use std::collections::BTreeSet;

use herdbook_core::{PageToken, WorkspaceId};
use herdbook_proto::{InvalidRequest, Violations, fields, lineage::v1 as proto};

use super::LineageApi;
use crate::{
    LineageError, convert,
    edge::Edge,
    graph::{Direction, Walk},
    inherited::{self, Carriers},
    moment::Moment,
    node::NodeId,
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
        self.nodes_at(workspace, reference, Moment::default()).await
    }

    /// The nodes that `reference` meant at `moment`.
    pub(super) async fn nodes_at(
        &self,
        workspace: WorkspaceId,
        reference: &str,
        moment: Moment,
    ) -> Result<(Snapshot, Vec<NodeId>), LineageError> {
        let reference = convert::reference("node", reference)?;
        let mut snapshot = self.store.snapshot(workspace).await?.at(moment);
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
        let shown = convert::shown(question.kinds, question.filter)?;
        let types = convert::edge_types(&question.edge_types)?;
        let (snapshot, starts) = self
            .nodes_at(workspace, &question.node, question.moment?)
            .await?;
        let mut snapshot = snapshot.following(types);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let walk = snapshot
            .walk(direction, &starts, question.depth, limit, |_| false)
            .await?;
        let mut nodes = snapshot.nodes(walk.nodes()).await?;
        nodes.retain(|id, node| walk.depth_of(*id) == Some(0) || shown.shows(node));
        Ok(convert::to_graph(&walk, &nodes))
    }

    pub(super) async fn impact(
        &self,
        workspace: WorkspaceId,
        request: proto::FindImpactRequest,
    ) -> Result<proto::FindImpactResponse, LineageError> {
        let size = fields::page_size(request.page_size)?;
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let query = format!(
            "impact {} {} {} {moment:?}",
            request.stage, request.tag, request.node
        );
        let after = PageToken::<(String, String)>::decode(&request.page_token, &query)
            .map_err(|error| InvalidRequest::field("page_token", error))?;
        let (mut snapshot, starts) = match (request.tag.as_str(), request.node.as_str()) {
            ("", node) => self.nodes_at(workspace, node, moment).await?,
            (tag, "") => {
                let mut snapshot = self.store.snapshot(workspace).await?.at(moment);
                let starts = snapshot.tagged(tag).await?;
                (snapshot, starts)
            }
            _ => {
                let what = "must be empty where node says what is in doubt";
                return Err(InvalidRequest::field("tag", what).into());
            }
        };
        let walk = snapshot.whole_walk(Direction::Descendants, &starts).await?;
        let mut versions = snapshot
            .versions_in_stage(walk.nodes(), &request.stage, after, size + 1)
            .await?;
        let next_page_token = PageToken::cut(&mut versions, size, &query, |(_, key)| key.clone());
        let paths: Vec<_> = versions
            .iter()
            .map(|(id, _)| (*id, walk.path(*id)))
            .collect();
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
        Ok(proto::FindImpactResponse {
            impacts: paths.iter().filter_map(impact).collect(),
            next_page_token,
        })
    }

    pub(super) async fn path(
        &self,
        workspace: WorkspaceId,
        request: proto::FindPathRequest,
    ) -> Result<Option<proto::Path>, LineageError> {
        let from = convert::reference("from", &request.from)?;
        let to = convert::reference("to", &request.to)?;
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let mut snapshot = self.store.snapshot(workspace).await?.at(moment);
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

    pub(super) async fn inherited_tags(
        &self,
        workspace: WorkspaceId,
        request: proto::GetInheritedTagsRequest,
    ) -> Result<proto::GetInheritedTagsResponse, LineageError> {
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let (mut snapshot, starts) = self.nodes_at(workspace, &request.node, moment).await?;
        let walk = snapshot.whole_walk(Direction::Ancestors, &starts).await?;
        let found = inherited::tags(&walk, &snapshot.tags(walk.nodes()).await?);
        let carriers: Vec<_> = found.values().map(|carriers| carriers.nearest).collect();
        let nodes = snapshot.nodes(&carriers).await?;
        let tag = |(tag, carriers): (String, Carriers)| {
            let carrier = nodes.get(&carriers.nearest)?;
            Some(proto::InheritedTag {
                tag,
                carrier: Some(carrier.key.clone().into()),
                depth: carriers.depth,
                carriers: carriers.count,
            })
        };
        Ok(proto::GetInheritedTagsResponse {
            tags: found.into_iter().filter_map(tag).collect(),
        })
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
    pub(super) edge_types: Vec<i32>,
    pub(super) filter: Option<proto::NodeFilter>,
    pub(super) moment: Result<Moment, InvalidRequest>,
}
