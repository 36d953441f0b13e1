//! GetFacets.

use futures::{StreamExt as _, stream, stream::BoxStream};
use herdbook_core::WorkspaceId;
use herdbook_proto::{lineage::v1 as proto, time::to_timestamp};
use herdbook_rpc::status;
use tonic::Status;

use super::LineageApi;
use crate::{LineageError, store::FacetQuestion};

impl LineageApi {
    pub(super) async fn facets(
        &self,
        workspace: WorkspaceId,
        request: proto::GetFacetsRequest,
    ) -> Result<BoxStream<'static, Result<proto::GetFacetsResponse, Status>>, LineageError> {
        let (mut snapshot, ids) = self.nodes_of(workspace, &request.node).await?;
        let question = FacetQuestion {
            name: &request.name,
            run: &request.run,
            history: request.history,
        };
        let found = snapshot.facets(&ids, &question).await?;
        let nodes = snapshot.nodes(&ids).await?;
        drop(snapshot);
        let store = self.store.clone();
        // A document at a time: each may be as large as a message.
        let answers = stream::iter(found).then(move |facet| {
            let store = store.clone();
            let node = nodes.get(&facet.node).map(|node| node.key.clone().into());
            async move {
                let document = store.document(workspace, &facet.digest).await;
                Ok(proto::GetFacetsResponse {
                    facet: Some(proto::Facet {
                        node,
                        name: facet.key.name,
                        scope: facet.key.scope,
                        run: facet.key.run,
                        document: document.map_err(status)?,
                        revision: facet.revision,
                        recorded_at: Some(to_timestamp(facet.recorded_at)),
                    }),
                })
            }
        });
        Ok(answers.boxed())
    }
}
