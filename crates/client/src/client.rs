//! The client: its thread, and the runs that are logged to by it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{CreateRunRequest, OpenWriter, Run};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use tonic::service::interceptor::InterceptedService;
use uuid::Uuid;

use crate::{
    ClientError, Closed, Connection, Credentials, Durability, Event, Options, Reply, RunHandle,
    calls::{Call, Caller, make_all},
    connection::endpoint,
    engine::{Command, Engine},
    journal::{Act, Start},
    lane::{Lane, Shared},
    reply::Answer,
    script::{Script, Starts, Surroundings, left_scripts},
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
    pub(crate) around: Surroundings,
    closing: watch::Sender<bool>,
    connection: Connection,
    runtime: Handle,
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
        let kept = match options.durability {
            Durability::Disk => Some((
                "the durability",
                "cannot be Disk without a spool; name its folder",
            )),
            Durability::Memory if options.offline => {
                Some(("offline", "needs a spool; name its folder"))
            }
            Durability::Memory => None,
        };
        if let Some((option, problem)) = kept
            && options.spool.is_none()
        {
            return Err(ClientError::Option {
                option,
                problem: problem.to_owned(),
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
        let endpoint = endpoint(&options.server, options.ca_file.as_deref())?;
        let shared = Arc::new(Shared::new(options.memory));
        let (commands, asked) = mpsc::unbounded_channel();
        let (calls, called) = mpsc::unbounded_channel();
        let start = |error: std::io::Error| ClientError::Start(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(start)?;
        let connection: Connection = {
            let _inside = runtime.enter();
            InterceptedService::new(endpoint.connect_lazy(), credentials)
        };
        let (closing, closes) = watch::channel(false);
        let around = Surroundings {
            folder: folder.clone(),
            engine: commands.downgrade(),
            closing: closes,
            starts: Starts::default(),
            open: watch::Sender::new(0),
        };
        let caller = Caller {
            connection: connection.clone(),
            shared: shared.clone(),
            listener: options.listener.clone(),
            offline: options.offline,
        };
        let engine = Engine::new(
            shared.clone(),
            connection.clone(),
            options.listener,
            folder,
            options.spool_bytes,
            options.durability,
            options.offline,
        );
        let surroundings = around.clone();
        let work = async move {
            let left = left_scripts(&surroundings, &caller);
            let unmade: HashSet<RunId> = left.iter().filter_map(Script::starts).collect();
            let starts = surroundings.starts.clone();
            let (give_up, given_up) = oneshot::channel();
            let mut made = tokio::spawn(make_all(caller.clone(), starts, left, called, given_up));
            if let Some((until, mut closed, answer)) = engine.run(asked, &unmade).await {
                // All that was asked is in journals before anything is given up.
                let mut open = surroundings.open.subscribe();
                let _ = open.wait_for(|open| *open == 0).await;
                // Calls that are still away at the time are given up.
                if timeout_at(until, &mut made).await.is_err() {
                    let _ = give_up.send(());
                    let _ = made.await;
                }
                closed.acts_left = caller.shared.acts.load(Ordering::Relaxed);
                if closed.acts_left > 0 {
                    let (acts, kept) = (closed.acts_left, surroundings.folder.is_some());
                    caller.tell(&Event::ActsLeft { acts, kept });
                }
                let _ = answer.send(Ok(closed));
            }
        };
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new()
            .name("herdbook-client".to_owned())
            .spawn(move || runtime.block_on(work))
            .map_err(start)?;
        Ok(Self(Arc::new(Inner {
            commands,
            calls,
            shared,
            around,
            closing,
            connection,
            runtime: handle,
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
        self.open(id.parse()?, false)
    }

    /// Begins a run without waiting for the server, under an id that is chosen here unless the request has one. Its
    /// experiment is the one of this name, made if there is none; the one that the request numbers if the name is
    /// empty. The server makes the run as soon as it answers; with a [spool](Options::spool), even if that is after
    /// the end of this process, when the next one with the same folder asks for it.
    ///
    /// # Errors
    ///
    /// If the request's `run_id` is not the id of a run, or the client is closed.
    pub fn start_run(
        &self,
        experiment: &str,
        request: CreateRunRequest,
    ) -> Result<RunHandle, ClientError> {
        self.begin(experiment, request, false)
    }

    /// Goes on with a run that another process begins with this request, which names the run's id, as
    /// [`start_run`](Self::start_run) would: it may be that the server has not made it yet. Ending it is the other's.
    ///
    /// # Errors
    ///
    /// As [`start_run`](Self::start_run).
    pub fn join_run(
        &self,
        experiment: &str,
        request: CreateRunRequest,
    ) -> Result<RunHandle, ClientError> {
        self.begin(experiment, request, true)
    }

    fn begin(
        &self,
        experiment: &str,
        mut request: CreateRunRequest,
        joined: bool,
    ) -> Result<RunHandle, ClientError> {
        let run = match request.run_id.is_empty() {
            true => RunId::generate(),
            false => request.run_id.parse()?,
        };
        request.run_id = run.to_string();
        if request.request_id.is_empty() {
            request.request_id = request.run_id.clone();
        }
        request
            .started_at
            .get_or_insert_with(|| SystemTime::now().into());
        let handle = self.open(run, true)?;
        // Nobody waits: what comes of it is told as an event, and by what is asked later.
        drop(handle.ask(Act::Start(Start {
            experiment: experiment.to_owned(),
            request,
            joined,
        })));
        Ok(handle)
    }

    fn open(&self, run: RunId, starts: bool) -> Result<RunHandle, ClientError> {
        let lane = Arc::new(Lane::new(run, self.0.shared.clone()));
        let opening = OpenWriter {
            writer: 0,
            run_id: run.to_string(),
            // A number of its own: whoever sends these batches later goes on with this writer, and nobody
            // else ever uses it.
            writer_id: format!("{}-{}", self.0.writer, Uuid::now_v7().simple()),
            epoch: self.0.epoch,
        };
        let (asked, script) = Script::new(run, starts, &self.0.around);
        let open = Command::Open(lane.clone(), opening, starts);
        let closed = |_| ClientError::Closed;
        self.0.commands.send(open).map_err(closed)?;
        let open = Call::Open(Box::new(script));
        self.0.calls.send(open).map_err(|_| ClientError::Closed)?;
        Ok(RunHandle::new(lane, asked, self.0.clone()))
    }

    /// Points that the server committed, those of earlier processes that were sent included.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.0.shared.committed.load(Ordering::Relaxed)
    }

    /// Points that were lost because neither memory nor spool had room for them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.shared.dropped.load(Ordering::Relaxed)
    }

    /// Whether the server did not answer when it was last called. Not while nothing is asked of it.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.0.shared.away.load(Ordering::Relaxed)
    }

    /// What was asked of runs besides points and is not done.
    #[must_use]
    pub fn acts_waiting(&self) -> u64 {
        self.0.shared.acts.load(Ordering::Relaxed)
    }

    /// The way to the server, for the generated clients of all services. It works as long as the client does.
    #[must_use]
    pub fn connection(&self) -> Connection {
        self.0.connection.clone()
    }

    /// The runtime of the client's thread, which ends with the client.
    #[must_use]
    pub fn runtime(&self) -> Handle {
        self.0.runtime.clone()
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
        self.closing.send_replace(true);
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
