//! `herdbook runs log`.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, IsTerminal as _, Write as _},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use herdbook_client::{
    Client, ClientError, CreateRunRequest, Durability, Event, Options, RunHandle, RunStatus,
};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};
use tonic::Status;

use super::{
    RUN,
    rows::{BadLine, Format, Row, guess, read},
    show,
};
use crate::{
    cli::{ClientOptions, Output},
    commands::{experiments, pairs},
    connection::connect,
    exit::Failure,
    output,
};

/// Rows that are read ahead.
const AHEAD: usize = 1_024;
/// Bad lines that are told one by one.
const TOLD: u64 = 10;

#[derive(Debug, Args)]
pub(crate) struct LogOptions {
    /// Id of the run to log to.
    #[arg(required_unless_present = "create")]
    run: Option<String>,
    /// Create a run in this experiment, named or numbered, and print its id. It ends with the input.
    #[arg(long, value_name = "EXPERIMENT", conflicts_with = "run")]
    create: Option<String>,
    /// Name of the run to be created.
    #[arg(long, requires = "create", default_value = "")]
    name: String,
    /// A param of the run to be created; may be repeated.
    #[arg(long = "param", value_name = "KEY=VALUE", requires = "create")]
    params: Vec<String>,
    /// A tag of the run to be created; may be repeated.
    #[arg(long = "tag", value_name = "KEY=VALUE", requires = "create")]
    tags: Vec<String>,
    /// File to read; standard input if not named.
    #[arg(long, short)]
    file: Option<PathBuf>,
    /// How the points are written; seen from the first character if not given.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Folder in which points are kept until the server has them. What an earlier command left there,
    /// however it ended, is sent too.
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// Pass over lines that are wrong instead of ending at the first.
    #[arg(long)]
    skip_bad: bool,
    /// Log what this machine does too, every so many seconds: CPU, memory, disk, network, GPUs.
    #[arg(long, value_name = "SECONDS")]
    system: Option<u32>,
    /// How long to wait at the end for a server that does not answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u32,
}

/// How the reading ended.
#[derive(Default)]
struct Taken {
    rows: u64,
    points: u64,
    skipped: u64,
    /// Why it ended before the input did.
    failure: Option<Failure>,
    interrupted: bool,
}

pub(super) async fn run(options: ClientOptions, command: LogOptions) -> Result<(), Failure> {
    let bar = progress();
    let client = Client::connect(client_options(&options, &command, &bar)).map_err(failure)?;
    let id = match (&command.run, &command.create) {
        (Some(run), _) => run.clone(),
        (None, Some(experiment)) => create(&options, &command, &client, experiment).await?,
        (None, None) => return Err(Failure::usage("name a run, or an experiment with --create")),
    };
    let run = client.run(&id).map_err(failure)?;
    let mut signals = Signals::new()?;
    let rows = rows(&command)?;
    let interval = command
        .system
        .map(|seconds| Duration::from_secs(seconds.into()));
    let sampler = interval.map(|interval| run.sample_system(interval));
    let sampler = sampler.transpose().map_err(failure)?;
    let taken = take(&client, &run, rows, &mut signals, &command, &bar).await;
    drop(sampler);
    let wait = Duration::from_secs(command.wait.into());
    let drained = tokio::select! {
        drained = drain(&client, &run) => drained,
        () = signals.any() => None,
    };
    if let Some(Ok(())) = drained
        && command.create.is_some()
    {
        let status = match (&taken.failure, taken.interrupted) {
            (_, true) => RunStatus::Killed,
            (Some(_), _) => RunStatus::Failed,
            (None, _) => RunStatus::Finished,
        };
        run.finish(status).await.map_err(failure)?;
    }
    let within = if drained.is_some() {
        wait
    } else {
        Duration::ZERO
    };
    let closed = client.close(within).await.map_err(failure)?;
    bar.finish_and_clear();
    if let Some(Err(error)) = drained {
        return Err(failure(error));
    }
    if closed.lost + closed.in_spool > 0 {
        let folder = command.spool.unwrap_or_default();
        let message = match closed.in_spool {
            0 => format!(
                "{} points are lost: the server does not answer; --spool keeps them",
                closed.lost
            ),
            left => format!(
                "{left} points wait in {0}, {1} are lost; `herdbook runs log {id} --spool {0} </dev/null` \
                 sends them once the server answers",
                folder.display(),
                closed.lost
            ),
        };
        return Err(Status::unavailable(message).into());
    }
    report(&id, &taken)?;
    match taken.failure {
        Some(failure) => Err(failure),
        None if taken.interrupted => Err(Failure::failed(
            "interrupted; all that was read until then is logged",
        )),
        None => Ok(()),
    }
}

fn client_options(options: &ClientOptions, command: &LogOptions, bar: &ProgressBar) -> Options {
    let bar = bar.clone();
    let mut made = Options::new(&options.server)
        .patience(Duration::from_secs(command.wait.into()))
        .on_event(move |event| {
            if !matches!(event, Event::Left { .. }) {
                tell(&bar, &event.to_string());
            }
        });
    if let Some(token) = &options.token {
        made = made.token(token);
    }
    if let Some(workspace) = &options.workspace {
        made = made.workspace(workspace);
    }
    if let Some(file) = &options.ca_file {
        made = made.ca_file(file);
    }
    match &command.spool {
        Some(folder) => made.spool(folder).durability(Durability::Disk),
        None => made,
    }
}

