//! Search over many runs, which are made in the database itself: over gRPC they would take hours.

use std::time::{Duration, Instant};

use herdbook_proto::tracking::v1::{
    Aggregate, AggregateFunction, AggregateRunsRequest, CreateRunRequest, SearchRunsRequest,
    run_service_client::RunServiceClient,
};
use sqlx::{Connection as _, PgConnection};
use tonic::transport::Channel;

use crate::{median, report::Figure};

/// Runs made by one statement.
const BATCH: i64 = 20_000;
/// How often each question is asked.
const ROUNDS: usize = 21;
/// What peers are asked too.
const TWO: &str = "acc > 0.9 and lr = '0.01' by acc, 100";
const PAGE: &str = "a page of 1,000 whole runs";

/// Finished runs of 20 params (`lr`, and numbers of few and of many values) and 20 metrics.
const RUNS: &str = "
    WITH made AS (
        INSERT INTO tracking.runs (id, workspace_id, experiment_id, name, status, user_name, started_at,
            ended_at, description, params, tags, inputs, based_on)
        SELECT gen_random_uuid(), $1, 0, 'run ' || n, 3, 'bench', now() - n * interval '1 second', now(),
            '',
            (SELECT jsonb_object_agg('p' || p, CASE WHEN p < 15 THEN (random() * 9)::int::text
                    ELSE (random() + n * 0)::text END) FROM generate_series(2, 20) AS p)
                || jsonb_build_object('lr', ('{0.1,0.01,0.001,0.0001}'::text[])[1 + n % 4]),
            jsonb_build_object('team', 'team ' || n % 50), '[]', '{}'
        FROM generate_series($2::bigint, $3) AS n
        RETURNING run_key, workspace_id),
    heads AS (
        INSERT INTO tracking.run_heads (run_key, workspace_id, points, first_time_us)
        SELECT run_key, workspace_id, 20, 0 FROM made)
    INSERT INTO tracking.metric_summaries
        (run_key, workspace_id, key, latest, latest_step, latest_time_us, min, max, count)
    SELECT run_key, workspace_id, key, random() + run_key * 0, 1, 0, random(), random(), 1
    FROM made, unnest(ARRAY['acc'] || ARRAY(SELECT 'm' || m FROM generate_series(2, 20) AS m)) AS key
    ORDER BY run_key";

/// How many runs there are, and how that is written.
type Size = (i64, &'static str);

/// Makes runs until there are exactly so many, which begins with none, waits until they are folded, and asks;
/// for each size in turn.
pub(crate) async fn measure(channel: Channel, database_url: &str, sizes: &[Size]) -> Vec<Figure> {
    let mut client = RunServiceClient::new(channel).max_decoding_message_size(64 * 1024 * 1024);
    let mut database = PgConnection::connect(database_url).await.unwrap();
    // The first is made by a call, so that there is a workspace for the others.
    client
        .create_run(CreateRunRequest::default())
        .await
        .unwrap();
    let (mut made, mut figures) = (1, Vec::new());
    for size in sizes {
        figures.push(fill(&mut database, made, *size).await);
        figures.extend(ask(&mut client, *size).await);
        made = size.0;
    }
    figures
}

/// Makes all runs from `made` on, and waits until they are folded.
async fn fill(database: &mut PgConnection, made: i64, (count, written): Size) -> Figure {
    let workspace: i32 = sqlx::query_scalar("SELECT workspace_id FROM tracking.workspaces")
        .fetch_one(&mut *database)
        .await
        .unwrap();
    for first in (made..count).step_by(BATCH.cast_unsigned() as usize) {
        sqlx::query(RUNS)
            .bind(workspace)
            .bind(first)
            .bind((first + BATCH).min(count) - 1)
            .execute(&mut *database)
            .await
            .unwrap();
    }
    let start = Instant::now();
    sqlx::raw_sql("ANALYZE")
        .execute(&mut *database)
        .await
        .unwrap();
    while unsettled(database).await > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let rate = (count - made) as f64 / start.elapsed().as_secs_f64();
    Figure::new(
        format!("runs folded into columns, up to {written}"),
        rate,
        "/s",
    )
}

/// The median of many answers to each question, after a first one.
async fn ask(client: &mut RunServiceClient<Channel>, size: Size) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, request) in questions() {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            client.search_runs(request.clone()).await.unwrap();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.remove(0);
        figures.push(within(name, median(times), size));
    }
    let request = AggregateRunsRequest {
        group_by: vec!["params.lr".to_owned(), "params.p2".to_owned()],
        aggregates: vec![Aggregate {
            field: "metrics.acc".to_owned(),
            function: AggregateFunction::Mean.into(),
        }],
        best: "metrics.acc desc".to_owned(),
        ..Default::default()
    };
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        client.aggregate_runs(request.clone()).await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    figures.push(within(
        "means and best runs of 40 groups",
        median(times),
        size,
    ));
    figures
}

/// A figure in milliseconds, with what it must reach over so many runs.
fn within(name: &str, value: f64, (runs, written): Size) -> Figure {
    let figure = Figure::new(format!("{name} of {written} runs"), value, "ms");
    match (name, runs) {
        (TWO, ..=10_000) => figure.at_least(10.0),
        (TWO, _) => figure.at_least(30.0),
        (PAGE, _) => figure.at_least(50.0),
        _ => figure,
    }
}

async fn unsettled(database: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM tracking.run_heads WHERE NOT settled")
        .fetch_one(database)
        .await
        .unwrap()
}

fn questions() -> [(&'static str, SearchRunsRequest); 7] {
    let search = |filter: &str, order: &str, page_size, columns: &[&str]| SearchRunsRequest {
        filter: filter.to_owned(),
        order_by: (!order.is_empty())
            .then(|| order.to_owned())
            .into_iter()
            .collect(),
        page_size,
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        ..Default::default()
    };
    let two = "metrics.acc > 0.9 and params.lr = '0.01'";
    let loose = "metrics.m2 > 0.2 and metrics.m3 < 0.8 and params.p2 != '3'";
    [
        ("newest 100", search("", "", 100, &[])),
        (
            "acc > 0.9 and lr = '0.01' by acc, 1",
            search(two, "metrics.acc desc", 1, &[]),
        ),
        (TWO, search(two, "metrics.acc desc", 100, &[])),
        (PAGE, search("", "metrics.acc desc", 1_000, &[])),
        (
            "two columns of a page of 1,000",
            search("", "metrics.acc desc", 1_000, &["params.lr", "metrics.acc"]),
        ),
        (
            "three loose conditions by a fourth metric, 1",
            search(loose, "metrics.m4", 1, &[]),
        ),
        (
            "tags.team ILIKE and a param of many values, 1",
            search("tags.team ILIKE '%M 7' and params.p20 > 0.5", "", 1, &[]),
        ),
    ]
}
