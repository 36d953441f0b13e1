//! Typed values: kept as they were logged, once, by step, with their limits.

use futures::{StreamExt as _, TryStreamExt as _};
use herdbook_proto::tracking::v1::{
    Audio, Content, CreateRunRequest, DeleteRunRequest, Document, DownloadValueRequest, Histogram,
    Image, ListValueKeysRequest, LogValuesRequest, PurgeRunRequest, ReadValuesRequest, Table, Text,
    Value, ValueSeries, ValueType, Video, content::Source,
    download_value_response::Message as Download, value::Kind,
};
use herdbook_testkit::grpc::{elsewhere, fields, reason};
use tonic::{Code, Status};

use crate::{artifacts::put_artifact, cluster::Cluster};

/// The first bytes of a PNG of 3 by 2 pixels.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0\x12\x16\xf1\x4d";

fn value(key: &str, step: i64, kind: Kind) -> Value {
    Value {
        key: key.to_owned(),
        step,
        kind: Some(kind),
        ..Default::default()
    }
}

fn text(words: &str) -> Kind {
    Kind::Text(Text {
        text: words.to_owned(),
        ..Default::default()
    })
}

fn histogram(edges: &[f64], counts: &[f64]) -> Kind {
    Kind::Histogram(Histogram {
        edges: edges.to_vec(),
        counts: counts.to_vec(),
    })
}

fn content(media_type: &str, data: &[u8]) -> Option<Content> {
    Some(Content {
        media_type: media_type.to_owned(),
        source: Some(Source::Data(data.to_vec().into())),
        ..Default::default()
    })
}

fn image(data: &[u8], caption: &str) -> Kind {
    Kind::Image(Image {
        content: content("", data),
        caption: caption.to_owned(),
        ..Default::default()
    })
}

fn table(columns: &[&str], rows: &str) -> Kind {
    Kind::Table(Table {
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        rows: rows.to_owned(),
        ..Default::default()
    })
}

async fn new_run(cluster: &Cluster) -> String {
    cluster.create_run(CreateRunRequest::default()).await.id
}

async fn log(cluster: &Cluster, run: &str, values: Vec<Value>) -> Result<(), Status> {
    let request = LogValuesRequest {
        run_id: run.to_owned(),
        values,
        ..Default::default()
    };
    cluster.values().log_values(request).await.map(|_| ())
}

async fn read(cluster: &Cluster, request: ReadValuesRequest) -> Result<Vec<Value>, Status> {
    let answers = cluster.values().read_values(request).await?.into_inner();
    let values: Vec<_> = answers.map_ok(|answer| answer.values).try_collect().await?;
    Ok(values.concat())
}

fn all(run: &str, key: &str) -> ReadValuesRequest {
    ReadValuesRequest {
        run_id: run.to_owned(),
        key: key.to_owned(),
        ..Default::default()
    }
}

async fn series(cluster: &Cluster, run: &str) -> Vec<ValueSeries> {
    let mut series = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListValueKeysRequest {
            run_id: run.to_owned(),
            page_size: 2,
            page_token,
        };
        let page = cluster.values().list_value_keys(request).await.unwrap();
        let page = page.into_inner();
        series.extend(page.series);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return series;
        }
    }
}

fn bytes_of(run: &str, key: &str) -> DownloadValueRequest {
    DownloadValueRequest {
        run_id: run.to_owned(),
        key: key.to_owned(),
        ..Default::default()
    }
}

async fn download(cluster: &Cluster, request: DownloadValueRequest) -> Result<Vec<u8>, Status> {
    let mut answers = cluster.values().download_value(request).await?.into_inner();
    let mut content = Vec::new();
    while let Some(answer) = answers.next().await {
        if let Some(Download::Chunk(chunk)) = answer?.message {
            content.extend_from_slice(&chunk);
        }
    }
    Ok(content)
}

