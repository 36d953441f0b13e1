//! Curves of many points: read whole, and as charts.

use std::time::Instant;

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    GetCurvesRequest, ReadMetricsRequest, metric_service_client::MetricServiceClient,
};

use sqlx::PgConnection;

use crate::{
    Bench, disk, median,
    streams::{Values, stream},
};

/// Rows of a batch.
const ROWS: u64 = 1_000;

impl Bench {
    /// A run with so many points of each of ten metrics; only the first is asked for.
    pub(crate) async fn curve(&self, points: u64) -> String {
        let run = self.create_run().await;
        let rows = usize::try_from(ROWS).unwrap();
        let batches = points / ROWS;
        stream(
            self.connect().await,
            run.clone(),
            batches,
            rows,
            Values::Float32,
        )
        .await;
        run
    }

    /// Milliseconds for a chart of `points` points that just came, and the median of some once they are
    /// compacted.
    pub(crate) async fn chart(&self, database: &mut PgConnection, points: u64) -> (f64, f64) {
        let request = GetCurvesRequest {
            run_ids: vec![self.curve(points).await],
            keys: vec!["metric-0".to_owned()],
            buckets: 320,
            ..Default::default()
        };
        let mut client = MetricServiceClient::new(self.connect().await);
        let mut chart = async || {
            let start = Instant::now();
            let answer = client.get_curves(request.clone()).await.unwrap();
            let counts = &answer.into_inner().curves[0].count;
            assert_eq!(counts.iter().sum::<u64>(), points);
            start.elapsed().as_secs_f64() * 1e3
        };
        let hot = chart().await;
        disk::settle(database).await;
        let mut times = Vec::new();
        for _ in 0..21 {
            times.push(chart().await);
        }
        (hot, median(times))
    }

    /// Milliseconds to read a million points.
    pub(crate) async fn read(&self) -> f64 {
        let points = 1_000 * ROWS;
        let request = ReadMetricsRequest {
            run_id: self.curve(points).await,
            keys: vec!["metric-0".to_owned()],
            ..Default::default()
        };
        let mut client = MetricServiceClient::new(self.connect().await);
        let mut times = Vec::new();
        for _ in 0..3 {
            let start = Instant::now();
            let mut chunks = client
                .read_metrics(request.clone())
                .await
                .unwrap()
                .into_inner();
            let mut read = 0;
            while let Some(chunk) = chunks.next().await {
                read += chunk.unwrap().values.len() as u64;
            }
            assert_eq!(read, points);
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        median(times)
    }
}
