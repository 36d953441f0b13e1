//! Random graphs, recorded in random order and more than once, against a naive one in memory.

use std::collections::{BTreeMap, BTreeSet};

use herdbook_proto::lineage::v1::{
    ComparePedigreesRequest, EdgeType, FindImpactRequest, GetAncestorsRequest,
    GetDescendantsRequest, PedigreeAspect, PedigreeChange,
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use crate::cluster::{Cluster, edge, names};

/// Everything that is reached from `start` by `edges`.
fn reach(start: u8, edges: &BTreeSet<(u8, u8)>) -> BTreeSet<u8> {
    let mut next: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(*from).or_default().push(*to);
    }
    let mut found = BTreeSet::from([start]);
    let mut stack = vec![start];
    while let Some(node) = stack.pop() {
        for to in next.get(&node).into_iter().flatten() {
            if found.insert(*to) {
                stack.push(*to);
            }
        }
    }
    found
}

fn named(nodes: &BTreeSet<u8>) -> BTreeSet<String> {
    nodes
        .iter()
        .map(|node| format!("dataset:n{node}"))
        .collect()
}

#[tokio::test]
async fn any_graph_in_any_order_answers_as_the_naive_one() {
    let mut runner = TestRunner::new(Config::default());
    let graphs = prop::collection::vec((0_u8..20, 1_u8..8), 1..40).prop_shuffle();
    for _ in 0..12 {
        let edges = graphs.new_tree(&mut runner).unwrap().current();
        let edges: Vec<(u8, u8)> = edges
            .into_iter()
            .map(|(from, gap)| (from, from + gap))
            .collect();
        let cluster = Cluster::start().await;
        for part in edges.chunks(5).chain(edges.rchunks(3)) {
            let part = part
                .iter()
                .map(|(a, b)| edge(&format!("dataset:n{a} -> dataset:n{b}")));
            cluster.record(vec![], part.collect()).await.unwrap();
        }
        let down: BTreeSet<_> = edges.iter().copied().collect();
        let up: BTreeSet<_> = edges.iter().map(|(a, b)| (*b, *a)).collect();
        let nodes: BTreeSet<u8> = edges.iter().flat_map(|(a, b)| [*a, *b]).collect();
        for node in nodes {
            let text = format!("dataset:n{node}");
            let request = GetAncestorsRequest {
                node: text.clone(),
                ..Default::default()
            };
            let found: BTreeSet<_> = names(&cluster.ancestors(request).await)
                .into_iter()
                .collect();
            assert_eq!(
                found,
                named(&reach(node, &up)),
                "before {node} of {edges:?}"
            );
            let request = GetDescendantsRequest {
                node: text,
                ..Default::default()
            };
            let found: BTreeSet<_> = names(&cluster.descendants(request).await)
                .into_iter()
                .collect();
            assert_eq!(
                found,
                named(&reach(node, &down)),
                "after {node} of {edges:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_edge_between_known_nodes_is_refused_exactly_if_it_closes_a_cycle() {
    let mut runner = TestRunner::new(Config::default());
    let graphs = prop::collection::vec((0_u8..14, 0_u8..14), 20..60);
    for _ in 0..8 {
        let tried = graphs.new_tree(&mut runner).unwrap().current();
        let cluster = Cluster::start().await;
        let nodes = (0..14).map(|n| crate::cluster::node(&format!("dataset:n{n}"), &[], 0));
        cluster.record(nodes.collect(), vec![]).await.unwrap();
        let mut kept = BTreeSet::new();
        for (from, to) in tried.iter().copied().filter(|(from, to)| from != to) {
            let new = edge(&format!("dataset:n{from} -> dataset:n{to}"));
            let closes = reach(to, &kept).contains(&from);
            let recorded = cluster.record(vec![], vec![new]).await;
            assert_eq!(recorded.is_err(), closes, "{from} -> {to} to {kept:?}");
            if !closes {
                kept.insert((from, to));
            }
        }
    }
}

#[tokio::test]
async fn a_batch_is_refused_exactly_if_it_closes_a_cycle_with_what_was_there() {
    let mut runner = TestRunner::new(Config::default());
    let batches = prop::collection::vec(prop::collection::vec((0_u8..24, 0_u8..24), 1..5), 10..25);
    for _ in 0..8 {
        let batches = batches.new_tree(&mut runner).unwrap().current();
        let cluster = Cluster::start().await;
        let mut kept: BTreeSet<(u8, u8)> = BTreeSet::new();
        for batch in batches {
            let batch: Vec<_> = batch.into_iter().filter(|(from, to)| from != to).collect();
            let with: BTreeSet<_> = kept.iter().chain(&batch).copied().collect();
            let closes = with
                .iter()
                .any(|(from, to)| reach(*to, &with).contains(from));
            let edges = batch
                .iter()
                .map(|(from, to)| edge(&format!("dataset:n{from} -> dataset:n{to}")));
            let recorded = cluster.record(vec![], edges.collect()).await;
            assert_eq!(recorded.is_err(), closes, "{batch:?} to {kept:?}");
            if !closes {
                kept = with;
            }
        }
    }
}

/// The names of data sets that only the one side came from.
fn only(changes: &[PedigreeChange], came: bool) -> BTreeSet<String> {
    let data = changes
        .iter()
        .filter(|change| change.aspect() == PedigreeAspect::Data);
    let side = data.filter(|change| change.to.is_some() == came);
    side.map(|change| format!("dataset:{}", change.name))
        .collect()
}

#[tokio::test]
async fn pedigrees_differ_as_the_naive_ones_and_edge_types_narrow_as_they_do() {
    let mut runner = TestRunner::new(Config::default());
    let graphs = prop::collection::vec((0_u8..12, 1_u8..6, any::<bool>()), 1..30);
    for _ in 0..6 {
        let edges = graphs.new_tree(&mut runner).unwrap().current();
        let cluster = Cluster::start().await;
        let typed = |(from, gap, part): &(u8, u8, bool)| {
            let mut edge = edge(&format!("dataset:n{from} -> dataset:n{}", from + gap));
            edge.r#type = match part {
                true => EdgeType::PartOf.into(),
                false => EdgeType::DerivedFrom.into(),
            };
            edge
        };
        cluster
            .record(vec![], edges.iter().map(typed).collect())
            .await
            .unwrap();
        let up = |only_parts: bool| -> BTreeSet<(u8, u8)> {
            let edges = edges.iter().filter(|(_, _, part)| *part || !only_parts);
            edges.map(|(from, gap, _)| (from + gap, *from)).collect()
        };
        let nodes: BTreeSet<u8> = edges.iter().flat_map(|(a, gap, _)| [*a, a + gap]).collect();
        for node in &nodes {
            let request = GetAncestorsRequest {
                node: format!("dataset:n{node}"),
                edge_types: vec![EdgeType::PartOf.into()],
                ..Default::default()
            };
            let found: BTreeSet<_> = names(&cluster.ancestors(request).await)
                .into_iter()
                .collect();
            assert_eq!(
                found,
                named(&reach(*node, &up(true))),
                "parts of {node} in {edges:?}"
            );
        }
        let pairs = nodes.iter().zip(nodes.iter().rev());
        for (from, to) in pairs {
            let request = ComparePedigreesRequest {
                from: format!("dataset:n{from}"),
                to: format!("dataset:n{to}"),
                ..Default::default()
            };
            let found = cluster
                .client()
                .compare_pedigrees(request)
                .await
                .unwrap()
                .into_inner();
            // What each came from, the things in question themselves left out.
            let before = |node: u8| -> BTreeSet<u8> {
                let reached = reach(node, &up(false)).into_iter();
                reached.filter(|reached| *reached != node).collect()
            };
            let (from, to) = (before(*from), before(*to));
            assert_eq!(
                only(&found.changes, false),
                named(&(&from - &to)),
                "{edges:?}"
            );
            assert_eq!(
                only(&found.changes, true),
                named(&(&to - &from)),
                "{edges:?}"
            );
            assert_eq!(found.same_data as usize, from.intersection(&to).count());
        }
    }
}

/// The fewest edges from `start` to each that is reached.
fn distances(start: u8, edges: &BTreeSet<(u8, u8)>) -> BTreeMap<u8, usize> {
    let mut found = BTreeMap::from([(start, 0)]);
    loop {
        let mut nearer = Vec::new();
        for (from, to) in edges {
            let Some(distance) = found.get(from).map(|distance| distance + 1) else {
                continue;
            };
            if found.get(to).is_none_or(|known| *known > distance) {
                nearer.push((*to, distance));
            }
        }
        if nearer.is_empty() {
            return found;
        }
        found.extend(nearer);
    }
}

#[tokio::test]
async fn impacts_are_all_versions_below_each_by_a_shortest_path() {
    let mut runner = TestRunner::new(Config::default());
    let graphs = prop::collection::btree_set((0_u8..12, 1_u8..5), 1..30);
    for _ in 0..6 {
        let edges = graphs.new_tree(&mut runner).unwrap().current();
        let edges: BTreeSet<(u8, u8)> = edges
            .into_iter()
            .map(|(from, gap)| (from, from + gap))
            .collect();
        let cluster = Cluster::start().await;
        let recorded = edges
            .iter()
            .map(|(from, to)| edge(&format!("model_version:m@{from} -> model_version:m@{to}")));
        cluster.record(vec![], recorded.collect()).await.unwrap();
        for start in edges.iter().map(|(from, _)| *from).collect::<BTreeSet<_>>() {
            let request = FindImpactRequest {
                node: format!("model_version:m@{start}"),
                ..Default::default()
            };
            let found = cluster
                .client()
                .find_impact(request)
                .await
                .unwrap()
                .into_inner();
            let lengths: BTreeMap<u8, usize> = found
                .impacts
                .iter()
                .map(|impact| {
                    let key = impact.version.as_ref().unwrap().key.as_ref().unwrap();
                    let path = impact.path.as_ref().unwrap();
                    assert_eq!(path.nodes.len(), path.edges.len() + 1);
                    (key.version.parse().unwrap(), path.edges.len())
                })
                .collect();
            assert_eq!(
                lengths,
                distances(start, &edges),
                "below {start} of {edges:?}"
            );
        }
    }
}