#[tokio::test]
async fn values_of_all_types_come_back() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    let audio = Kind::Audio(Audio {
        content: content("audio/wav", b"RIFF"),
        sample_rate: 16_000,
        caption: "a word".to_owned(),
    });
    let video = Kind::Video(Video {
        content: content("video/mp4", b"ftyp"),
        ..Default::default()
    });
    let document = Kind::Document(Document {
        content: content("text/html", b"<p>"),
        ..Default::default()
    });
    let values = vec![
        value(
            "weights",
            0,
            histogram(&[0.0, 0.5, 0.5, 1.0], &[3.0, 0.0, 1.5]),
        ),
        value("sample", 0, text("Once\nupon")),
        value("worst", 0, image(PNG, "a cat")),
        value("word", 0, audio),
        value("film", 0, video),
        value(
            "confusion",
            0,
            table(&["a", "b"], r#"[[1, "x"], [2.5, null]]"#),
        ),
        value("page", 0, document),
    ];
    log(&cluster, &run, values.clone()).await.unwrap();
    let types = series(&cluster, &run).await;
    let types: Vec<_> = types.iter().map(|s| (&*s.key, s.r#type())).collect();
    assert_eq!(
        types,
        [
            ("confusion", ValueType::Table),
            ("film", ValueType::Video),
            ("page", ValueType::Document),
            ("sample", ValueType::Text),
            ("weights", ValueType::Histogram),
            ("word", ValueType::Audio),
            ("worst", ValueType::Image),
        ]
    );
    for logged in &values[..2] {
        let found = read(&cluster, all(&run, &logged.key)).await.unwrap();
        assert_eq!(found[0].kind, logged.kind);
        assert!(found[0].time_us > 1_000_000_000_000_000);
    }
    let found = read(&cluster, all(&run, "worst")).await.unwrap();
    let Some(Kind::Image(found)) = &found[0].kind else {
        panic!("an image")
    };
    assert_eq!(
        (found.width, found.height, &*found.caption),
        (3, 2, "a cat")
    );
    let of_image = found.content.as_ref().unwrap();
    assert_eq!(
        (&*of_image.media_type, of_image.size),
        ("image/png", PNG.len() as i64)
    );
    assert!(of_image.source.is_none() && of_image.digest.starts_with("sha256:"));
    for (key, bytes) in [
        ("worst", PNG),
        ("word", b"RIFF"),
        ("film", b"ftyp"),
        ("page", b"<p>"),
        ("sample", b"Once\nupon"),
        (
            "weights",
            br#"{"counts":[3.0,0.0,1.5],"edges":[0.0,0.5,0.5,1.0]}"#,
        ),
        (
            "confusion",
            br#"{"columns":["a","b"],"data":[[1, "x"], [2.5, null]]}"#,
        ),
    ] {
        assert_eq!(
            download(&cluster, bytes_of(&run, key)).await.unwrap(),
            bytes,
            "{key}"
        );
    }
    let part = DownloadValueRequest {
        offset: 5,
        length: 2,
        ..bytes_of(&run, "sample")
    };
    assert_eq!(download(&cluster, part).await.unwrap(), b"up");
}

#[tokio::test]
async fn long_texts_and_tables_are_downloaded() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    let words = "é".repeat(100_000);
    let rows = format!("[{}[7]]", "[12345],".repeat(3_000));
    let values = vec![
        value("text", 0, text(&words)),
        value("table", 0, table(&["n"], &rows)),
    ];
    log(&cluster, &run, values).await.unwrap();
    let found = read(&cluster, all(&run, "text")).await.unwrap();
    let Some(Kind::Text(found)) = &found[0].kind else {
        panic!("a text")
    };
    assert_eq!(
        (&*found.text, found.content.as_ref().unwrap().size),
        ("", 200_000)
    );
    let found = read(&cluster, all(&run, "table")).await.unwrap();
    let Some(Kind::Table(found)) = &found[0].kind else {
        panic!("a table")
    };
    assert_eq!(
        (&*found.rows, found.row_count, &found.columns[..]),
        ("", 3_001, &["n".to_owned()][..])
    );
    assert_eq!(
        download(&cluster, bytes_of(&run, "text")).await.unwrap(),
        words.as_bytes()
    );
    let whole = format!(r#"{{"columns":["n"],"data":{rows}}}"#);
    assert_eq!(
        download(&cluster, bytes_of(&run, "table")).await.unwrap(),
        whole.as_bytes()
    );
}

#[tokio::test]
async fn bytes_of_an_artifact_stay_when_the_artifact_changes() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    put_artifact(&cluster, &run, "a.png", PNG).await;
    let from = |path: &str| {
        Kind::Image(Image {
            content: Some(Content {
                source: Some(Source::ArtifactPath(path.to_owned())),
                ..Default::default()
            }),
            ..Default::default()
        })
    };
    log(&cluster, &run, vec![value("a", 0, from("a.png"))])
        .await
        .unwrap();
    put_artifact(&cluster, &run, "a.png", b"no picture").await;
    assert_eq!(download(&cluster, bytes_of(&run, "a")).await.unwrap(), PNG);
    let refused = log(&cluster, &run, vec![value("b", 0, from("a.png"))]).await;
    assert_eq!(fields(&refused.unwrap_err()), ["values[0].image.content"]);
    let refused = log(&cluster, &run, vec![value("b", 0, from("b.png"))]).await;
    assert_eq!(
        reason(&refused.unwrap_err()),
        (Code::NotFound, "ARTIFACT_NOT_FOUND".into())
    );
}

#[tokio::test]
async fn a_slider_gets_evenly_spaced_steps_with_both_ends() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    // Steps with gaps, and two values each.
    let steps: Vec<i64> = (0..450).map(|n| n * n - 1_000).collect();
    let values = steps.iter().flat_map(|step| {
        [0, 1].map(|index| Value {
            index,
            ..value("a", *step, text("x"))
        })
    });
    log(&cluster, &run, values.rev().collect()).await.unwrap();
    let places = async |request: ReadValuesRequest| {
        let found = read(&cluster, request).await.unwrap();
        found.iter().map(|v| (v.step, v.index)).collect::<Vec<_>>()
    };
    let both = |steps: &[i64]| -> Vec<(i64, u32)> {
        steps
            .iter()
            .flat_map(|step| [(*step, 0), (*step, 1)])
            .collect()
    };
    assert_eq!(places(all(&run, "a")).await, both(&steps));
    let spaced = |max_steps| ReadValuesRequest {
        max_steps,
        ..all(&run, "a")
    };
    assert_eq!(
        places(spaced(3)).await,
        both(&[steps[0], steps[224], steps[449]])
    );
    assert_eq!(places(spaced(1)).await, both(&steps[..1]));
    assert_eq!(places(spaced(1_000)).await, both(&steps));
    let part = ReadValuesRequest {
        min_step: Some(-1_000),
        max_step: Some(-900),
        max_steps: 5,
        ..all(&run, "a")
    };
    assert_eq!(
        places(part).await,
        both(&[steps[0], steps[2], steps[5], steps[7], steps[10]])
    );
    for max_steps in [1, 2] {
        let one = ReadValuesRequest {
            min_step: Some(steps[7]),
            max_step: Some(steps[7]),
            ..spaced(max_steps)
        };
        assert_eq!(places(one).await, both(&steps[7..8]));
    }
    let refused = read(&cluster, spaced(1_001)).await.unwrap_err();
    assert_eq!(fields(&refused), ["max_steps"]);
}

