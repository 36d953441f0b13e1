//! Gathers what curves are made of, and draws them.

use std::collections::{BTreeMap, HashMap};

use sqlx::{Postgres, Transaction};

use super::{
    Points, Series, SeriesByKey, add_block,
    codec::{self, buckets::Axis},
    curves::{Detail, Part, Read, Window},
    envelope::Envelope,
};
use crate::{
    TrackingError,
    blocking::blocking,
    run::RunKey,
    store::{
        Store,
        curves::{ChunkId, Recent, chunk_details, chunk_metas},
    },
};

/// Points that a call looks at one by one; they are held 24 bytes each while it does.
const POINTS: usize = 30_000_000;
/// Points and chunks read at once.
const POINTS_AT_ONCE: usize = 2_000_000;
const CHUNKS_AT_ONCE: usize = 4_096;

/// What is on the x axis of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum XAxis {
    Step,
    /// Since the first point of the run.
    RelativeTime,
    WallTime,
}

/// A curve before it is drawn.
#[derive(Debug)]
pub(crate) struct Sketch {
    pub(crate) run: RunKey,
    pub(crate) key: String,
    /// In absolute x.
    pub(crate) window: Window,
    /// What is taken off each x to show it.
    pub(crate) origin: i64,
    parts: Vec<(RunKey, Part)>,
}

impl Sketch {
    /// The range of its x within the window.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        self.parts
            .iter()
            .filter_map(|(_, part)| part.range(&self.window))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Lets x begin at the origin, so that curves of several runs lie on one grid. Costs the buckets that
    /// were made beforehand.
    pub(crate) fn shift_to_origin(&mut self) {
        self.window.origin = self.origin;
        self.window.low = self.window.low.saturating_sub(self.origin);
        self.window.high = self.window.high.saturating_sub(self.origin);
    }
}

/// A call's view of the chunks, the same for as long as it lasts.
pub(crate) struct Drawing {
    snapshot: Transaction<'static, Postgres>,
}

/// Sketches of the curves of `runs` and `keys` that have points, in the order asked, and what to draw
/// them with; `low..=high` is the range of x that is shown.
pub(crate) async fn sketch(
    store: &Store,
    runs: &[RunKey],
    keys: &[String],
    axis: XAxis,
    (low, high): (i64, i64),
) -> Result<(Drawing, Vec<Sketch>), TrackingError> {
    let sources = store.sources(runs).await?;
    let mut all: Vec<RunKey> = sources.values().flatten().map(|(run, _)| *run).collect();
    all.sort_unstable();
    all.dedup();
    let recent = store.recent_points(&all, keys).await?;
    let mut snapshot = store.chunk_snapshot().await?;
    let metas = chunk_metas(&mut snapshot, &all, keys).await?;
    let first_times: HashMap<RunKey, i64> = recent
        .iter()
        .filter_map(|(run, recent)| Some((*run, recent.first_time_us?)))
        .collect();
    let chunks_to: HashMap<RunKey, i64> =
        recent.iter().map(|(run, r)| (*run, r.chunks_to)).collect();
    let wanted = keys.to_vec();
    let decoded = blocking(move || decode_recent(recent, &wanted)).await?;
    let mut sketches = Vec::new();
    for run in runs {
        let sources = sources.get(run).map_or(&[][..], Vec::as_slice);
        let start = sources
            .iter()
            .filter_map(|(source, _)| first_times.get(source))
            .min();
        let origin = match axis {
            XAxis::RelativeTime => start.copied().unwrap_or_default(),
            XAxis::Step | XAxis::WallTime => 0,
        };
        let window = Window {
            axis: if axis == XAxis::Step {
                Axis::Step
            } else {
                Axis::Time
            },
            origin: 0,
            low: low.saturating_add(origin),
            high: high.saturating_add(origin),
        };
        for key in keys {
            let part = |(source, max_step): &(RunKey, Option<i64>)| {
                let place = (*source, key.clone());
                let part = Part {
                    max_step: *max_step,
                    chunks_to: chunks_to.get(source).copied().unwrap_or_default(),
                    chunks: metas.get(&place).cloned().unwrap_or_default(),
                    recent: decoded.get(&place).cloned().unwrap_or_default(),
                };
                (*source, part)
            };
            let sketch = Sketch {
                run: *run,
                key: key.clone(),
                window,
                origin,
                parts: sources.iter().map(part).collect(),
            };
            if sketch.range().is_some() {
                sketches.push(sketch);
            }
        }
    }
    Ok((Drawing { snapshot }, sketches))
}

/// Recent points by run and key, of those keys that are wanted.
fn decode_recent(
    recent: HashMap<RunKey, Recent>,
    keys: &[String],
) -> Result<HashMap<(RunKey, String), Series>, TrackingError> {
    let mut decoded = HashMap::new();
    for (run, recent) in recent {
        let mut series = match recent.tail {
            Some(tail) => codec::series::decode_tail(&tail)?,
            None => SeriesByKey::new(),
        };
        series.retain(|key, _| keys.contains(key));
        for (number, block) in recent.blocks {
            let mut points = codec::block::decode(&block)?;
            keep(&mut points, keys);
            add_block(&mut series, number, &points);
        }
        decoded.extend(series.into_iter().map(|(key, s)| ((run, key), s)));
    }
    Ok(decoded)
}

