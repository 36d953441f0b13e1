//! ExportPedigree.

use bytes::Bytes;
use herdbook_core::WorkspaceId;
use herdbook_proto::{InvalidRequest, lineage::v1 as proto};

use super::LineageApi;
use crate::{LineageError, convert, graph::Direction, pedigree::Pedigree};

/// Nodes that are written at most.
const NODES: usize = 100_000;
/// Bytes in a message.
const CHUNK: usize = 64 * 1024;

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
        let (mut snapshot, starts) = self.nodes_of(workspace, &request.node).await?;
        let walk = snapshot
            .walk(direction, &starts, request.depth, NODES, |_| false)
            .await?;
        if walk.truncated() && walk.nodes().len() >= NODES {
            return Err(LineageError::TooLarge(NODES));
        }
        let nodes = snapshot.nodes(walk.nodes()).await?;
        let mut pedigree = Pedigree::of(&walk, &nodes);
        if format.has_attachments() {
            pedigree.attached = snapshot.attached(&nodes).await?;
        }
        let text = Bytes::from(format.write(&pedigree));
        let places = (0..text.len()).step_by(CHUNK);
        Ok(places.map(move |start| proto::ExportPedigreeResponse {
            content_type: match start {
                0 => format.content_type().to_owned(),
                _ => String::new(),
            },
            chunk: text.slice(start..text.len().min(start + CHUNK)),
        }))
    }
}
