//! The rpcs of the lineage service.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::Utc;
use herdbook_core::{Digest, WorkspaceId};
use herdbook_proto::{
    InvalidRequest, Violations,
    lineage::v1::{self as proto, lineage_service_server::LineageService},
    time::to_timestamp,
};
use herdbook_rpc::{Caller, status};
use tonic::{Request, Response, Status};

use crate::{
    LineageError, convert,
    edge::Edge,
    graph::{Direction, Walk},
    node::{Node, NodeId, NodeKey},
    proof::{self, Question},
    store::{Snapshot, Store},
};

/// Nodes of a graph when the request does not say, and at most.
const DEFAULT_NODES: u32 = 10_000;
const MAX_NODES: u32 = 100_000;
/// Nodes that a question about the whole descent looks at.
const EXAMINED: usize = 1_000_000;
/// Nodes that a reference without a version is listed for.
const LISTED: usize = 1_000;

pub(crate) struct LineageApi {
    store: Store,
}

impl LineageApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn nodes_of(
        &self,
        workspace: WorkspaceId,
        reference: &str,
    ) -> Result<(Snapshot, Vec<NodeId>), LineageError> {
        let reference = convert::reference("node", reference)?;
        let mut snapshot = self.store.snapshot(workspace).await?;
        let ids = snapshot.resolve(&reference).await?;
        Ok((snapshot, ids))
    }

    async fn list(
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

    async fn tag(
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

    async fn graph(
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

    async fn impact(
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

    async fn path(
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

    async fn prove(
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
    let by_key: BTreeMap<NodeKey, Node> = nodes
        .values()
        .map(|node| (node.key.clone(), node.clone()))
        .collect();
    let edges: BTreeSet<Edge<NodeKey>> = walk
        .edges()
        .iter()
        .filter_map(|edge| {
            Some(Edge {
                source: nodes.get(&edge.source)?.key.clone(),
                target: nodes.get(&edge.target)?.key.clone(),
                edge_type: edge.edge_type,
                label: edge.label.clone(),
            })
        })
        .collect();
    let unknowns = proof::unknowns(&by_key, &edges);
    let verdict = proof::verdict(!found.is_empty(), &unknowns);
    let digest = nodes.get(&subject).map(|node| {
        let question = Question {
            subject: &node.key,
            suspects: &request.suspects,
            suspect_tags: &request.suspect_tags,
        };
        Digest(proof::digest(&question, &by_key, &edges, verdict)).to_string()
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
        examined: by_key.into_keys().map(Into::into).collect(),
        unknowns: unknowns.into_iter().map(unknown).collect(),
        digest: digest.unwrap_or_default(),
        decided_at: Some(to_timestamp(Utc::now())),
    }
}

impl Snapshot {
    /// Walks to the very end: an answer about all of a descent must not rest on a part of it.
    async fn whole_walk(
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
struct GraphQuestion {
    node: String,
    depth: u32,
    kinds: Vec<String>,
    limit: u32,
}

#[tonic::async_trait]
impl LineageService for LineageApi {
    async fn record(
        &self,
        request: Request<proto::RecordRequest>,
    ) -> Result<Response<proto::RecordResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let batch = convert::batch(request.into_inner()).map_err(status)?;
        let recorded = self.store.record(workspace, &batch).await.map_err(status)?;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Response::new(proto::RecordResponse {
            new_nodes: count(recorded.nodes),
            new_edges: count(recorded.edges),
        }))
    }

    async fn get_nodes(
        &self,
        request: Request<proto::GetNodesRequest>,
    ) -> Result<Response<proto::GetNodesResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let nodes = self
            .list(workspace, &request.get_ref().node)
            .await
            .map_err(status)?;
        Ok(Response::new(proto::GetNodesResponse { nodes }))
    }

    async fn tag_node(
        &self,
        request: Request<proto::TagNodeRequest>,
    ) -> Result<Response<proto::TagNodeResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let nodes = self
            .tag(workspace, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(proto::TagNodeResponse { nodes }))
    }

    async fn get_ancestors(
        &self,
        request: Request<proto::GetAncestorsRequest>,
    ) -> Result<Response<proto::GetAncestorsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let proto::GetAncestorsRequest {
            node,
            depth,
            kinds,
            limit,
        } = request.into_inner();
        let question = GraphQuestion {
            node,
            depth,
            kinds,
            limit,
        };
        let graph = self
            .graph(workspace, Direction::Ancestors, question)
            .await
            .map_err(status)?;
        Ok(Response::new(proto::GetAncestorsResponse {
            graph: Some(graph),
        }))
    }

    async fn get_descendants(
        &self,
        request: Request<proto::GetDescendantsRequest>,
    ) -> Result<Response<proto::GetDescendantsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let proto::GetDescendantsRequest {
            node,
            depth,
            kinds,
            limit,
        } = request.into_inner();
        let question = GraphQuestion {
            node,
            depth,
            kinds,
            limit,
        };
        let graph = self
            .graph(workspace, Direction::Descendants, question)
            .await
            .map_err(status)?;
        Ok(Response::new(proto::GetDescendantsResponse {
            graph: Some(graph),
        }))
    }

    async fn find_impact(
        &self,
        request: Request<proto::FindImpactRequest>,
    ) -> Result<Response<proto::FindImpactResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let impacts = self
            .impact(workspace, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(proto::FindImpactResponse { impacts }))
    }

    async fn find_path(
        &self,
        request: Request<proto::FindPathRequest>,
    ) -> Result<Response<proto::FindPathResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let path = self
            .path(workspace, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(proto::FindPathResponse { path }))
    }

    async fn prove(
        &self,
        request: Request<proto::ProveRequest>,
    ) -> Result<Response<proto::ProveResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let proof = self
            .prove(workspace, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(proof))
    }
}
