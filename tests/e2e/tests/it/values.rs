//! Typed values at the command line.

use std::{path::Path, process::Output};

use herdbook_e2e::{Herdbook, folder};
use herdbook_proto::tracking::v1::{CreateRunRequest, run_service_client::RunServiceClient};

/// What a command says, run in `folder`.
async fn say(herdbook: &Herdbook, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Herdbook::command(arguments);
    command
        .env("HERDBOOK_URL", &herdbook.address)
        .current_dir(folder);
    command.output().await.unwrap()
}

#[tokio::test]
async fn values_are_logged_listed_shown_and_downloaded() {
    let (data, here) = (folder(), folder());
    let herdbook = Herdbook::up(data.path()).await;
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    let run = runs.create_run(CreateRunRequest::default()).await.unwrap();
    let run = run.into_inner().run.unwrap().id;
    let scores = "class,recall\ncat,0.5\ndog,\n";
    let histogram = r#"{"edges": [0, 1, 2], "counts": [1, 4]}"#;
    for (name, content) in [("scores.csv", scores), ("h.json", histogram)] {
        std::fs::write(here.path().join(name), content).unwrap();
    }
    let values = async |arguments: &[&str]| {
        let arguments = [&["values"], arguments].concat();
        let output = say(&herdbook, here.path(), &arguments).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    values(&["log", &run, "scores", "scores.csv", "--step", "3"]).await;
    values(&[
        "log",
        &run,
        "weights",
        "h.json",
        "--type",
        "histogram",
        "--step",
        "-1",
    ])
    .await;
    values(&[
        "log",
        &run,
        "weights",
        "h.json",
        "--type",
        "histogram",
        "--step",
        "5",
    ])
    .await;
    values(&["log", &run, "notes", "--text", "Once\nupon"]).await;

    let listed = values(&["list", &run]).await;
    let expected = "\
KEY      TYPE       VALUES  FIRST STEP  LAST STEP
notes    text       1       0           0
scores   table      1       3           3
weights  histogram  2       -1          5
";
    assert_eq!(listed, expected);
    assert_eq!(
        values(&["show", &run, "notes"]).await,
        "notes  step 0  #0\nOnce\nupon\n"
    );
    let shown = values(&["show", &run, "scores"]).await;
    assert_eq!(
        shown,
        "scores  step 3  #0  2 rows\nclass  recall\ncat    0.5\ndog\n"
    );
    let shown = values(&["show", &run, "weights"]).await;
    let bars = format!(
        "0 … 1  1  {}\n1 … 2  4  {}\n",
        "█".repeat(10),
        "█".repeat(40)
    );
    assert_eq!(shown, format!("weights  step 5  #0\n{bars}"));
    let json = values(&["show", &run, "weights", "--step", "-1", "--output", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["values"][0]["histogram"]["counts"],
        serde_json::json!([1.0, 4.0])
    );

    values(&["get", &run, "scores", "--to", "got.json"]).await;
    let got = std::fs::read_to_string(here.path().join("got.json")).unwrap();
    assert_eq!(
        got,
        r#"{"columns":["class","recall"],"data":[["cat",0.5],["dog",null]]}"#
    );

    let refused = say(
        &herdbook,
        here.path(),
        &["values", "log", &run, "notes", "h.json"],
    )
    .await;
    assert_eq!(refused.status.code(), Some(4));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("of the type text"), "{words}");
    let missing = say(&herdbook, here.path(), &["values", "show", &run, "none"]).await;
    assert_eq!(missing.status.code(), Some(3));
    assert!(herdbook.stop().await.success());
}
