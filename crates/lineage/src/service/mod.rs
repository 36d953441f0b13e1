//! The rpcs of the lineage service.

mod columns;
mod export;
mod facets;
mod questions;

use futures::{StreamExt as _, stream, stream::BoxStream};
use herdbook_proto::lineage::v1::{self as proto, lineage_service_server::LineageService};
use herdbook_rpc::{Caller, answer, status};
use tonic::{Request, Response, Status};

use crate::{convert, graph::Direction, store::Store};

use questions::GraphQuestion;

pub(crate) struct LineageApi {
    store: Store,
}

impl LineageApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
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
        let impacts = self.impact(workspace, request.into_inner()).await;
        answer(impacts.map(|impacts| proto::FindImpactResponse { impacts }))
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
