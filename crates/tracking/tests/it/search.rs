//! Search: what the filter says is what is found, in the order asked, page by page.

use std::collections::BTreeSet;

use herdbook_proto::tracking::v1::{
    CreateRunRequest, Dataset, DatasetInput, LogBatchRequest, Metric, SearchRunsRequest, Source,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::Code;

use crate::{cluster::Cluster, search_settled::settle};

/// Ten runs, `r0` to `r9`: param `n` and metric `acc` = n / 10, but r8 has NaN and r9 no metric.
async fn ten_runs() -> Cluster {
    let cluster = Cluster::start().await;
    for n in 0..10 {
        let optimizer = if n % 2 == 0 { "sgd" } else { "adam" };
        let dataset = Dataset {
            name: format!("d{}", n % 3),
            ..Default::default()
        };
        let run = cluster
            .create_run(CreateRunRequest {
                name: format!("r{n}"),
                params: [
                    ("n".into(), n.to_string()),
                    ("optimizer".into(), optimizer.into()),
                ]
                .into(),
                tags: if n < 5 {
                    [("team".into(), "Risk-ML".into())].into()
                } else {
                    [].into()
                },
                inputs: vec![DatasetInput {
                    dataset: Some(dataset),
                    context: "training".into(),
                    ..Default::default()
                }],
                ..Default::default()
            })
            .await;
        if n < 9 {
            let value = if n == 8 {
                f64::NAN
            } else {
                f64::from(n) / 10.0
            };
            let metrics = vec![Metric {
                key: "val/acc".into(),
                value,
                step: 1,
                time_us: Some(1),
            }];
            let log = LogBatchRequest {
                run_id: run.id,
                metrics,
                ..Default::default()
            };
            cluster.log(log).await.unwrap();
        }
    }
    cluster
}

async fn search(cluster: &Cluster, filter: &str, order_by: &[&str]) -> Vec<String> {
    let request = SearchRunsRequest {
        filter: filter.to_owned(),
        order_by: order_by.iter().map(|order| (*order).to_owned()).collect(),
        ..Default::default()
    };
    let found = cluster
        .runs()
        .search_runs(request)
        .await
        .unwrap()
        .into_inner();
    found.runs.into_iter().map(|run| run.name).collect()
}

#[tokio::test]
async fn each_form_finds_its_runs() {
    let cluster = ten_runs().await;
    let cases: [(&str, &[i32]); 22] = [
        ("", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("metrics.val/acc > 0.45 and params.optimizer = 'sgd'", &[6]),
        ("metrics.`val/acc` <= 0.2", &[0, 1, 2]),
        ("metrics.val/acc != 0.3", &[0, 1, 2, 4, 5, 6, 7, 8]),
        ("metrics.val/acc.max >= 0.7", &[7]),
        ("metrics.val/acc IS NULL", &[9]),
        (
            "metrics.val/acc IS NOT NULL and not metrics.val/acc >= 0",
            &[8],
        ),
        ("metrics.unknown > 0", &[]),
        ("params.n < 3", &[0, 1, 2]),
        ("params.n = '3'", &[3]),
        ("params.n IN (1, 3, 99)", &[1, 3]),
        ("params.n NOT IN ('0','1','2','3','4','5','6','7')", &[8, 9]),
        ("params.optimizer LIKE 'a%' AND params.n > 6", &[7, 9]),
        ("tags.team = 'Risk-ML' or params.n = 9", &[0, 1, 2, 3, 4, 9]),
        ("tags.team ILIKE 'risk%' and not (params.n < 3)", &[3, 4]),
        ("tags.team IS NULL", &[5, 6, 7, 8, 9]),
        ("attributes.name = 'r4'", &[4]),
        (
            "attributes.status = 'RUNNING' and name != 'r0'",
            &[1, 2, 3, 4, 5, 6, 7, 8, 9],
        ),
        (
            "user = 'ana' and experiment_id = 0 and started_at > '2020-01-01T00:00:00Z' and params.n = 1",
            &[1],
        ),
        ("inputs.name = 'd2'", &[2, 5, 8]),
        ("ended_at IS NOT NULL", &[]),
        ("tags.`it's` = 'O''Brien'", &[]),
    ];
    for (filter, expected) in cases {
        let found: BTreeSet<String> = search(&cluster, filter, &[]).await.into_iter().collect();
        let expected: BTreeSet<String> = expected.iter().map(|n| format!("r{n}")).collect();
        assert_eq!(found, expected, "{filter}");
    }
}

#[tokio::test]
async fn orders_put_what_is_missing_last_both_ways() {
    let cluster = ten_runs().await;
    let down = search(&cluster, "", &["metrics.val/acc desc"]).await;
    assert_eq!(
        down,
        ["r7", "r6", "r5", "r4", "r3", "r2", "r1", "r0", "r9", "r8"]
    );
    let up = search(&cluster, "params.n > 5", &["metrics.val/acc asc"]).await;
    assert_eq!(up, ["r6", "r7", "r9", "r8"]);
    let two = search(
        &cluster,
        "params.n < 4",
        &["params.optimizer", "attributes.name desc"],
    )
    .await;
    assert_eq!(two, ["r3", "r1", "r2", "r0"]);
    assert_eq!(
        search(&cluster, "params.n > 7", &[]).await,
        ["r9", "r8"],
        "newest first"
    );
}

#[tokio::test]
async fn params_are_ordered_by_the_numbers_that_they_read_as() {
    let cluster = Cluster::start().await;
    for (name, size) in [
        ("nine", Some("9")),
        ("auto", Some("auto")),
        ("ten", Some("10")),
        ("none", None),
        ("half", Some(" 5e-1 ")),
        ("big", Some("BIG")),
        ("also-ten", Some("1e1")),
        ("nan", Some("nan")),
    ] {
        let size = size.map(|size| ("size".to_owned(), size.to_owned()));
        let request = CreateRunRequest {
            name: name.to_owned(),
            params: size.into_iter().collect(),
            ..Default::default()
        };
        cluster.create_run(request).await;
    }
    let up = [
        "half", "nine", "also-ten", "ten", "big", "auto", "nan", "none",
    ];
    let down = [
        "also-ten", "ten", "nine", "half", "nan", "auto", "big", "none",
    ];
    for settled in [false, true] {
        if settled {
            settle(&cluster).await;
        }
        assert_eq!(search(&cluster, "", &["params.size"]).await, up);
        assert_eq!(search(&cluster, "", &["params.size desc"]).await, down);
    }
}

#[tokio::test]
async fn pages_in_any_order_show_each_run_once_while_others_arrive() {
    let cluster = ten_runs().await;
    for order in [
        "",
        "metrics.val/acc desc",
        "metrics.val/acc",
        "tags.team desc",
        "params.n desc",
        "params.optimizer",
        "started_at",
        "name desc",
    ] {
        let mut names = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = SearchRunsRequest {
                order_by: if order.is_empty() {
                    vec![]
                } else {
                    vec![order.to_owned()]
                },
                filter: "params.n >= 0".to_owned(),
                page_size: 3,
                page_token,
                ..Default::default()
            };
            let page = cluster
                .runs()
                .search_runs(request)
                .await
                .unwrap()
                .into_inner();
            names.extend(page.runs.into_iter().map(|run| run.name));
            cluster.create_run(CreateRunRequest::default()).await;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let whole: Vec<String> = match order {
            "" => search(&cluster, "params.n >= 0", &[]).await,
            order => search(&cluster, "params.n >= 0", &[order]).await,
        };
        assert_eq!(names, whole, "{order}");
        assert_eq!(names.len(), 10);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_its_place() {
    let cluster = ten_runs().await;
    let request = SearchRunsRequest {
        filter: "metrics.acc > 'x'".to_owned(),
        ..Default::default()
    };
    let refused = cluster.runs().search_runs(request).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::InvalidArgument, "INVALID_QUERY".into())
    );
    assert_eq!(fields(&refused), ["filter"]);
    assert!(
        refused
            .message()
            .contains("at character 15: expected a number"),
        "{}",
        refused.message()
    );
    let order_by = vec!["metrics.acc".to_owned(), "acc downwards".to_owned()];
    let request = SearchRunsRequest {
        order_by,
        ..Default::default()
    };
    assert_eq!(
        fields(&cluster.runs().search_runs(request).await.unwrap_err()),
        ["order_by[1]"]
    );
    let request = SearchRunsRequest {
        page_size: 1_001,
        ..Default::default()
    };
    assert_eq!(
        fields(&cluster.runs().search_runs(request).await.unwrap_err()),
        ["page_size"]
    );
    let request = SearchRunsRequest {
        page_token: "x".to_owned(),
        ..Default::default()
    };
    let refused = cluster.runs().search_runs(request).await.unwrap_err();
    assert_eq!(reason(&refused).1, "INVALID_PAGE_TOKEN");
}

#[tokio::test]
async fn a_page_may_begin_anywhere() {
    let cluster = Cluster::start().await;
    for n in 0..7 {
        let run = cluster.create_run(CreateRunRequest {
            name: format!("r{n}"),
            params: [("lr".to_owned(), format!("{}", n % 3))].into(),
            source: Some(Source {
                commit: format!("c{n}"),
                ..Default::default()
            }),
            ..Default::default()
        });
        run.await;
        if n == 3 {
            settle(&cluster).await;
        }
    }
    for order in ["", "params.lr desc", "attributes.name"] {
        let request = SearchRunsRequest {
            order_by: Some(order.to_owned())
                .filter(|text| !text.is_empty())
                .into_iter()
                .collect(),
            columns: vec!["attributes.name".to_owned()],
            ..Default::default()
        };
        let search = async |request: SearchRunsRequest| {
            let found = cluster.runs().search_runs(request).await;
            found.unwrap().into_inner()
        };
        let all = search(request.clone()).await.runs;
        assert!(all.iter().all(|run| run.source.is_none()));
        for skip in [0, 2, 6, 7, 100] {
            let page = search(SearchRunsRequest {
                skip,
                page_size: 3,
                with_source: true,
                ..request.clone()
            });
            let page = page.await;
            let expected = all
                .iter()
                .skip(skip as usize)
                .take(3)
                .map(|run| run.name.clone());
            let names: Vec<_> = page.runs.iter().map(|run| run.name.clone()).collect();
            assert_eq!(names, expected.collect::<Vec<_>>(), "{order} {skip}");
            for run in page.runs {
                assert_eq!(run.source.unwrap().commit, run.name.replace('r', "c"));
            }
            assert_eq!(page.next_page_token.is_empty(), skip + 3 >= 7);
        }
    }
    let far = SearchRunsRequest {
        skip: 2_000_000,
        ..Default::default()
    };
    let refused = cluster.runs().search_runs(far).await.unwrap_err();
    assert_eq!(fields(&refused), ["skip"]);
}
