//! The client: its thread, and the runs that are logged to by it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{CreateRunRequest, OpenWriter, Run};
use tokio::{sync::mpsc, time::Instant};
use tonic::service::interceptor::InterceptedService;
use uuid::Uuid;

use crate::{
    ClientError, Closed, Connection, Credentials, Durability, Options, Reply, RunHandle,
    calls::{Call, make_all},
    connection::endpoint,
    engine::{Command, Engine},
    lane::{Lane, Shared},
    reply::Answer,
    spool::Folder,
};

/// Characters of a writer's name: with the number behind it, it has to fit in a writer id.
const NAME_CHARS: usize = 90;

/// A client of one server. Cheap to clone; all clones share a thread and a stream.
///
/// End it with [`close`](Self::close), which says what became of the points. The last clone to be
/// dropped without that, with all its runs' handles, blocks until all points are sent or the
/// [patience](Options::patience) is over.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    pub(crate) calls: mpsc::UnboundedSender<Call>,
    pub(crate) shared: Arc<Shared>,
    writer: String,
    epoch: u64,
    pub(crate) patience: Duration,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Client {
    /// Starts a client. Does not wait for the server: points may be logged before it answers.
    ///
    /// # Errors
    ///
    /// If an option cannot be used, the folder for spools not be written, or the thread not be started.
    pub fn connect(options: Options) -> Result<Self, ClientError> {
        let writer = writer_name(options.writer)?;
        if options.durability == Durability::Disk && options.spool.is_none() {
            return Err(ClientError::Option {
                option: "the durability",
                problem: "cannot be Disk without a spool; name its folder".to_owned(),
            });
        }
        let folder = options.spool.map(|path| {
            Folder::open(&path).map_err(|error| ClientError::Spool {
                path,
                problem: error.to_string(),
            })
        });
        let folder = folder.transpose()?;
        let credentials = Credentials::new(options.token.as_deref(), options.workspace.as_deref())?;
        let endpoint = endpoint(&options.server)?;
        let shared = Arc::new(Shared::new(options.memory));
        let (commands, asked) = mpsc::unbounded_channel();
        let (calls, called) = mpsc::unbounded_channel();
        let start = |error: std::io::Error| ClientError::Start(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(start)?;
        let (listener, of_thread) = (options.listener, shared.clone());
        let work = async move {
            let connection: Connection =
                InterceptedService::new(endpoint.connect_lazy(), credentials);
            let made = tokio::spawn(make_all(connection.clone(), called, listener.clone()));
            let engine = Engine::new(
                of_thread,
                connection,
                listener,
                folder,
                options.spool_bytes,
                options.durability,
            );
            if let Some((until, closed, answer)) = engine.run(asked).await {
                // Calls that are still away at the time are given up.
                let _ = tokio::time::timeout_at(until, made).await;
                let _ = answer.send(Ok(closed));
            }
        };
        let thread = thread::Builder::new()
            .name("herdbook-client".to_owned())
            .spawn(move || runtime.block_on(work))
            .map_err(start)?;
        Ok(Self(Arc::new(Inner {
            commands,
            calls,
            shared,
            writer,
            epoch: u64::try_from(now_us()).unwrap_or_default(),
            patience: options.patience,
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Creates a run on the server. Tries again while the server is away, for as long as the
    /// [patience](Options::patience) lasts, and makes one run however often it does.
    pub fn create_run(&self, mut request: CreateRunRequest) -> Reply<Run> {
        if request.request_id.is_empty() {
            request.request_id = Uuid::now_v7().simple().to_string();
        }
        let (answer, reply) = Reply::new();
        let until = Instant::now() + self.0.patience;
        // Unanswered, the reply says that the client is closed.
        let _ = self
            .0
            .calls
            .send(Call::CreateRun(Box::new(request), until, answer));
        reply
    }

    /// A handle for logging to the run with this id. Does not ask the server whether there is one.
    ///
    /// # Errors
    ///
    /// If `id` is not the id of a run.
    pub fn run(&self, id: &str) -> Result<RunHandle, ClientError> {
        let run: RunId = id.parse()?;
        let lane = Arc::new(Lane::new(run, self.0.shared.clone()));
        let opening = OpenWriter {
            writer: 0,
            run_id: run.to_string(),
            // A number of its own: whoever sends these batches later goes on with this writer, and nobody
            // else ever uses it.
            writer_id: format!("{}-{}", self.0.writer, Uuid::now_v7().simple()),
            epoch: self.0.epoch,
        };
        let open = Command::Open(lane.clone(), opening);
        self.0
            .commands
            .send(open)
            .map_err(|_| ClientError::Closed)?;
        Ok(RunHandle::new(lane, self.0.clone()))
    }

    /// Points that the server committed, those of earlier processes that were sent included.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.0
            .shared
            .committed
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Points that were lost because neither memory nor spool had room for them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0
            .shared
            .dropped
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Waits until half of the memory is free: for a producer that can wait, which then loses nothing
    /// to a server that is slow or away.
    pub async fn room(&self) {
        let shared = &self.0.shared;
        loop {
            let mut freed = std::pin::pin!(shared.room.notified());
            freed.as_mut().enable();
            if shared.has_room() {
                return;
            }
            freed.await;
        }
    }

    /// Takes no more points, sends what there is, and ends; by `within` at the latest. What the server
    /// does not have by then is left in the spool if there is one.
    pub fn close(&self, within: Duration) -> Reply<Closed> {
        let (answer, reply) = Reply::new();
        self.0.end(within, answer);
        reply
    }
}

impl Inner {
    fn end(&self, within: Duration, answer: Answer<Closed>) {
        // Unanswered, the reply says that the client is closed already.
        let _ = self.calls.send(Call::End);
        let until = Instant::now() + within;
        let _ = self.commands.send(Command::Close(until, answer));
    }

    /// Waits for the thread to end.
    fn join(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the client's thread panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end(self.patience, Reply::new().0);
        self.join();
    }
}

/// The name of the writer: as given, or that of the host.
fn writer_name(given: Option<String>) -> Result<String, ClientError> {
    let Some(name) = given else {
        let host = host();
        return Ok(host
            .chars()
            .filter(|c| !c.is_control())
            .take(NAME_CHARS)
            .collect());
    };
    let chars = name.chars().count();
    if chars == 0 || chars > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(ClientError::Option {
            option: "the writer's name",
            problem: format!("must be 1 to {NAME_CHARS} characters on one line"),
        });
    }
    Ok(name)
}

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Now in microseconds since 1970 UTC.
pub(crate) fn now_us() -> i64 {
    time_us(SystemTime::now())
}

/// A time in microseconds since 1970 UTC.
pub(crate) fn time_us(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH);
    match since {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
    }
}
