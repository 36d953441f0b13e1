//! A run as the training loop has it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{
    ArtifactHeader, DatasetInput, LogBatchRequest, Run, RunStatus, UpdateRunRequest,
};
use prost_types::FieldMask;
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

use crate::{
    ClientError, Reply, SystemSampler,
    client::{Inner, now_us, time_us},
    engine::Command,
    journal::{Act, Upload},
    lane::Lane,
    script::Asked,
    system,
};

/// Longer than any process runs.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Logs to one run. Cheap to clone.
#[derive(Clone)]
pub struct RunHandle {
    // Before `inner`: when the last handle ends the client, its thread sees that no more points come.
    lane: Arc<Lane>,
    asked: mpsc::UnboundedSender<Asked>,
    inner: Arc<Inner>,
}

impl RunHandle {
    pub(crate) fn new(
        lane: Arc<Lane>,
        asked: mpsc::UnboundedSender<Asked>,
        inner: Arc<Inner>,
    ) -> Self {
        Self { lane, asked, inner }
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

    /// Answers once the server has committed all that was logged before; with
    /// [`Late`](ClientError::Late) if it has not when the [patience](crate::Options::patience) ends.
    pub fn flush(&self) -> Reply<()> {
        self.flush_within(self.inner.patience)
    }

    fn flush_within(&self, patience: Duration) -> Reply<()> {
        let (answer, reply) = Reply::new();
        let until = Instant::now() + patience;
        // Unanswered, the reply says that the client is closed.
        let _ = self
            .inner
            .commands
            .send(Command::Flush(self.lane.clone(), until, answer));
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

    /// Tells which data the run read.
    pub fn add_inputs(&self, inputs: impl IntoIterator<Item = DatasetInput>) -> Reply<()> {
        self.log_batch(LogBatchRequest {
            inputs: inputs.into_iter().collect(),
            ..Default::default()
        })
    }

    fn log_batch(&self, mut request: LogBatchRequest) -> Reply<()> {
        request.run_id = self.lane.run.to_string();
        request.request_id = Uuid::now_v7().simple().to_string();
        self.ask(Act::Log(request))
    }

    /// Sends a file to `path` in the run, such as `model/weights.bin`. With a [spool](crate::Options::spool) it is
    /// copied there first, so that it may change or go as soon as this returns; if there is no room for a copy, and
    /// without a spool, it is sent from where it lies.
    ///
    /// # Errors
    ///
    /// If it is not a file that can be read.
    pub fn upload(&self, file: &Path, path: &str) -> Result<Reply<()>, ClientError> {
        let readable = File::open(file).and_then(|file| file.metadata());
        let problem = match readable {
            Ok(facts) if facts.is_file() => None,
            Ok(_) => Some("it is no file".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = problem {
            return Err(ClientError::File {
                path: file.to_owned(),
                problem,
            });
        }
        let folder = self.inner.around.folder.as_ref();
        let copy = folder.and_then(|folder| folder.copy(self.lane.run, file).ok());
        let from = match &copy {
            Some(copy) => copy.clone(),
            None => std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        };
        Ok(self.ask(Act::Upload(Upload {
            from: from.to_string_lossy().into_owned(),
            copied: copy.is_some(),
            header: ArtifactHeader {
                run_id: self.lane.run.to_string(),
                path: path.to_owned(),
                ..Default::default()
            },
        })))
    }

    pub(crate) fn ask(&self, act: Act) -> Reply<()> {
        self.ask_after(None, Some(act))
    }

    fn ask_after(&self, flushed: Option<Reply<()>>, act: Option<Act>) -> Reply<()> {
        let (answer, reply) = Reply::new();
        // Unanswered, the reply says that the client is closed.
        let _ = self.asked.send(Asked {
            act,
            flushed,
            answer,
        });
        reply
    }

    /// Sends all that was logged as a [`flush`](Self::flush) does, then sets the status the run ended with
    /// and its end to now. If not all is sent in time, the status stays as it was; with a
    /// [spool](crate::Options::spool), it is set once all is sent, by a later process if need be.
    pub fn finish(&self, status: RunStatus) -> Reply<()> {
        let run = Run {
            id: self.lane.run.to_string(),
            status: status.into(),
            ended_at: Some(SystemTime::now().into()),
            ..Default::default()
        };
        let request = UpdateRunRequest {
            run: Some(run),
            update_mask: Some(FieldMask {
                paths: vec!["status".to_owned(), "ended_at".to_owned()],
            }),
        };
        let patience = match self.inner.around.folder {
            Some(_) => FOR_EVER,
            None => self.inner.patience,
        };
        self.ask_after(
            Some(self.flush_within(patience)),
            Some(Act::Update(request)),
        )
    }

    /// Answers once all is done that was asked of the run before, points included.
    pub fn settle(&self) -> Reply<()> {
        self.ask_after(Some(self.flush_within(FOR_EVER)), None)
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
) -> BTreeMap<String, String> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}
