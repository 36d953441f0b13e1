//! What is asked of columns.

use std::collections::{BTreeSet, HashMap};

use herdbook_core::WorkspaceId;
use herdbook_proto::lineage::v1 as proto;

use super::LineageApi;
use crate::{
    LineageError,
    columns::{Column, ColumnWalk, Link, Links, connect},
    graph::Direction,
    node::{Node, NodeId, kind},
    store::Snapshot,
};

/// Columns of an answer at most.
const COLUMNS: usize = 100_000;

impl LineageApi {
    pub(super) async fn column_lineage(
        &self,
        workspace: WorkspaceId,
        request: proto::GetColumnLineageRequest,
    ) -> Result<proto::GetColumnLineageResponse, LineageError> {
        let (mut snapshot, starts) = self
            .columns_of(workspace, &request.node, &request.field)
            .await?;
        let direction = match request.descendants {
            true => Direction::Descendants,
            false => Direction::Ancestors,
        };
        let mut walk = ColumnWalk::new(starts, COLUMNS);
        let mut links = Links::default();
        while !walk.frontier().is_empty() {
            if request.depth != 0 && walk.depth() >= request.depth {
                walk.cut_short();
                break;
            }
            let steps = snapshot.column_steps(direction, walk.frontier()).await?;
            let reached = steps.into_iter().map(|step| {
                connect(&mut links, step.ends, step.link, step.description);
                (step.from, step.to)
            });
            walk.advance(reached);
        }
        let ids: BTreeSet<NodeId> = walk.columns().map(|(column, _)| column.node).collect();
        let nodes = snapshot.nodes(&ids.into_iter().collect::<Vec<_>>()).await?;
        Ok(proto::GetColumnLineageResponse {
            columns: found(&walk, &nodes),
            links: to_links(links, &nodes),
            truncated: walk.truncated(),
        })
    }

    pub(super) async fn column_impact(
        &self,
        workspace: WorkspaceId,
        request: proto::FindColumnImpactRequest,
    ) -> Result<proto::FindColumnImpactResponse, LineageError> {
        let (mut snapshot, starts) = self
            .columns_of(workspace, &request.node, &request.field)
            .await?;
        let mut walk = ColumnWalk::new(starts, COLUMNS);
        while !walk.frontier().is_empty() {
            let steps = snapshot
                .column_steps(Direction::Descendants, walk.frontier())
                .await?;
            let along_columns = steps.into_iter().map(|step| (step.from, step.to));
            let as_a_whole = snapshot.whole_steps(walk.frontier()).await?;
            walk.advance(along_columns.chain(as_a_whole).collect::<Vec<_>>());
        }
        if walk.truncated() {
            return Err(LineageError::TooLarge(COLUMNS));
        }
        let ids: BTreeSet<NodeId> = walk.columns().map(|(column, _)| column.node).collect();
        let ids: Vec<NodeId> = ids.into_iter().collect();
        let nodes = snapshot.nodes(&ids).await?;
        let versions = snapshot
            .versions_in_stage(&ids, &request.stage, None, COLUMNS)
            .await?;
        let impact = |(id, _)| {
            let column = Column {
                node: id,
                field: String::new(),
            };
            Some(proto::ColumnImpact {
                version: Some(nodes.get(&id)?.clone().into()),
                path: walk
                    .path(&column)
                    .into_iter()
                    .filter_map(|column| to_column(column, &nodes))
                    .collect(),
            })
        };
        let mut columns = found(&walk, &nodes);
        columns.retain(|found| {
            let key = found
                .column
                .as_ref()
                .and_then(|column| column.node.as_ref());
            key.is_some_and(|key| key.kind == kind::DATASET)
        });
        Ok(proto::FindColumnImpactResponse {
            columns,
            impacts: versions.into_iter().filter_map(impact).collect(),
        })
    }

    /// Where a walk starts: the column in each node that the reference means.
    async fn columns_of(
        &self,
        workspace: WorkspaceId,
        node: &str,
        field: &str,
    ) -> Result<(Snapshot, Vec<Column>), LineageError> {
        let (mut snapshot, ids) = self.nodes_of(workspace, node).await?;
        if !field.is_empty()
            && let Err(known) = snapshot.find_column(&ids, field).await?
        {
            return Err(LineageError::ColumnNotFound {
                node: node.to_owned(),
                column: field.to_owned(),
                known,
            });
        }
        let column = |node| Column {
            node,
            field: field.to_owned(),
        };
        Ok((snapshot, ids.into_iter().map(column).collect()))
    }
}

impl Snapshot {
    /// What `columns` reach by edges between nodes: a data set whose columns are recorded is left to
    /// them.
    async fn whole_steps(
        &mut self,
        columns: &[Column],
    ) -> Result<Vec<(Column, Column)>, LineageError> {
        let mut from: HashMap<NodeId, &Column> = HashMap::new();
        for column in columns {
            from.entry(column.node).or_insert(column);
        }
        let nodes: Vec<NodeId> = from.keys().copied().collect();
        let edges = self.edges_of(Direction::Descendants, &nodes).await?;
        let targets: Vec<NodeId> = edges.iter().map(|edge| edge.target).collect();
        let by_columns = self.with_columns(&targets).await?;
        let step = |(source, target): (NodeId, NodeId)| {
            let to = Column {
                node: target,
                field: String::new(),
            };
            Some(((*from.get(&source)?).clone(), to))
        };
        let whole = edges
            .iter()
            .filter(|edge| !by_columns.contains(&edge.target));
        Ok(whole
            .filter_map(|edge| step((edge.source, edge.target)))
            .collect())
    }
}

fn to_column(column: &Column, nodes: &HashMap<NodeId, Node>) -> Option<proto::Column> {
    Some(proto::Column {
        node: Some(nodes.get(&column.node)?.key.clone().into()),
        field: column.field.clone(),
    })
}

fn found(walk: &ColumnWalk, nodes: &HashMap<NodeId, Node>) -> Vec<proto::FoundColumn> {
    let found = |(column, depth): (&Column, u32)| {
        Some(proto::FoundColumn {
            column: Some(to_column(column, nodes)?),
            depth,
        })
    };
    walk.columns().filter_map(found).collect()
}

fn to_links(links: Links<NodeId>, nodes: &HashMap<NodeId, Node>) -> Vec<proto::ColumnLinks> {
    let key = |id: NodeId| Some(nodes.get(&id)?.key.clone().into());
    let link = |(link, description): (Link, String)| proto::ColumnLink {
        source_field: link.source_field,
        target_field: link.target_field,
        r#type: link.transformation,
        subtype: link.subtype,
        description,
        masking: link.masking,
    };
    links
        .into_iter()
        .filter_map(|((source, target), links)| {
            Some(proto::ColumnLinks {
                source: Some(key(source)?),
                target: Some(key(target)?),
                links: links.into_iter().map(link).collect(),
            })
        })
        .collect()
}
