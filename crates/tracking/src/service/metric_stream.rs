//! One `LogMetrics` stream: reads what the client sends, hands it to the committers, and answers.

use std::{collections::HashMap, sync::Arc};

use herdbook_core::{
    check_key,
    limits::{KEYS_PER_BATCH, POINTS_PER_BATCH},
};
use herdbook_proto::tracking::v1::{
    self as proto, log_metrics_request::Message as ClientMessage,
    log_metrics_response::Message as ServerMessage,
};
use herdbook_rpc::Caller;
use tokio::sync::mpsc;
use tonic::Code;

use crate::{
    TrackingError,
    committer::{Answer, Claim, Committer, Entry, Refusal, Reply as Answered, Writer},
    convert,
    metrics::{PointTable, Points},
    quota::Quotas,
    run::RunKey,
    store::{Store, append::BlockRow},
};

/// Writers open on one stream.
const WRITERS: usize = 10_000;
/// Characters in a writer's id.
const WRITER_ID_CHARS: usize = 128;

/// Writers of a stream that have something to answer.
pub(super) type Outgoing = mpsc::UnboundedSender<Arc<Writer>>;

/// The state of a stream.
pub(super) struct MetricStream {
    caller: Caller,
    store: Store,
    committer: Arc<Committer>,
    quotas: Quotas,
    outgoing: Outgoing,
    writers: HashMap<u32, OpenWriter>,
    keys: HashMap<u32, String>,
}

struct OpenWriter {
    run: RunKey,
    writer: Arc<Writer>,
    /// Whether this stream takes nothing more from it until it is opened again.
    closed: bool,
    /// Number of the last batch that was handed on.
    last: u64,
    /// Number that was committed when the writer was opened.
    committed: u64,
}

/// A message that is answered at once.
pub(super) enum Reply {
    /// Nothing to say.
    None,
    Message(ServerMessage),
}

impl MetricStream {
    pub(super) fn new(
        caller: Caller,
        store: Store,
        committer: Arc<Committer>,
        quotas: Quotas,
        outgoing: Outgoing,
    ) -> Self {
        Self {
            caller,
            store,
            committer,
            quotas,
            outgoing,
            writers: HashMap::new(),
            keys: HashMap::new(),
        }
    }

    /// Takes in a message of the client.
    pub(super) async fn take(&mut self, message: proto::LogMetricsRequest) -> Reply {
        let refused = |refused| Reply::Message(ServerMessage::Refused(refused));
        match message.message {
            Some(ClientMessage::Open(open)) => match self.open(open).await {
                Ok(opened) => Reply::Message(ServerMessage::Opened(opened)),
                Err(refusal) => refused(refusal),
            },
            Some(ClientMessage::Batch(batch)) => self.batch(batch).await.unwrap_or_else(refused),
            None => Reply::None,
        }
    }

    async fn open(
        &mut self,
        open: proto::OpenWriter,
    ) -> Result<proto::WriterOpened, proto::WriterRefused> {
        self.writers.remove(&open.writer);
        let refuse = |code, reason: &str, message: String| proto::WriterRefused {
            writer: open.writer,
            code: code as i32,
            reason: reason.to_owned(),
            message,
            ..Default::default()
        };
        if self.writers.len() >= WRITERS {
            let message = format!("at most {WRITERS} writers on one stream; open another stream");
            return Err(refuse(Code::ResourceExhausted, "TOO_MANY_WRITERS", message));
        }
        let id = open.writer_id;
        let length = id.chars().count();
        if length == 0 || length > WRITER_ID_CHARS || id.chars().any(char::is_control) {
            let message =
                format!("writer_id must be 1 to {WRITER_ID_CHARS} characters on one line");
            return Err(refuse(Code::InvalidArgument, "INVALID_WRITER", message));
        }
        let Ok(epoch) = i64::try_from(open.epoch) else {
            let message = "epoch must be below 2^63".to_owned();
            return Err(refuse(Code::InvalidArgument, "INVALID_WRITER", message));
        };
        let opened = async {
            let run = convert::run_id(&open.run_id)?;
            let run = self.store.active_run(self.caller.workspace, run).await?;
            Ok((run, self.store.open_writer(run, &id, epoch).await?))
        };
        let (run, found) = match opened.await {
            Ok((run, Some(found))) => (run, found),
            Ok((_, None)) => {
                let message =
                    "a newer process writes under this writer id; end this one".to_owned();
                return Err(refuse(Code::Aborted, "WRITER_FENCED", message));
            }
            Err(error) => return Err(refuse_with(open.writer, error)),
        };
        let writer = Writer::new(id, epoch, open.writer, self.outgoing.clone());
        let opened = OpenWriter {
            run,
            writer: Arc::new(writer),
            closed: false,
            last: found.sequence,
            committed: found.sequence,
        };
        self.writers.insert(open.writer, opened);
        Ok(proto::WriterOpened {
            writer: open.writer,
            sequence: found.sequence,
            stop_requested: found.stop_requested,
        })
    }