#[tokio::test]
async fn a_value_replaces_the_one_in_its_place_and_a_repeat_changes_nothing() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    let first = LogValuesRequest {
        run_id: run.clone(),
        values: vec![value("a", 1, text("first")), value("a", 2, text("second"))],
        request_id: "once".to_owned(),
    };
    cluster.values().log_values(first.clone()).await.unwrap();
    log(&cluster, &run, vec![value("a", 1, text("changed"))])
        .await
        .unwrap();
    cluster.values().log_values(first).await.unwrap();
    let found = read(&cluster, all(&run, "a")).await.unwrap();
    let kinds: Vec<_> = found.into_iter().filter_map(|value| value.kind).collect();
    assert_eq!(kinds, [text("changed"), text("second")]);
    assert_eq!(series(&cluster, &run).await[0].count, 2);
}

#[tokio::test]
async fn writers_of_one_series_at_the_same_time_are_all_counted() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    let writers = (0..8).map(|writer| {
        let values = (0..20)
            .flat_map(|step| ["b", "a"].map(|key| value(key, (step * 7 + writer) % 20, text("x"))));
        log(&cluster, &run, values.collect())
    });
    futures::future::try_join_all(writers).await.unwrap();
    let counts = series(&cluster, &run).await;
    let counts: Vec<_> = counts
        .iter()
        .map(|s| (s.count, s.first_step, s.last_step))
        .collect();
    assert_eq!(counts, [(20, 0, 19), (20, 0, 19)]);
}

#[tokio::test]
async fn a_series_has_one_type() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    log(&cluster, &run, vec![value("a", 1, text("x"))])
        .await
        .unwrap();
    let other = vec![
        value("b", 2, text("x")),
        value("a", 2, histogram(&[0.0, 1.0], &[1.0])),
    ];
    let refused = log(&cluster, &run, other).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "VALUE_TYPE_CHANGED".into())
    );
    assert!(refused.message().contains("of the type text"), "{refused}");
    let left = series(&cluster, &run).await;
    assert_eq!((left.len(), left[0].last_step), (1, 1));
    let mixed = vec![value("c", 1, text("x")), value("c", 2, image(PNG, ""))];
    let refused = log(&cluster, &run, mixed).await.unwrap_err();
    assert_eq!(fields(&refused), ["values"]);
}

