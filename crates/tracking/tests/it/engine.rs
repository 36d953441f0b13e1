//! What becomes of points: compaction, reading by position, and what is drawn of them.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    BandGroup, CreateRunRequest, Curve, CurveAxis, DefineMetricsRequest, DeleteRunRequest, Fork,
    GetBandsRequest, GetCurvesRequest, GetRunRequest, ListMetricDefinitionsRequest,
    LogBatchRequest, Metric, MetricDefinition, MetricGoal, PurgeRunRequest, ReadMetricsRequest,
    RequestStopRequest, StreamPosition, WatchMetricsRequest, WatchMetricsResponse, WatchedRun,
};
use herdbook_testkit::grpc::{fields, reason};
use proptest::prelude::*;
use tonic::{Code, Streaming};

use crate::cluster::Cluster;

fn metric(key: &str, step: i64, value: f64) -> Metric {
    Metric {
        key: key.to_owned(),
        value,
        step,
        time_us: Some(1_000_000 + step.wrapping_mul(10)),
    }
}

async fn run(cluster: &Cluster) -> String {
    cluster.create_run(CreateRunRequest::default()).await.id
}

async fn log(cluster: &Cluster, run: &str, metrics: Vec<Metric>) {
    let run_id = run.to_owned();
    let request = LogBatchRequest {
        run_id,
        metrics,
        ..Default::default()
    };
    cluster.log(request).await.unwrap();
}

/// Points by key in the order in which they are read: step, time, bits of the value.
type Points = BTreeMap<String, Vec<(i64, i64, u64)>>;

fn add(points: &mut Points, key: String, steps: &[i64], times_us: &[i64], values: &[f64]) {
    let rows = steps.iter().zip(times_us).zip(values);
    let of_key = points.entry(key).or_default();
    of_key.extend(rows.map(|((step, time), value)| (*step, *time, value.to_bits())));
}

async fn read(cluster: &Cluster, request: ReadMetricsRequest) -> Points {
    let answers = cluster.metrics().read_metrics(request).await.unwrap();
    let mut answers = answers.into_inner();
    let mut points = Points::new();
    while let Some(part) = answers.next().await {
        let part = part.unwrap();
        add(
            &mut points,
            part.key,
            &part.steps,
            &part.times_us,
            &part.values,
        );
    }
    points
}

async fn read_all(cluster: &Cluster, run: &str) -> Points {
    let request = ReadMetricsRequest {
        run_id: run.to_owned(),
        ..Default::default()
    };
    read(cluster, request).await
}

async fn curves(cluster: &Cluster, request: GetCurvesRequest) -> Vec<Curve> {
    let answer = cluster.metrics().get_curves(request).await.unwrap();
    answer.into_inner().curves
}

