//! WalkGraph: as much as there is, in parts.
//!
//! What is kept of the answer is the number of each node that was found, and the last level. The walk is
//! a few parts ahead of who reads it and then waits; who goes away or does not read ends it, since it
//! holds a connection.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use herdbook_core::WorkspaceId;
use herdbook_proto::lineage::v1 as proto;
use prost::Message as _;
use tokio::sync::{
    OwnedSemaphorePermit,
    mpsc::{self, error::SendTimeoutError},
};

use super::LineageApi;
use crate::{LineageError, convert, edge::Edge, graph::Direction, node::NodeId, store::Snapshot};

/// Walks of a process at a time: each holds a connection.
pub(super) const AT_A_TIME: usize = 8;
/// Parts that are ready before they are read.
const AHEAD: usize = 4;
/// Nodes or edges that are looked at together.
const TOGETHER: usize = 1_000;
/// Bytes of a part, about.
const PART_BYTES: usize = 256 * 1024;
/// How long a part waits to be read.
const PATIENCE: Duration = Duration::from_secs(60);

impl LineageApi {
    /// The parts of the answer.
    pub(super) async fn walk(
        &self,
        workspace: WorkspaceId,
        request: proto::WalkGraphRequest,
    ) -> Result<
        impl Stream<Item = Result<proto::WalkGraphResponse, LineageError>> + Send + use<>,
        LineageError,
    > {
        let permit = self.walks.clone().try_acquire_owned();
        let permit = permit.map_err(|_| LineageError::TooManyWalks(AT_A_TIME))?;
        let moment = convert::moment(request.known_at.as_ref(), request.held_at.as_ref())?;
        let (snapshot, starts) = self.nodes_at(workspace, &request.node, moment).await?;
        let (parts, mut read) = mpsc::channel(AHEAD);
        let course = Course {
            snapshot,
            direction: match request.descendants {
                true => Direction::Descendants,
                false => Direction::Ancestors,
            },
            kinds: request.kinds,
            numbers: HashMap::new(),
            shown: 0,
            part: proto::WalkGraphResponse::default(),
            bytes: 0,
            parts,
            _permit: permit,
        };
        let walking = tokio::spawn(course.run(starts, request.depth));
        let parts = stream::poll_fn(move |context| read.poll_recv(context)).map(Ok);
        // How it went is told at the end, lest a part of the answer be taken for all of it.
        let outcome = stream::once(walking).filter_map(async |outcome| match outcome {
            Ok(Ok(())) | Err(_) => None,
            Ok(Err(error)) => Some(Err(error)),
        });
        Ok(parts.chain(outcome))
    }
}

/// A walk under way.
struct Course {
    snapshot: Snapshot,
    direction: Direction,
    kinds: Vec<String>,
    /// What the answer calls each node that was found; `None` for one that is not shown.
    numbers: HashMap<NodeId, Option<u32>>,
    shown: u32,
    /// What is sent next, and its bytes.
    part: proto::WalkGraphResponse,
    bytes: usize,
    parts: mpsc::Sender<proto::WalkGraphResponse>,
    _permit: OwnedSemaphorePermit,
}

impl Course {
    async fn run(mut self, starts: Vec<NodeId>, bound: u32) -> Result<(), LineageError> {
        for some in starts.chunks(TOGETHER) {
            self.show(some, 0).await?;
        }
        let (mut frontier, mut depth) = (starts, 0);
        while !frontier.is_empty() && (bound == 0 || depth < bound) {
            depth += 1;
            let mut next = Vec::new();
            for some in frontier.chunks(TOGETHER) {
                let edges = self.snapshot.edges_of(self.direction, some).await?;
                for edges in edges.chunks(TOGETHER) {
                    self.go_on(edges, depth, &mut next).await?;
                }
            }
            frontier = next;
        }
        self.part.end = Some(proto::WalkEnd {
            truncated: !frontier.is_empty(),
        });
        self.send().await
    }

    /// Follows `edges` to nodes at `depth`; those that are new come `next`.
    async fn go_on(
        &mut self,
        edges: &[Edge<NodeId>],
        depth: u32,
        next: &mut Vec<NodeId>,
    ) -> Result<(), LineageError> {
        let before = next.len();
        for edge in edges {
            let (_, to) = self.direction.ends(edge);
            if let Entry::Vacant(new) = self.numbers.entry(to) {
                new.insert(None);
                next.push(to);
            }
        }
        self.show(&next[before..], depth).await?;
        for edge in edges {
            let number = |id| self.numbers.get(id).copied().flatten();
            let (Some(source), Some(target)) = (number(&edge.source), number(&edge.target)) else {
                continue;
            };
            let edge = proto::WalkedEdge {
                source,
                target,
                r#type: i32::from(edge.edge_type.number()),
                label: edge.label.clone(),
            };
            self.bytes += edge.encoded_len();
            self.part.edges.push(edge);
            self.send_if_full().await?;
        }
        Ok(())
    }

    /// Puts new nodes into the answer, as far as they are shown.
    async fn show(&mut self, ids: &[NodeId], depth: u32) -> Result<(), LineageError> {
        let mut nodes = self.snapshot.nodes(ids).await?;
        for id in ids {
            let wanted =
                |kind: &String| depth == 0 || self.kinds.is_empty() || self.kinds.contains(kind);
            let node = nodes.remove(id).filter(|node| wanted(&node.key.kind));
            self.numbers
                .insert(*id, node.is_some().then_some(self.shown));
            let Some(node) = node else {
                continue;
            };
            self.shown += 1;
            let node = proto::GraphNode {
                node: Some(node.into()),
                depth,
            };
            self.bytes += node.encoded_len();
            self.part.nodes.push(node);
            self.send_if_full().await?;
        }
        Ok(())
    }

    async fn send_if_full(&mut self) -> Result<(), LineageError> {
        match self.bytes >= PART_BYTES {
            true => self.send().await,
            false => Ok(()),
        }
    }

    /// Sends the part at hand, when there is room for it.
    async fn send(&mut self) -> Result<(), LineageError> {
        self.bytes = 0;
        let part = std::mem::take(&mut self.part);
        match self.parts.send_timeout(part, PATIENCE).await {
            // To nobody, if who asked went away: the walk ends all the same.
            Err(SendTimeoutError::Timeout(_) | SendTimeoutError::Closed(_)) => {
                Err(LineageError::NotRead(PATIENCE.as_secs()))
            }
            Ok(()) => Ok(()),
        }
    }
}
