//! Cards, search and comparison of versions at the command line.

use std::{path::Path, process::Output};

use herdbook_e2e::{Herdbook, folder};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, LogBatchRequest, Metric, run_service_client::RunServiceClient,
};

const CARD: &str =
    "intended_use: Screening of payments.\nlicence: MIT\nlimits: |\n  Not for loans.\n";
const SCHEMA: &str =
    "inputs:\n  - {name: amount, type: float64}\noutputs:\n  - {type: float32, shape: [-1, 2]}\n";

/// What a command says, run in `folder`.
async fn say(herdbook: &Herdbook, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Herdbook::command(arguments);
    command
        .env("HERDBOOK_URL", &herdbook.address)
        .current_dir(folder);
    command.output().await.unwrap()
}

#[tokio::test]
async fn cards_are_written_versions_found_and_compared() {
    let (data, here) = (folder(), folder());
    let herdbook = Herdbook::up(data.path()).await;
    for (name, content) in [
        ("card.yaml", CARD),
        ("schema.yaml", SCHEMA),
        ("weights", "7"),
    ] {
        std::fs::write(here.path().join(name), content).unwrap();
    }
    let done = async |arguments: &[&str]| {
        let output = say(&herdbook, here.path(), arguments).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let refused = async |arguments: &[&str]| {
        let output = say(&herdbook, here.path(), arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    };
    done(&[
        "models",
        "create",
        "fraud",
        "--owner",
        "risk-ml",
        "--card",
        "card.yaml",
    ])
    .await;
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    for acc in [0.5, 0.75] {
        let run = runs.create_run(CreateRunRequest::default()).await.unwrap();
        let run_id = run.into_inner().run.unwrap().id;
        let metric = Metric {
            key: "acc".to_owned(),
            value: acc,
            ..Default::default()
        };
        let log = LogBatchRequest {
            run_id: run_id.clone(),
            metrics: vec![metric],
            ..Default::default()
        };
        runs.log_batch(log).await.unwrap();
        done(&[
            "artifacts",
            "put",
            &run_id,
            "weights",
            "--as",
            "model/weights",
        ])
        .await;
        let source = format!("runs:/{run_id}/model");
        let flags = ["--flavor", "onnx", "--schema", "schema.yaml"];
        done(&[&["models", "register", "fraud", &source], flags.as_slice()].concat()).await;
    }

    let set = ["--set", "limits=Not at all.", "--set", "licence=Apache-2.0"];
    done(&[&["models", "card", "edit", "fraud/2"], set.as_slice()].concat()).await;
    let card = done(&["models", "card", "fraud/2"]).await;
    for said in [
        "# fraud/2\n",
        "* **Owners**: risk-ml\n* **Licence**: Apache-2.0\n",
        "## Intended use\n\nScreening of payments.\n",
        "## Limits\n\nNot at all.\n",
        "| in | amount | float64 |  |  |\n| out |  | float32 | -1 × 2 |  |",
        "| acc | 0.75 |",
    ] {
        assert!(card.contains(said), "{said:?} is not in {card}");
    }
    let of_model = done(&["models", "card", "fraud"]).await;
    assert!(
        of_model.contains("Not for loans.") && of_model.contains("MIT"),
        "{of_model}"
    );
    let json = done(&["models", "card", "fraud/1", "--output", "json"]).await;
    assert!(json.contains("\"licence\": \"MIT\""), "{json}");

    let found = done(&[
        "models",
        "search",
        "metrics.acc > 0.6",
        "--columns",
        "metrics.acc,licence",
    ])
    .await;
    let row: Vec<_> = found.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        (row[0], &row[row.len() - 2..]),
        ("fraud/2", ["0.75", "Apache-2.0"].as_slice())
    );
    let listed = done(&["models", "list", "--filter", "owner = 'risk-ml'"]).await;
    assert!(listed.contains("fraud"), "{listed}");
    assert_eq!(
        done(&["models", "list", "--filter", "owner = 'x'"]).await,
        "none\n"
    );

    let diff = done(&["models", "diff", "fraud/1", "fraud/2"]).await;
    for said in ["card.licence", "+0.25", "-Not for loans.\n+Not at all."] {
        assert!(diff.contains(said), "{said:?} is not in {diff}");
    }
    let (code, said) = refused(&["models", "search", "acc > 0.6"]).await;
    assert!(
        code == 1 && said.contains("at character 1: expected a field"),
        "{said}"
    );
    let (code, said) = refused(&["models", "card", "edit", "fraud", "--set", "license=MIT"]).await;
    assert!(
        code == 2 && said.contains("a card has no \"license\""),
        "{said}"
    );
    let (code, said) = refused(&["models", "diff", "fraud/1", "fraud/9"]).await;
    assert!(code == 3 && said.contains("fraud/9"), "{said}");
}
