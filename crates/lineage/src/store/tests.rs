//! What is walked in memory is what Postgres has in the same snapshot, and what a naive search finds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use herdbook_core::WorkspaceId;
use herdbook_postgres::migrate;
use herdbook_testkit::{TestDatabase, wait_until};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use super::{Store, read::Snapshot, revision};
use crate::{
    batch::Batch,
    edge::{Edge, EdgeType},
    facts::Facts,
    graph::{Direction, Walk},
    node::{NodeId, NodeKey},
    reference::Reference,
};

const HERE: WorkspaceId = WorkspaceId(1);
const NODES: u8 = 30;

async fn store() -> Store {
    let database = TestDatabase::create().await.database();
    migrate(&database, crate::SCHEMA, &crate::MIGRATIONS)
        .await
        .unwrap();
    Store::new(database.pool().clone())
}

fn key(name: impl ToString) -> NodeKey {
    NodeKey {
        kind: "dataset".to_owned(),
        name: name.to_string(),
        version: String::new(),
    }
}

fn batch(edges: impl IntoIterator<Item = (u32, u32)>) -> Batch {
    let mut batch = Batch::default();
    for (source, target) in edges {
        batch.connect(Edge {
            source: key(source),
            target: key(target),
            edge_type: EdgeType::from_number((target % 4 + 1).cast_signed()).unwrap(),
            label: if source % 2 == 0 { "training" } else { "" }.to_owned(),
        });
    }
    batch
}

/// Nodes with their distances, and edges: what a walk answers, whatever the order.
type Found = (BTreeMap<NodeId, u32>, BTreeSet<Edge<NodeId>>);

fn found(walk: &Walk) -> Found {
    let depth = |id: &NodeId| (*id, walk.depth_of(*id).unwrap());
    (
        walk.nodes().iter().map(depth).collect(),
        walk.edges().iter().cloned().collect(),
    )
}

/// A search over all edges that `snapshot` has.
async fn naive(snapshot: &mut Snapshot, direction: Direction, start: NodeId) -> Found {
    let rows: Vec<(i64, i64, i16, String)> =
        sqlx::query_as("SELECT source, target, type, label FROM lineage.edges")
            .fetch_all(&mut *snapshot.transaction)
            .await
            .unwrap();
    let all: Vec<_> = rows
        .into_iter()
        .map(|(source, target, number, label)| Edge {
            source: NodeId(source),
            target: NodeId(target),
            edge_type: EdgeType::from_number(number.into()).unwrap(),
            label,
        })
        .collect();
    let (mut depths, mut edges) = (BTreeMap::from([(start, 0)]), BTreeSet::new());
    for depth in 0.. {
        let before = depths.len() + edges.len();
        let level = depths.clone();
        for edge in &all {
            let (from, to) = match direction {
                Direction::Ancestors => (edge.target, edge.source),
                Direction::Descendants => (edge.source, edge.target),
            };
            if level.get(&from) == Some(&depth) {
                depths.entry(to).or_insert(depth + 1);
                edges.insert(edge.clone());
            }
        }
        if depths.len() + edges.len() == before {
            break;
        }
    }
    (depths, edges)
}

/// Checks every walk of `snapshot`; whether memory had the graph.
async fn check(snapshot: &mut Snapshot) -> bool {
    let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM lineage.nodes")
        .fetch_all(&mut *snapshot.transaction)
        .await
        .unwrap();
    snapshot.edges_of(Direction::Ancestors, &[]).await.unwrap();
    let remembered = matches!(snapshot.view, Some(Some(_)));
    for direction in [Direction::Ancestors, Direction::Descendants] {
        for id in ids.iter().copied().map(NodeId) {
            let walk = async |snapshot: &mut Snapshot| {
                snapshot
                    .walk(direction, &[id], 0, usize::MAX, |_| false)
                    .await
                    .unwrap()
            };
            let ours = walk(snapshot).await;
            let view = snapshot.view.replace(None);
            let theirs = walk(snapshot).await;
            snapshot.view = view;
            assert_eq!(ours.nodes(), theirs.nodes(), "the same order");
            assert_eq!(ours.edges(), theirs.edges());
            assert_eq!(found(&ours), naive(snapshot, direction, id).await);
        }
    }
    remembered
}

