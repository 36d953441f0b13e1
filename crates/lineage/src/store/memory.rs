//! Edges in memory, a workspace at a time, never other than in the snapshot that asks.
//!
//! A snapshot reads the revision of its workspace, and sees the graph in memory as of that. If memory is
//! behind, one who asks brings it forward while the others wait; if that is too much to wait for, it is
//! done in the background, and whoever asks meanwhile walks in Postgres.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use herdbook_core::WorkspaceId;
use herdbook_postgres::SNAPSHOT;
use sqlx::{PgConnection, PgPool};
use tokio::{
    sync::{Mutex as Turn, OwnedMutexGuard},
    task::spawn_blocking,
    time::timeout,
};

use super::{
    edges,
    revision::{self, Head, head},
};
use crate::{LineageError, adjacency::Adjacency, edge::Edge, graph::Direction, node::NodeId};

/// Bytes that all workspaces may take together, about.
pub(super) const BYTES: usize = 512 << 20;
/// Edges that a question reads itself; more are read in the background.
const AT_ONCE: i64 = 20_000;
/// How long a question waits for another that reads.
const PATIENCE: Duration = Duration::from_millis(50);

/// The graphs of workspaces; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    bytes: usize,
    slots: Mutex<HashMap<WorkspaceId, Arc<Slot>>>,
    /// Counts questions, to tell what was not used for longest.
    clock: AtomicU64,
}

/// What is kept of a workspace.
#[derive(Debug, Default)]
struct Slot {
    graph: Mutex<Option<Arc<RwLock<Adjacency>>>>,
    /// Whoever changes the graph holds it.
    turn: Arc<Turn<()>>,
    used: AtomicU64,
}

/// The graph as of a revision.
#[derive(Debug)]
pub(super) struct View {
    graph: Arc<RwLock<Adjacency>>,
    revision: i64,
}

impl View {
    /// The edges by which `direction` goes on from `nodes`, in order.
    pub(super) fn edges_of(&self, direction: Direction, nodes: &[NodeId]) -> Vec<Edge<NodeId>> {
        let graph = self.graph.read().unwrap_or_else(PoisonError::into_inner);
        graph.edges_of(direction, nodes, self.revision)
    }
}

impl Memory {
    /// One of about `bytes` at most.
    pub(super) fn new(pool: PgPool, bytes: usize) -> Self {
        Self(Arc::new(Inner {
            pool,
            bytes,
            slots: Mutex::default(),
            clock: AtomicU64::default(),
        }))
    }

    /// The graph as `snapshot` has it; `None` if Postgres is to be asked instead.
    pub(super) async fn view(
        &self,
        snapshot: &mut PgConnection,
        workspace: WorkspaceId,
    ) -> Result<Option<View>, LineageError> {
        let head = head(snapshot, workspace).await?;
        if Adjacency::bytes_of(usize::try_from(head.edges).unwrap_or(usize::MAX)) > self.0.bytes {
            self.slots().remove(&workspace);
            return Ok(None);
        }
        let slot = self.slot(workspace);
        if let Some(view) = slot.view(head.revision) {
            return Ok(Some(view));
        }
        let Ok(turn) = timeout(PATIENCE, slot.turn.clone().lock_owned()).await else {
            return Ok(None);
        };
        let known = slot.revision();
        // Another may have brought it forward meanwhile, or even have laid it out beyond this snapshot.
        if known.is_some_and(|known| known >= head.revision) {
            return Ok(slot.view(head.revision));
        }
        let behind = behind(snapshot, workspace, known, head).await?;
        if behind.unwrap_or(head.edges) > AT_ONCE {
            self.bring_in_background(workspace, slot, turn);
            return Ok(None);
        }
        self.bring(snapshot, workspace, &slot, head, behind).await?;
        let view = slot.view(head.revision);
        self.tidy_in_background(slot, turn);
        Ok(view)
    }

    /// Brings the graph of `slot` to `head`, of which this is the snapshot; `behind` is what
    /// [`behind`] said.
    async fn bring(
        &self,
        snapshot: &mut PgConnection,
        workspace: WorkspaceId,
        slot: &Slot,
        head: Head,
        behind: Option<i64>,
    ) -> Result<(), LineageError> {
        if let (Some(graph), Some(_)) = (slot.graph(), behind) {
            let since = slot.revision().unwrap_or_default();
            let news = edges::added(snapshot, workspace, since, head.revision).await?;
            let mut graph = graph.write().unwrap_or_else(PoisonError::into_inner);
            graph.extend(news, head.revision);
            return Ok(());
        }
        let layout = edges::all(snapshot, workspace).await?;
        if let Ok(graph) = spawn_blocking(move || layout.finish(head.revision)).await {
            slot.put(graph);
        }
        self.make_room(workspace);
        Ok(())
    }

