//! A run as the training loop has it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{LogBatchRequest, Run, RunStatus, UpdateRunRequest};
use prost_types::FieldMask;
use uuid::Uuid;

use crate::{
    ClientError, Reply, SystemSampler,
    calls::Call,
    client::{Inner, now_us, time_us},
    engine::Command,
    lane::Lane,
    system,
};

/// Logs to one run. Cheap to clone.
#[derive(Clone)]
pub struct RunHandle {
    // Before `inner`: when the last handle ends the client, its thread sees that no more points come.
    lane: Arc<Lane>,
    inner: Arc<Inner>,
}

impl RunHandle {
    pub(crate) fn new(lane: Arc<Lane>, inner: Arc<Inner>) -> Self {
        Self { lane, inner }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.lane.run
    }

    /// Logs a value of each of some metrics at a step, now. Takes microseconds and never waits: if
    /// neither memory nor spool has room, the points are dropped, counted and
    /// [told](crate::Event::PointsDropped).
    ///
    /// # Errors
    ///
    /// If a key breaks the rules, nothing of the row is logged. Nothing is taken any more once the server
    /// has refused the run's points or the client is closed.
    pub fn log<K: AsRef<str>>(&self, step: i64, row: &[(K, f64)]) -> Result<(), ClientError> {
        self.lane.log(step, now_us(), row)
    }

    /// The same, of another time than now.
    ///
    /// # Errors
    ///
    /// As [`log`](Self::log).
    pub fn log_at<K: AsRef<str>>(
        &self,
        step: i64,
        time: SystemTime,
        row: &[(K, f64)],
    ) -> Result<(), ClientError> {
        self.lane.log(step, time_us(time), row)
    }

    /// Answers once the server has committed all that was logged before.
    pub fn flush(&self) -> Reply<()> {
        let (answer, reply) = Reply::new();
        // Unanswered, the reply says that the client is closed.
        let _ = self
            .inner
            .commands
            .send(Command::Flush(self.lane.clone(), answer));
        reply
    }

    /// Sets params, which are written once: another value for one is refused.
    pub fn set_params<K: Into<String>, V: Into<String>>(
        &self,
        params: impl IntoIterator<Item = (K, V)>,
    ) -> Reply<()> {
        self.log_batch(LogBatchRequest {
            params: pairs(params),
            ..Default::default()
        })
    }

    /// Sets tags; the last value of one wins.
    pub fn set_tags<K: Into<String>, V: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Reply<()> {
        self.log_batch(LogBatchRequest {
            tags: pairs(tags),
            ..Default::default()
        })
    }

    fn log_batch(&self, mut request: LogBatchRequest) -> Reply<()> {
        request.run_id = self.lane.run.to_string();
        request.request_id = Uuid::now_v7().simple().to_string();
        let (answer, reply) = Reply::new();
        let _ = self.inner.calls.send(Call::LogBatch(request, answer));
        reply
    }

    /// Sends all that was logged, then sets the status the run ended with and its end to now.
    ///
    /// # Errors
    ///
    /// If the server does not take the points or the status.
    pub async fn finish(&self, status: RunStatus) -> Result<(), ClientError> {
        self.flush().await?;
        let run = Run {
            id: self.lane.run.to_string(),
            status: status.into(),
            ..Default::default()
        };
        let request = UpdateRunRequest {
            run: Some(run),
            update_mask: Some(FieldMask {
                paths: vec!["status".to_owned()],
            }),
        };
        let (answer, reply) = Reply::new();
        let _ = self
            .inner
            .calls
            .send(Call::UpdateRun(Box::new(request), answer));
        reply.await
    }

    /// Logs what the machine does, every `interval` from now on until the sampler is dropped: CPU, memory,
    /// disk, network, and GPUs where `nvidia-smi` is. The metrics are named `system/cpu_percent`,
    /// `system/gpu/0/memory_used_bytes` and so on, with their units; their steps count the samples. A
    /// thread of its own does it; what cannot be measured is left out.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn sample_system(&self, interval: Duration) -> Result<SystemSampler, ClientError> {
        system::sample(self.lane.clone(), interval)
    }

    /// Whether somebody asked the run to stop, as of the last answer of the server.
    #[must_use]
    pub fn stop_requested(&self) -> bool {
        self.lane.stop_requested.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for RunHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunHandle").field(&self.lane.run).finish()
    }
}

fn pairs<K: Into<String>, V: Into<String>>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> HashMap<String, String> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}