/// Creates the run and prints it.
async fn create(
    options: &ClientOptions,
    command: &LogOptions,
    client: &Client,
    experiment: &str,
) -> Result<String, Failure> {
    let experiment = experiments::find(connect(options).await?, experiment).await?;
    let request = CreateRunRequest {
        experiment_id: experiment.id,
        name: command.name.clone(),
        params: pairs(command.params.clone())?,
        tags: pairs(command.tags.clone())?,
        ..Default::default()
    };
    let made = client.create_run(request).await.map_err(failure)?;
    match options.output {
        Output::Table => writeln!(std::io::stdout(), "{}", made.id)?,
        Output::Json => output::print(options.output, RUN, &made, show)?,
    }
    Ok(made.id)
}

/// The rows of the input, read by a thread that may wait for them.
fn rows(command: &LogOptions) -> Result<mpsc::Receiver<Result<Row, BadLine>>, Failure> {
    let file = command.file.as_ref().map(|path| {
        let cannot = |error| Failure::usage(format!("{} cannot be read: {error}", path.display()));
        File::open(path).map_err(cannot)
    });
    let file = file.transpose()?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let format = command.format;
    tokio::task::spawn_blocking(move || {
        let mut input: Box<dyn std::io::BufRead> = match file {
            Some(file) => Box::new(BufReader::with_capacity(1 << 18, file)),
            None => Box::new(std::io::stdin().lock()),
        };
        let format = match format {
            Some(format) => format,
            // What cannot be read here cannot be read below, which says so.
            None => guess(input.fill_buf().unwrap_or_default()),
        };
        read(format, input, |row| sender.blocking_send(row).is_ok());
    });
    Ok(receiver)
}

/// Logs rows until there are no more, or one is wrong. A first signal ends the reading, a second the
/// waiting for room too.
async fn take(
    client: &Client,
    run: &RunHandle,
    mut rows: mpsc::Receiver<Result<Row, BadLine>>,
    signals: &mut Signals,
    command: &LogOptions,
    bar: &ProgressBar,
) -> Taken {
    let mut taken = Taken::default();
    loop {
        let next = async {
            client.room().await;
            rows.recv().await
        };
        let found = tokio::select! {
            next = next => next,
            () = signals.any() => {
                if std::mem::replace(&mut taken.interrupted, true) {
                    return taken;
                }
                rows.close();
                continue;
            }
        };
        let Some(found) = found else {
            return taken;
        };
        let bad = match found {
            Ok(row) => match log(run, &row) {
                Ok(()) => {
                    taken.rows += 1;
                    taken.points += row.values.len() as u64;
                    if taken.rows.is_multiple_of(1_000) {
                        bar.set_message(format!(
                            "{} points read, {} at the server",
                            taken.points,
                            client.committed()
                        ));
                    }
                    continue;
                }
                Err(error @ (ClientError::Refused { .. } | ClientError::Closed)) => {
                    taken.failure = Some(failure(error));
                    return taken;
                }
                Err(error) => BadLine {
                    line: row.line,
                    problem: format!("cannot be logged: {error}"),
                    passable: true,
                },
            },
            Err(bad) => bad,
        };
        if !command.skip_bad || !bad.passable {
            taken.failure = Some(Failure::failed(format!(
                "line {} {}; the lines before it are logged{}",
                bad.line,
                bad.problem,
                if bad.passable {
                    " (--skip-bad passes over such lines)"
                } else {
                    ""
                }
            )));
            return taken;
        }
        taken.skipped += 1;
        if taken.skipped <= TOLD {
            tell(bar, &format!("skipped: line {} {}", bad.line, bad.problem));
        }
    }
}

fn log(run: &RunHandle, row: &Row) -> Result<(), ClientError> {
    match row.time {
        Some(time) => run.log_at(row.step, time, &row.values),
        None => run.log(row.step, &row.values),
    }
}

/// Waits until the server has all, for as long as it takes some of it every now and then; `None` if it
/// does not.
async fn drain(client: &Client, run: &RunHandle) -> Option<Result<(), ClientError>> {
    loop {
        let committed = client.committed();
        match run.flush().await {
            Err(ClientError::Late { .. }) if client.committed() > committed => {}
            Err(ClientError::Late { .. }) => return None,
            flushed => return Some(flushed),
        }
    }
}

fn report(id: &str, taken: &Taken) -> Result<(), Failure> {
    let skipped = match taken.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} lines skipped"),
    };
    let mut out = std::io::stderr().lock();
    let (points, rows) = (taken.points, taken.rows);
    writeln!(
        out,
        "{points} points of {rows} lines logged to {id}{skipped}"
    )?;
    Ok(())
}

/// A line for people, above the progress.
fn tell(bar: &ProgressBar, line: &str) {
    bar.suspend(|| {
        // Nothing is left to be told to somebody whose terminal is gone.
        let _ = writeln!(std::io::stderr(), "{line}");
    });
}

fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::Refused { .. } | ClientError::Call { .. } => {
            Status::new(error.code(), error.to_string()).into()
        }
        ClientError::Closed | ClientError::Start(_) => Failure::failed(error),
        _ => Failure::usage(error),
    }
}

/// Ctrl-C, and what a supervisor sends to end a process.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
