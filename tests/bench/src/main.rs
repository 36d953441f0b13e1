//! Measures Herdbook, and other servers on the same Postgres; prints a table and JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod calls;
mod codec;
mod curves;
mod disk;
mod door;
mod lineage;
mod pedigrees;
mod peers;
mod postgres;
mod process;
mod registry;
mod report;
mod resolve;
mod search;
mod server;
mod streams;
mod tail;
mod versions;
mod watchers;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Parser;
use futures::{StreamExt as _, future, stream::FuturesUnordered};
use herdbook_proto::tracking::v1::{CreateRunRequest, run_service_client::RunServiceClient};
use sqlx::{Connection as _, PgConnection};
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::Channel;

use peers::Peer;
use report::{Column, Figure, Report};
use server::Server;
use streams::{Values, stream};

/// What stands above the table in docs/benchmarks.md.
const PREFACE: &str = include_str!("preface.md");

/// Measures a Herdbook that it starts, and other servers on the same Postgres.
#[derive(Parser)]
#[command(after_help = "Example: herdbook-bench target/release/herdbook --quick")]
struct Options {
    /// The program to measure.
    herdbook: PathBuf,
    /// A smaller measurement, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Measure another too: MLflow, FastTrackML or ML-Metadata, and the Python that it is installed in.
    #[arg(long = "peer", value_name = "NAME=PYTHON")]
    peers: Vec<Peer>,
    /// Measure a part of the rows alone.
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
    /// Measure no other.
    #[arg(long)]
    no_peers: bool,
    /// Write the page of the documentation to this file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// A part of the table.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Start, memory, runs, points, curves and the registry's moves, by Herdbook's own clients.
    Core,
    /// Searches, and versions among many.
    Search,
    /// Pedigrees.
    Lineage,
    /// What MLflow's clients get.
    Door,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let mut stop = signal(SignalKind::terminate()).unwrap();
    let report = tokio::select! {
        report = measure(&options) => report,
        _ = stop.recv() => panic!("stopped"),
        _ = tokio::signal::ctrl_c() => panic!("stopped"),
    };
    println!("{}\n{}", report.table(), report.json());
    if let Some(file) = &options.markdown {
        fs::write(file, report.markdown(PREFACE)).unwrap();
    }
}

/// The rows that are wanted. Search, lineage and the door have a Herdbook of their own each, in which there is nothing but what they say.
async fn measure(options: &Options) -> Report {
    let folder = tempfile::Builder::new()
        .prefix("herdbook-bench-")
        .tempdir_in("/tmp")
        .unwrap();
    // Postgres runs as another user where this is root.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (herdbook, quick) = (&options.herdbook, options.quick);
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let peers: Vec<&Peer> = options.peers.iter().filter(|_| !options.no_peers).collect();
    let beside: Vec<&Peer> = peers
        .iter()
        .copied()
        .filter(|peer| options.only.is_none_or(|part| peer.has(part)))
        .collect();
    let (mut figures, mut columns): (Vec<Figure>, Vec<Column>) = (Vec::new(), Vec::new());
    if wanted(Part::Core) || !beside.is_empty() {
        let (at_rest, server) = start(herdbook, &folder.path().join("data"), quick).await;
        for peer in beside {
            columns.extend(peer.measure(&server.database, quick, folder.path()).await);
        }
        if wanted(Part::Core) {
            figures.extend(at_rest);
            figures.extend(floor(&server.database, quick));
            let bench = Bench::of(&server, quick);
            figures.extend(bench.measure(&server).await);
        }
    }
    if let Some(mlflow) = peers
        .iter()
        .find_map(|peer| peer.mlflow())
        .filter(|_| wanted(Part::Door))
    {
        let (server, _) = Server::start(herdbook, &folder.path().join("door"), quick).await;
        figures.extend(door::measure(mlflow, &server.address, quick, folder.path()).await);
    }
    if wanted(Part::Search) {
        let (server, _) = Server::start(herdbook, &folder.path().join("search"), quick).await;
        let bench = Bench::of(&server, quick);
        let sizes = [(10_000, "10,000"), (1_000_000, "1,000,000")];
        let sizes = if quick { &sizes[..1] } else { &sizes };
        figures.extend(search::measure(bench.connect().await, &server.database, sizes).await);
        let thousands = if quick { 10 } else { 100 };
        figures.extend(versions::measure(bench.connect().await, &server.database, thousands).await);
    }
    if wanted(Part::Lineage) {
        figures.extend(lineage::measure(herdbook, &folder.path().join("lineage"), quick).await);
    }
    if options.only.is_some() {
        columns.iter_mut().for_each(|column| column.keep(&figures));
    }
    Report::new(figures, columns).unwrap()
}

