//! The bad days: lost connections and servers, deadlines, strangers.

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use herdbook_client::{Call, Client, Event, Herdbook, Options};
use herdbook_proto::{
    access::v1::GetCallerRequest,
    tracking::v1::{
        GetRunRequest, ListExperimentsRequest, LogBatchRequest, ReadMetricsRequest, Run,
        SearchRunsRequest, UpdateRunRequest, metric_service_client::MetricServiceClient,
    },
};
use prost_types::FieldMask;
use tonic::Code;

use crate::{
    Outcome, ask, expect,
    scenario::{POINTS, Scenario},
};

/// A status of runs that today's contract does not have.
const FUTURE_STATUS: i32 = 77;
const PATIENCE: Duration = Duration::from_secs(60);

impl Scenario {
    /// Calls where one must trust an authority, and where another one signed.
    pub(crate) async fn tls(&mut self) -> Outcome {
        let secured = |authority: &str| -> Result<_, Box<dyn Error + Send + Sync>> {
            let options = Options::new(env::var("CONFORMANCE_TLS")?)
                .token(env::var("HERDBOOK_TOKEN")?)
                .ca_file(env::var(authority)?)
                .patience(Duration::from_secs(1));
            Ok(Herdbook::connect(options)?)
        };
        secured("CONFORMANCE_AUTHORITY")?
            .call(GetCallerRequest {})
            .await?;
        let stranger = secured("CONFORMANCE_STRANGER")?;
        let said = failing(&stranger, GetCallerRequest {}, Code::Unavailable).await?;
        expect(said.contains("certificate"), || said.clone())?;
        Ok(said)
    }

    /// Logs points while there is trouble, and reads them back.
    pub(crate) async fn log(&mut self, key: &str, trouble: &str) -> Outcome {
        let lost = Arc::new(AtomicUsize::new(0));
        let counted = lost.clone();
        let options = Options::from_env()
            .writer("conformance")
            .patience(PATIENCE)
            .on_event(move |event| {
                if matches!(event, Event::ConnectionLost { .. }) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        let client = Client::connect(options)?;
        let run = client.run(&self.run)?;
        for step in 0..POINTS {
            if step == POINTS / 2 {
                // The first half is on its way; the second meets the trouble.
                run.flush().await?;
                ask(trouble)?;
            }
            run.log(step, &[(key, step as f64 * 0.5)])?;
            if step % 500 == 499 {
                // Lets the client send: batches of some hundred points, as from a training loop.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        run.flush().await?;
        drop(run);
        let closed = client.close(PATIENCE).await?;
        expect(closed.lost == 0, || {
            format!("{} points are lost", closed.lost)
        })?;

        let request = ReadMetricsRequest {
            run_id: self.run.clone(),
            keys: vec![key.to_owned()],
            ..Default::default()
        };
        let mut metrics = MetricServiceClient::new(self.herdbook.connection());
        let mut parts = metrics.read_metrics(request).await?.into_inner();
        let (mut steps, mut sum) = (Vec::new(), 0.0);
        while let Some(part) = parts.message().await? {
            steps.extend(part.steps);
            sum += part.values.iter().sum::<f64>();
        }
        steps.sort_unstable();
        let holds =
            steps.iter().copied().eq(0..POINTS) && sum == (POINTS * (POINTS - 1)) as f64 / 4.0;
        expect(holds, || {
            format!("{} points, their sum is {sum}", steps.len())
        })?;
        let lost = lost.load(Ordering::Relaxed);
        expect(lost > 0, || "the connection was never lost".to_owned())?;
        Ok(format!(
            "{} points, connection lost {lost} times",
            steps.len()
        ))
    }

    pub(crate) async fn deadline(&mut self) -> Outcome {
        let future = future()?;
        let began = Instant::now();
        // As in all async Rust: whoever waits decides how long, and the call is cancelled with the wait.
        let search = future.call(SearchRunsRequest::default());
        let outcome = tokio::time::timeout(Duration::from_millis(300), search).await;
        let waited = began.elapsed();
        let holds = outcome.is_err() && waited < Duration::from_secs(5);
        expect(holds, || format!("{outcome:?} after {waited:?}"))?;
        Ok(format!("after {} ms", waited.as_millis()))
    }

    pub(crate) async fn too_large(&mut self) -> Outcome {
        let tags = (0..2_500).map(|number| (format!("tag-{number}"), "x".repeat(8_000)));
        let request = LogBatchRequest {
            run_id: self.run.clone(),
            tags: tags.collect(),
            ..Default::default()
        };
        failing(&self.herdbook, request, Code::OutOfRange).await
    }

    /// An enum value stays as its number. A field that is not known is dropped, as prost does, so the change goes
    /// by a mask: the server keeps what the mask does not name.
    pub(crate) async fn newer(&mut self) -> Outcome {
        let future = future()?;
        let run_id = self.run.clone();
        let run = future
            .call(GetRunRequest { run_id })
            .await?
            .run
            .unwrap_or_default();
        let holds = run.id == self.run && run.status == FUTURE_STATUS;
        expect(holds, || format!("status {}", run.status))?;
        let paths = vec!["status".to_owned()];
        let request = UpdateRunRequest {
            run: Some(Run {
                id: run.id,
                status: run.status,
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths }),
        };
        let back = future.call(request).await?.run.unwrap_or_default();
        let holds = back.description == "kept";
        expect(holds, || {
            format!("what was not known was {}", back.description)
        })?;
        Ok("kept, by an update with a mask".to_owned())
    }

    pub(crate) async fn older(&mut self) -> Outcome {
        let request = ListExperimentsRequest::default();
        failing(&future()?, request, Code::Unimplemented).await
    }

    pub(crate) async fn token(&mut self) -> Outcome {
        let answer = ask("token")?;
        self.unauthenticated(&env::var("HERDBOOK_TOKEN")?).await?;
        let expired = answer["expired"].as_str().unwrap_or_default();
        self.unauthenticated(expired).await?;
        Ok("both refused".to_owned())
    }

    pub(crate) async fn nobody(&mut self) -> Outcome {
        let server = env::var("CONFORMANCE_NOWHERE")?;
        let nowhere = Herdbook::connect(Options::new(&server).patience(Duration::from_secs(1)))?;
        let began = Instant::now();
        let run_id = self.run.clone();
        let said = failing(&nowhere, GetRunRequest { run_id }, Code::Unavailable).await?;
        let holds = said.contains(&server) && began.elapsed() < Duration::from_secs(5);
        expect(holds, || said.clone())?;
        Ok(said)
    }

    /// Calls with this token, which has to be refused.
    pub(crate) async fn unauthenticated(
        &self,
        token: &str,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let server = Options::new(env::var("HERDBOOK_URL")?);
        let options = match token {
            "" => server,
            token => server.token(token),
        };
        let stranger = Herdbook::connect(options)?;
        failing(&stranger, GetCallerRequest {}, Code::Unauthenticated).await?;
        Ok(())
    }
}

/// The server of a later contract.
fn future() -> Result<Herdbook, Box<dyn Error + Send + Sync>> {
    let server = env::var("CONFORMANCE_FUTURE")?;
    Ok(Herdbook::connect(Options::new(server))?)
}

/// What a call says that has to fail with this code.
async fn failing<Q: Call>(herdbook: &Herdbook, request: Q, code: Code) -> Outcome {
    let Err(error) = herdbook.call(request).await else {
        return Err("it did not fail".into());
    };
    let found = error.failed().map(|failed| failed.code);
    expect(found == Some(code), || {
        format!("{code:?} expected, not {found:?}: {error}")
    })?;
    Ok(error.to_string())
}
