//! Curves that hide nothing.

use herdbook_proto::tracking::v1::{Curve, CurveAxis, GetCurvesRequest};
use herdbook_testkit::grpc::fields;

use crate::{
    cluster::Cluster,
    stream::{Stream, batch, run},
};

#[tokio::test]
async fn curves_keep_ends_and_spikes_on_each_axis() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &run, "w", 1).await;
    let mut values: Vec<(i64, f64)> = (0..1_000).map(|step| (step, 1.0)).collect();
    values[501].1 = 50.0;
    for (n, part) in values.chunks(100).enumerate() {
        stream.send(batch(1, n as u64 + 1, part)).await;
    }
    stream.committed(1, 10).await;
    let ask = async |axis: CurveAxis, min_x, max_x| -> Vec<Curve> {
        let request = GetCurvesRequest {
            run_ids: vec![run.clone()],
            keys: vec!["loss".to_owned(), "unknown".to_owned()],
            buckets: 20,
            axis: axis.into(),
            min_x,
            max_x,
            ..Default::default()
        };
        cluster
            .metrics()
            .get_curves(request)
            .await
            .unwrap()
            .into_inner()
            .curves
    };
    let curves = ask(CurveAxis::Step, None, None).await;
    let [curve] = &curves[..] else {
        panic!("{curves:?}")
    };
    assert_eq!((curve.first_x[0], *curve.last_x.last().unwrap()), (0, 999));
    assert_eq!(curve.max.iter().copied().fold(0.0, f64::max), 50.0);
    assert_eq!(curve.count.iter().sum::<u64>(), 1_000);
    let part = &ask(CurveAxis::Step, Some(500), Some(502)).await[0];
    assert_eq!(
        (part.first_x.clone(), part.max.clone()),
        (vec![500, 501, 502], vec![1.0, 50.0, 1.0])
    );
    // Ten batches, each from time 1,000 on in steps of 10.
    let wall = &ask(CurveAxis::WallTime, None, None).await[0];
    assert_eq!(
        (wall.first_x[0], *wall.last_x.last().unwrap()),
        (1_000, 1_990)
    );
    let relative = &ask(CurveAxis::RelativeTime, None, None).await[0];
    assert_eq!(
        (relative.first_x[0], *relative.last_x.last().unwrap()),
        (0, 990)
    );
}

#[tokio::test]
async fn questions_about_curves_have_limits() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let request = GetCurvesRequest {
        run_ids: vec![run.clone()],
        ..Default::default()
    };
    assert_eq!(
        fields(&cluster.metrics().get_curves(request).await.unwrap_err()),
        ["keys"]
    );
    let keys = vec!["loss".to_owned()];
    let request = GetCurvesRequest {
        run_ids: vec![run],
        keys,
        buckets: 10_001,
        ..Default::default()
    };
    assert_eq!(
        fields(&cluster.metrics().get_curves(request).await.unwrap_err()),
        ["buckets"]
    );
}
