//! Which metrics, params and tags runs have.

use herdbook_proto::tracking::v1::{
    CreateExperimentRequest, CreateRunRequest, ListRunFieldsRequest, ListRunFieldsResponse,
    LogBatchRequest, Metric, RunFieldKind,
};
use herdbook_testkit::grpc::fields;

use crate::{cluster::Cluster, search_settled::settle};

/// Three runs of an experiment, the first two of which are settled, and one of another.
async fn herd() -> (Cluster, i64) {
    let cluster = Cluster::start().await;
    let request = CreateExperimentRequest {
        name: "mine".to_owned(),
        ..Default::default()
    };
    let created = cluster.experiments().create_experiment(request).await;
    let mine = created.unwrap().into_inner().experiment.unwrap().id;
    for n in 0..4 {
        let pair = |key: &str, value: String| (key.to_owned(), value);
        let run = cluster.create_run(CreateRunRequest {
            experiment_id: if n == 3 { 0 } else { mine },
            params: [pair("same", "1".to_owned()), pair("lr", format!("0.{n}"))].into(),
            tags: [
                pair("Team", "risk".to_owned()),
                pair(&format!("only-{n}"), "x".to_owned()),
            ]
            .into(),
            ..Default::default()
        });
        let run_id = run.await.id;
        let metric = |key: &str, value: f64| Metric {
            key: key.to_owned(),
            value,
            ..Default::default()
        };
        let metrics = match n {
            3 => vec![metric("elsewhere", 1.0)],
            _ => vec![
                metric("train/loss", f64::NAN),
                metric("train/acc", f64::from(n)),
                metric("z", 1.0),
            ],
        };
        let log = LogBatchRequest {
            run_id,
            metrics,
            ..Default::default()
        };
        cluster.log(log).await.unwrap();
        if n == 1 {
            settle(&cluster).await;
        }
    }
    (cluster, mine)
}

async fn list(cluster: &Cluster, request: ListRunFieldsRequest) -> ListRunFieldsResponse {
    let listed = cluster.runs().list_run_fields(request).await;
    listed.unwrap().into_inner()
}

/// Keys with how many runs have them; those in which runs differ with a star.
fn told(answer: &ListRunFieldsResponse) -> Vec<String> {
    let fields = answer.fields.iter().map(|field| {
        let star = if field.differs { "*" } else { "" };
        format!("{} {}{star}", field.key, field.run_count)
    });
    fields.collect()
}

#[tokio::test]
async fn fields_are_those_of_the_runs_in_question_settled_or_not() {
    let (cluster, mine) = herd().await;
    let request = ListRunFieldsRequest {
        experiment_ids: vec![mine],
        ..Default::default()
    };
    let expected = [
        "train/acc 3*",
        "train/loss 3",
        "z 3",
        "lr 3*",
        "same 3",
        "Team 3",
        "only-0 1*",
        "only-1 1*",
        "only-2 1*",
    ];
    for settled in [false, true] {
        if settled {
            settle(&cluster).await;
        }
        let answer = list(&cluster, request.clone()).await;
        assert_eq!(told(&answer), expected);
        assert_eq!((answer.run_count, answer.next_page_token.as_str()), (3, ""));
    }
    let filtered = ListRunFieldsRequest {
        filter: "params.lr = '0.2'".to_owned(),
        differing: true,
        ..request.clone()
    };
    assert_eq!(told(&list(&cluster, filtered).await), Vec::<String>::new());
    let none = ListRunFieldsRequest {
        filter: "params.lr = '7'".to_owned(),
        ..request.clone()
    };
    assert_eq!(list(&cluster, none).await.run_count, 0);
    let everywhere = list(&cluster, ListRunFieldsRequest::default()).await;
    assert!(told(&everywhere).contains(&"elsewhere 1*".to_owned()));
}

#[tokio::test]
async fn fields_are_narrowed_by_kind_prefix_and_part() {
    let (cluster, mine) = herd().await;
    let request = ListRunFieldsRequest {
        experiment_ids: vec![mine],
        ..Default::default()
    };
    let cases = [
        (
            RunFieldKind::Metric,
            "train/",
            "",
            vec!["train/acc 3*", "train/loss 3"],
        ),
        (RunFieldKind::Unspecified, "", "TEAM", vec!["Team 3"]),
        (RunFieldKind::Tag, "only", "-2", vec!["only-2 1*"]),
        (RunFieldKind::Param, "", "train", vec![]),
    ];
    for (kind, prefix, contains, expected) in cases {
        let request = ListRunFieldsRequest {
            kind: kind.into(),
            prefix: prefix.to_owned(),
            contains: contains.to_owned(),
            ..request.clone()
        };
        assert_eq!(told(&list(&cluster, request).await), expected);
    }
}

#[tokio::test]
async fn pages_of_fields_have_each_once() {
    let (cluster, mine) = herd().await;
    let mut request = ListRunFieldsRequest {
        experiment_ids: vec![mine],
        page_size: 2,
        ..Default::default()
    };
    let mut keys = Vec::new();
    loop {
        let page = list(&cluster, request.clone()).await;
        assert!(page.fields.len() <= 2);
        keys.extend(page.fields.into_iter().map(|field| field.key));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let all = [
        "train/acc",
        "train/loss",
        "z",
        "lr",
        "same",
        "Team",
        "only-0",
        "only-1",
        "only-2",
    ];
    assert_eq!(keys, all);
    request.page_token = "nonsense".to_owned();
    let refused = cluster.runs().list_run_fields(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["page_token"]);
}