    async fn batch(&mut self, batch: proto::MetricBatch) -> Result<Reply, proto::WriterRefused> {
        let number = batch.writer;
        let sequence = batch.sequence;
        let refuse = |code, reason: &str, message: String| proto::WriterRefused {
            writer: number,
            sequence,
            code: code as i32,
            reason: reason.to_owned(),
            message,
            ..Default::default()
        };
        for (id, key) in batch.keys {
            if let Err(error) = check_key(&key) {
                self.close(number);
                let message = format!("the key {key:?} {error}");
                return Err(refuse(Code::InvalidArgument, "INVALID_BATCH", message));
            }
            self.keys.insert(id, key);
        }
        let Some(open) = self.writers.get_mut(&number) else {
            let message = format!("writer {number} is not open on this stream; open it first");
            return Err(refuse(Code::FailedPrecondition, "WRITER_NOT_OPEN", message));
        };
        if open.closed || open.writer.is_refused() {
            return Ok(Reply::None);
        }
        if sequence <= open.committed {
            let committed = proto::BatchesCommitted {
                writer: number,
                sequence: open.committed,
                stop_requested: false,
            };
            return Ok(Reply::Message(ServerMessage::Committed(committed)));
        }
        if sequence <= open.last {
            // Handed on already on this stream; its answer is on the way.
            return Ok(Reply::None);
        }
        if sequence != open.last + 1 {
            let expected = open.last + 1;
            self.close(number);
            let mut refusal = refuse(
                Code::OutOfRange,
                "SEQUENCE_GAP",
                format!("batch {sequence} came where {expected} was expected; send that one first"),
            );
            refusal.expected_sequence = expected;
            return Err(refusal);
        }
        let points = match read_tables(batch.tables, &self.keys) {
            Ok(points) => points,
            Err((reason, message)) => {
                self.close(number);
                return Err(refuse(Code::InvalidArgument, reason, message));
            }
        };
        let (run, writer) = (open.run, open.writer.clone());
        match self.hand_on(run, writer, sequence, points).await {
            Ok(()) => {
                if let Some(open) = self.writers.get_mut(&number) {
                    open.last = sequence;
                }
                Ok(Reply::None)
            }
            Err(error) => {
                self.close(number);
                let mut refusal = refuse_with(number, error);
                refusal.sequence = sequence;
                Err(refusal)
            }
        }
    }

    async fn hand_on(
        &self,
        run: RunKey,
        writer: Arc<Writer>,
        sequence: u64,
        points: Points,
    ) -> Result<(), TrackingError> {
        // About what the points take in memory until they are on disk.
        let Some(permit) = self.committer.reserve(points.count() * 16).await else {
            return Ok(());
        };
        let (block, summaries) = BlockRow::encode(points).await?;
        self.quotas
            .admit(self.caller.workspace, block.usage())
            .await?;
        let entry = Entry {
            workspace: self.caller.workspace,
            run,
            claim: Claim::Batch {
                writer: writer.clone(),
                sequence,
            },
            reply: Answered::Stream(writer),
            block,
            summaries,
            permit,
        };
        self.committer.commit(entry).await;
        Ok(())
    }

    /// Takes nothing more from a writer until it is opened again.
    fn close(&mut self, number: u32) {
        if let Some(open) = self.writers.get_mut(&number) {
            open.closed = true;
        }
    }
}

