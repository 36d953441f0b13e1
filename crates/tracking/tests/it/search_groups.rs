//! Groups of runs with aggregates and the best of each, and pages of chosen columns.

use herdbook_proto::tracking::v1::{
    Aggregate, AggregateFunction, AggregateRunsRequest, AggregateRunsResponse, CreateRunRequest,
    Dataset, DatasetInput, LogBatchRequest, Metric, RunGroup, SearchRunsRequest,
    group_value::Value,
};
use herdbook_testkit::grpc::fields;

use crate::{cluster::Cluster, search_settled::settle};

/// Six runs of two optimizers: `acc` is 0.1 to 0.6, but the last has NaN, and a seventh has neither.
async fn sweep() -> Cluster {
    let cluster = Cluster::start().await;
    for n in 1..=7 {
        let optimizer = if n % 2 == 0 { "sgd" } else { "adam" };
        let params = match n {
            7 => [].into(),
            _ => [
                ("optimizer".to_owned(), optimizer.to_owned()),
                ("lr".to_owned(), format!("{}", f64::from(n) / 100.0)),
            ]
            .into(),
        };
        let run = cluster.create_run(CreateRunRequest {
            name: format!("r{n}"),
            params,
            tags: [("n".to_owned(), n.to_string())].into(),
            inputs: vec![DatasetInput {
                dataset: Some(Dataset {
                    name: "data".to_owned(),
                    ..Default::default()
                }),
                ..Default::default()
            }],
            description: "long".to_owned(),
            ..Default::default()
        });
        let run_id = run.await.id;
        // Half of them are folded.
        if n == 3 {
            settle(&cluster).await;
        }
        if n == 7 {
            continue;
        }
        let value = if n == 6 {
            f64::NAN
        } else {
            f64::from(n) / 10.0
        };
        let metric = |key: &str| Metric {
            key: key.to_owned(),
            value,
            step: 1,
            time_us: Some(1),
        };
        let log = LogBatchRequest {
            run_id,
            metrics: vec![metric("acc"), metric("other")],
            ..Default::default()
        };
        cluster.log(log).await.unwrap();
    }
    cluster
}

async fn aggregate(cluster: &Cluster, request: AggregateRunsRequest) -> AggregateRunsResponse {
    let found = cluster.runs().aggregate_runs(request).await;
    found.unwrap().into_inner()
}

fn compute(field: &str, function: AggregateFunction) -> Aggregate {
    Aggregate {
        field: field.to_owned(),
        function: function.into(),
    }
}

