//! What is asked of one run besides its points, done in the order in which it was asked: the beginning, params, tags,
//! files, the end. With a folder it stands in a journal first.

mod left;
mod starts;

use std::{collections::VecDeque, pin::Pin, sync::atomic::Ordering};

use herdbook_core::RunId;
use tokio::sync::{mpsc, watch};
use tonic::Code;

use crate::{
    ClientError, Event, Reply,
    calls::Caller,
    engine::Command,
    journal::{Act, Journal},
    reply::Answer,
    spool::Folder,
};

pub(crate) use left::left_scripts;
pub(crate) use starts::Starts;

/// Something that is asked, and who wants to know what came of it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Nothing, for who only waits for what was asked before.
    pub(crate) act: Option<Act>,
    /// The points that have to be there first.
    pub(crate) flushed: Option<Reply<()>>,
    pub(crate) answer: Answer<()>,
}

/// The act that is being done.
type Doing = Pin<Box<dyn Future<Output = Result<(), ClientError>> + Send>>;

/// An act that waits for its turn.
struct Waiting {
    /// Its number in the journal.
    number: Option<u64>,
    act: Option<Act>,
    flushed: Option<Reply<()>>,
    answer: Option<Answer<()>>,
}

impl Waiting {
    fn acts(&self) -> u64 {
        u64::from(self.act.is_some())
    }
}

/// What is asked of one run.
pub(crate) struct Script {
    run: RunId,
    asked: mpsc::UnboundedReceiver<Asked>,
    folder: Option<Folder>,
    journal: Option<Journal>,
    queue: VecDeque<Waiting>,
    /// Told when the run is made, if it begins here.
    made: Option<watch::Sender<bool>>,
    engine: mpsc::WeakUnboundedSender<Command>,
    /// Ends what may be asked.
    closing: watch::Receiver<bool>,
    open: Option<Open>,
    /// Why nothing more is tried.
    stuck: Option<ClientError>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Script").field(&self.run).finish()
    }
}

/// What a script needs of its client.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) folder: Option<Folder>,
    pub(crate) engine: mpsc::WeakUnboundedSender<Command>,
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) starts: Starts,
    /// How many scripts may still be asked for something.
    pub(crate) open: watch::Sender<usize>,
}

/// Counts a script among those that may be asked for something.
struct Open(watch::Sender<usize>);

impl Open {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|open| *open += 1);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Script {
    /// The script of a run, and where to ask for acts. With `starts`, the first act begins the run.
    pub(crate) fn new(
        run: RunId,
        starts: bool,
        around: &Surroundings,
    ) -> (mpsc::UnboundedSender<Asked>, Self) {
        let (ask, asked) = mpsc::unbounded_channel();
        let script = Self {
            run,
            asked,
            folder: around.folder.clone(),
            journal: None,
            queue: VecDeque::new(),
            made: starts.then(|| around.starts.expect(run)),
            engine: around.engine.clone(),
            closing: around.closing.clone(),
            open: Some(Open::new(&around.open)),
            stuck: None,
        };
        (ask, script)
    }

    /// The run, if it is yet to be made.
    pub(crate) fn starts(&self) -> Option<RunId> {
        self.made.as_ref().map(|_| self.run)
    }

    /// Does all that is asked until nothing more can be.
    pub(crate) async fn perform(mut self, caller: Caller, starts: Starts) {
        if let Some(journal) = &self.journal
            && !self.queue.is_empty()
        {
            caller.tell(&Event::JournalFound {
                path: journal.path().to_owned(),
                run: self.run,
                acts: self.queue.len() as u64,
            });
        }
        caller
            .shared
            .acts
            .fetch_add(self.queue.len() as u64, Ordering::Relaxed);
        let mut current: Option<Doing> = None;
        let mut open = true;
        let mut closing = self.closing.clone();
        loop {
            if current.is_none()
                && self.stuck.is_none()
                && let Some(next) = self.queue.front_mut()
            {
                let (act, flushed) = (next.act.clone(), next.flushed.take());
                let (caller, starts) = (caller.clone(), starts.clone());
                current = Some(Box::pin(
                    async move { caller.act(act, flushed, &starts).await },
                ));
            }
            if !open && current.is_none() {
                break;
            }
            tokio::select! {
                biased;
                asked = self.asked.recv(), if open => match asked {
                    Some(asked) => self.keep(asked, &caller),
                    None => {
                        open = false;
                        self.end(&caller);
                    }
                },
                Ok(_) = closing.wait_for(|closing| *closing), if !self.asked.is_closed() => self.asked.close(),
                made = async { match &mut current {
                    Some(current) => current.await,
                    None => std::future::pending().await,
                } } => {
                    current = None;
                    self.settle(made, &caller);
                }
            }
        }
        if self.made.is_some() {
            starts.forget(self.run);
        }
        if self.queue.is_empty()
            && let Some(journal) = self.journal.take()
        {
            let path = journal.path().to_owned();
            if let Err(error) = journal.remove() {
                let problem = error.to_string();
                caller.tell(&Event::SpoolFailed { path, problem });
            }
        }
    }

