//! Some points of a metric instead of all.

use futures::TryStreamExt as _;
use herdbook_proto::tracking::v1::{
    CreateRunRequest, Fork, ReadMetricsRequest, ReadMetricsResponse,
};
use herdbook_testkit::grpc::fields;
use tonic::Status;

use crate::{
    cluster::Cluster,
    stream::{Stream, batch, run},
};

/// Logs each batch of points, the steps given, to `loss`; a value is its step.
async fn log(cluster: &Cluster, run: &str, batches: &[Vec<i64>]) {
    let mut stream = Stream::open(cluster).await;
    stream.writer(1, run, "w", 1).await;
    for (n, steps) in batches.iter().enumerate() {
        let points: Vec<(i64, f64)> = steps.iter().map(|step| (*step, *step as f64)).collect();
        stream.send(batch(1, n as u64 + 1, &points)).await;
    }
    stream.committed(1, batches.len() as u64).await;
}

async fn ask(
    cluster: &Cluster,
    request: ReadMetricsRequest,
) -> Result<Vec<ReadMetricsResponse>, Status> {
    let parts = cluster.metrics().read_metrics(request).await?;
    parts.into_inner().try_collect().await
}

/// The steps of samples of `loss`.
async fn samples(cluster: &Cluster, run: &str, samples: u32, min_step: Option<i64>) -> Vec<i64> {
    let request = ReadMetricsRequest {
        run_id: run.to_owned(),
        keys: vec!["none".to_owned(), "loss".to_owned()],
        min_step,
        samples,
        ..Default::default()
    };
    let parts = ask(cluster, request).await.unwrap();
    let [part] = &parts[..] else {
        panic!("{parts:?}")
    };
    assert_eq!(part.key, "loss");
    let values: Vec<i64> = part.values.iter().map(|value| *value as i64).collect();
    assert_eq!(part.steps, values, "columns stay together");
    part.steps.clone()
}

#[tokio::test]
async fn samples_lie_evenly_however_points_came_and_are_stored() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    log(&cluster, &run, &[(50..101).collect(), (0..50).collect()]).await;
    for compacted in [false, true] {
        if compacted {
            cluster.compact().await;
        }
        let five = samples(&cluster, &run, 5, None).await;
        assert_eq!(five, [0, 21, 41, 61, 100]);
        assert_eq!(samples(&cluster, &run, 3, Some(98)).await, [98, 99, 100]);
        assert_eq!(samples(&cluster, &run, 10_000, None).await.len(), 101);
    }
}

#[tokio::test]
async fn samples_of_a_fork_have_what_it_inherits() {
    let cluster = Cluster::start().await;
    let source = run(&cluster).await;
    log(&cluster, &source, &[(0..11).collect()]).await;
    let fork = CreateRunRequest {
        forked_from: Some(Fork {
            run_id: source,
            step: 4,
        }),
        ..Default::default()
    };
    let fork = cluster.create_run(fork).await.id;
    log(&cluster, &fork, &[vec![5, 6]]).await;
    assert_eq!(samples(&cluster, &fork, 3, None).await, [0, 3, 6]);
}

#[tokio::test]
async fn samples_are_of_named_metrics_and_not_too_many() {
    let cluster = Cluster::start().await;
    let request = ReadMetricsRequest {
        run_id: run(&cluster).await,
        samples: 10,
        ..Default::default()
    };
    let refused = ask(&cluster, request.clone()).await.unwrap_err();
    assert_eq!(fields(&refused), ["keys"]);
    let many = ReadMetricsRequest {
        keys: vec!["loss".to_owned()],
        samples: 10_001,
        ..request
    };
    let refused = ask(&cluster, many).await.unwrap_err();
    assert_eq!(fields(&refused), ["samples"]);
}
