//! MLflow's unmodified clients, at Herdbook and at their own server: what they are told is the same.

use std::env;

use herdbook_e2e::{Herdbook, folder, mlflow, run};

/// Other clients, by what the suite calls them and where their Python is.
const OTHERS: [(&str, &str); 2] = [
    ("2", "HERDBOOK_TEST_MLFLOW_2"),
    ("skinny", "HERDBOOK_TEST_MLFLOW_SKINNY"),
];

#[tokio::test]
async fn mlflow_clients_are_answered_as_by_their_own_server() {
    let folder = folder();
    let herdbook = Herdbook::up(folder.path()).await;
    let mut suite = mlflow();
    suite
        .arg("mlflow/compare.py")
        .arg(format!("http://{}", herdbook.address));
    for (name, variable) in OTHERS {
        let python = env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} is not set; run this test by `./dev test`"));
        suite.arg("--client").arg(format!("{name}={python}"));
    }
    let told = run(&mut suite).await;
    assert!(told.ends_with("0 complaints\n"), "{told}");
    assert!(herdbook.stop().await.success());
}