async fn curve(cluster: &Cluster, run: &str, axis: CurveAxis, range: (i64, i64)) -> String {
    let request = GetCurvesRequest {
        run_ids: vec![run.to_owned()],
        keys: vec!["loss".to_owned()],
        buckets: 20,
        axis: axis.into(),
        min_x: Some(range.0),
        max_x: Some(range.1),
        ..Default::default()
    };
    // As text, for a NaN does not equal itself.
    format!("{:?}", curves(cluster, request).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_changes_nothing_that_can_be_read() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let small = self::run(&cluster).await;
    log(
        &cluster,
        &small,
        vec![metric("loss", 1, 0.5), metric("é/ü", -4, f64::NAN)],
    )
    .await;
    let value = |step: i64| match step % 97 {
        0 => f64::from_bits(0x7ff8_0000_0000_1234),
        1 => f64::NEG_INFINITY,
        // Such that their sums are exact, in whatever order they are added.
        _ => ((step as f64 * 0.01).sin() * 1024.0).round() / 1024.0,
    };
    let ranges = [(i64::MIN, i64::MAX), (1_003, 9_017), (-7, 3)];
    for round in 0..4_i64 {
        for part in 0..3 {
            let first = (round * 3 + part) * 1_000;
            let mut points: Vec<Metric> = (first..first + 1_000)
                .map(|step| metric("loss", step, value(step)))
                .collect();
            // Late, repeated, and at the ends.
            points.push(metric("loss", first / 2, 7.0));
            points.push(metric("rare", i64::MIN + round, 1.0));
            points.push(metric("rare", i64::MAX - round, -0.0));
            log(&cluster, &run, points).await;
        }
        let before = read_all(&cluster, &run).await;
        assert_eq!(
            before["loss"].len(),
            usize::try_from((round + 1) * 3_003).unwrap()
        );
        let mut drawn = Vec::new();
        for axis in [
            CurveAxis::Step,
            CurveAxis::RelativeTime,
            CurveAxis::WallTime,
        ] {
            for range in ranges {
                drawn.push((axis, range, curve(&cluster, &run, axis, range).await));
            }
        }
        let of_small = read_all(&cluster, &small).await;
        cluster.compact().await;
        assert_eq!(read_all(&cluster, &run).await, before);
        assert_eq!(read_all(&cluster, &small).await, of_small);
        for (axis, range, before) in drawn {
            assert_eq!(
                curve(&cluster, &run, axis, range).await,
                before,
                "{axis:?} {range:?}"
            );
        }
    }
    let request = ReadMetricsRequest {
        run_id: run.clone(),
        keys: vec!["loss".to_owned()],
        min_step: Some(10),
        max_step: Some(12),
        ..Default::default()
    };
    let some = read(&cluster, request).await;
    assert_eq!(some.len(), 1);
    assert!(
        some["loss"]
            .iter()
            .all(|(step, ..)| (10..=12).contains(step))
    );
    assert!(some["loss"].len() >= 3);
}

#[derive(Debug, Clone)]
enum Deed {
    Log(Vec<(u8, i64, u64)>),
    Compact,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let step = prop_oneof![-5_i64..5, Just(i64::MIN), Just(i64::MAX), any::<i64>()];
    let points = prop::collection::vec((0_u8..3, step, any::<u64>()), 1..40);
    let many = prop::collection::vec((0_u8..2, 0_i64..99, any::<u64>()), 600..900);
    let deed = prop_oneof![
        4 => points.prop_map(Deed::Log),
        1 => many.prop_map(Deed::Log),
        2 => Just(Deed::Compact),
    ];
    prop::collection::vec(deed, 1..12)
}

#[test]
fn whatever_is_logged_and_compacted_is_read_as_it_was() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let cluster = runtime.block_on(Cluster::start());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(6)
    };
    proptest!(config, |(deeds in deeds())| {
        runtime.block_on(async {
            let run = run(&cluster).await;
            let (mut expected, mut hot) = (Points::new(), false);
            for deed in deeds {
                match deed {
                    Deed::Compact if hot => {
                        cluster.compact().await;
                        hot = false;
                    }
                    Deed::Compact => {}
                    Deed::Log(points) => {
                        hot = true;
                        let points: Vec<Metric> = points
                            .into_iter()
                            .map(|(key, step, bits)| {
                                metric(&format!("key-{key}"), step, f64::from_bits(bits))
                            })
                            .collect();
                        for p in &points {
                            let time = p.time_us.unwrap();
                            add(&mut expected, p.key.clone(), &[p.step], &[time], &[p.value]);
                        }
                        log(&cluster, &run, points).await;
                    }
                }
                assert_eq!(read_all(&cluster, &run).await, expected);
            }
        });
    });
}

struct Watch {
    answers: Streaming<WatchMetricsResponse>,
    points: Points,
}

impl Watch {
    async fn start(cluster: &Cluster, run: &str, after: Option<i64>) -> Self {
        let request = WatchMetricsRequest {
            runs: vec![WatchedRun {
                run_id: run.to_owned(),
                after,
            }],
            keys: Vec::new(),
        };
        let answers = cluster.metrics().watch_metrics(request).await.unwrap();
        Self {
            answers: answers.into_inner(),
            points: Points::new(),
        }
    }