/// Drops the columns of other keys.
fn keep(points: &mut Points, keys: &[String]) {
    for table in &mut points.0 {
        if table.keys.iter().all(|key| keys.contains(key)) {
            continue;
        }
        let (kept, values): (Vec<_>, Vec<_>) = table
            .columns()
            .filter(|(key, _)| keys.iter().any(|wanted| wanted == key))
            .map(|(key, values)| (key.to_owned(), values.to_vec()))
            .unzip();
        (table.keys, table.values) = (kept, values.concat());
    }
}

/// A sketch with the envelope to draw it in.
pub(crate) type Framed = (Sketch, Envelope);

impl Drawing {
    /// Fills the envelopes, in their order.
    pub(crate) async fn draw(&mut self, framed: Vec<Framed>) -> Result<Vec<Framed>, TrackingError> {
        let wanted = |(sketch, envelope): &Framed| sketch.wanted(Some(envelope.shift()));
        let fill = |(sketch, envelope): &mut Framed, mut read: ReadByPart| {
            for (place, (_, part)) in sketch.parts.iter().enumerate() {
                let chunks = read.remove(&place).unwrap_or_default();
                part.fill(envelope, &sketch.window, chunks);
            }
        };
        self.read_chunks(framed, wanted, fill).await
    }

    /// All points of the sketches, whatever their windows, in their order.
    pub(crate) async fn points(
        &mut self,
        sketches: Vec<Sketch>,
    ) -> Result<Vec<(Sketch, Series)>, TrackingError> {
        let empty = sketches
            .into_iter()
            .map(|sketch| (sketch, Series::default()));
        let wanted = |(sketch, _): &(Sketch, Series)| sketch.wanted(None);
        let fill = |(sketch, series): &mut (Sketch, Series), mut read: ReadByPart| {
            for (place, (_, part)) in sketch.parts.iter().enumerate() {
                series.append(&part.points(read.remove(&place).unwrap_or_default()));
            }
        };
        self.read_chunks(empty.collect(), wanted, fill).await
    }

    /// Reads what the items want, some items at a time, and hands it to them.
    async fn read_chunks<T: Send + 'static>(
        &mut self,
        items: Vec<T>,
        wanted: impl Fn(&T) -> Vec<Wanted>,
        fill: impl Fn(&mut T, ReadByPart) + Copy + Send + 'static,
    ) -> Result<Vec<T>, TrackingError> {
        let mut done = Vec::with_capacity(items.len());
        let mut looked_at = 0;
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let (mut batch, mut points, mut chunks) = (Vec::new(), 0, 0);
            while points < POINTS_AT_ONCE && chunks < CHUNKS_AT_ONCE {
                let Some(item) = items.next() else { break };
                let wanted = wanted(&item);
                points += wanted.iter().map(|wanted| wanted.points).sum::<usize>();
                chunks += wanted.len();
                batch.push((item, wanted));
            }
            looked_at += points;
            if looked_at > POINTS {
                return Err(TrackingError::TooLarge(format!(
                    "more than {POINTS} points would be looked at one by one; ask for fewer runs or \
                     metrics, or for the whole range, at a time"
                )));
            }
            let ids = batch
                .iter()
                .flat_map(|(_, wanted)| wanted.iter().map(|w| w.detail.clone()));
            let bytes = chunk_details(&mut self.snapshot, &ids.collect::<Vec<_>>()).await?;
            let filled = blocking(move || {
                for (item, wanted) in &mut batch {
                    let mut read = ReadByPart::new();
                    for wanted in wanted.drain(..) {
                        let bytes = bytes
                            .get(&wanted.detail)
                            .ok_or(TrackingError::DamagedPoints)?;
                        read.entry(wanted.part)
                            .or_default()
                            .push(wanted.decode(bytes)?);
                    }
                    fill(item, read);
                }
                Ok(batch)
            });
            done.extend(filled.await?.into_iter().map(|(item, _)| item));
        }
        Ok(done)
    }
}

/// What was read, by the part that wanted it.
type ReadByPart = BTreeMap<usize, Vec<Read>>;

/// A chunk that a part of a sketch wants.
#[derive(Debug)]
struct Wanted {
    part: usize,
    /// Points that are looked at one by one.
    points: usize,
    detail: (ChunkId, Detail),
    axis: Axis,
}

impl Wanted {
    fn decode(&self, bytes: &[u8]) -> Result<Read, TrackingError> {
        Ok(match self.detail.1 {
            Detail::Points => Read::Points(codec::series::decode_chunk(bytes)?),
            Detail::Coarse | Detail::Fine => {
                Read::Buckets(codec::buckets::decode(bytes, self.axis)?)
            }
        })
    }
}

impl Sketch {
    /// The chunks to read for buckets of `shift`, or for all points.
    fn wanted(&self, shift: Option<u8>) -> Vec<Wanted> {
        let of_part = |(place, (run, part)): (usize, &(RunKey, Part))| {
            let details = match shift {
                Some(shift) => part.details(&self.window, shift),
                None => part.chunks.iter().map(|c| (c, Detail::Points)).collect(),
            };
            let wanted = details.into_iter().map(|(chunk, detail)| {
                let id = ChunkId {
                    run: *run,
                    key: self.key.clone(),
                    first_block: chunk.first_block,
                };
                Wanted {
                    part: place,
                    points: if detail == Detail::Points {
                        chunk.points
                    } else {
                        0
                    },
                    detail: (id, detail),
                    axis: self.window.axis,
                }
            });
            wanted.collect::<Vec<_>>()
        };
        self.parts.iter().enumerate().flat_map(of_part).collect()
    }
}
