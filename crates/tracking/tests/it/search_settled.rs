//! Search over runs that are folded into columns, runs that changed since, and runs that never were.

use herdbook_proto::{
    common::v1::{Lifecycle, View},
    tracking::v1::{
        CreateRunRequest, Dataset, DatasetInput, DeleteRunRequest, DeleteTagsRequest,
        LogBatchRequest, Metric, PurgeRunRequest, RequestStopRequest, Run, RunStatus,
        SearchRunsRequest, UpdateRunRequest,
    },
};
use herdbook_testkit::wait_until;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    cluster::Cluster,
    search_model::{self, Expr, INPUTS, NUMBERS, PARAMS, TAGS},
};

/// Random things, the same each time.
struct Chance(TestRunner);

impl Chance {
    fn draw<S: Strategy>(&mut self, strategy: &S) -> S::Value {
        strategy.new_tree(&mut self.0).unwrap().current()
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.draw(&(0..count)) == 0
    }

    fn pick<T: Copy + std::fmt::Debug + 'static>(&mut self, values: &[T]) -> T {
        self.draw(&prop::sample::select(values.to_vec()))
    }
}

/// Lets no time pass: quiet runs are folded, as if they had been quiet for long.
pub(crate) async fn settle(cluster: &Cluster) {
    let pool = cluster.database.pool();
    sqlx::query("UPDATE tracking.run_heads SET changed_at = now() - interval '1 hour'")
        .execute(pool)
        .await
        .unwrap();
    wait_until("settled runs", async || {
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM tracking.run_heads WHERE NOT settled) \
                 + (SELECT count(*) FROM tracking.search_forgotten)",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        (left == 0).then_some(())
    })
    .await;
}

async fn create(cluster: &Cluster, chance: &mut Chance, number: usize, parent: &str) -> String {
    let mut pairs = |keys: &[&str], values: &[&'static str]| {
        let mut pairs = std::collections::BTreeMap::new();
        for key in keys {
            if !chance.one_in(4) {
                pairs.insert((*key).to_owned(), chance.pick(values).to_owned());
            }
        }
        pairs
    };
    let (params, tags) = (
        pairs(&["p0", "p1", "p2"], &PARAMS),
        pairs(&["t0", "t1"], &TAGS),
    );
    let inputs = (0..chance.draw(&(0..3))).map(|_| DatasetInput {
        dataset: Some(Dataset {
            name: chance.pick(&INPUTS).to_owned(),
            digest: chance.pick(&INPUTS).to_owned(),
            ..Default::default()
        }),
        context: "training".to_owned(),
        ..Default::default()
    });
    let request = CreateRunRequest {
        name: format!("run-{}", number % 20),
        params,
        tags,
        inputs: inputs.collect(),
        parent_run_id: if chance.one_in(3) {
            parent.to_owned()
        } else {
            String::new()
        },
        ..Default::default()
    };
    let id = cluster.create_run(request).await.id;
    change(cluster, chance, &id).await;
    id
}

/// Changes something that search can see.
async fn change(cluster: &Cluster, chance: &mut Chance, id: &str) {
    let mut metrics = Vec::new();
    for key in ["m0", "m1"] {
        for step in 0..chance.draw(&(0..3_i64)) {
            metrics.push(Metric {
                key: key.to_owned(),
                value: chance.pick(&NUMBERS),
                step,
                time_us: Some(1),
            });
        }
    }
    let log = LogBatchRequest {
        run_id: id.to_owned(),
        metrics,
        tags: [("t1".to_owned(), chance.pick(&TAGS).to_owned())].into(),
        ..Default::default()
    };
    cluster.log(log).await.unwrap();
    if chance.one_in(4) {
        let request = DeleteTagsRequest {
            run_id: id.to_owned(),
            keys: vec!["t0".to_owned(), "t1".to_owned()],
        };
        cluster.runs().delete_tags(request).await.unwrap();
    }
    if chance.one_in(3) {
        let request = UpdateRunRequest {
            run: Some(Run {
                id: id.to_owned(),
                status: RunStatus::Finished.into(),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["status".to_owned()],
            }),
        };
        cluster.runs().update_run(request).await.unwrap();
    }
    if chance.one_in(8) {
        let request = DeleteRunRequest {
            run_id: id.to_owned(),
        };
        cluster.runs().delete_run(request).await.unwrap();
    }
}

/// All pages of a search.
async fn pages(cluster: &Cluster, mut request: SearchRunsRequest) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = cluster
            .runs()
            .search_runs(request.clone())
            .await
            .unwrap()
            .into_inner();
        ids.extend(page.runs.into_iter().map(|run| run.id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return ids;
        }
    }
}

