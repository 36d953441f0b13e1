//! Reads points as they were logged, up to where a run stood when it began, however they are stored by
//! then.
//!
//! What is read is known by its position, the number of the block that it came in, which compaction
//! keeps. So no transaction stays open for as long as a slow reader takes: what moved from blocks to the
//! tail, or on to chunks, between two pages is found there by its position.

use std::ops::Range;

use tokio::sync::mpsc;

use super::{Points, Series, codec};
use crate::{TrackingError, blocking::blocking, run::RunKey, store::Store};

/// Points of one piece at most.
const PIECE: usize = 65_536;

/// Points of one metric in the order of their commits.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) key: String,
    pub(crate) steps: Vec<i64>,
    pub(crate) times_us: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

/// What a reader sends; its error ends the reading.
pub(crate) type Pieces = mpsc::Sender<Result<Piece, TrackingError>>;

/// What is read of a run.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) store: Store,
    pub(crate) run: RunKey,
    /// The metrics; all if empty.
    pub(crate) keys: Vec<String>,
    /// Least and largest step.
    pub(crate) steps: (i64, i64),
}

/// The other side takes no more.
#[derive(Debug)]
pub(crate) struct Gone;

/// How far it was read, unless the other side is gone.
type Progress = Result<Result<(), Gone>, TrackingError>;

impl Reader {
    /// Sends the points of the blocks after `after` and up to `end`.
    pub(crate) async fn read(&self, after: i64, end: i64, pieces: &Pieces) -> Progress {
        let mut at = after;
        while at < end {
            let compacted = self.store.compacted(self.run, at).await?;
            let (chunks_to, tail_to) = (compacted.chunks_to.min(end), compacted.tail_to.min(end));
            if at < chunks_to {
                if let Err(gone) = self.chunks(at, chunks_to, pieces).await? {
                    return Ok(Err(gone));
                }
                at = chunks_to;
            }
            if at < tail_to {
                if let Some(tail) = compacted.tail {
                    let series = blocking(move || codec::series::decode_tail(&tail)).await?;
                    for (key, series) in series {
                        let places = series.of_blocks(at, tail_to);
                        if self.wants(&key)
                            && let Err(gone) = self.send(&key, &series, places, pieces).await
                        {
                            return Ok(Err(gone));
                        }
                    }
                }
                at = tail_to;
            }
            match self.blocks(at, end, pieces).await? {
                Ok(read) => at = read,
                Err(gone) => return Ok(Err(gone)),
            }
        }
        Ok(Ok(()))
    }

    fn wants(&self, key: &str) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|wanted| wanted == key)
    }

    /// Sends what chunks have, metric by metric.
    async fn chunks(&self, after: i64, to: i64, pieces: &Pieces) -> Progress {
        let (mut key, mut block) = (String::new(), after);
        loop {
            let place = (key.as_str(), block);
            let page = self
                .store
                .chunk_page(self.run, &self.keys, self.steps, after, place)
                .await?;
            let Some(last) = page.last() else {
                return Ok(Ok(()));
            };
            let before = (key, block);
            (key, block) = (last.key.clone(), last.last_block);
            let decoded = blocking(move || {
                let decode = |chunk: crate::store::points::ChunkData| {
                    Ok((codec::series::decode_chunk(&chunk.data)?, chunk.key))
                };
                page.into_iter()
                    .map(decode)
                    .collect::<Result<Vec<_>, TrackingError>>()
            });
            for (series, of) in decoded.await? {
                // A chunk may have grown since the page before, by chunks that were sent.
                let from = if of == before.0 { before.1 } else { after };
                let places = series.of_blocks(from, to);
                if let Err(gone) = self.send(&of, &series, places, pieces).await {
                    return Ok(Err(gone));
                }
            }
        }
    }

    /// Sends what hot blocks have, until the end or until some of what follows was compacted meanwhile;
    /// says up to where.
    async fn blocks(
        &self,
        after: i64,
        end: i64,
        pieces: &Pieces,
    ) -> Result<Result<i64, Gone>, TrackingError> {
        let mut at = after;
        let mut gathered: Vec<(String, Series)> = Vec::new();
        while at < end {
            let page = self
                .store
                .block_page(self.run, &self.keys, self.steps, (at, end))
                .await?;
            // Asked after the page was read: what it missed, for its table was truncated, is compacted.
            if self.store.compacted(self.run, i64::MAX).await?.tail_to > at {
                break;
            }
            let Some((last, _)) = page.last() else {
                at = end;
                break;
            };
            at = *last;
            let decoded = blocking(move || {
                let decode = |(_, data): (i64, Vec<u8>)| codec::block::decode(&data);
                page.into_iter()
                    .map(decode)
                    .collect::<Result<Vec<Points>, _>>()
            });
            for table in decoded.await?.iter().flat_map(|points| &points.0) {
                for (key, values) in table.columns().filter(|(key, _)| self.wants(key)) {
                    let place = gathered.binary_search_by(|(known, _)| known.as_str().cmp(key));
                    let place = place.unwrap_or_else(|place| {
                        gathered.insert(place, (key.to_owned(), Series::default()));
                        place
                    });
                    gathered[place]
                        .1
                        .push(0, &table.steps, &table.times_us, values);
                }
            }
            // So that a table of many metrics does not gather a page of each.
            for (key, series) in &mut gathered {
                if let Err(gone) = self.send(key, series, 0..series.len(), pieces).await {
                    return Ok(Err(gone));
                }
                *series = Series::default();
            }
        }
        Ok(Ok(at))
    }

    /// Sends those of the points at `places` whose steps are wanted.
    async fn send(
        &self,
        key: &str,
        series: &Series,
        places: Range<usize>,
        pieces: &Pieces,
    ) -> Result<(), Gone> {
        let steps = self.steps.0..=self.steps.1;
        let mut rest = places
            .filter(|place| steps.contains(&series.steps[*place]))
            .peekable();
        while rest.peek().is_some() {
            let mut piece = Piece {
                key: key.to_owned(),
                ..Piece::default()
            };
            for place in rest.by_ref().take(PIECE) {
                piece.steps.push(series.steps[place]);
                piece.times_us.push(series.times_us[place]);
                piece.values.push(series.values[place]);
            }
            pieces.send(Ok(piece)).await.map_err(|_| Gone)?;
        }
        Ok(())
    }
}
