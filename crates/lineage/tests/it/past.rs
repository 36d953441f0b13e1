//! Questions about the past, against a naive memory of everything that was ever known.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use futures::StreamExt as _;
use herdbook_proto::{
    lineage::v1::{
        CheckCompletenessRequest, ComparePedigreesRequest, Edge, FindImpactRequest,
        GetAncestorsRequest, GetInheritedTagsRequest, GetReproductionRequest, Node, ProveRequest,
        RetractRequest, TagNodeRequest, Verdict, WalkGraphRequest,
    },
    time::to_timestamp,
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use crate::cluster::{Cluster, edge, key, name, node};

/// When something holds: from and until, as offsets from [`day`] 0.
type Held = (Option<i64>, Option<i64>);

fn day(offset: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::days(20_000 + offset)
}

/// What is known at one time.
#[derive(Debug, Clone, Default)]
struct Known {
    nodes: BTreeMap<u8, Facts>,
    edges: BTreeMap<(u8, u8), Held>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Facts {
    colour: Option<u8>,
    tags: BTreeSet<String>,
    held: Held,
}

#[derive(Debug, Clone)]
enum Act {
    Tell(u8, u8, Held),
    Connect(u8, u8, Held),
    Tag(u8, bool),
    Disconnect(u8, u8),
    TakeBack(u8),
}

fn held() -> impl Strategy<Value = Held> {
    let from = prop::option::of(0_i64..5);
    (from, prop::option::of(5_i64..10))
}

fn act() -> impl Strategy<Value = Act> {
    const NODES: u8 = 7;
    let pair = (0..NODES, 1..4_u8).prop_map(|(from, gap)| (from, from + gap));
    prop_oneof![
        3 => (0..NODES, 0..3_u8, held()).prop_map(|(n, colour, held)| Act::Tell(n, colour, held)),
        5 => (pair.clone(), held()).prop_map(|((a, b), held)| Act::Connect(a, b, held)),
        1 => (0..NODES, any::<bool>()).prop_map(|(n, put)| Act::Tag(n, put)),
        2 => pair.prop_map(|(a, b)| Act::Disconnect(a, b)),
        2 => (0..NODES).prop_map(Act::TakeBack),
    ]
}

impl Known {
    fn apply(&mut self, act: &Act) {
        let merge = |old: &mut Held, new: &Held| *old = (new.0.or(old.0), new.1.or(old.1));
        match act {
            Act::Tell(n, colour, held) => {
                let facts = self.nodes.entry(*n).or_default();
                facts.colour = Some(*colour);
                merge(&mut facts.held, held);
            }
            Act::Connect(a, b, held) => {
                self.nodes.entry(*a).or_default();
                self.nodes.entry(*b).or_default();
                merge(self.edges.entry((*a, *b)).or_default(), held);
            }
            Act::Tag(n, put) => {
                if let Some(facts) = self.nodes.get_mut(n) {
                    match put {
                        true => facts.tags.insert("pii".to_owned()),
                        false => facts.tags.remove("pii"),
                    };
                }
            }
            Act::Disconnect(a, b) => {
                self.edges.remove(&(*a, *b));
            }
            Act::TakeBack(n) => {
                self.edges.retain(|(a, b), _| a != n && b != n);
                self.nodes.remove(n);
            }
        }
    }

    /// Every ancestor of `start` that held on a day, by ways that did, with its colour and tags; `None` if
    /// `start` did not.
    fn ancestors(&self, start: u8, at: Option<i64>) -> Option<BTreeMap<u8, Facts>> {
        let holds = |held: &Held| {
            let from = held.0.is_none_or(|from| at.is_none_or(|at| from <= at));
            from && held.1.is_none_or(|until| at.is_none_or(|at| at < until))
        };
        let mut found = BTreeMap::new();
        let mut left = vec![start];
        while let Some(n) = left.pop() {
            let Some(facts) = self.nodes.get(&n).filter(|facts| holds(&facts.held)) else {
                continue;
            };
            if found.insert(n, facts.clone()).is_none() {
                let into = self
                    .edges
                    .iter()
                    .filter(|((_, b), held)| *b == n && holds(held));
                left.extend(into.map(|((a, _), _)| *a));
            }
        }
        found.contains_key(&start).then_some(found)
    }
}

fn text(n: u8) -> String {
    format!("dataset:n{n}")
}

fn link(a: u8, b: u8, held: Held) -> Edge {
    Edge {
        held_from: held.0.map(|offset| to_timestamp(day(offset))),
        held_until: held.1.map(|offset| to_timestamp(day(offset))),
        ..edge(&format!("{} -> {}", text(a), text(b)))
    }
}

async fn apply(cluster: &Cluster, act: &Act) {
    match act {
        Act::Tell(n, colour, held) => {
            let node = Node {
                held_from: held.0.map(|offset| to_timestamp(day(offset))),
                held_until: held.1.map(|offset| to_timestamp(day(offset))),
                ..node(&text(*n), &[("colour", &colour.to_string())], 0)
            };
            cluster.record(vec![node], vec![]).await.unwrap();
        }
        Act::Connect(a, b, held) => {
            cluster
                .record(vec![], vec![link(*a, *b, *held)])
                .await
                .unwrap();
        }
        Act::Tag(n, put) => {
            let tags = vec!["pii".to_owned()];
            let request = TagNodeRequest {
                node: text(*n),
                add: if *put { tags.clone() } else { vec![] },
                remove: if *put { vec![] } else { tags },
            };
            // Nothing to be tagged is no matter here.
            let _ = cluster.client().tag_node(request).await;
        }
        Act::Disconnect(a, b) => {
            let request = RetractRequest {
                edges: vec![link(*a, *b, (None, None))],
                reason: "wrong".to_owned(),
                ..Default::default()
            };
            let _ = cluster.client().retract(request).await;
        }
        Act::TakeBack(n) => {
            let request = RetractRequest {
                nodes: vec![key(&text(*n))],
                with_edges: true,
                reason: "wrong".to_owned(),
                ..Default::default()
            };
            let _ = cluster.client().retract(request).await;
        }
    }
}

/// What the service answers, as [`Known::ancestors`] does.
async fn ancestors(
    cluster: &Cluster,
    start: u8,
    known_at: Option<DateTime<Utc>>,
    held_at: Option<i64>,
) -> Option<BTreeMap<u8, Facts>> {
    let request = GetAncestorsRequest {
        node: text(start),
        known_at: known_at.map(to_timestamp),
        held_at: held_at.map(|offset| to_timestamp(day(offset))),
        ..Default::default()
    };
    let graph = cluster
        .client()
        .get_ancestors(request)
        .await
        .ok()?
        .into_inner()
        .graph?;
    let nodes = graph.nodes.into_iter().map(|found| {
        let node = found.node.unwrap();
        let number = node.key.unwrap().name[1..].parse().unwrap();
        let offset = |time: prost_types::Timestamp| time.seconds / 86_400 - 20_000;
        let facts = Facts {
            colour: node
                .attributes
                .get("colour")
                .map(|colour| colour.parse().unwrap()),
            tags: node.tags.into_iter().collect(),
            held: (node.held_from.map(offset), node.held_until.map(offset)),
        };
        (number, facts)
    });
    Some(nodes.collect())
}

#[tokio::test]
async fn any_past_answers_as_it_was_known_and_held_then() {
    let mut runner = TestRunner::new(Config::default());
    let histories = prop::collection::vec(act(), 25);
    for _ in 0..4 {
        let acts = histories.new_tree(&mut runner).unwrap().current();
        let cluster = Cluster::start().await;
        let mut known = Known::default();
        let mut past = vec![(Utc::now(), known.clone())];
        for act in &acts {
            apply(&cluster, act).await;
            known.apply(act);
            past.push((Utc::now(), known.clone()));
        }
        let moments = past.iter().map(|(time, known)| (Some(*time), known));
        for (time, known) in moments.chain([(None, &known)]) {
            for start in 0..7 {
                for at in [None, Some(2), Some(7)] {
                    assert_eq!(
                        ancestors(&cluster, start, time, at).await,
                        known.ancestors(start, at),
                        "before n{start}, known at {time:?}, held at {at:?}, after {acts:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn what_was_in_production_then_is_told_with_the_stage_of_then() {
    let cluster = Cluster::start().await;
    let stage =
        |stage: &str, revision| node("model_version:fraud@3", &[("stage", stage)], revision);
    let way = vec![
        edge("dataset:loans -> run:r"),
        edge("run:r -> model_version:fraud@3"),
    ];
    cluster
        .record(vec![stage("Production", 1)], way)
        .await
        .unwrap();
    let then = Utc::now();
    cluster
        .record(vec![stage("Archived", 2)], vec![])
        .await
        .unwrap();

    let impact = async |known_at: Option<DateTime<Utc>>| {
        let request = FindImpactRequest {
            node: "dataset:loans".to_owned(),
            stage: "Production".to_owned(),
            known_at: known_at.map(to_timestamp),
            ..Default::default()
        };
        let found = cluster.client().find_impact(request).await.unwrap();
        let impacts = found.into_inner().impacts;
        impacts
            .iter()
            .map(|i| name(i.version.as_ref().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(impact(None).await, Vec::<String>::new());
    assert_eq!(impact(Some(then)).await, ["model_version:fraud@3"]);
}

#[tokio::test]
async fn a_proof_of_then_does_not_know_what_was_tagged_since() {
    let cluster = Cluster::start().await;
    let nodes = vec![node("dataset:a", &[], 0), node("dataset:b", &[], 0)];
    cluster
        .record(nodes, vec![edge("dataset:a -> dataset:b")])
        .await
        .unwrap();
    let then = Utc::now();
    let request = TagNodeRequest {
        node: "dataset:a".to_owned(),
        add: vec!["biased".to_owned()],
        remove: vec![],
    };
    cluster.client().tag_node(request).await.unwrap();
    let verdict = async |known_at: Option<DateTime<Utc>>| {
        let request = ProveRequest {
            node: "dataset:b".to_owned(),
            suspect_tags: vec!["biased".to_owned()],
            known_at: known_at.map(to_timestamp),
            ..Default::default()
        };
        cluster
            .client()
            .prove(request)
            .await
            .unwrap()
            .into_inner()
            .verdict()
    };
    let inherited = async |known_at: Option<DateTime<Utc>>| {
        let request = GetInheritedTagsRequest {
            node: "dataset:b".to_owned(),
            known_at: known_at.map(to_timestamp),
            ..Default::default()
        };
        let tags = cluster
            .client()
            .get_inherited_tags(request)
            .await
            .unwrap()
            .into_inner()
            .tags;
        tags.into_iter()
            .map(|tag| (tag.tag, tag.carrier.unwrap().name, tag.depth))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        inherited(None).await,
        [("biased".to_owned(), "a".to_owned(), 1)]
    );
    assert_eq!(inherited(Some(then)).await, []);
    assert_eq!(verdict(None).await, Verdict::Tainted);
    assert_eq!(verdict(Some(then)).await, Verdict::Clean);
}

#[tokio::test]
async fn a_descent_of_then_is_walked_compared_and_scored_as_it_was() {
    let cluster = Cluster::start().await;
    let made = vec![
        node("run:r", &[("status", "FINISHED")], 0),
        node("dataset:a@1", &[], 0),
        node("model_version:m@1", &[], 0),
    ];
    cluster
        .record(made, vec![edge("run:r -> model_version:m@1")])
        .await
        .unwrap();
    let then = Some(to_timestamp(Utc::now()));
    let late = vec![edge("dataset:a@1 -> run:r")];
    cluster.record(vec![], late).await.unwrap();
    let mut client = cluster.client();
    let subject = "model_version:m@1";
    for (known_at, nodes, knows_data) in [(then, 2, false), (None, 3, true)] {
        let request = WalkGraphRequest {
            node: subject.to_owned(),
            known_at,
            ..Default::default()
        };
        let parts = client.walk_graph(request).await.unwrap().into_inner();
        let parts: Vec<_> = parts.map(|part| part.unwrap().nodes.len()).collect().await;
        assert_eq!(parts.iter().sum::<usize>(), nodes);

        let request = CheckCompletenessRequest {
            node: subject.to_owned(),
            known_at,
            ..Default::default()
        };
        let found = client.check_completeness(request).await.unwrap();
        let findings = found.into_inner().findings;
        let known = findings.iter().find(|found| found.rule == "data-known");
        assert_eq!(known.unwrap().missing_at.is_empty(), knows_data);

        let request = GetReproductionRequest {
            node: subject.to_owned(),
            known_at,
            ..Default::default()
        };
        let found = client.get_reproduction(request).await.unwrap();
        let reproduction = found.into_inner().reproduction.unwrap();
        assert_eq!(reproduction.data.len(), usize::from(knows_data));

        let request = ComparePedigreesRequest {
            from: "dataset:a@1".to_owned(),
            to: subject.to_owned(),
            known_at,
            ..Default::default()
        };
        let found = client.compare_pedigrees(request).await.unwrap();
        let changes = found.into_inner().changes;
        let new = changes.iter().any(|change| change.name == "a");
        assert_eq!(new, knows_data, "{changes:?}");
    }
}