#[tokio::test]
async fn what_is_wrong_or_too_large_is_told_by_field() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    let wide: Vec<&str> = vec!["c"; 1_001];
    let many: Vec<f64> = (0..4_098).map(f64::from).collect();
    let long = "x".repeat((1 << 20) + 1);
    let audio = |media_type: &str| {
        Kind::Audio(Audio {
            content: content(media_type, b"x"),
            ..Default::default()
        })
    };
    for (kind, field) in [
        (histogram(&[0.0, 1.0], &[]), "histogram.counts"),
        (histogram(&many, &many[1..]), "histogram.counts"),
        (histogram(&[0.0, 1.0], &[1.0, 1.0]), "histogram.edges"),
        (histogram(&[1.0, 0.0], &[1.0]), "histogram.edges"),
        (histogram(&[0.0, f64::NAN], &[1.0]), "histogram.edges"),
        (histogram(&[0.0, 1.0], &[-1.0]), "histogram.counts"),
        (text(&long), "text.text"),
        (table(&[], "[]"), "table.columns"),
        (table(&wide, ""), "table.columns"),
        (table(&["a"], "[[1], [1, 2]]"), "table.rows"),
        (table(&["a"], "{}"), "table.rows"),
        (image(b"%PDF", ""), "image.content"),
        (image(PNG, &long), "image.caption"),
        (audio("video/mp4"), "audio.content.media_type"),
        (audio("audio"), "audio.content.media_type"),
        (Kind::Document(Document::default()), "document.content"),
    ] {
        let refused = log(&cluster, &run, vec![value("a", 0, kind)]).await;
        let refused = refused.unwrap_err();
        assert_eq!(reason(&refused).0, Code::InvalidArgument, "{refused}");
        assert!(
            fields(&refused).contains(&format!("values[0].{field}")),
            "{field}: {refused}"
        );
    }
    let index = Value {
        index: 1_000,
        ..value(" a", 0, text("x"))
    };
    let refused = log(&cluster, &run, vec![index]).await.unwrap_err();
    assert_eq!(fields(&refused), ["values[0].key", "values[0].index"]);
    let twice = vec![value("a", 0, text("x")); 2];
    assert_eq!(
        fields(&log(&cluster, &run, twice).await.unwrap_err()),
        ["values"]
    );
    let none = log(&cluster, &run, Vec::new()).await.unwrap_err();
    assert_eq!(fields(&none), ["values"]);
    let many = (0..1_001).map(|step| value("a", step, text("x"))).collect();
    assert_eq!(
        fields(&log(&cluster, &run, many).await.unwrap_err()),
        ["values"]
    );
    assert!(series(&cluster, &run).await.is_empty());
}

#[tokio::test]
async fn other_workspaces_deleted_runs_and_unknown_series_are_told() {
    let cluster = Cluster::start().await;
    let run = new_run(&cluster).await;
    log(&cluster, &run, vec![value("a", 0, text("x"))])
        .await
        .unwrap();
    let refused = cluster
        .values()
        .read_values(elsewhere(all(&run, "a")))
        .await;
    assert_eq!(
        reason(&refused.unwrap_err()),
        (Code::NotFound, "RUN_NOT_FOUND".into())
    );
    for (key, step) in [("b", 0), ("a", 1)] {
        let request = DownloadValueRequest {
            step,
            ..bytes_of(&run, key)
        };
        let refused = download(&cluster, request).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::NotFound, "VALUE_NOT_FOUND".into()));
    }
    let delete = DeleteRunRequest {
        run_id: run.clone(),
    };
    cluster.runs().delete_run(delete).await.unwrap();
    let refused = log(&cluster, &run, vec![value("a", 1, text("x"))]).await;
    assert_eq!(
        reason(&refused.unwrap_err()),
        (Code::FailedPrecondition, "RUN_DELETED".into())
    );
}

#[tokio::test]
async fn a_purged_run_leaves_its_blobs_to_the_collector() {
    let cluster = Cluster::start().await;
    let (run, other) = (new_run(&cluster).await, new_run(&cluster).await);
    for run in [&run, &other] {
        put_artifact(&cluster, run, "a.png", PNG).await;
        let values = vec![value("a", 0, image(PNG, "")), value("b", 0, text("x"))];
        log(&cluster, run, values).await.unwrap();
    }
    let references = async || -> i64 {
        sqlx::query_scalar("SELECT reference_count FROM blobs.blobs")
            .fetch_one(cluster.database.pool())
            .await
            .unwrap()
    };
    assert_eq!(references().await, 4);
    for (run, left) in [(run, 2), (other, 0)] {
        let run_id = run.clone();
        let delete = DeleteRunRequest { run_id };
        cluster.runs().delete_run(delete).await.unwrap();
        let purge = PurgeRunRequest { run_id: run };
        cluster.runs().purge_run(purge).await.unwrap();
        assert_eq!(references().await, left);
    }
}
