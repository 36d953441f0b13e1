//! SearchNodes: names that somebody has begun to type.

use herdbook_core::WorkspaceId;
use herdbook_proto::{Violations, lineage::v1 as proto};

use super::LineageApi;
use crate::{LineageError, node::check_kind};

/// Names when the request does not say, and at most.
const DEFAULT_NAMES: u32 = 20;
const MAX_NAMES: u32 = 100;
/// Bytes of a text at most, as of a name.
const MAX_TEXT: usize = 512;
/// Kinds to look among at most.
const MAX_KINDS: usize = 100;

impl LineageApi {
    pub(super) async fn search(
        &self,
        workspace: WorkspaceId,
        request: proto::SearchNodesRequest,
    ) -> Result<proto::SearchNodesResponse, LineageError> {
        let mut violations = Violations::default();
        if request.text.len() > MAX_TEXT || request.text.contains('\0') {
            let what = format!("must be at most {MAX_TEXT} bytes without a NUL character");
            violations.add("text", what);
        }
        if request.kinds.len() > MAX_KINDS {
            violations.add("kinds", format!("must be at most {MAX_KINDS}"));
        }
        for (index, kind) in request.kinds.iter().take(MAX_KINDS).enumerate() {
            violations.check(format!("kinds[{index}]"), check_kind(kind));
        }
        if request.limit > MAX_NAMES {
            violations.add("limit", format!("must be at most {MAX_NAMES}"));
        }
        violations.finish()?;
        let limit = match request.limit {
            0 => DEFAULT_NAMES,
            limit => limit,
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut snapshot = self.store.snapshot(workspace).await?;
        // One more than asked for tells whether there are more.
        let mut names = snapshot
            .names(&request.text, &request.kinds, limit + 1)
            .await?;
        let more = names.len() > limit;
        names.truncate(limit);
        let ids: Vec<_> = names.iter().map(|name| name.latest).collect();
        let nodes = snapshot.nodes(&ids).await?;
        let names = names.into_iter().map(|name| proto::FoundName {
            latest: nodes.get(&name.latest).cloned().map(Into::into),
            versions: name.versions,
        });
        Ok(proto::SearchNodesResponse {
            names: names.collect(),
            more,
        })
    }
}