/// A Herdbook at rest, and what it took until then.
async fn start(herdbook: &Path, data: &Path, quick: bool) -> (Vec<Figure>, Server) {
    let size = fs::metadata(herdbook).unwrap().len() as f64 / f64::from(1 << 20);
    let (server, new) = Server::start(herdbook, data, quick).await;
    drop(server);
    let (server, existing) = Server::start(herdbook, data, quick).await;
    // Until what is done at the start alone is done.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let figures = vec![
        Figure::new("release binary", size, "MiB"),
        Figure::new("ready, new data directory", new, "ms").at_least(10_000.0),
        Figure::new("ready, existing data directory", existing, "ms").at_least(3_000.0),
        Figure::new("memory, idle", server.process.memory(), "MiB").at_least(64.0),
    ];
    (figures, server)
}

/// What the machine does at best: Postgres and pco by themselves.
fn floor(url: &str, quick: bool) -> Vec<Figure> {
    let seconds = if quick { 1 } else { 4 };
    let mut figures = Vec::new();
    for (name, clients, bytes, rows) in [
        ("rows committed, 1 client", 1, 30, 1),
        ("rows committed, 8 clients", 8, 30, 1),
        ("rows committed, 64 clients", 64, 30, 1),
        ("16 KiB committed, 1 client", 1, 16 << 10, 1),
        ("16 KiB committed, 8 clients", 8, 16 << 10, 1),
        ("16 KiB committed, 1,000 a commit", 1, 16 << 10, 1_000),
    ] {
        let rate = postgres::commits(url, clients, bytes, rows, seconds);
        figures
            .extend(rate.map(|rate| Figure::new(format!("Postgres itself: {name}"), rate, "/s")));
    }
    let (into, out) = codec::rates();
    figures.push(Figure::new("pco itself: values in, one core", into, "/s"));
    figures.push(Figure::new("pco itself: values out, one core", out, "/s"));
    figures
}

struct Bench {
    address: String,
    /// Whether the measurement is a tenth of what it is meant to be.
    quick: bool,
}

impl Bench {
    fn of(server: &Server, quick: bool) -> Self {
        Self {
            address: server.address.clone(),
            quick,
        }
    }

