//! What the machine does while a run trains, logged as metrics under `system/`.

mod gpu;
mod machine;

use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{ClientError, client::now_us, lane::Lane};

use gpu::Gpus;
use machine::Machine;

/// The least time between two samples: a shorter one measures the sampling.
const SHORTEST: Duration = Duration::from_millis(200);

/// Samples the machine until it is dropped, or the run takes no more points.
pub struct SystemSampler {
    /// Its end tells the thread to stop.
    _running: Sender<()>,
}

impl fmt::Debug for SystemSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemSampler").finish_non_exhaustive()
    }
}

/// Starts to sample. What cannot be measured here is left out; nothing of it ever fails a run.
pub(crate) fn sample(lane: Arc<Lane>, interval: Duration) -> Result<SystemSampler, ClientError> {
    let (running, stopped) = mpsc::channel();
    let interval = interval.max(SHORTEST);
    let work = move || {
        let mut machine = Machine::open();
        let mut gpus = Gpus::open();
        let mut since = Instant::now();
        for step in 0.. {
            // Rates need two readings, so the first row comes after the first interval.
            match stopped.recv_timeout(interval) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
            let seconds = since.elapsed().as_secs_f64();
            since = Instant::now();
            let mut row = machine.sample(seconds);
            row.extend(gpus.sample());
            if lane.log(step, now_us(), &row).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("herdbook-system".to_owned())
        .spawn(work)
        .map_err(|error| ClientError::Start(error.to_string()))?;
    Ok(SystemSampler { _running: running })
}
