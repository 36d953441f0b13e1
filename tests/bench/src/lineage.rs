//! A large graph, the questions about it, and how soon it knows what tracking and the registry do.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures::future::join_all;
use herdbook_proto::{
    lineage::v1::{
        FindImpactRequest, GetAncestorsRequest, GetNodesRequest, ProveRequest, RecordRequest,
        Verdict, lineage_service_client::LineageServiceClient,
    },
    tracking::v1::{CreateRunRequest, run_service_client::RunServiceClient},
};
use tonic::{Code, transport::Channel};

use crate::{
    Bench, median,
    pedigrees::{self, Family},
    registry::Registered,
    report::Figure,
    server::Server,
};

/// Clients that record at a time.
const CLIENTS: u32 = 4;
/// How long edges may take to be in memory.
const PATIENCE: Duration = Duration::from_secs(300);

type Lineage = LineageServiceClient<Channel>;

/// All rows, on a Herdbook of its own that is started again between recording and asking.
pub(crate) async fn measure(herdbook: &Path, data: &Path, quick: bool) -> Vec<Figure> {
    let (server, _) = Server::start(herdbook, data, quick).await;
    let bench = Bench {
        address: server.address.clone(),
        quick,
    };
    let (edges, rate) = bench.record().await;
    drop(server);
    let (server, _) = Server::start(herdbook, data, quick).await;
    let bench = Bench {
        address: server.address.clone(),
        quick,
    };
    let name = "edges recorded with their nodes, 10,000 a call, 4 clients";
    let mut figures = vec![Figure::new(name, rate, "/s").at_least(50_000.0)];
    let before = server.process.memory();
    let (first, loaded) = bench.first_question().await;
    let bytes = (server.process.memory() - before) * f64::from(1 << 20) / edges as f64;
    figures.extend([
        Figure::new(
            "first question about the graph since the start",
            first,
            "ms",
        ),
        Figure::new("first question to the graph in memory", loaded, "ms"),
        Figure::new("memory that the graph takes, an edge", bytes, "B"),
    ]);
    figures.extend(bench.questions().await);
    figures.extend(bench.commit_to_lineage().await);
    figures
}

impl Bench {
    async fn lineage(&self) -> Lineage {
        Lineage::new(self.connect().await).max_decoding_message_size(64 << 20)
    }

    /// Records a million nodes and five million edges (a tenth, if quick); how many edges, and how many a
    /// second.
    async fn record(&self) -> (u64, f64) {
        let calls = if self.quick { 13 } else { 130 };
        let mut lineage = self.lineage().await;
        let mut edges = 0;
        for call in pedigrees::landmarks() {
            edges += record(&mut lineage, call).await;
        }
        let work = join_all((0..CLIENTS).map(async |client| {
            let mut lineage = self.lineage().await;
            let mut family = Family::new(client);
            let mut edges = 0;
            for _ in 0..calls {
                edges += record(&mut lineage, family.next_call()).await;
            }
            edges
        }));
        let start = Instant::now();
        let recorded: u64 = work.await.into_iter().sum();
        let rate = recorded as f64 / start.elapsed().as_secs_f64();
        (edges + recorded, rate)
    }

