//! Columns: what they came from, what comes of them, and which versions that reaches.

use std::collections::BTreeSet;

use herdbook_proto::lineage::v1::{
    ColumnLink, ColumnLinks, FindColumnImpactRequest, FindColumnImpactResponse, FoundColumn,
    GetColumnLineageRequest, GetColumnLineageResponse, RecordRequest,
};
use herdbook_testkit::grpc::{fields, reason};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use tonic::Code;

use crate::cluster::{Cluster, edge, key, node};

/// Reads `orders.amount -> totals.sum`; without a column it is the data set as a whole.
fn link(text: &str) -> ColumnLinks {
    let (source, target) = text.split_once(" -> ").unwrap();
    let split = |text: &str| {
        let (name, field) = text.split_once('.').unwrap_or((text, ""));
        (Some(key(&format!("dataset:{name}"))), field.to_owned())
    };
    let ((source, source_field), (target, target_field)) = (split(source), split(target));
    let link = ColumnLink {
        source_field,
        target_field,
        r#type: "DIRECT".to_owned(),
        ..Default::default()
    };
    ColumnLinks {
        source,
        target,
        links: vec![link],
    }
}

async fn shop() -> Cluster {
    let cluster = Cluster::start().await;
    let links = [
        "orders.amount -> totals.sum",
        "orders.day -> totals",
        "totals.sum -> features.spend",
        "orders.note -> notes.text",
    ];
    let edges = [
        "dataset:orders -> run:etl",
        "run:etl -> dataset:totals",
        "run:etl -> dataset:notes",
        "dataset:totals -> run:fe",
        "run:fe -> dataset:features",
        "dataset:features -> run:train",
        "run:train -> model_version:fraud@1",
        "dataset:notes -> run:nlp",
        "run:nlp -> model_version:tone@1",
    ];
    let versions = ["model_version:fraud@1", "model_version:tone@1"];
    let request = RecordRequest {
        nodes: versions
            .map(|version| node(version, &[("stage", "Production")], 1))
            .to_vec(),
        edges: edges.map(edge).to_vec(),
        column_links: links.map(link).to_vec(),
        ..Default::default()
    };
    for _ in 0..2 {
        cluster.client().record(request.clone()).await.unwrap();
    }
    cluster
}

fn names(columns: &[FoundColumn]) -> Vec<String> {
    let name = |found: &FoundColumn| {
        let column = found.column.clone().unwrap();
        format!("{}.{}", column.node.unwrap().name, column.field)
    };
    columns.iter().map(name).collect()
}

async fn lineage(cluster: &Cluster, column: &str, down: bool) -> GetColumnLineageResponse {
    let (node, field) = column.split_once('.').unwrap();
    let request = GetColumnLineageRequest {
        node: format!("dataset:{node}"),
        field: field.to_owned(),
        depth: 0,
        descendants: down,
    };
    let answer = cluster.client().get_column_lineage(request).await;
    answer.unwrap().into_inner()
}

async fn impact(cluster: &Cluster, field: &str, stage: &str) -> FindColumnImpactResponse {
    let request = FindColumnImpactRequest {
        node: "dataset:orders".to_owned(),
        field: field.to_owned(),
        stage: stage.to_owned(),
    };
    let answer = cluster.client().find_column_impact(request).await;
    answer.unwrap().into_inner()
}

#[tokio::test]
async fn a_column_is_followed_both_ways_and_a_filter_reaches_every_column() {
    let cluster = shop().await;
    let up = lineage(&cluster, "features.spend", false).await;
    assert_eq!(
        names(&up.columns),
        [
            "features.spend",
            "totals.sum",
            "orders.amount",
            "orders.day"
        ]
    );
    assert_eq!(
        up.links
            .iter()
            .map(|links| links.links.len())
            .sum::<usize>(),
        3
    );
    let down = lineage(&cluster, "orders.day", true).await;
    assert_eq!(
        names(&down.columns),
        ["orders.day", "totals.", "features.spend"]
    );
}

#[tokio::test]
async fn versions_are_reached_by_the_column_alone() {
    let cluster = shop().await;
    let versions = |answer: &FindColumnImpactResponse| {
        let name = |node: &herdbook_proto::lineage::v1::Node| node.key.clone().unwrap().name;
        let impacts = answer.impacts.iter();
        impacts
            .map(|impact| name(impact.version.as_ref().unwrap()))
            .collect::<Vec<_>>()
    };
    let amount = impact(&cluster, "amount", "").await;
    assert_eq!(versions(&amount), ["fraud"]);
    let path: Vec<_> = amount.impacts[0]
        .path
        .iter()
        .map(|column| format!("{}.{}", column.node.clone().unwrap().name, column.field))
        .collect();
    assert_eq!(
        path,
        [
            "orders.amount",
            "totals.sum",
            "features.spend",
            "train.",
            "fraud."
        ]
    );
    assert_eq!(
        versions(&impact(&cluster, "note", "Production").await),
        ["tone"]
    );
    assert_eq!(versions(&impact(&cluster, "", "").await), ["fraud", "tone"]);
    assert!(impact(&cluster, "", "Staging").await.impacts.is_empty());
}