    /// How often a rate is measured, for the median.
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// How long a rate of calls is measured each time.
    fn round(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 2 })
    }

    async fn measure(&self, server: &Server) -> Vec<Figure> {
        let scale = if self.quick { 10 } else { 1 };
        let mut database = PgConnection::connect(&server.database).await.unwrap();
        let mut figures = Vec::new();
        // A log that has been written once is written over; a new one has to be made first.
        self.streams(8, 400 / scale, 100).await;
        let rate = |name, rate, floor| Figure::new(name, rate, "/s").at_least(floor);
        let one = self.single_points(1).await;
        figures.push(rate("one point a call, 1 client", one, 2_000.0));
        let many = self.single_points(64).await;
        figures.push(rate("one point a call, 64 clients", many, 14_000.0));
        let one = self.runs(1).await;
        figures.push(rate("runs created, 1 client", one, 2_500.0));
        let many = self.runs(8).await;
        figures.push(rate("runs created, 8 clients", many, 6_000.0));
        let whole = self.whole_runs(8).await;
        let name = "runs with 20 params and 20 metrics, 8 clients";
        figures.push(rate(name, whole, 2_000.0));

        let (median, last) = self.tail(usize::try_from(1_000 / scale).unwrap()).await;
        figures.push(Figure::new(
            "logged to seen by a live tail, median",
            median,
            "ms",
        ));
        let last = Figure::new("logged to seen by a live tail, 99 of 100", last, "ms");
        figures.push(last.at_least(100.0));
        let open = self.open(1_000).await;
        let memory = server.process.memory();
        figures.push(Figure::new("memory with 1,000 streams open", memory, "MiB").at_least(256.0));
        drop(open);
        let channels = future::join_all((0..100).map(|_| self.connect())).await;
        let watching = usize::try_from(10_000 / scale).unwrap();
        let told = watchers::last_told(&channels, watching, 11).await;
        let name = "change of the registry to the last of 10,000 watchers";
        figures.push(Figure::new(name, told, "ms").at_least(500.0));
        drop(channels);
        let (one, many, moves) = self.resolve().await;
        let name = "reference resolved, 1 client, median";
        figures.push(Figure::new(name, one, "ms").at_least(1.0));
        let name = "references resolved, 128 clients, promotions beside it";
        figures.push(rate(name, many, 20_000.0));
        let name = "promotions beside 128 clients that resolve what they move";
        figures.push(Figure::new(name, moves, "/s"));
        figures.extend(self.registry().await);
        let one = self.streams(1, 2_000 / scale, 100).await;
        let name = "acknowledged points, 1 stream, batches of 10 x 100";
        figures.push(rate(name, one, 1e6));
        let eight = self.streams(8, 1_000 / scale, 100).await;
        let name = "acknowledged points, 8 streams, batches of 10 x 100";
        figures.push(rate(name, eight, 2e6));
        let rows = self.streams(8, 5_000 / scale, 1).await;
        let name = "acknowledged points, 8 streams, one row of 10 a batch";
        figures.push(Figure::new(name, rows, "/s"));

        let read = Figure::new("raw read of 1,000,000 points", self.read().await, "ms");
        figures.push(read.at_least(200.0));
        let (hot, compacted) = self.chart(&mut database, 1_000_000).await;
        figures.push(Figure::new(
            "chart of 1,000,000 points that just came",
            hot,
            "ms",
        ));
        let name = "chart of 1,000,000 points, compacted";
        figures.push(Figure::new(name, compacted, "ms").at_least(10.0));
        if !self.quick {
            let (_, compacted) = self.chart(&mut database, 10_000_000).await;
            let name = "chart of 10,000,000 points, compacted";
            figures.push(Figure::new(name, compacted, "ms").at_least(20.0));
        }
        let batches = 2_000 / scale;
        let float32 = self
            .bytes_a_point(&mut database, batches, Values::Float32)
            .await;
        let name = "bytes on disk a point, noisy float32";
        figures.push(Figure::new(name, float32, "B").at_least(4.0));
        let noise = self
            .bytes_a_point(&mut database, batches, Values::Noise)
            .await;
        let name = "bytes on disk a point, noise in all digits";
        figures.push(Figure::new(name, noise, "B").at_least(8.0));
        let memory = server.process.memory();
        figures.push(Figure::new("memory afterwards", memory, "MiB"));
        figures
    }

    async fn connect(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint
            .tcp_nodelay(true)
            .connect()
            .await
            .expect("a Herdbook at the address")
    }

    async fn create_run(&self) -> String {
        let mut runs = RunServiceClient::new(self.connect().await);
        let created = runs.create_run(CreateRunRequest::default()).await.unwrap();
        created.into_inner().run.unwrap().id
    }

    /// Points a second over `streams` streams of `batches` batches of ten metrics by `rows`: the median of
    /// some rounds.
    async fn streams(&self, streams: usize, batches: u64, rows: usize) -> f64 {
        let mut rates = Vec::new();
        for _ in 0..self.rounds() {
            let work = FuturesUnordered::new();
            for _ in 0..streams {
                let (channel, run) = (self.connect().await, self.create_run().await);
                work.push(stream(channel, run, batches, rows, Values::Float32));
            }
            let start = Instant::now();
            let points = work.fold(0, async |sum, points| sum + points).await;
            rates.push(points as f64 / start.elapsed().as_secs_f64());
        }
        median(rates)
    }

    /// How soon a tail shows a point: the median, and the 99th of a hundred.
    async fn tail(&self, points: usize) -> (f64, f64) {
        let run = self.create_run().await;
        tail::tail(self.connect().await, self.connect().await, run, points).await
    }

    /// Streams of a run each, over twenty connections.
    async fn open(&self, streams: usize) -> tail::Open {
        let (mut runs, mut channels) = (Vec::new(), Vec::new());
        for _ in 0..streams {
            runs.push(self.create_run().await);
        }
        for _ in 0..20 {
            channels.push(self.connect().await);
        }
        tail::open(&channels, runs).await
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
