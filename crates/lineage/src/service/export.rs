//! ExportPedigree.

use bytes::Bytes;
use herdbook_core::WorkspaceId;
use herdbook_proto::{InvalidRequest, lineage::v1 as proto};

use super::{LineageApi, chunks};
use crate::{LineageError, convert, graph::Direction, pedigree::Pedigree};

/// Nodes that are written at most.
const NODES: usize = 100_000;

impl LineageApi {
    /// What is written, in pieces.
    pub(super) async fn export(
        &self,
        workspace: WorkspaceId,
        request: proto::ExportPedigreeRequest,
    ) -> Result<impl Iterator<Item = proto::ExportPedigreeResponse> + Send + use<>, LineageError>
    {
        let Some(format) = convert::format(request.format()) else {
            let what = "is required; EXPORT_FORMAT_JSON_GRAPH has all that is known";
            return Err(InvalidRequest::field("format", what).into());
        };
        let direction = match request.descendants {
            true => Direction::Descendants,
            false => Direction::Ancestors,
        };
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let (mut snapshot, starts) = self.nodes_at(workspace, &request.node, moment).await?;
        let walk = snapshot
            .walk(direction, &starts, request.depth, NODES, |_| false)
            .await?;
        if walk.truncated() && walk.nodes().len() >= NODES {
            return Err(LineageError::TooLarge(NODES));
        }
        let nodes = snapshot.nodes(walk.nodes()).await?;
        let mut pedigree = Pedigree::of(&walk, &nodes).with_kinds(snapshot.kinds().await?);
        if format.has_attachments() {
            pedigree.attached = snapshot.attached(&nodes).await?;
        }
        let text = Bytes::from(format.write(&pedigree));
        let mut content_type = format.content_type().to_owned();
        Ok(
            chunks(text).map(move |chunk| proto::ExportPedigreeResponse {
                content_type: std::mem::take(&mut content_type),
                chunk,
            }),
        )
    }
}
