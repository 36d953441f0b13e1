//! Random graphs, recorded in random order and more than once, against a naive one in memory.

use std::collections::{BTreeMap, BTreeSet};

use herdbook_proto::lineage::v1::{GetAncestorsRequest, GetDescendantsRequest};
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