    /// Writes what is asked down, and puts it behind what waits.
    fn keep(&mut self, asked: Asked, caller: &Caller) {
        let mut number = None;
        if let (Some(folder), Some(act)) = (&self.folder, &asked.act) {
            let journal = match self.journal.take() {
                Some(journal) => Ok(journal),
                None => folder.create_journal(self.run),
            };
            let kept = journal.and_then(|mut journal| {
                let number = journal.append(act);
                self.journal = Some(journal);
                number
            });
            match kept {
                Ok(kept) => number = Some(kept),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                    let message = format!("not taken: {error}; log it in parts");
                    let code = Code::InvalidArgument;
                    answer(
                        caller,
                        act.name(),
                        Some(asked.answer),
                        Err(ClientError::Call { code, message }),
                    );
                    return;
                }
                Err(error) => caller.tell(&Event::SpoolFailed {
                    path: folder.path().to_owned(),
                    problem: error.to_string(),
                }),
            }
        }
        if let Some(why) = &self.stuck {
            let what = asked.act.as_ref().map_or("", Act::name);
            answer(caller, what, Some(asked.answer), Err(why.clone()));
            if number.is_none() {
                return;
            }
            self.queue.push_back(Waiting {
                number,
                act: asked.act,
                flushed: None,
                answer: None,
            });
        } else {
            let Asked {
                act,
                flushed,
                answer,
            } = asked;
            self.queue.push_back(Waiting {
                number,
                act,
                flushed,
                answer: Some(answer),
            });
        }
        let new = self.queue.back().map_or(0, Waiting::acts);
        caller.shared.acts.fetch_add(new, Ordering::Relaxed);
    }

    fn acts(&self) -> u64 {
        self.queue.iter().map(Waiting::acts).sum()
    }

    /// What came of the first act.
    fn settle(&mut self, made: Result<(), ClientError>, caller: &Caller) {
        let kept = self.journal.is_some();
        let act = self.queue.front().and_then(|first| first.act.as_ref());
        if let Err(error) = &made
            && let Some(act) = act
            && (later(error) || matches!(act, Act::Start(_)))
        {
            self.stop(error.clone(), kept, caller);
            return;
        }
        let Some(done) = self.queue.pop_front() else {
            return;
        };
        caller.shared.acts.fetch_sub(done.acts(), Ordering::Relaxed);
        if let (Some(journal), Some(number)) = (&mut self.journal, done.number)
            && let Err(error) = journal.done(number)
        {
            let path = journal.path().to_owned();
            let problem = error.to_string();
            caller.tell(&Event::SpoolFailed { path, problem });
        }
        match &done.act {
            Some(Act::Start(_)) => {
                if let Some(seen) = &self.made {
                    seen.send_replace(true);
                }
                self.command(Command::Made(self.run));
            }
            Some(Act::Upload(upload)) => {
                if let Some(copy) = upload.copy() {
                    // Left behind, it takes room and does no harm.
                    let _ = std::fs::remove_file(copy);
                }
            }
            Some(Act::Log(_) | Act::Update(_)) | None => {}
        }
        let what = done.act.as_ref().map_or("", Act::name);
        answer(caller, what, done.answer, made);
    }

    /// Tries nothing more: a later process may, with what stands in the journal.
    fn stop(&mut self, why: ClientError, kept: bool, caller: &Caller) {
        if !matches!(why, ClientError::Closed | ClientError::Late { .. }) {
            caller.tell(&Event::CallsRefused {
                run: self.run,
                message: why.to_string(),
                acts: self.acts(),
                kept: self
                    .journal
                    .as_ref()
                    .map(|journal| journal.path().to_owned()),
            });
        }
        let starts = matches!(
            self.queue.front(),
            Some(Waiting {
                act: Some(Act::Start(_)),
                ..
            })
        );
        for waiting in &mut self.queue {
            if let Some(answer) = waiting.answer.take() {
                // Whoever asked may have gone; the event tells of all.
                let _ = answer.send(Err(why.clone()));
            }
        }
        if !kept {
            caller.shared.acts.fetch_sub(self.acts(), Ordering::Relaxed);
            self.queue.clear();
        }
        if starts {
            self.command(Command::Unmade(self.run, why.clone()));
        }
        self.stuck = Some(why);
    }

    /// Nothing more will be asked.
    fn end(&mut self, caller: &Caller) {
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.ended()
        {
            let path = journal.path().to_owned();
            let problem = error.to_string();
            caller.tell(&Event::SpoolFailed { path, problem });
        }
        self.open = None;
    }

    fn command(&self, command: Command) {
        if let Some(engine) = self.engine.upgrade() {
            // One that ended needs to hear of no run.
            let _ = engine.send(command);
        }
    }
}

/// Answers, or tells the listener of a failure that nobody waits for.
fn answer(
    caller: &Caller,
    what: &'static str,
    answer: Option<Answer<()>>,
    made: Result<(), ClientError>,
) {
    let unheard = match answer {
        Some(answer) => answer.send(made).err(),
        None => Some(made),
    };
    if let Some(Err(error)) = unheard {
        let error = error.to_string();
        caller.tell(&Event::CallFailed { what, error });
    }
}

/// Whether the same may be taken later, once somebody has seen to it.
fn later(error: &ClientError) -> bool {
    match error {
        ClientError::Call { code, .. } => !matches!(
            code,
            Code::InvalidArgument | Code::AlreadyExists | Code::OutOfRange | Code::Unimplemented
        ),
        // A file that cannot be read.
        ClientError::File { .. } => false,
        _ => true,
    }
}

impl Caller {
    async fn act(
        &self,
        act: Option<Act>,
        flushed: Option<Reply<()>>,
        starts: &Starts,
    ) -> Result<(), ClientError> {
        if let Some(flushed) = flushed {
            flushed.await?;
        }
        match act {
            None => Ok(()),
            Some(Act::Start(start)) => {
                if !start.request.parent_run_id.is_empty() {
                    starts.made(&start.request.parent_run_id).await;
                }
                self.start(start).await
            }
            Some(Act::Log(request)) => self.log(request).await,
            Some(Act::Upload(upload)) => self.upload(upload).await,
            Some(Act::Update(request)) => self.update(request).await,
        }
    }
}