    /// Milliseconds that the first question takes, and until one is answered from memory: a ladder has many
    /// levels, for each of which Postgres is asked otherwise.
    async fn first_question(&self) -> (f64, f64) {
        let mut lineage = self.lineage().await;
        let start = Instant::now();
        let first = ancestors(&mut lineage, pedigrees::LADDER, 0).await;
        // The first finds nothing in the caches of Postgres either; these tell what its walk takes.
        let mut walked = f64::INFINITY;
        for _ in 0..3 {
            walked = walked.min(ancestors(&mut lineage, pedigrees::LADDER, 0).await);
        }
        loop {
            let took = ancestors(&mut lineage, pedigrees::LADDER, 0).await;
            let loaded = start.elapsed();
            if took < walked / 2.0 || loaded > PATIENCE {
                return (first, loaded.as_secs_f64() * 1e3);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn questions(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        let mut add = |name: &str, floor: f64, times: Vec<f64>| {
            let last = last_of_a_hundred(times.clone());
            figures
                .push(Figure::new(format!("{name}, median"), median(times), "ms").at_least(floor));
            figures.push(Figure::new(format!("{name}, 99 of 100"), last, "ms"));
        };
        let single = async |lineage: &mut Lineage| ancestors(lineage, pedigrees::ROOT_RUN, 1).await;
        add("single parent", 2.0, self.ask(single).await);
        let all = async |lineage: &mut Lineage| ancestors(lineage, pedigrees::DEEP, 0).await;
        add("5,000 ancestors of a version", 50.0, self.ask(all).await);
        let ladder = async |lineage: &mut Lineage| ancestors(lineage, pedigrees::LADDER, 0).await;
        add("diamond ladder of 60 rungs", 50.0, self.ask(ladder).await);
        let name = "impact of a data set with 10,000 descendants on Production";
        add(name, 100.0, self.ask(impact).await);
        add("proof over 5,000 ancestors", 200.0, self.ask(prove).await);
        figures
    }

    /// Milliseconds of many answers. Between them edges are recorded, which the next answer has to know of.
    async fn ask(&self, question: impl AsyncFn(&mut Lineage) -> f64) -> Vec<f64> {
        let times = if self.quick { 20 } else { 200 };
        let mut lineage = self.lineage().await;
        let mut answers = Vec::with_capacity(times);
        for number in 0..times {
            record(&mut lineage, pedigrees::aside(number)).await;
            answers.push(question(&mut lineage).await);
        }
        answers
    }

    /// From the answer that a run or version is there until lineage knows it and what it came from.
    async fn commit_to_lineage(&self) -> [Figure; 2] {
        let times = if self.quick { 20 } else { 300 };
        let mut lineage = self.lineage().await;
        let mut runs = RunServiceClient::new(self.connect().await);
        let model = Registered::create(self.connect().await).await;
        let (mut of_runs, mut of_versions) = (Vec::new(), Vec::new());
        for _ in 0..times {
            let run = runs.create_run(CreateRunRequest::default()).await.unwrap();
            let run = format!("run:{}", run.into_inner().run.unwrap().id);
            of_runs.push(visible(&mut lineage, run, 1).await);
            let number = model.register().await;
            let version = format!("model_version:{}@{number}", model.name);
            of_versions.push(visible(&mut lineage, version, 2).await);
        }
        let figure =
            |name, times| Figure::new(name, last_of_a_hundred(times), "ms").at_least(1_000.0);
        [
            figure("run created to seen in lineage, 99 of 100", of_runs),
            figure(
                "version registered to seen in lineage, 99 of 100",
                of_versions,
            ),
        ]
    }
}

/// Records a batch; how many of its edges were new.
async fn record(lineage: &mut Lineage, request: RecordRequest) -> u64 {
    let recorded = lineage.record(request).await.unwrap();
    recorded.into_inner().new_edges.into()
}

async fn ancestors(lineage: &mut Lineage, node: &str, depth: u32) -> f64 {
    let request = GetAncestorsRequest {
        node: node.to_owned(),
        depth,
        ..Default::default()
    };
    let start = Instant::now();
    let answer = lineage.get_ancestors(request).await.unwrap().into_inner();
    let took = start.elapsed().as_secs_f64() * 1e3;
    let nodes = answer.graph.unwrap().nodes.len();
    let expected = match node {
        pedigrees::ROOT_RUN => 2,
        pedigrees::DEEP => 5_001,
        _ => 181,
    };
    assert_eq!(nodes, expected, "nodes of {node}");
    took
}

async fn impact(lineage: &mut Lineage) -> f64 {
    let request = FindImpactRequest {
        node: pedigrees::WIDE.to_owned(),
        stage: "Production".to_owned(),
        ..Default::default()
    };
    let start = Instant::now();
    let answer = lineage.find_impact(request).await.unwrap().into_inner();
    let took = start.elapsed().as_secs_f64() * 1e3;
    assert_eq!(answer.impacts.len(), 50);
    took
}

async fn prove(lineage: &mut Lineage) -> f64 {
    let request = ProveRequest {
        node: pedigrees::DEEP.to_owned(),
        suspects: vec![pedigrees::WIDE.to_owned()],
        suspect_tags: vec!["biased".to_owned()],
        ..Default::default()
    };
    let start = Instant::now();
    let answer = lineage.prove(request).await.unwrap().into_inner();
    let took = start.elapsed().as_secs_f64() * 1e3;
    assert_eq!(answer.verdict(), Verdict::Clean);
    took
}

/// Milliseconds until lineage has `node` and as many nodes of its pedigree, itself included.
async fn visible(lineage: &mut Lineage, node: String, nodes: usize) -> f64 {
    let start = Instant::now();
    loop {
        let request = GetNodesRequest { node: node.clone() };
        match lineage.get_nodes(request).await {
            Ok(_) if nodes == 1 => break,
            Ok(_) => {
                let request = GetAncestorsRequest {
                    node: node.clone(),
                    ..Default::default()
                };
                let answer = lineage.get_ancestors(request).await.unwrap().into_inner();
                if answer.graph.unwrap().nodes.len() >= nodes {
                    break;
                }
            }
            Err(status) => assert_eq!(status.code(), Code::NotFound),
        }
    }
    start.elapsed().as_secs_f64() * 1e3
}

fn last_of_a_hundred(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * 99 / 100).min(times.len() - 1)]
}