    fn bring_in_background(
        &self,
        workspace: WorkspaceId,
        slot: Arc<Slot>,
        turn: OwnedMutexGuard<()>,
    ) {
        let memory = self.clone();
        tokio::spawn(async move {
            match memory.bring_from_pool(workspace, &slot).await {
                Ok(()) => memory.tidy_in_background(slot, turn),
                // The next question tries again.
                Err(error) => tracing::warn!(
                    workspace = workspace.0,
                    error = &error as &dyn std::error::Error,
                    "reading edges into memory failed"
                ),
            }
        });
    }

    async fn bring_from_pool(
        &self,
        workspace: WorkspaceId,
        slot: &Slot,
    ) -> Result<(), LineageError> {
        let mut snapshot = self.0.pool.begin_with(SNAPSHOT).await?;
        // A large graph may take longer than a statement may elsewhere.
        sqlx::query("SET LOCAL statement_timeout = 0")
            .execute(&mut *snapshot)
            .await?;
        let head = head(&mut snapshot, workspace).await?;
        let behind = behind(&mut snapshot, workspace, slot.revision(), head).await?;
        self.bring(&mut snapshot, workspace, slot, head, behind)
            .await
    }

    /// Lays the graph out anew if too much stands beside its arrays.
    fn tidy_in_background(&self, slot: Arc<Slot>, turn: OwnedMutexGuard<()>) {
        let Some(graph) = slot
            .graph()
            .filter(|graph| read(graph, Adjacency::is_untidy))
        else {
            return;
        };
        spawn_blocking(move || {
            let tidied = read(&graph, Adjacency::tidied);
            slot.put(tidied);
            drop(turn);
        });
    }

    /// Drops the graphs of those workspaces that were not asked about for longest, but for `kept`.
    fn make_room(&self, kept: WorkspaceId) {
        let mut slots = self.slots();
        let bytes = |slot: &Arc<Slot>| {
            slot.graph()
                .map_or(0, |graph| read(&graph, Adjacency::bytes))
        };
        let mut all: usize = slots.values().map(bytes).sum();
        while all > self.0.bytes {
            let others = slots.iter().filter(|(workspace, _)| **workspace != kept);
            let oldest = others.min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed));
            let Some((oldest, slot)) = oldest.map(|(workspace, slot)| (*workspace, slot)) else {
                return;
            };
            all -= bytes(slot);
            slots.remove(&oldest);
        }
    }

    /// The workspaces that are kept, in order.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> Vec<i32> {
        let slots = self.slots();
        let kept = slots.iter().filter(|(_, slot)| slot.graph().is_some());
        let kept: std::collections::BTreeSet<_> = kept.map(|(workspace, _)| workspace.0).collect();
        kept.into_iter().collect()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Arc<Slot>>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, workspace: WorkspaceId) -> Arc<Slot> {
        let slot = self.slots().entry(workspace).or_default().clone();
        let now = self.0.clock.fetch_add(1, Ordering::Relaxed);
        slot.used.store(now, Ordering::Relaxed);
        slot
    }
}

impl Slot {
    fn graph(&self) -> Option<Arc<RwLock<Adjacency>>> {
        let graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        graph.clone()
    }

    fn put(&self, graph: Adjacency) {
        let mut kept = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Arc::new(RwLock::new(graph)));
    }

    /// Up to which revision the graph is known.
    fn revision(&self) -> Option<i64> {
        self.graph().map(|graph| read(&graph, Adjacency::revision))
    }

    fn view(&self, revision: i64) -> Option<View> {
        let graph = self.graph()?;
        let covered = read(&graph, |graph| graph.covers(revision));
        covered.then_some(View { graph, revision })
    }
}

/// How many edges a graph of the revision `known` lacks at `head`; `None` if all have to be read.
async fn behind(
    snapshot: &mut PgConnection,
    workspace: WorkspaceId,
    known: Option<i64>,
    head: Head,
) -> Result<Option<i64>, LineageError> {
    match known {
        Some(known) => revision::added(snapshot, workspace, known, head.revision).await,
        None => Ok(None),
    }
}

fn read<T>(graph: &RwLock<Adjacency>, question: impl FnOnce(&Adjacency) -> T) -> T {
    question(&graph.read().unwrap_or_else(PoisonError::into_inner))
}