#[tokio::test]
async fn any_snapshot_has_the_same_graph_in_memory_as_in_postgres() {
    let mut runner = TestRunner::new(Config::default());
    let edge = (0..NODES - 8, 1..8_u8).prop_map(|(from, gap)| (from.into(), (from + gap).into()));
    let steps = prop::collection::vec(
        (
            prop::collection::vec(edge, 0..6),
            any::<bool>(),
            any::<bool>(),
        ),
        4..12,
    );
    for _ in 0..6 {
        let store = store().await;
        let mut open = Vec::new();
        for (edges, opens, asks) in steps.new_tree(&mut runner).unwrap().current() {
            store.record(HERE, &batch(edges)).await.unwrap();
            if opens {
                open.push(store.snapshot(HERE).await.unwrap());
                // What a snapshot sees is decided with its first statement.
                sqlx::query("SELECT")
                    .execute(&mut *open.last_mut().unwrap().transaction)
                    .await
                    .unwrap();
            }
            if asks {
                let mut latest = store.snapshot(HERE).await.unwrap();
                assert!(check(&mut latest).await, "it fits and is small");
            }
        }
        for mut snapshot in open.into_iter().rev() {
            check(&mut snapshot).await;
        }
    }
}

#[tokio::test]
async fn questions_beside_recorders_see_their_snapshot_and_nothing_else() {
    let store = store().await;
    let recorders = (0..3_u32).map(|recorder| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let from = (recorder * 7 + round * 5) % 20;
                let edges = [(from, from + 1 + recorder), (from + 1, from + 9)];
                store.record(HERE, &batch(edges)).await.unwrap();
            }
        })
    });
    let recorders: Vec<_> = recorders.collect();
    let askers = (0..2).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..6 {
                let mut snapshot = store.snapshot(HERE).await.unwrap();
                check(&mut snapshot).await;
            }
        })
    });
    for task in recorders.into_iter().chain(askers.collect::<Vec<_>>()) {
        task.await.unwrap();
    }
    let mut snapshot = store.snapshot(HERE).await.unwrap();
    assert!(check(&mut snapshot).await);
}

#[tokio::test]
async fn a_large_graph_is_read_beside_the_questions_and_then_kept_up_to_date() {
    let store = Arc::new(store().await);
    for part in 0..3 {
        let edges = (part * 10_000..(part + 1) * 10_000).map(|n| (n / 3, n + 1));
        store.record(HERE, &batch(edges)).await.unwrap();
    }
    let view = async || {
        let mut snapshot = store.snapshot(HERE).await.unwrap();
        store
            .memory
            .view(&mut snapshot.transaction, HERE)
            .await
            .unwrap()
    };
    assert!(
        view().await.is_none(),
        "a question does not wait for so much"
    );
    wait_until("the graph in memory", async || view().await).await;
    store.record(HERE, &batch([(0, 40_000)])).await.unwrap();
    let view = view().await.expect("one edge is read at once");
    let mut snapshot = store.snapshot(HERE).await.unwrap();
    let last = Reference::parse("dataset:40000").unwrap();
    let id = snapshot.resolve(&last).await.unwrap();
    assert_eq!(view.edges_of(Direction::Ancestors, &id).len(), 1);
}

