//! What changes what nodes are, and what they were: Retract, GetHistory, SetAlias, MergeNodes,
//! FindDuplicates.

use herdbook_core::{PageToken, WorkspaceId};
use herdbook_proto::{InvalidRequest, Violations, fields, lineage::v1 as proto};
use herdbook_rpc::Caller;

use super::LineageApi;
use crate::{LineageError, convert, node::NodeKey, store::Ending};

impl LineageApi {
    pub(super) async fn take_back(
        &self,
        caller: &Caller,
        request: proto::RetractRequest,
    ) -> Result<proto::RetractResponse, LineageError> {
        let mut violations = Violations::default();
        convert::reason(&request.reason, &mut violations);
        if request.nodes.is_empty() && request.edges.is_empty() {
            violations.add(
                "nodes",
                "is empty, and so are edges: name what to take back",
            );
        }
        fields::entries("nodes", request.nodes.len(), &mut violations);
        let keys = request.nodes.into_iter().enumerate();
        let keys = keys.filter_map(|(index, key)| {
            convert::key(&format!("nodes[{index}]"), Some(key), &mut violations)
        });
        let nodes: Vec<NodeKey> = keys.collect();
        violations.finish()?;
        let edges = convert::batch(proto::RecordRequest {
            edges: request.edges,
            ..Default::default()
        })?;
        let ending = Ending {
            by: &caller.name,
            reason: &request.reason,
        };
        let retracted = self
            .store
            .retract(caller.workspace, &nodes, &edges, request.with_edges, ending)
            .await?;
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(proto::RetractResponse {
            retracted_nodes: count(retracted.nodes),
            retracted_edges: count(retracted.edges),
        })
    }

    pub(super) async fn history(
        &self,
        workspace: WorkspaceId,
        reference: &str,
    ) -> Result<proto::GetHistoryResponse, LineageError> {
        let reference = convert::reference("node", reference)?;
        let mut snapshot = self.store.snapshot(workspace).await?;
        let (states, edges) = snapshot.history(&reference).await?;
        Ok(proto::GetHistoryResponse {
            states: states.into_iter().map(convert::to_state).collect(),
            edges: edges.into_iter().map(convert::to_former_edge).collect(),
        })
    }

    pub(super) async fn alias(
        &self,
        caller: &Caller,
        request: proto::SetAliasRequest,
    ) -> Result<Option<proto::Node>, LineageError> {
        let mut violations = Violations::default();
        let alias = convert::key("alias", request.alias, &mut violations);
        let node = convert::key("node", request.node, &mut violations);
        let (alias, node) = same_kind("alias", alias, node, violations)?;
        let node = self
            .store
            .set_alias(caller.workspace, &alias, &node, &caller.name)
            .await?;
        self.node(caller.workspace, &node).await
    }

    pub(super) async fn merge(
        &self,
        caller: &Caller,
        request: proto::MergeNodesRequest,
    ) -> Result<Option<proto::Node>, LineageError> {
        let mut violations = Violations::default();
        convert::reason(&request.reason, &mut violations);
        let from = convert::key("from", request.from, &mut violations);
        let into = convert::key("into", request.into, &mut violations);
        let (from, into) = same_kind("from", from, into, violations)?;
        let ending = Ending {
            by: &caller.name,
            reason: &request.reason,
        };
        let node = self.store.merge(caller.workspace, &from, &into, ending);
        self.node(caller.workspace, &node.await?).await
    }

    /// The node of this key.
    async fn node(
        &self,
        workspace: WorkspaceId,
        key: &NodeKey,
    ) -> Result<Option<proto::Node>, LineageError> {
        // With its @ even where it has no version: this key and no other.
        let reference = format!("{}:{}@{}", key.kind, key.name, key.version);
        Ok(self.list(workspace, &reference).await?.pop())
    }

    pub(super) async fn duplicates(
        &self,
        workspace: WorkspaceId,
        request: proto::FindDuplicatesRequest,
    ) -> Result<proto::FindDuplicatesResponse, LineageError> {
        const QUERY: &str = "duplicates";
        let size = fields::page_size(request.page_size)?;
        let after = PageToken::<String>::decode(&request.page_token, QUERY)
            .map_err(|error| InvalidRequest::field("page_token", error))?;
        let mut snapshot = self.store.snapshot(workspace).await?;
        let mut found = snapshot
            .duplicates(&after.unwrap_or_default(), size + 1)
            .await?;
        let digest = |nodes: &Vec<NodeKey>| nodes.first().map(|key| key.version.clone());
        let next_page_token = PageToken::cut(&mut found, size, QUERY, |nodes| {
            digest(nodes).unwrap_or_default()
        });
        let group = |nodes: Vec<NodeKey>| proto::Duplicates {
            nodes: nodes.into_iter().map(Into::into).collect(),
        };
        Ok(proto::FindDuplicatesResponse {
            duplicates: found.into_iter().map(group).collect(),
            next_page_token,
        })
    }
}

/// Both keys, which must be of one kind: a thing does not become another sort of thing.
fn same_kind(
    field: &str,
    one: Option<NodeKey>,
    other: Option<NodeKey>,
    mut violations: Violations,
) -> Result<(NodeKey, NodeKey), InvalidRequest> {
    if let (Some(one), Some(other)) = (&one, &other)
        && one.kind != other.kind
    {
        let what = format!(
            "is a {}, the other a {}; both must be of one kind",
            one.kind, other.kind
        );
        violations.add(format!("{field}.kind"), what);
    }
    violations.finish()?;
    // Both are there, or it would have been noted.
    one.zip(other)
        .ok_or_else(|| InvalidRequest::field(field, "is required"))
}
