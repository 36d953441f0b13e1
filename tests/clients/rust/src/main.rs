//! The conformance scenario by the Rust client: a line of JSON a step, for `tests/clients/conformance`.

#![allow(clippy::print_stdout)]

mod scenario;
mod troubles;

use std::{error::Error, io, process::ExitCode, time::Instant};

use scenario::Scenario;
use serde_json::{Value, json};

/// What a step did, or why it did not.
type Outcome = Result<String, Box<dyn Error + Send + Sync>>;

/// Has the runner do something to the server or the network.
fn ask(what: &str) -> Result<Value, Box<dyn Error + Send + Sync>> {
    println!("{}", json!({ "ask": what }));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// Fails with the detail unless it holds.
fn expect(
    holds: bool,
    detail: impl FnOnce() -> String,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    match holds {
        true => Ok(()),
        false => Err(detail().into()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut scenario = match Scenario::new() {
        Ok(scenario) => scenario,
        Err(error) => {
            println!(
                "{}",
                json!({ "step": "connect", "passed": false, "detail": error.to_string() })
            );
            return ExitCode::FAILURE;
        }
    };
    for step in scenario::STEPS {
        let began = Instant::now();
        let outcome = scenario.run(step).await;
        let passed = outcome.is_ok();
        let detail = outcome.unwrap_or_else(|error| error.to_string());
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{}",
            json!({ "step": step, "passed": passed, "detail": detail, "seconds": seconds })
        );
        if !passed {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
