//! Measures a running Herdbook over gRPC, and prints a table and JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod calls;
mod curves;
mod disk;
mod postgres;
mod report;
mod search;
mod streams;
mod tail;

use std::{collections::BTreeMap, fs, path::PathBuf, time::Instant};

use clap::Parser;
use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_proto::tracking::v1::{CreateRunRequest, run_service_client::RunServiceClient};
use sqlx::{Connection as _, PgConnection};
use tonic::transport::Channel;

use report::Figure;
use streams::{Values, stream};

/// Measures a running Herdbook.
#[derive(Parser)]
struct Options {
    /// Where it listens: host and port.
    address: String,
    /// The Postgres that it uses.
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// The server's process, if it runs on this machine: its memory is measured while streams are open.
    #[arg(long)]
    pid: Option<u32>,
    /// A smaller measurement, to see that it works.
    #[arg(long)]
    quick: bool,
    /// What a peer came to on the same Postgres: a file of JSON, by the names of the table.
    #[arg(long, value_name = "FILE")]
    peer: Option<PathBuf>,
    /// Measure search alone, over this many runs that are made in its database first.
    #[arg(long)]
    search_runs: Option<i64>,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let bench = Bench {
        address: options.address.clone(),
        scale: if options.quick { 10 } else { 1 },
    };
    let peer = options.peer.as_ref().map_or_else(BTreeMap::new, |file| {
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    });
    let figures = match options.search_runs {
        Some(count) => search::measure(bench.connect().await, &options.database_url, count).await,
        None => bench.measure(&options).await,
    };
    report::print(&figures, &peer);
}

struct Bench {
    address: String,
    /// By how much the measurement is smaller than it is meant to be.
    scale: u64,
}

impl Bench {
    async fn measure(&self, options: &Options) -> Vec<Figure> {
        let (scale, url) = (self.scale, &options.database_url);
        let mut database = PgConnection::connect(url).await.unwrap();
        let mut figures = Vec::new();
        for (name, clients, bytes) in [
            ("Postgres itself: rows committed, 1 client", 1, 30),
            ("Postgres itself: rows committed, 8 clients", 8, 30),
            ("Postgres itself: rows committed, 64 clients", 64, 30),
            ("Postgres itself: 16 KiB committed, 1 client", 1, 16 << 10),
        ] {
            let rate = postgres::commits(url, clients, bytes);
            figures.extend(rate.map(|rate| Figure::new(name, rate, "/s")));
        }
        // A log that has been written once is written over; a new one has to be made first.
        let warm = self.streams(8, 400 / scale, 100).await;
        println!("{warm:.0} points a second to begin with");
        let rate = |name, rate, floor| Figure::new(name, rate, "/s").at_least(floor);
        let one = self.single_points(1, 4_000 / scale).await;
        figures.push(rate("one point a call, 1 client", one, 2_000.0));
        let many = self.single_points(64, 400 / scale).await;
        figures.push(rate("one point a call, 64 clients", many, 14_000.0));
        let one = self.runs(1, 2_000 / scale).await;
        figures.push(rate("runs created, 1 client", one, 2_500.0));
        let many = self.runs(8, 1_000 / scale).await;
        figures.push(rate("runs created, 8 clients", many, 6_000.0));
        let whole = self.whole_runs(8, 500 / scale).await;
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
        if let Some(pid) = options.pid {
            let open = self.open(1_000).await;
            let memory = Figure::new("memory with 1,000 streams open", tail::memory(pid), "MiB");
            figures.push(memory.at_least(256.0));
            drop(open);
        }
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
        if scale == 1 {
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
        figures.extend(search::measure(self.connect().await, url, 10_000).await);
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

    /// Points a second over `streams` streams of `batches` batches of ten metrics by `rows`.
    async fn streams(&self, streams: usize, batches: u64, rows: usize) -> f64 {
        let mut work = FuturesUnordered::new();
        for _ in 0..streams {
            let (channel, run) = (self.connect().await, self.create_run().await);
            work.push(stream(channel, run, batches, rows, Values::Float32));
        }
        let start = Instant::now();
        let mut points = 0;
        while let Some(written) = work.next().await {
            points += written;
        }
        points as f64 / start.elapsed().as_secs_f64()
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
