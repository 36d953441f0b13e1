//! Edges in memory, a workspace at a time, never other than in the snapshot that asks.
//!
//! A snapshot reads the revision of its workspace, and sees the graph in memory as of that. If memory is
//! behind, one who asks brings it forward while the others wait; if that is too much to wait for, it is
//! done in the background, and whoever asks meanwhile walks in Postgres.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use herdbook_core::WorkspaceId;
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
    /// Whether it is held for longer than a question waits.
    busy: AtomicBool,
    /// Whether the edges alone take more than there is.
    too_large: AtomicBool,
    used: AtomicU64,
}

/// A turn that is held in the background.
#[derive(Debug)]
struct LongTurn {
    slot: Arc<Slot>,
    _turn: OwnedMutexGuard<()>,
}

impl LongTurn {
    fn begin(slot: Arc<Slot>, turn: OwnedMutexGuard<()>) -> Self {
        slot.busy.store(true, Ordering::Relaxed);
        Self { slot, _turn: turn }
    }
}

impl Drop for LongTurn {
    fn drop(&mut self) {
        self.slot.busy.store(false, Ordering::Relaxed);
    }
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
        let slot = self.slot(workspace);
        if let Some(view) = slot.view(head.revision) {
            return Ok(Some(view));
        }
        let edges = usize::try_from(head.edges).unwrap_or(usize::MAX);
        if Adjacency::bytes_of(edges) > self.0.bytes {
            slot.give_up();
        }
        if slot.is_out_of_reach() {
            return Ok(None);
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
        if slot.is_untidy() {
            tokio::spawn(tidy(LongTurn::begin(slot, turn)));
        }
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
        } else if let Some(layout) = edges::all(snapshot, workspace, self.0.bytes).await? {
            if let Ok(graph) = spawn_blocking(move || layout.finish(head.revision)).await {
                slot.put(Some(graph));
            }
        } else {
            slot.give_up();
        }
        self.make_room(workspace, slot);
        Ok(())
    }

    fn bring_in_background(
        &self,
        workspace: WorkspaceId,
        slot: Arc<Slot>,
        turn: OwnedMutexGuard<()>,
    ) {
        let memory = self.clone();
        let turn = LongTurn::begin(slot, turn);
        tokio::spawn(async move {
            match memory.bring_from_pool(workspace, &turn.slot).await {
                Ok(()) => tidy(turn).await,
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
        let mut snapshot = herdbook_postgres::begin_snapshot(&self.0.pool).await?;
        // A large graph may take longer than a statement may elsewhere.
        sqlx::query("SET LOCAL statement_timeout = 0")
            .execute(&mut *snapshot)
            .await?;
        let head = head(&mut snapshot, workspace).await?;
        let behind = behind(&mut snapshot, workspace, slot.revision(), head).await?;
        self.bring(&mut snapshot, workspace, slot, head, behind)
            .await
    }

    /// Drops the graphs of those workspaces that were not asked about for longest, and that of `kept` if
    /// it is too large by itself.
    fn make_room(&self, kept: WorkspaceId, slot: &Slot) {
        let slots = self.slots();
        let mut all: usize = slots.values().map(|slot| slot.bytes()).sum();
        while all > self.0.bytes {
            let others = slots
                .iter()
                .filter(|(id, slot)| **id != kept && slot.bytes() > 0);
            let oldest = others.min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed));
            let Some((_, oldest)) = oldest else {
                slot.give_up();
                return;
            };
            all -= oldest.bytes();
            oldest.put(None);
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

    fn put(&self, graph: Option<Adjacency>) {
        let mut kept = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = graph.map(|graph| Arc::new(RwLock::new(graph)));
    }

    /// Drops the graph for good: edges hardly ever become fewer.
    fn give_up(&self) {
        self.too_large.store(true, Ordering::Relaxed);
        self.put(None);
    }

    /// Whether a question does better not to wait.
    fn is_out_of_reach(&self) -> bool {
        self.too_large.load(Ordering::Relaxed) || self.busy.load(Ordering::Relaxed)
    }

    fn is_untidy(&self) -> bool {
        self.graph()
            .is_some_and(|graph| read(&graph, Adjacency::is_untidy))
    }

    fn bytes(&self) -> usize {
        self.graph()
            .map_or(0, |graph| read(&graph, Adjacency::bytes))
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

/// Lays the graph out anew if too much stands beside its arrays.
async fn tidy(turn: LongTurn) {
    let Some(graph) = turn.slot.graph().filter(|_| turn.slot.is_untidy()) else {
        return;
    };
    let tidied = spawn_blocking(move || read(&graph, Adjacency::tidied)).await;
    // It may have had to make room meanwhile.
    if turn.slot.graph().is_some() {
        turn.slot.put(tidied.ok());
    }
}

fn read<T>(graph: &RwLock<Adjacency>, question: impl FnOnce(&Adjacency) -> T) -> T {
    question(&graph.read().unwrap_or_else(PoisonError::into_inner))
}