/// Asks random questions, and compares the answers with those of the model.
async fn compare(cluster: &Cluster, chance: &mut Chance, ids: &[String], questions: usize) {
    let mut runs = Vec::new();
    for id in ids {
        runs.push(cluster.run(id).await);
    }
    let mut found_some = 0;
    for _ in 0..questions {
        let filter: Expr = chance.draw(&search_model::expr());
        let orders = chance.draw(&search_model::orders());
        let view = chance.pick(&[View::Active, View::Deleted, View::All]);
        let shown: Vec<Run> = runs
            .iter()
            .filter(|run| match view {
                View::Deleted => run.lifecycle() == Lifecycle::Deleted,
                View::All => true,
                _ => run.lifecycle() == Lifecycle::Active,
            })
            .cloned()
            .collect();
        let expected = search_model::search(&shown, &filter, &orders);
        found_some += usize::from(!expected.is_empty());
        let order_by = orders.iter().map(|(field, descending)| {
            format!("{field}{}", if *descending { " desc" } else { "" })
        });
        let request = SearchRunsRequest {
            filter: filter.show(),
            order_by: order_by.collect(),
            page_size: chance.draw(&prop_oneof![1_u32..20, Just(100)]),
            view: view.into(),
            ..Default::default()
        };
        assert_eq!(
            pages(cluster, request.clone()).await,
            expected,
            "{request:?}"
        );
    }
    assert!(
        found_some > questions / 4,
        "questions that find nothing show nothing"
    );
}

#[tokio::test]
async fn it_finds_what_a_naive_search_finds() {
    let cluster = Cluster::start().await;
    let mut chance = Chance(TestRunner::deterministic());
    let mut ids: Vec<String> = Vec::new();
    for number in 0..50 {
        let parent = ids.first().cloned().unwrap_or_default();
        ids.push(create(&cluster, &mut chance, number, &parent).await);
    }
    compare(&cluster, &mut chance, &ids, 40).await;
    settle(&cluster).await;
    compare(&cluster, &mut chance, &ids, 60).await;

    for id in ids.clone() {
        let deleted = cluster.run(&id).await.lifecycle() == Lifecycle::Deleted;
        if chance.one_in(3) && !deleted {
            change(&cluster, &mut chance, &id).await;
        }
    }
    for number in 50..65 {
        let parent = ids[0].clone();
        ids.push(create(&cluster, &mut chance, number, &parent).await);
    }
    compare(&cluster, &mut chance, &ids, 60).await;
    settle(&cluster).await;
    compare(&cluster, &mut chance, &ids, 60).await;
}

#[tokio::test]
async fn a_purged_run_is_found_no_more() {
    let cluster = Cluster::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(cluster.create_run(CreateRunRequest::default()).await.id);
    }
    settle(&cluster).await;
    let run_id = ids.remove(1);
    let delete = DeleteRunRequest {
        run_id: run_id.clone(),
    };
    cluster.runs().delete_run(delete).await.unwrap();
    settle(&cluster).await;
    cluster
        .runs()
        .purge_run(PurgeRunRequest { run_id })
        .await
        .unwrap();
    let every = SearchRunsRequest {
        view: View::All.into(),
        ..Default::default()
    };
    ids.reverse();
    assert_eq!(pages(&cluster, every.clone()).await, ids);
    settle(&cluster).await;
    assert_eq!(pages(&cluster, every).await, ids);
}

#[tokio::test]
async fn the_columns_lose_what_no_run_has() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest {
        tags: [("team".to_owned(), "risk".to_owned())].into(),
        ..Default::default()
    });
    let run_id = run.await.id;
    settle(&cluster).await;
    let columns = async || -> Vec<String> {
        sqlx::query_scalar("SELECT name FROM tracking.search_columns WHERE name LIKE 'tags.%'")
            .fetch_all(cluster.database.pool())
            .await
            .unwrap()
    };
    assert_eq!(columns().await, ["tags.team"]);
    let keys = vec!["team".to_owned()];
    cluster
        .runs()
        .delete_tags(DeleteTagsRequest { run_id, keys })
        .await
        .unwrap();
    settle(&cluster).await;
    assert_eq!(columns().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_shows_each_change_of_a_run_at_once() {
    let cluster = Cluster::start().await;
    let id = cluster.create_run(CreateRunRequest::default()).await.id;
    settle(&cluster).await;
    let page = async || -> Run {
        let request = SearchRunsRequest {
            view: View::All.into(),
            ..Default::default()
        };
        let found = cluster.runs().search_runs(request).await.unwrap();
        let [run] = <[Run; 1]>::try_from(found.into_inner().runs).unwrap();
        run
    };
    let mut before = page().await;
    assert_eq!(page().await, before);
    for change in 0..5 {
        let run_id = id.clone();
        let mut runs = cluster.runs();
        let log = LogBatchRequest {
            run_id: run_id.clone(),
            ..Default::default()
        };
        let metric = Metric {
            key: "loss".to_owned(),
            value: 0.5,
            step: change,
            time_us: Some(1),
        };
        match change {
            0 | 1 => cluster
                .log(LogBatchRequest {
                    metrics: vec![metric],
                    ..log
                })
                .await
                .unwrap(),
            2 => {
                let params = [("lr".to_owned(), "0.1".to_owned())].into();
                cluster
                    .log(LogBatchRequest { params, ..log })
                    .await
                    .unwrap();
            }
            3 => {
                let withdraw = false;
                let request = RequestStopRequest { run_id, withdraw };
                runs.request_stop(request).await.unwrap();
            }
            _ => {
                runs.delete_run(DeleteRunRequest { run_id }).await.unwrap();
            }
        }
        let after = page().await;
        assert_ne!(after, before, "change {change}");
        assert_eq!(after, cluster.run(&id).await, "change {change}");
        before = after;
    }
}