    /// Takes points in up to the next position, and gives that.
    async fn position(&mut self) -> i64 {
        loop {
            let message = self.answers.next().await.unwrap().unwrap();
            if let Some(part) = message.points {
                let points = &mut self.points;
                add(points, part.key, &part.steps, &part.times_us, &part.values);
            }
            if let Some(position) = message.position {
                return position;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_from_history_to_news_without_a_gap() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    for step in 0..3 {
        log(&cluster, &run, vec![metric("loss", step, 0.1)]).await;
    }
    let mut all = Watch::start(&cluster, &run, Some(0)).await;
    let mut news = Watch::start(&cluster, &run, None).await;
    assert_eq!((all.position().await, news.position().await), (3, 3));
    cluster.compact().await;
    for step in 3..200 {
        log(
            &cluster,
            &run,
            vec![metric("loss", step, 0.1), metric("acc", step, 0.2)],
        )
        .await;
    }
    let mut middle = 0;
    while all.position().await < 200 {}
    while middle < 100 {
        middle = news.position().await;
    }
    assert_eq!(all.points, read_all(&cluster, &run).await);
    assert_eq!(
        news.points["loss"].len(),
        usize::try_from(middle - 3).unwrap()
    );
    // Cut off in the middle and begun again, after what was hot then has moved.
    drop(news.answers);
    cluster.compact().await;
    let mut rest = Watch::start(&cluster, &run, Some(middle)).await;
    assert_eq!(rest.position().await, 200);
    news.points
        .get_mut("loss")
        .unwrap()
        .extend(&rest.points["loss"]);
    assert_eq!(news.points["loss"], all.points["loss"][3..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_has_the_points_up_to_its_step() {
    let cluster = Cluster::start().await;
    let parent = run(&cluster).await;
    log(
        &cluster,
        &parent,
        (0..10).map(|n| metric("loss", n, n as f64)).collect(),
    )
    .await;
    cluster.compact().await;
    log(
        &cluster,
        &parent,
        (10..20).map(|n| metric("loss", n, n as f64)).collect(),
    )
    .await;
    let fork = async |of: &str, step| {
        let forked_from = Some(Fork {
            run_id: of.to_owned(),
            step,
        });
        let request = CreateRunRequest {
            forked_from,
            ..Default::default()
        };
        cluster.create_run(request).await
    };
    let child = fork(&parent, 14).await;
    assert_eq!(child.forked_from.clone().unwrap().step, 14);
    log(&cluster, &child.id, vec![metric("loss", 15, -15.0)]).await;
    let grandchild = fork(&child.id, 12).await.id;
    log(&cluster, &grandchild, vec![metric("loss", 13, -13.0)]).await;

    let values = async |run: &str| -> Vec<f64> {
        let points = read_all(&cluster, run).await;
        points["loss"]
            .iter()
            .map(|(.., bits)| f64::from_bits(*bits))
            .collect()
    };
    let mut expected: Vec<f64> = (0..15).map(f64::from).collect();
    expected.push(-15.0);
    assert_eq!(values(&child.id).await, expected);
    expected.truncate(13);
    expected.push(-13.0);
    assert_eq!(values(&grandchild).await, expected);
    let request = GetCurvesRequest {
        run_ids: vec![grandchild.clone()],
        keys: vec!["loss".to_owned()],
        ..Default::default()
    };
    assert_eq!(curves(&cluster, request).await[0].last, expected);
    let mut watch = Watch::start(&cluster, &grandchild, Some(0)).await;
    assert_eq!(
        (watch.position().await, watch.points["loss"].len()),
        (1, 14)
    );

    // What others inherit is not purged under them.
    let (run_id, parent_id) = (child.id.clone(), parent.clone());
    cluster
        .runs()
        .delete_run(DeleteRunRequest { run_id })
        .await
        .unwrap();
    cluster
        .runs()
        .delete_run(DeleteRunRequest { run_id: parent_id })
        .await
        .unwrap();
    let purge = async |run: &str| {
        let run_id = run.to_owned();
        cluster.runs().purge_run(PurgeRunRequest { run_id }).await
    };
    let refused = purge(&child.id).await.unwrap_err();
    assert_eq!(reason(&refused).1, "RUN_HAS_FORKS");
    assert_eq!(
        reason(&purge(&grandchild).await.unwrap_err()).1,
        "RUN_NOT_DELETED"
    );
    let run_id = grandchild.clone();
    cluster
        .runs()
        .delete_run(DeleteRunRequest { run_id })
        .await
        .unwrap();
    for run in [&grandchild, &child.id, &parent] {
        purge(run).await.unwrap();
        let run_id = run.clone();
        let gone = cluster.runs().get_run(GetRunRequest { run_id }).await;
        assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    }
}

#[tokio::test]
async fn points_that_are_resent_by_position_count_once() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let send = async |offset: u64, count: i64| {
        let first = i64::try_from(offset).unwrap();
        let request = LogBatchRequest {
            run_id: run.clone(),
            metrics: (first..first + count)
                .map(|n| metric("loss", n, 0.5))
                .collect(),
            position: Some(StreamPosition {
                stream: "history".to_owned(),
                offset,
            }),
            ..Default::default()
        };
        cluster.log(request).await
    };
    send(0, 5).await.unwrap();
    send(0, 5).await.unwrap();
    send(3, 4).await.unwrap();
    let gap = send(9, 1).await.unwrap_err();
    assert_eq!(
        (gap.code(), reason(&gap).1.as_str()),
        (Code::OutOfRange, "STREAM_GAP")
    );
    let (a, b, c) = tokio::join!(send(7, 3), send(7, 3), send(7, 2));
    for sent in [a, b, c] {
        sent.unwrap();
    }
    let steps: Vec<i64> = read_all(&cluster, &run).await["loss"]
        .iter()
        .map(|p| p.0)
        .collect();
    assert_eq!(steps, (0..10).collect::<Vec<_>>());
    assert_eq!(cluster.run(&run).await.metrics[0].count, 10);

    let both = LogBatchRequest {
        run_id: run.clone(),
        request_id: "r".to_owned(),
        position: Some(StreamPosition::default()),
        ..Default::default()
    };
    let refused = cluster.log(both).await.unwrap_err();
    assert_eq!(fields(&refused), ["position", "position.stream"]);
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_hears_it_with_the_next_answer() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let ask = async |withdraw| {
        let run_id = run.clone();
        let request = RequestStopRequest { run_id, withdraw };
        cluster.runs().request_stop(request).await.unwrap();
    };
    let stop_requested = async |tagged: bool| {
        let mut request = LogBatchRequest {
            run_id: run.clone(),
            metrics: vec![metric("loss", 1, 0.5)],
            ..Default::default()
        };
        if tagged {
            request.tags.insert("a".to_owned(), "b".to_owned());
        }
        let answer = cluster.runs().log_batch(request).await.unwrap();
        answer.into_inner().stop_requested
    };
    assert!(!stop_requested(false).await);
    ask(false).await;
    assert!(stop_requested(false).await);
    assert!(stop_requested(true).await);
    assert!(cluster.run(&run).await.stop_requested);
    ask(true).await;
    assert!(!stop_requested(true).await);
}

#[tokio::test]
async fn bands_and_curves_along_a_metric() {
    let cluster = Cluster::start().await;
    let mut runs = Vec::new();
    for seed in 0..3 {
        let run = run(&cluster).await;
        let mut points = Vec::new();
        for step in 0..8 {
            points.push(metric("loss", step, (step + seed) as f64));
            points.push(metric("tokens", step, 100.0 * (step + 1) as f64));
        }
        log(&cluster, &run, points).await;
        runs.push(run);
    }
    let request = |axis: CurveAxis| GetBandsRequest {
        groups: vec![BandGroup {
            name: "baseline".to_owned(),
            run_ids: runs.clone(),
        }],
        keys: vec!["loss".to_owned(), "unknown".to_owned()],
        buckets: 80,
        axis: axis.into(),
        ..Default::default()
    };
    for axis in [CurveAxis::Step, CurveAxis::RelativeTime] {
        let bands = cluster.metrics().get_bands(request(axis)).await.unwrap();
        let bands = bands.into_inner().bands;
        assert_eq!((bands.len(), bands[0].group.as_str()), (1, "baseline"));
        assert_eq!(bands[0].runs, [3; 8]);
        assert_eq!(bands[0].deviation, [1.0; 8]);
        assert_eq!(bands[0].mean, (1..9).map(f64::from).collect::<Vec<_>>());
        assert_eq!((bands[0].min[0], bands[0].max[0]), (0.0, 2.0));
        let width = if axis == CurveAxis::Step { 1 } else { 10 };
        assert_eq!(bands[0].last_x[7], 7 * width);
    }
    let refused = cluster
        .metrics()
        .get_bands(request(CurveAxis::Metric))
        .await;
    assert_eq!(fields(&refused.unwrap_err()), ["axis"]);

    let mut along = GetCurvesRequest {
        run_ids: runs[..1].to_vec(),
        keys: vec!["loss".to_owned()],
        axis: CurveAxis::Metric.into(),
        ..Default::default()
    };
    let refused = cluster
        .metrics()
        .get_curves(along.clone())
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["x_key"]);
    along.x_key = "tokens".to_owned();
    along.min_x_value = Some(300.0);
    let found = curves(&cluster, along).await;
    assert_eq!(
        found[0].first_x_value,
        [300.0, 400.0, 500.0, 600.0, 700.0, 800.0]
    );
    assert_eq!(found[0].last, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert!(found[0].first_x.is_empty());
}

#[tokio::test]
async fn metrics_are_meant_as_was_said_last_and_in_forks_too() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let define = async |run: &str, key: &str, step_digits, goal: MetricGoal| {
        let definition = MetricDefinition {
            key: key.to_owned(),
            step_digits,
            x_key: "tokens".to_owned(),
            goal: goal.into(),
            unit: "nats".to_owned(),
        };
        let request = DefineMetricsRequest {
            run_id: run.to_owned(),
            definitions: vec![definition],
        };
        cluster.metrics().define_metrics(request).await
    };
    define(&run, "loss", 2, MetricGoal::Maximize).await.unwrap();
    define(&run, "loss", 6, MetricGoal::Minimize).await.unwrap();
    let refused = define(&run, "loss", 19, MetricGoal::Minimize).await;
    assert_eq!(
        fields(&refused.unwrap_err()),
        ["definitions[0].step_digits"]
    );
    let meant = async |run: &str| -> Vec<(String, u32, MetricGoal)> {
        let request = ListMetricDefinitionsRequest {
            run_id: run.to_owned(),
        };
        let mut client = cluster.metrics();
        let answer = client.list_metric_definitions(request).await.unwrap();
        let definitions = answer.into_inner().definitions.into_iter();
        definitions
            .map(|d| (d.key.clone(), d.step_digits, d.goal()))
            .collect()
    };
    let loss = |digits, goal| ("loss".to_owned(), digits, goal);
    assert_eq!(meant(&run).await, [loss(6, MetricGoal::Minimize)]);

    let request = CreateRunRequest {
        forked_from: Some(Fork {
            run_id: run.clone(),
            step: 5,
        }),
        ..Default::default()
    };
    let fork = cluster.create_run(request).await.id;
    define(&fork, "acc", 0, MetricGoal::Maximize).await.unwrap();
    let acc = ("acc".to_owned(), 0, MetricGoal::Maximize);
    let inherited = [acc.clone(), loss(6, MetricGoal::Minimize)];
    assert_eq!(meant(&fork).await, inherited);
    define(&fork, "loss", 3, MetricGoal::Minimize)
        .await
        .unwrap();
    assert_eq!(meant(&fork).await, [acc, loss(3, MetricGoal::Minimize)]);
    assert_eq!(meant(&run).await, [loss(6, MetricGoal::Minimize)]);
}
