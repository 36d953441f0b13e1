//! Calls that wait for their answers, by many clients at once.

use std::time::Instant;

use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, LogBatchRequest, Metric, run_service_client::RunServiceClient,
};
use tonic::transport::Channel;

use crate::{Bench, median};

type Runs = RunServiceClient<Channel>;

impl Bench {
    /// Points a second, one a call, of `clients` with a run each.
    pub(crate) async fn single_points(&self, clients: u64) -> f64 {
        let work = async |channel: Channel, end| {
            let mut runs = Runs::new(channel);
            let run = create(&mut runs, CreateRunRequest::default()).await;
            let mut step = 0;
            while Instant::now() < end {
                log(&mut runs, &run, ["loss".to_owned()], step).await;
                step += 1;
            }
            step
        };
        self.rate(clients, work).await
    }

    /// Runs created a second.
    pub(crate) async fn runs(&self, clients: u64) -> f64 {
        let work = async |channel: Channel, end| {
            let mut runs = Runs::new(channel);
            let mut created = 0;
            while Instant::now() < end {
                create(&mut runs, CreateRunRequest::default()).await;
                created += 1;
            }
            created
        };
        self.rate(clients, work).await
    }

    /// Runs with 20 params and 20 metrics a second: two calls each.
    pub(crate) async fn whole_runs(&self, clients: u64) -> f64 {
        let work = async |channel: Channel, end| {
            let mut runs = Runs::new(channel);
            let mut created = 0;
            while Instant::now() < end {
                let params = (0..20).map(|n| (format!("p{n}"), n.to_string()));
                let request = CreateRunRequest {
                    params: params.collect(),
                    ..Default::default()
                };
                let run = create(&mut runs, request).await;
                log(&mut runs, &run, (0..20).map(|n| format!("m{n}")), 1).await;
                created += 1;
            }
            created
        };
        self.rate(clients, work).await
    }

    /// What `clients` come to in a second, all together: the median of some rounds.
    pub(crate) async fn rate(
        &self,
        clients: u64,
        work: impl AsyncFn(Channel, Instant) -> u64,
    ) -> f64 {
        let mut rates = Vec::new();
        for _ in 0..self.rounds() {
            let mut channels = Vec::new();
            for _ in 0..clients {
                channels.push(self.connect().await);
            }
            let start = Instant::now();
            let all: FuturesUnordered<_> = channels
                .into_iter()
                .map(|channel| work(channel, start + self.round()))
                .collect();
            let done = all.fold(0, async |sum, done| sum + done).await;
            rates.push(done as f64 / start.elapsed().as_secs_f64());
        }
        median(rates)
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