#[tokio::test]
async fn what_adds_no_edge_moves_nothing_and_what_does_more_is_read_anew() {
    let store = store().await;
    let head = async || {
        let mut connection = store.pool.acquire().await.unwrap();
        revision::head(&mut connection, HERE).await.unwrap()
    };
    store.record(HERE, &batch([(1, 2), (2, 3)])).await.unwrap();
    let before = head().await;
    assert_eq!((before.revision, before.edges), (1, 2));
    let mut again = batch([(1, 2)]);
    again.tell(key(1), Facts::given([], ["biased".to_owned()], 0));
    store.record(HERE, &again).await.unwrap();
    assert_eq!(head().await.revision, 1);

    let mut snapshot = store.snapshot(HERE).await.unwrap();
    assert!(check(&mut snapshot).await);
    let mut transaction = herdbook_postgres::begin(&store.pool).await.unwrap();
    sqlx::query("DELETE FROM lineage.edges WHERE label = 'training'")
        .execute(&mut *transaction)
        .await
        .unwrap();
    revision::advance(&mut transaction, HERE, None)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let mut snapshot = store.snapshot(HERE).await.unwrap();
    assert!(check(&mut snapshot).await);
}

#[tokio::test]
async fn workspaces_that_nobody_asks_about_make_room() {
    let store = store().await.remembering(1_500);
    let asked = async |workspace| {
        let mut snapshot = store.snapshot(workspace).await.unwrap();
        let view = store.memory.view(&mut snapshot.transaction, workspace);
        assert!(view.await.unwrap().is_some());
        store.memory.remembered()
    };
    for workspace in 1..=3 {
        let edges = batch([(1, 2), (2, 3), (3, 4)]);
        store.record(WorkspaceId(workspace), &edges).await.unwrap();
    }
    assert_eq!(asked(WorkspaceId(1)).await, [1]);
    assert_eq!(asked(WorkspaceId(2)).await, [1, 2]);
    assert_eq!(asked(WorkspaceId(1)).await, [1, 2]);
    assert_eq!(asked(WorkspaceId(3)).await, [1, 3]);
}

#[tokio::test]
async fn a_graph_that_does_not_fit_is_walked_in_postgres() {
    // The edges fit; with their nodes, or their labels, they do not.
    let store = store().await.remembering(400);
    store
        .record(HERE, &batch([(1, 2), (3, 4), (5, 6), (7, 8)]))
        .await
        .unwrap();
    for _ in 0..2 {
        let mut snapshot = store.snapshot(HERE).await.unwrap();
        assert!(!check(&mut snapshot).await);
    }
    store
        .record(WorkspaceId(2), &batch([(1, 2)]))
        .await
        .unwrap();
    let mut snapshot = store.snapshot(WorkspaceId(2)).await.unwrap();
    snapshot.edges_of(Direction::Ancestors, &[]).await.unwrap();
    assert_eq!(store.memory.remembered(), [2]);
    let grown = (10..30).map(|n| (n, n + 1));
    store.record(WorkspaceId(2), &batch(grown)).await.unwrap();
    let mut snapshot = store.snapshot(WorkspaceId(2)).await.unwrap();
    snapshot.edges_of(Direction::Ancestors, &[]).await.unwrap();
    assert_eq!(store.memory.remembered(), [0; 0]);
}

#[tokio::test]
async fn the_log_is_trimmed_and_memory_that_is_further_behind_is_read_anew() {
    let store = store().await;
    store.record(HERE, &batch([(1, 2)])).await.unwrap();
    let mut snapshot = store.snapshot(HERE).await.unwrap();
    assert!(check(&mut snapshot).await);
    for statement in [
        "INSERT INTO lineage.changes (workspace_id, revision, edges) \
         SELECT 1, n, 0 FROM generate_series(2, 11999) AS n",
        "UPDATE lineage.revisions SET revision = 11999",
    ] {
        sqlx::query(statement).execute(&store.pool).await.unwrap();
    }
    store.record(HERE, &batch([(2, 3)])).await.unwrap();
    let first: i64 = sqlx::query_scalar("SELECT min(revision) FROM lineage.changes")
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert_eq!(first, 2_001);
    let mut snapshot = store.snapshot(HERE).await.unwrap();
    assert!(check(&mut snapshot).await);
}
