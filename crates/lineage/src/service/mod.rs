//! The rpcs of the lineage service.

mod columns;
mod descents;
mod export;
mod facets;
mod identity;
mod kinds;
mod proofs;
mod questions;
mod search;
mod walk;

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use herdbook_proto::lineage::v1::{self as proto, lineage_service_server::LineageService};
use herdbook_rpc::{Caller, answer, status};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::{convert, graph::Direction, store::Store};

use questions::GraphQuestion;

/// Bytes of a text in a message.
const CHUNK: usize = 64 * 1024;

/// A text in pieces that fit in a message.
fn chunks(text: Bytes) -> impl Iterator<Item = Bytes> + Send {
    let places = (0..text.len()).step_by(CHUNK);
    places.map(move |start| text.slice(start..text.len().min(start + CHUNK)))
}

pub(crate) struct LineageApi {
    store: Store,
    /// Streamed walks that may begin.
    walks: Arc<Semaphore>,
}

impl LineageApi {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            walks: Arc::new(Semaphore::new(walk::AT_A_TIME)),
        }
    }
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
        let nodes = self.list(workspace, &request.get_ref().node).await;
        answer(nodes.map(|nodes| proto::GetNodesResponse { nodes }))
    }

    async fn search_nodes(
        &self,
        request: Request<proto::SearchNodesRequest>,
    ) -> Result<Response<proto::SearchNodesResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.search(workspace, request.into_inner()).await)
    }

    async fn tag_node(
        &self,
        request: Request<proto::TagNodeRequest>,
    ) -> Result<Response<proto::TagNodeResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let nodes = self.tag(workspace, request.into_inner()).await;
        answer(nodes.map(|nodes| proto::TagNodeResponse { nodes }))
    }

    async fn get_ancestors(
        &self,
        request: Request<proto::GetAncestorsRequest>,
    ) -> Result<Response<proto::GetAncestorsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let asked = request.into_inner();
        let question = GraphQuestion {
            node: asked.node,
            depth: asked.depth,
            kinds: asked.kinds,
            limit: asked.limit,
            edge_types: asked.edge_types,
            filter: asked.filter,
            moment: convert::moment(asked.known_at.as_ref(), asked.held_at.as_ref()),
        };
        let graph = self.graph(workspace, Direction::Ancestors, question).await;
        answer(graph.map(|graph| proto::GetAncestorsResponse { graph: Some(graph) }))
    }

    async fn get_descendants(
        &self,
        request: Request<proto::GetDescendantsRequest>,
    ) -> Result<Response<proto::GetDescendantsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let asked = request.into_inner();
        let question = GraphQuestion {
            node: asked.node,
            depth: asked.depth,
            kinds: asked.kinds,
            limit: asked.limit,
            edge_types: asked.edge_types,
            filter: asked.filter,
            moment: convert::moment(asked.known_at.as_ref(), asked.held_at.as_ref()),
        };
        let graph = self
            .graph(workspace, Direction::Descendants, question)
            .await;
        answer(graph.map(|graph| proto::GetDescendantsResponse { graph: Some(graph) }))
    }

    async fn find_impact(
        &self,
        request: Request<proto::FindImpactRequest>,
    ) -> Result<Response<proto::FindImpactResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.impact(workspace, request.into_inner()).await)
    }

    async fn find_path(
        &self,
        request: Request<proto::FindPathRequest>,
    ) -> Result<Response<proto::FindPathResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let path = self.path(workspace, request.into_inner()).await;
        answer(path.map(|path| proto::FindPathResponse { path }))
    }

    type ExportPedigreeStream = BoxStream<'static, Result<proto::ExportPedigreeResponse, Status>>;

    async fn export_pedigree(
        &self,
        request: Request<proto::ExportPedigreeRequest>,
    ) -> Result<Response<Self::ExportPedigreeStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let written = self.export(workspace, request.into_inner()).await;
        answer(written.map(|parts| stream::iter(parts.map(Ok)).boxed()))
    }

    async fn prove(
        &self,
        request: Request<proto::ProveRequest>,
    ) -> Result<Response<proto::ProveResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.prove(workspace, request.into_inner()).await)
    }

    type ExportProofStream = BoxStream<'static, Result<proto::ExportProofResponse, Status>>;

    async fn export_proof(
        &self,
        request: Request<proto::ExportProofRequest>,
    ) -> Result<Response<Self::ExportProofStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let written = self.export_proof(workspace, request.into_inner()).await;
        answer(written.map(|parts| stream::iter(parts.map(Ok)).boxed()))
    }

    async fn compare_pedigrees(
        &self,
        request: Request<proto::ComparePedigreesRequest>,
    ) -> Result<Response<proto::ComparePedigreesResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.compare(workspace, request.into_inner()).await)
    }

    async fn check_completeness(
        &self,
        request: Request<proto::CheckCompletenessRequest>,
    ) -> Result<Response<proto::CheckCompletenessResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.completeness(workspace, request.into_inner()).await)
    }

    async fn get_reproduction(
        &self,
        request: Request<proto::GetReproductionRequest>,
    ) -> Result<Response<proto::GetReproductionResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let found = self.reproduction(workspace, request.into_inner()).await;
        answer(found.map(|found| proto::GetReproductionResponse {
            reproduction: Some(found),
        }))
    }

    type WalkGraphStream = BoxStream<'static, Result<proto::WalkGraphResponse, Status>>;

    async fn walk_graph(
        &self,
        request: Request<proto::WalkGraphRequest>,
    ) -> Result<Response<Self::WalkGraphStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let parts = self.walk(workspace, request.into_inner()).await;
        answer(parts.map(|parts| parts.map(|part| part.map_err(status)).boxed()))
    }

    async fn retract(
        &self,
        request: Request<proto::RetractRequest>,
    ) -> Result<Response<proto::RetractResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.take_back(&caller, request.into_inner()).await)
    }

    async fn get_history(
        &self,
        request: Request<proto::GetHistoryRequest>,
    ) -> Result<Response<proto::GetHistoryResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.history(workspace, &request.get_ref().node).await)
    }

    async fn set_alias(
        &self,
        request: Request<proto::SetAliasRequest>,
    ) -> Result<Response<proto::SetAliasResponse>, Status> {
        let caller = Caller::of(&request)?;
        let node = self.alias(&caller, request.into_inner()).await;
        answer(node.map(|node| proto::SetAliasResponse { node }))
    }

    async fn merge_nodes(
        &self,
        request: Request<proto::MergeNodesRequest>,
    ) -> Result<Response<proto::MergeNodesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let node = self.merge(&caller, request.into_inner()).await;
        answer(node.map(|node| proto::MergeNodesResponse { node }))
    }

    async fn find_duplicates(
        &self,
        request: Request<proto::FindDuplicatesRequest>,
    ) -> Result<Response<proto::FindDuplicatesResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.duplicates(workspace, request.into_inner()).await)
    }

    async fn get_inherited_tags(
        &self,
        request: Request<proto::GetInheritedTagsRequest>,
    ) -> Result<Response<proto::GetInheritedTagsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.inherited_tags(workspace, request.into_inner()).await)
    }

    async fn define_kind(
        &self,
        request: Request<proto::DefineKindRequest>,
    ) -> Result<Response<proto::DefineKindResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let kind = self.define(workspace, request.into_inner()).await;
        answer(kind.map(|kind| proto::DefineKindResponse { kind: Some(kind) }))
    }

    async fn list_kinds(
        &self,
        request: Request<proto::ListKindsRequest>,
    ) -> Result<Response<proto::ListKindsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let kinds = self.kinds(workspace).await;
        answer(kinds.map(|kinds| proto::ListKindsResponse { kinds }))
    }

    async fn delete_kind(
        &self,
        request: Request<proto::DeleteKindRequest>,
    ) -> Result<Response<proto::DeleteKindResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let deleted = self.delete(workspace, &request.get_ref().name).await;
        answer(deleted.map(|()| proto::DeleteKindResponse {}))
    }

    type GetFacetsStream = BoxStream<'static, Result<proto::GetFacetsResponse, Status>>;

    async fn get_facets(
        &self,
        request: Request<proto::GetFacetsRequest>,
    ) -> Result<Response<Self::GetFacetsStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.facets(workspace, request.into_inner()).await)
    }

    async fn get_column_lineage(
        &self,
        request: Request<proto::GetColumnLineageRequest>,
    ) -> Result<Response<proto::GetColumnLineageResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.column_lineage(workspace, request.into_inner()).await)
    }

    async fn find_column_impact(
        &self,
        request: Request<proto::FindColumnImpactRequest>,
    ) -> Result<Response<proto::FindColumnImpactResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.column_impact(workspace, request.into_inner()).await)
    }
}