/// The tables of a batch with their keys and places written out.
fn read_tables(
    tables: Vec<proto::MetricTable>,
    keys: &HashMap<u32, String>,
) -> Result<Points, (&'static str, String)> {
    let invalid = |message: String| ("INVALID_BATCH", message);
    let (mut columns, mut points) = (0, 0);
    let mut read = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        columns += table.keys.len();
        points += table.values.len();
        if points > POINTS_PER_BATCH || columns > KEYS_PER_BATCH {
            let message = format!(
                "a batch has at most {POINTS_PER_BATCH} points of {KEYS_PER_BATCH} metrics; send it in parts"
            );
            return Err(("BATCH_TOO_LARGE", message));
        }
        if table.keys.is_empty() || !table.values.len().is_multiple_of(table.keys.len()) {
            let (values, keys) = (table.values.len(), table.keys.len());
            let message = format!(
                "tables[{index}] has {values} values for {keys} keys; each key needs as many"
            );
            return Err(invalid(message));
        }
        let rows = table.values.len() / table.keys.len();
        let names = table.keys.iter().map(|id| {
            keys.get(id).cloned().ok_or_else(|| {
                invalid(format!(
                    "tables[{index}] has the key number {id}, which was not given a key"
                ))
            })
        });
        let places = |field: &str, first: i64, deltas: &[i64]| {
            unfold(first, deltas, rows).ok_or_else(|| {
                invalid(format!(
                    "tables[{index}].{field} has {} entries for {rows} rows; one fewer than rows are \
                     needed, or a single one for all",
                    deltas.len()
                ))
            })
        };
        read.push(PointTable {
            keys: names.collect::<Result<_, _>>()?,
            steps: places("step_deltas", table.first_step, &table.step_deltas)?,
            times_us: places("time_deltas_us", table.first_time_us, &table.time_deltas_us)?,
            values: table.values,
        });
    }
    Ok(Points(read))
}

/// Rows from the first and the differences; wraps at the ends of the numbers, as the client's
/// subtraction did.
fn unfold(first: i64, deltas: &[i64], rows: usize) -> Option<Vec<i64>> {
    let further = rows.saturating_sub(1);
    let mut at = first;
    let mut next = |delta: &i64| {
        at = at.wrapping_add(*delta);
        at
    };
    let rest: Vec<i64> = match deltas {
        [] if further == 0 => Vec::new(),
        [delta] => std::iter::repeat_n(delta, further).map(&mut next).collect(),
        deltas if deltas.len() == further => deltas.iter().map(&mut next).collect(),
        _ => return None,
    };
    Some(std::iter::once(first).take(rows).chain(rest).collect())
}

/// An answer of a committer as a message.
pub(super) fn to_message(writer: u32, answer: Answer) -> ServerMessage {
    let (sequence, refusal) = match answer {
        Answer::Committed {
            sequence,
            stop_requested,
        } => {
            return ServerMessage::Committed(proto::BatchesCommitted {
                writer,
                sequence,
                stop_requested,
            });
        }
        Answer::Refused { sequence, refusal } => (sequence, refusal),
    };
    let (code, reason, message, expected_sequence) = match refusal {
        Refusal::Fenced => (
            Code::Aborted,
            "WRITER_FENCED",
            "a newer process writes under this writer id; end this one".to_owned(),
            0,
        ),
        Refusal::RunDeleted => (
            Code::FailedPrecondition,
            "RUN_DELETED",
            "the run is deleted; restore it with RestoreRun before writing to it".to_owned(),
            0,
        ),
        Refusal::Gap { expected } => (
            Code::OutOfRange,
            "SEQUENCE_GAP",
            format!("batch {sequence} came where {expected} was expected; open the writer again"),
            expected,
        ),
        Refusal::Full => (
            Code::Unavailable,
            "DATABASE_FULL",
            "the database's disk is full; make room there, then open the writer again and resend"
                .to_owned(),
            0,
        ),
        Refusal::Unavailable => (
            Code::Unavailable,
            "DATABASE_UNAVAILABLE",
            "the database is not available; open the writer again and resend from there".to_owned(),
            0,
        ),
    };
    ServerMessage::Refused(proto::WriterRefused {
        writer,
        sequence,
        code: code as i32,
        reason: reason.to_owned(),
        message,
        expected_sequence,
    })
}

fn refuse_with(writer: u32, error: TrackingError) -> proto::WriterRefused {
    use herdbook_core::ServiceError as _;
    let reason = error.reason().to_owned();
    let status = herdbook_rpc::status(error);
    proto::WriterRefused {
        writer,
        code: status.code() as i32,
        reason,
        message: status.message().to_owned(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::unfold;

    #[test]
    fn rows_come_from_differences_or_one_for_all() {
        assert_eq!(unfold(5, &[], 1), Some(vec![5]));
        assert_eq!(unfold(5, &[2], 4), Some(vec![5, 7, 9, 11]));
        assert_eq!(unfold(5, &[1, -3], 3), Some(vec![5, 6, 3]));
        assert_eq!(unfold(5, &[1, 1], 4), None);
        assert_eq!(unfold(5, &[], 2), None);
        assert_eq!(unfold(i64::MAX, &[1], 2), Some(vec![i64::MAX, i64::MIN]));
        assert_eq!(unfold(5, &[], 0), Some(vec![]));
    }
}
