//! Pedigrees as they grow where people train: data sets made of others, runs in sweeps that read some of
//! the latest, and versions, each based on the one before.

use herdbook_proto::lineage::v1::{Edge, EdgeType, Node, NodeKey, RecordRequest};

/// The version with 5,000 ancestors.
pub(crate) const DEEP: &str = "model_version:deep@250";
/// The data set with 10,000 descendants: 5,000 runs and a version of each, of which one in a hundred
/// stands in Production.
pub(crate) const WIDE: &str = "dataset:wide";
/// The last of a ladder of sixty diamonds.
pub(crate) const LADDER: &str = "dataset:rung-60";
/// A run that read one thing.
pub(crate) const ROOT_RUN: &str = "run:wide-0";

/// Trainings of a call: as many as 10,000 edges are enough for.
const TRAININGS: u64 = 890;
/// Data sets that a training reads, of how many latest ones.
const READ: u64 = 6;
const LATEST: u64 = 500;
/// Trainings for each new data set.
const PER_DATASET: u64 = 5;

/// What one team makes, a call of Record after the other.
pub(crate) struct Family {
    team: u32,
    trainings: u64,
    chance: u64,
}

impl Family {
    pub(crate) fn new(team: u32) -> Self {
        Self {
            team,
            trainings: 0,
            chance: u64::from(team) + 1,
        }
    }

    /// A number below `bound` (xorshift, so that each measurement is of the same graph).
    fn below(&mut self, bound: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % bound
    }

    /// One of the latest data sets when there are `made` of them.
    fn recent(&mut self, made: u64) -> NodeKey {
        let number = made - self.below(made.min(LATEST)) - 1;
        key("dataset", format!("team-{}/table-{number}", self.team), "")
    }

    /// The next trainings: some 2,000 nodes and 9,900 edges.
    pub(crate) fn next_call(&mut self) -> RecordRequest {
        let mut call = Call::default();
        for _ in 0..TRAININGS {
            let number = self.trainings;
            self.trainings += 1;
            let made = number / PER_DATASET;
            if number.is_multiple_of(PER_DATASET) {
                let dataset = key("dataset", format!("team-{}/table-{made}", self.team), "");
                if made > 0 {
                    let source = self.recent(made);
                    call.edge(&source, &dataset, EdgeType::DerivedFrom, "");
                }
                call.node(dataset, &[("uri", "s3://tables/some-team/some-table")]);
            }
            self.train(&mut call, number, made + 1);
        }
        call.0
    }

    fn train(&mut self, call: &mut Call, number: u64, made: u64) {
        let team = self.team;
        let run = key("run", format!("{team:08x}{number:024x}"), "");
        let version = |number: u64| {
            let (model, version) = (number / 20, number % 20 + 1);
            let model = format!("team-{team}/model-{model}");
            key("model_version", model, &version.to_string())
        };
        for _ in 0..READ.min(made) {
            let dataset = self.recent(made);
            call.edge(&dataset, &run, EdgeType::Used, "training");
        }
        let code = key(
            "code",
            "git@example.com:team/repo",
            &format!("{:040x}", number / 100),
        );
        call.edge(&code, &run, EdgeType::Used, "");
        let environment = key(
            "environment",
            "python-3.12",
            &format!("sha256:{:064x}", number / 1_000),
        );
        call.edge(&environment, &run, EdgeType::Used, "");
        let sweep = key("run", format!("{team:08x}{:024x}", number / 50 * 50), "");
        if sweep != run {
            call.edge(&sweep, &run, EdgeType::PartOf, "");
        }
        call.edge(&run, &version(number), EdgeType::Generated, "");
        if !number.is_multiple_of(20) {
            call.edge(
                &version(number - 1),
                &version(number),
                EdgeType::DerivedFrom,
                "based on",
            );
        }
        call.node(run, &[("name", "brave-otter"), ("status", "finished")]);
        call.node(version(number), &[("label", "v1.0.0"), ("stage", "None")]);
    }
}

/// What the questions are about.
pub(crate) fn landmarks() -> Vec<RecordRequest> {
    let mut ladder = Call::default();
    let rung = |n: u32| key("dataset", format!("rung-{n}"), "");
    for n in 0..60 {
        for side in ["left", "right"] {
            let side = key("dataset", format!("{side}-{n}"), "");
            ladder.edge(&rung(n), &side, EdgeType::DerivedFrom, "");
            ladder.edge(&side, &rung(n + 1), EdgeType::DerivedFrom, "");
        }
    }
    let mut deep = Call::default();
    let version = |n: u32| key("model_version", "deep", &n.to_string());
    for n in 1..=250 {
        let run = key("run", format!("deep-{n}"), "");
        // One fewer where there is a version before: 19 new ancestors and the version itself.
        for d in 0..if n == 1 { 19 } else { 18 } {
            let dataset = key("dataset", format!("deep-{n}-{d}"), "");
            deep.edge(&dataset, &run, EdgeType::Used, "training");
            deep.node(dataset, &[("uri", "s3://tables/deep")]);
        }
        if n > 1 {
            deep.edge(
                &version(n - 1),
                &version(n),
                EdgeType::DerivedFrom,
                "based on",
            );
        }
        deep.edge(&run, &version(n), EdgeType::Generated, "");
        deep.node(run, &[("status", "finished")]);
        deep.node(version(n), &[("stage", "None")]);
    }
    let mut wide = Call::default();
    let dataset = key("dataset", "wide", "");
    wide.node(dataset.clone(), &[("uri", "s3://tables/wide")]);
    for n in 0..5_000 {
        let run = key("run", format!("wide-{n}"), "");
        let version = key("model_version", "wide", &(n + 1).to_string());
        let stage = if n % 100 == 0 { "Production" } else { "None" };
        wide.edge(&dataset, &run, EdgeType::Used, "training");
        wide.edge(&run, &version, EdgeType::Generated, "");
        wide.node(version, &[("stage", stage)]);
    }
    vec![ladder.0, deep.0, wide.0]
}

/// A few edges that no question is about.
pub(crate) fn aside(number: usize) -> RecordRequest {
    let mut call = Call::default();
    let run = key("run", format!("aside-{number}"), "");
    call.edge(&key("dataset", "aside", ""), &run, EdgeType::Used, "");
    call.0
}

#[derive(Default)]
struct Call(RecordRequest);

impl Call {
    fn node(&mut self, key: NodeKey, attributes: &[(&str, &str)]) {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.0.nodes.push(Node {
            key: Some(key),
            attributes: attributes.collect(),
            ..Default::default()
        });
    }

    fn edge(&mut self, source: &NodeKey, target: &NodeKey, edge_type: EdgeType, label: &str) {
        self.0.edges.push(Edge {
            source: Some(source.clone()),
            target: Some(target.clone()),
            r#type: edge_type.into(),
            label: label.to_owned(),
            ..Default::default()
        });
    }
}

fn key(kind: &str, name: impl Into<String>, version: &str) -> NodeKey {
    NodeKey {
        kind: kind.to_owned(),
        name: name.into(),
        version: version.to_owned(),
    }
}