fn texts(group: &RunGroup) -> Vec<Option<String>> {
    let values = group.values.iter().map(|value| match &value.value {
        Some(Value::Text(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        None => None,
    });
    values.collect()
}

#[tokio::test]
async fn a_sweep_is_summed_up_by_group() {
    let cluster = sweep().await;
    let request = AggregateRunsRequest {
        group_by: vec!["params.optimizer".to_owned()],
        aggregates: vec![
            compute("metrics.acc", AggregateFunction::Count),
            compute("metrics.acc", AggregateFunction::Min),
            compute("metrics.acc", AggregateFunction::Mean),
            compute("metrics.acc", AggregateFunction::Stddev),
            compute("metrics.acc", AggregateFunction::Median),
            compute("params.lr", AggregateFunction::Max),
            compute("params.optimizer", AggregateFunction::Count),
        ],
        best: "metrics.acc desc".to_owned(),
        columns: vec!["attributes.name".to_owned()],
        ..Default::default()
    };
    for settled in [false, true] {
        if settled {
            settle(&cluster).await;
        }
        let groups = aggregate(&cluster, request.clone()).await.groups;
        let rounded = |group: &RunGroup| -> Vec<Option<i64>> {
            let values = group.aggregates.iter().map(|aggregate| aggregate.value);
            values
                .map(|value| value.map(|value| (value * 1000.0).round() as i64))
                .collect()
        };
        let shown: Vec<_> = groups
            .iter()
            .map(|group| {
                let best = group.best_run.clone().unwrap();
                (texts(group), group.run_count, best.name, rounded(group))
            })
            .collect();
        let count = |count: i64| Some(count * 1000);
        assert_eq!(
            shown,
            [
                (
                    vec![Some("adam".to_owned())],
                    3,
                    "r5".to_owned(),
                    vec![
                        count(3),
                        Some(100),
                        Some(300),
                        Some(200),
                        Some(300),
                        Some(50),
                        count(3)
                    ],
                ),
                (
                    vec![Some("sgd".to_owned())],
                    3,
                    "r4".to_owned(),
                    vec![
                        count(3),
                        Some(200),
                        Some(300),
                        Some(141),
                        Some(300),
                        Some(60),
                        count(3)
                    ],
                ),
                (
                    vec![None],
                    1,
                    "r7".to_owned(),
                    vec![count(0), None, None, None, None, None, count(0)],
                ),
            ]
        );
    }
}

#[tokio::test]
async fn groups_come_in_pages_the_largest_first() {
    let cluster = sweep().await;
    let mut request = AggregateRunsRequest {
        filter: "tags.n != '3'".to_owned(),
        group_by: vec!["params.optimizer".to_owned(), "experiment_id".to_owned()],
        page_size: 1,
        ..Default::default()
    };
    let mut shown = Vec::new();
    loop {
        let page = aggregate(&cluster, request.clone()).await;
        shown.extend(
            page.groups
                .iter()
                .map(|group| (texts(group), group.run_count)),
        );
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let group = |name: Option<&str>| vec![name.map(str::to_owned), Some("0".to_owned())];
    assert_eq!(
        shown,
        [
            (group(Some("sgd")), 3),
            (group(Some("adam")), 2),
            (group(None), 1)
        ]
    );
    let all = aggregate(&cluster, AggregateRunsRequest::default()).await;
    assert_eq!(all.groups.len(), 1);
    assert_eq!(
        (all.groups[0].run_count, &all.groups[0].best_run),
        (7, &None)
    );
}

#[tokio::test]
async fn what_cannot_be_computed_is_told_with_its_field() {
    let cluster = Cluster::start().await;
    let refused = async |request: AggregateRunsRequest| {
        fields(&cluster.runs().aggregate_runs(request).await.unwrap_err())
    };
    let request = AggregateRunsRequest {
        aggregates: vec![
            compute("metrics.acc", AggregateFunction::Max),
            compute("tags.team", AggregateFunction::Mean),
        ],
        ..Default::default()
    };
    assert_eq!(refused(request).await, ["aggregates[1].field"]);
    let request = AggregateRunsRequest {
        aggregates: vec![compute("metrics.acc", AggregateFunction::Unspecified)],
        ..Default::default()
    };
    assert_eq!(refused(request).await, ["aggregates[0].function"]);
    let request = AggregateRunsRequest {
        group_by: vec!["wrong".to_owned()],
        ..Default::default()
    };
    assert_eq!(refused(request).await, ["group_by[0]"]);
    let request = AggregateRunsRequest {
        group_by: vec!["name".to_owned(); 4],
        ..Default::default()
    };
    assert_eq!(refused(request).await, ["group_by"]);
    let request = AggregateRunsRequest {
        best: "metrics.acc downwards".to_owned(),
        ..Default::default()
    };
    assert_eq!(refused(request).await, ["best"]);
}

#[tokio::test]
async fn a_page_of_columns_has_them_and_the_id_alone() {
    let cluster = sweep().await;
    let whole = SearchRunsRequest {
        filter: "name = 'r2'".to_owned(),
        ..Default::default()
    };
    let request = SearchRunsRequest {
        columns: [
            "params.lr",
            "metrics.acc.max",
            "tags.none",
            "name",
            "started_at",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..whole.clone()
    };
    let search = async |request| {
        let found = cluster.runs().search_runs(request).await;
        found.unwrap().into_inner().runs.remove(0)
    };
    let (mut expected, run) = (search(whole.clone()).await, search(request).await);
    expected.metrics.retain(|metric| metric.key == "acc");
    expected.params.retain(|key, _| key == "lr");
    let expected = herdbook_proto::tracking::v1::Run {
        id: expected.id,
        name: expected.name,
        started_at: expected.started_at,
        params: expected.params,
        metrics: expected.metrics,
        ..Default::default()
    };
    assert_eq!(run, expected);
    let request = SearchRunsRequest {
        columns: vec!["inputs.name".to_owned()],
        ..whole.clone()
    };
    assert_eq!(search(request).await.inputs.len(), 1);
    let request = SearchRunsRequest {
        columns: vec!["params.lr".to_owned(), "lr".to_owned()],
        ..whole
    };
    let refused = cluster.runs().search_runs(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["columns[1]"]);
}

#[tokio::test]
async fn groups_of_the_same_size_stand_by_number() {
    let cluster = Cluster::start().await;
    for lr in ["10", "auto", "9", "0.5", "1e1"] {
        let request = CreateRunRequest {
            params: [("lr".to_owned(), lr.to_owned())].into(),
            ..Default::default()
        };
        cluster.create_run(request).await;
    }
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = AggregateRunsRequest {
            group_by: vec!["params.lr".to_owned()],
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let page = aggregate(&cluster, request).await;
        found.extend(page.groups.iter().flat_map(texts).flatten());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, ["0.5", "9", "10", "1e1", "auto"]);
}