#[tokio::test]
async fn a_column_that_is_not_recorded_is_told_with_those_that_are() {
    let cluster = shop().await;
    let request = GetColumnLineageRequest {
        node: "dataset:orders".to_owned(),
        field: "amont".to_owned(),
        ..Default::default()
    };
    let refused = cluster
        .client()
        .get_column_lineage(request)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "COLUMN_NOT_FOUND".into())
    );
    assert!(
        refused
            .message()
            .ends_with("recorded are amount, day, note")
    );
}

#[tokio::test]
async fn links_that_are_too_long_are_refused_by_field() {
    let cluster = Cluster::start().await;
    let mut links = link("a.b -> c.d");
    links.links[0].source_field = "x".repeat(901);
    let request = RecordRequest {
        column_links: vec![links],
        ..Default::default()
    };
    let refused = cluster.client().record(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["column_links[0].links[0].source_field"]);
}

/// A column by the numbers of its data set and of itself; the last is the data set as a whole.
type Place = (u8, usize);
const FIELDS: [&str; 3] = ["a", "b", ""];
const WHOLE: usize = 2;

/// Everything reached by steps from one place to the next.
fn reach(start: Place, next: impl Fn(Place) -> Vec<Place>) -> BTreeSet<Place> {
    let mut found = BTreeSet::from([start]);
    let mut stack = vec![start];
    while let Some(place) = stack.pop() {
        for to in next(place) {
            if found.insert(to) {
                stack.push(to);
            }
        }
    }
    found
}

/// Whether a link that leaves from `end` is taken by a walk that stands at `place`.
fn takes(place: Place, end: Place) -> bool {
    place.0 == end.0 && (place.1 == WHOLE || end.1 == WHOLE || place.1 == end.1)
}

fn shown(places: &BTreeSet<Place>) -> BTreeSet<String> {
    let shown = |(node, field): &Place| format!("d{node}.{}", FIELDS[*field]);
    places.iter().map(shown).collect()
}

#[tokio::test]
async fn any_links_answer_as_the_naive_walk() {
    let mut runner = TestRunner::new(Config::default());
    let place = || (0_u8..7, 0_usize..3);
    let graphs = (
        prop::collection::vec((place(), place()), 1..14),
        prop::collection::vec((0_u8..6, 1_u8..4), 0..8),
        prop::collection::btree_map(0_u8..7, 0_u8..4, 0..5),
    );
    for _ in 0..12 {
        let (links, edges, versions) = graphs.new_tree(&mut runner).unwrap().current();
        let edges: BTreeSet<(u8, u8)> = edges.into_iter().map(|(a, gap)| (a, a + gap)).collect();
        let text = |(node, field): Place| match FIELDS[field] {
            "" => format!("d{node}"),
            field => format!("d{node}.{field}"),
        };
        let cluster = Cluster::start().await;
        let request = RecordRequest {
            nodes: (0..10)
                .map(|n| node(&format!("dataset:d{n}"), &[], 0))
                .collect(),
            edges: edges
                .iter()
                .map(|(a, b)| edge(&format!("dataset:d{a} -> dataset:d{b}")))
                .chain(
                    versions
                        .iter()
                        .map(|(a, v)| edge(&format!("dataset:d{a} -> model_version:m@{v}"))),
                )
                .collect(),
            column_links: links
                .iter()
                .map(|(a, b)| link(&format!("{} -> {}", text(*a), text(*b))))
                .collect(),
            ..Default::default()
        };
        cluster.client().record(request).await.unwrap();
        let known: BTreeSet<Place> = links.iter().flat_map(|(a, b)| [*a, *b]).collect();
        for start in known {
            let column = format!("d{}.{}", start.0, FIELDS[start.1]);
            let up = |place| {
                let into = links
                    .iter()
                    .filter(move |(_, target)| takes(place, *target));
                into.map(|(source, _)| *source).collect()
            };
            let found: BTreeSet<_> = names(&lineage(&cluster, &column, false).await.columns)
                .into_iter()
                .collect();
            assert_eq!(
                found,
                shown(&reach(start, up)),
                "before {column} of {links:?}"
            );

            let by_columns: BTreeSet<u8> = links.iter().map(|(_, target)| target.0).collect();
            let down = |place: Place| {
                let out = links
                    .iter()
                    .filter(move |(source, _)| takes(place, *source));
                let whole = edges
                    .iter()
                    .filter(|(a, b)| *a == place.0 && !by_columns.contains(b));
                out.map(|(_, target)| *target)
                    .chain(whole.map(|(_, b)| (*b, WHOLE)))
                    .collect()
            };
            let reached = reach(start, down);
            let request = FindColumnImpactRequest {
                node: format!("dataset:d{}", start.0),
                field: FIELDS[start.1].to_owned(),
                ..Default::default()
            };
            let answer = cluster
                .client()
                .find_column_impact(request)
                .await
                .unwrap()
                .into_inner();
            let found: BTreeSet<_> = names(&answer.columns).into_iter().collect();
            assert_eq!(
                found,
                shown(&reached),
                "after {column} of {links:?} {edges:?}"
            );
            let numbers = answer
                .impacts
                .into_iter()
                .map(|impact| impact.version.unwrap().key.unwrap().version);
            let expected = versions
                .iter()
                .filter(|(a, _)| reached.iter().any(|(node, _)| node == *a));
            let expected: BTreeSet<String> =
                expected.map(|(_, version)| version.to_string()).collect();
            assert_eq!(
                numbers.collect::<BTreeSet<_>>(),
                expected,
                "versions of {column}"
            );
        }
    }
}
