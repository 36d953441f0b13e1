//! Calls that wait for their answers, by many clients at once.

use std::time::Instant;

use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, LogBatchRequest, Metric, run_service_client::RunServiceClient,
};
use tonic::transport::Channel;

use crate::Bench;

type Runs = RunServiceClient<Channel>;

impl Bench {
    /// Points a second, one a call, of `clients` with a run each.
    pub(crate) async fn single_points(&self, clients: u64, calls: u64) -> f64 {
        let work = async |mut runs: Runs, calls| {
            let run = create(&mut runs, CreateRunRequest::default()).await;
            for step in 0..calls {
                log(&mut runs, &run, ["loss".to_owned()], step).await;
            }
        };
        self.rate(clients, calls, work).await
    }

    /// Runs created a second.
    pub(crate) async fn runs(&self, clients: u64, calls: u64) -> f64 {
        let work = async |mut runs: Runs, calls| {
            for _ in 0..calls {
                create(&mut runs, CreateRunRequest::default()).await;
            }
        };
        self.rate(clients, calls, work).await
    }

    /// Runs with 20 params and 20 metrics a second: two calls each.
    pub(crate) async fn whole_runs(&self, clients: u64, calls: u64) -> f64 {
        let work = async |mut runs: Runs, calls| {
            for _ in 0..calls {
                let params = (0..20).map(|n| (format!("p{n}"), n.to_string()));
                let request = CreateRunRequest {
                    params: params.collect(),
                    ..Default::default()
                };
                let run = create(&mut runs, request).await;
                log(&mut runs, &run, (0..20).map(|n| format!("m{n}")), 1).await;
            }
        };
        self.rate(clients, calls, work).await
    }

    /// How many of `calls` each of `clients` comes to in a second, all together.
    async fn rate(&self, clients: u64, calls: u64, work: impl AsyncFn(Runs, u64)) -> f64 {
        let mut all = FuturesUnordered::new();
        for _ in 0..clients {
            all.push(work(RunServiceClient::new(self.connect().await), calls));
        }
        let start = Instant::now();
        while all.next().await.is_some() {}
        (clients * calls) as f64 / start.elapsed().as_secs_f64()
    }
}

async fn create(runs: &mut Runs, request: CreateRunRequest) -> String {
    let created = runs.create_run(request).await.unwrap();
    created.into_inner().run.unwrap().id
}

async fn log(runs: &mut Runs, run: &str, keys: impl IntoIterator<Item = String>, step: u64) {
    let metric = |key| Metric {
        key,
        value: 0.5,
        step: i64::try_from(step).unwrap(),
        time_us: None,
    };
    let request = LogBatchRequest {
        run_id: run.to_owned(),
        metrics: keys.into_iter().map(metric).collect(),
        ..Default::default()
    };
    runs.log_batch(request).await.unwrap();
}
