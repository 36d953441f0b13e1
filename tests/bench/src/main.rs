//! Measures a running Herdbook over gRPC, and prints a table and JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod search;
mod streams;
mod tail;

use std::time::{Duration, Instant};

use clap::Parser;
use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, GetCurvesRequest, LogBatchRequest, Metric, ReadMetricsRequest,
    metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
};
use tonic::transport::Channel;

use streams::stream;

/// Measures a running Herdbook.
#[derive(Parser)]
struct Options {
    /// Where it listens: host and port.
    address: String,
    /// A smaller measurement, to see that it works.
    #[arg(long)]
    quick: bool,
    /// The server's process, if it runs on this machine: its memory is measured while streams are open.
    #[arg(long)]
    pid: Option<u32>,
    /// Measure search alone, over this many runs that are made in its database first.
    #[arg(long, requires = "database_url")]
    search_runs: Option<i64>,
    /// The Postgres that it uses.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// What was measured: a name, a figure, its unit.
type Figure = (&'static str, f64, &'static str);

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let scale: u64 = if options.quick { 10 } else { 1 };
    let bench = Bench {
        address: options.address.clone(),
    };
    if let (Some(count), Some(url)) = (options.search_runs, &options.database_url) {
        print(&search::measure(bench.connect().await, url, count).await);
        return;
    }
    // What waits for answers first: after the streams their points are compacted for a while.
    let mut figures = vec![
        (
            "one point a call, 1 client",
            bench.calls(1, 2_000 / scale.cast_signed()).await,
            "/s",
        ),
        (
            "one point a call, 64 clients",
            bench.calls(64, 200 / scale.cast_signed()).await,
            "/s",
        ),
        (
            "runs created, 1 client",
            bench.runs(1, 1_000 / scale).await,
            "/s",
        ),
        (
            "runs created, 8 clients",
            bench.runs(8, 500 / scale).await,
            "/s",
        ),
    ];
    let points = usize::try_from(1_000 / scale).unwrap();
    let (median, last) = bench.tail(points).await;
    figures.push(("logged to seen by a live tail, median", median, "ms"));
    figures.push(("logged to seen by a live tail, 99 of 100", last, "ms"));
    if let Some(pid) = options.pid {
        let open = bench.open(1_000).await;
        figures.push(("memory with 1,000 streams open", tail::memory(pid), "MiB"));
        drop(open);
    }
    figures.extend([
        (
            "acknowledged points, 1 stream, batches of 10 x 100",
            bench.streams(1, 2_000 / scale, 100).await,
            "/s",
        ),
        (
            "acknowledged points, 8 streams, batches of 10 x 100",
            bench.streams(8, 1_000 / scale, 100).await,
            "/s",
        ),
        (
            "acknowledged points, 8 streams, one row of 10 a batch",
            bench.streams(8, 5_000 / scale, 1).await,
            "/s",
        ),
        ("raw read of 1,000,000 points", bench.read().await, "ms"),
    ]);
    let (hot, compacted) = bench.charts().await;
    figures.push(("chart of 1,000,000 points that just came", hot, "ms"));
    figures.push(("chart of 1,000,000 points, compacted", compacted, "ms"));
    print(&figures);
}

fn print(figures: &[Figure]) {
    for (name, figure, unit) in figures {
        println!("{name:55} {figure:>14.0} {unit}");
    }
    let json: serde_json::Map<_, _> = figures
        .iter()
        .map(|(name, figure, _)| ((*name).to_owned(), (*figure).into()))
        .collect();
    println!("{}", serde_json::Value::Object(json));
}

struct Bench {
    address: String,
}

impl Bench {
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
        runs.create_run(CreateRunRequest::default())
            .await
            .unwrap()
            .into_inner()
            .run
            .unwrap()
            .id
    }

    /// Points a second over `streams` streams of `batches` batches of ten metrics by `rows`.
    async fn streams(&self, streams: usize, batches: u64, rows: usize) -> f64 {
        let mut work = FuturesUnordered::new();
        for _ in 0..streams {
            work.push(stream(
                self.connect().await,
                self.create_run().await,
                batches,
                rows,
            ));
        }
        let start = Instant::now();
        let mut points = 0;
        while let Some(written) = work.next().await {
            points += written;
        }
        points as f64 / start.elapsed().as_secs_f64()
    }

    /// Calls a second of `clients`, each of which waits for its answer.
    async fn calls(&self, clients: u64, calls: i64) -> f64 {
        let mut work = FuturesUnordered::new();
        for _ in 0..clients {
            let (channel, run_id) = (self.connect().await, self.create_run().await);
            work.push(async move {
                let mut runs = RunServiceClient::new(channel);
                for step in 0..calls {
                    let metric = Metric {
                        key: "loss".into(),
                        value: 0.5,
                        step,
                        time_us: None,
                    };
                    let run_id = run_id.clone();
                    let log = LogBatchRequest {
                        run_id,
                        metrics: vec![metric],
                        ..Default::default()
                    };
                    runs.log_batch(log).await.unwrap();
                }
            });
        }
        let start = Instant::now();
        while work.next().await.is_some() {}
        (clients as f64 * calls as f64) / start.elapsed().as_secs_f64()
    }

    async fn runs(&self, clients: u64, runs: u64) -> f64 {
        let mut work = FuturesUnordered::new();
        for _ in 0..clients {
            let channel = self.connect().await;
            work.push(async move {
                let mut client = RunServiceClient::new(channel);
                for _ in 0..runs {
                    client
                        .create_run(CreateRunRequest::default())
                        .await
                        .unwrap();
                }
            });
        }
        let start = Instant::now();
        while work.next().await.is_some() {}
        (clients * runs) as f64 / start.elapsed().as_secs_f64()
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

    /// A run with a million points of each of ten metrics; all of the first are asked for.
    async fn million(&self) -> String {
        let run = self.create_run().await;
        stream(self.connect().await, run.clone(), 1_000, 1_000).await;
        run
    }

    /// A chart of points that just came, and the median of some once they are compacted, or of what there
    /// is after two minutes.
    async fn charts(&self) -> (f64, f64) {
        let request = GetCurvesRequest {
            run_ids: vec![self.million().await],
            keys: vec!["metric-0".to_owned()],
            buckets: 320,
            ..Default::default()
        };
        let mut client = MetricServiceClient::new(self.connect().await);
        let mut chart = async || {
            let start = Instant::now();
            let answer = client
                .get_curves(request.clone())
                .await
                .unwrap()
                .into_inner();
            assert_eq!(answer.curves[0].count.iter().sum::<u64>(), 1_000_000);
            start.elapsed().as_secs_f64() * 1e3
        };
        let hot = chart().await;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(120) && chart().await > hot / 5.0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let mut times = Vec::new();
        for _ in 0..21 {
            times.push(chart().await);
        }
        times.sort_by(f64::total_cmp);
        (hot, times[10])
    }

    async fn read(&self) -> f64 {
        let request = ReadMetricsRequest {
            run_id: self.million().await,
            keys: vec!["metric-0".to_owned()],
            ..Default::default()
        };
        let mut client = MetricServiceClient::new(self.connect().await);
        let start = Instant::now();
        let mut chunks = client.read_metrics(request).await.unwrap().into_inner();
        let mut points = 0;
        while let Some(chunk) = chunks.next().await {
            points += chunk.unwrap().values.len();
        }
        assert_eq!(points, 1_000_000);
        start.elapsed().as_secs_f64() * 1e3
    }
}
