//! A run as Python code logs to it.

use std::{
    mem::ManuallyDrop,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use herdbook_client::{ClientError, CreateRunRequest, RunHandle, RunStatus, SystemSampler};
use herdbook_proto::tracking::v1::DatasetInput;
use prost::Message as _;
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use crate::{
    client::Client,
    errors, message,
    pending::{Pending, seconds_of},
    process,
    row::{self, Row},
};

/// What a process has of a run. Its threads are not there in the child of a fork, where it is not to be touched.
struct Held {
    handle: ManuallyDrop<RunHandle>,
    sampler: ManuallyDrop<Option<SystemSampler>>,
    process: u64,
}

impl Held {
    fn new(handle: RunHandle) -> Self {
        Self {
            handle: ManuallyDrop::new(handle),
            sampler: ManuallyDrop::new(None),
            process: process(),
        }
    }
}

#[allow(unsafe_code)]
impl Drop for Held {
    fn drop(&mut self) {
        if self.process == process() {
            // SAFETY: it is dropped here alone, and not used afterwards.
            unsafe {
                ManuallyDrop::drop(&mut self.sampler);
                ManuallyDrop::drop(&mut self.handle);
            }
        }
    }
}

/// What is native of `herdbook.Run`. A class below it has the methods `_reopen()`, for the child of a fork, and
/// `_refused(message)`, which raises or warns.
#[pyclass(subclass, module = "herdbook._internal")]
pub(crate) struct RunBase {
    held: Held,
    /// The experiment and the request with which it began here, if it did.
    begun: Option<(String, CreateRunRequest)>,
    /// The step of the next row that names none.
    next_step: i64,
}

#[pymethods]
impl RunBase {
    /// A run that begins with a `CreateRunRequest` as a dict; with `run_id`, one that is there.
    #[new]
    #[pyo3(signature = (client, *, run_id=None, experiment="", request=None))]
    fn new(
        py: Python<'_>,
        client: &Client,
        run_id: Option<&str>,
        experiment: &str,
        request: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut begun = None;
        let handle = match (run_id, request) {
            (Some(id), None) => client.get(py)?.run(id),
            (None, request) => {
                let request = match request {
                    Some(request) => typed::<CreateRunRequest>("CreateRunRequest", request)?,
                    None => CreateRunRequest::default(),
                };
                let (_, request) = begun.insert((experiment.to_owned(), request));
                client.get(py)?.start_run(experiment, request.clone())
            }
            (Some(_), Some(_)) => {
                return Err(PyValueError::new_err(
                    "a run is begun or gone on with, not both",
                ));
            }
        };
        let handle = handle.map_err(|error| errors::of_client(py, &error))?;
        if let Some((_, request)) = &mut begun {
            // What makes it the same run for whoever joins it.
            request.run_id = handle.id().to_string();
            request.request_id = request.run_id.clone();
        }
        Ok(Self {
            held: Held::new(handle),
            begun,
            next_step: 0,
        })
    }

    /// Id of the run: 32 hex digits.
    #[getter]
    fn id(&self) -> String {
        self.held.handle.id().to_string()
    }

    /// Whether somebody asked the run to stop, as of the server's last answer.
    #[getter]
    fn stop_requested(&self) -> bool {
        self.held.process == process() && self.held.handle.stop_requested()
    }

    /// Logs a value of each of some metrics at a step.
    ///
    /// Takes about a microsecond and never waits. Values are numbers of Python, NumPy, PyTorch or whoever else has
    /// `__float__` (NaN and infinities are kept; integers beyond 2^53 are rounded); a dict among them stands for keys
    /// that begin with its own and `/`. Without a step it is the one after the last. `time` in seconds since 1970 UTC,
    /// now if not given.
    #[pyo3(signature = (values, step=None, *, time=None))]
    fn log(
        slf: &Bound<'_, Self>,
        values: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        time: Option<f64>,
    ) -> PyResult<()> {
        let read = || -> PyResult<_> {
            let row = match values.cast::<PyDict>() {
                Ok(values) => Row::read(values)?,
                Err(_) => Row::read(&as_dict(values)?)?,
            };
            let step = step.map(row::step).transpose()?;
            Ok((row, step))
        };
        let (row, step) = match read() {
            Ok(read) => read,
            Err(error) => return refuse(slf, &error),
        };
        // Before anything is kept of it: who is told by an exception can mend the row and log it again.
        for refused in &row.refused {
            let message = format!("a value was not logged: {refused}");
            slf.call_method1("_refused", (message,))?;
        }
        if slf.borrow().held.process != process() {
            slf.call_method0("_reopen")?;
        }
        let values = row.values()?;
        let time = time.map(time_of);
        let mut logged = slf.borrow_mut().take(&values, step, time);
        if matches!(logged, Err(ClientError::Closed)) {
            // The process was configured anew.
            slf.call_method0("_reopen")?;
            logged = slf.borrow_mut().take(&values, step, time);
        }
        match logged {
            Ok(()) => Ok(()),
            Err(error) => refuse(slf, &errors::of_client(slf.py(), &error)),
        }
    }

    /// Sets params, as texts.
    fn ask_params(&self, params: Vec<(String, String)>) -> Pending {
        Pending::new(self.held.handle.set_params(params))
    }

    /// Sets tags, as texts.
    fn ask_tags(&self, tags: Vec<(String, String)>) -> Pending {
        Pending::new(self.held.handle.set_tags(tags))
    }

    /// Tells of data that the run read, each a `DatasetInput` as a dict.
    fn ask_inputs(&self, inputs: Vec<Bound<'_, PyDict>>) -> PyResult<Pending> {
        let inputs = inputs.iter();
        let inputs: PyResult<Vec<_>> = inputs
            .map(|input| typed::<DatasetInput>("DatasetInput", input))
            .collect();
        Ok(Pending::new(self.held.handle.add_inputs(inputs?)))
    }

    /// Takes a file, to be kept at `path` in the run.
    fn ask_upload(&self, py: Python<'_>, file: PathBuf, path: &str) -> PyResult<Pending> {
        let handle = (*self.held.handle).clone();
        let asked = py.detach(|| handle.upload(&file, path));
        let reply = asked.map_err(|error| errors::of_client(py, &error))?;
        Ok(Pending::new(reply))
    }

    /// Ends the run: `FINISHED`, `FAILED` or `KILLED`.
    fn ask_finish(&mut self, status: &str) -> PyResult<Pending> {
        *self.held.sampler = None;
        let status = match status {
            "FINISHED" => RunStatus::Finished,
            "FAILED" => RunStatus::Failed,
            "KILLED" => RunStatus::Killed,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "a run ends as FINISHED, FAILED or KILLED, not as {status}"
                )));
            }
        };
        Ok(Pending::new(self.held.handle.finish(status)))
    }

    /// Done when all is that was asked before, points included.
    fn ask_settle(&self) -> Pending {
        Pending::new(self.held.handle.settle())
    }

    /// Logs what the machine does every so many seconds, or no more.
    #[pyo3(signature = (interval))]
    fn sample(&mut self, py: Python<'_>, interval: Option<f64>) -> PyResult<()> {
        *self.held.sampler = None;
        if let Some(interval) = interval {
            let interval = seconds_of(interval);
            let sampler = self.held.handle.sample_system(interval);
            *self.held.sampler = Some(sampler.map_err(|error| errors::of_client(py, &error))?);
        }
        Ok(())
    }

    /// Goes on with the run by another client of this process.
    fn adopt(&mut self, py: Python<'_>, client: &Client) -> PyResult<()> {
        let handle = match &self.begun {
            // It may not be made yet.
            Some((experiment, request)) => client.get(py)?.join_run(experiment, request.clone()),
            None => client.get(py)?.run(&self.held.handle.id().to_string()),
        };
        self.held = Held::new(handle.map_err(|error| errors::of_client(py, &error))?);
        Ok(())
    }
}

impl RunBase {
    fn take(
        &mut self,
        values: &[(&str, f64)],
        step: Option<i64>,
        time: Option<SystemTime>,
    ) -> Result<(), ClientError> {
        let step = step.unwrap_or(self.next_step);
        match time {
            None => self.held.handle.log(step, values)?,
            Some(time) => self.held.handle.log_at(step, time, values)?,
        }
        self.next_step = step.saturating_add(1);
        Ok(())
    }
}

/// What `dict(values)` makes of it.
fn as_dict<'py>(values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let made = values.py().get_type::<PyDict>().call1((values,))?;
    Ok(made.cast_into::<PyDict>()?)
}

/// Hands an exception to the class below, which raises it or warns.
fn refuse(run: &Bound<'_, RunBase>, error: &PyErr) -> PyResult<()> {
    run.call_method1("_refused", (error.value(run.py()),))?;
    Ok(())
}

/// A message of the tracking service from a dict.
fn typed<M: prost::Message + Default>(name: &str, dict: &Bound<'_, PyDict>) -> PyResult<M> {
    let name = format!("herdbook.tracking.v1.{name}");
    let encoded = message::build(&name, dict)?.encode_to_vec();
    M::decode(encoded.as_slice()).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Seconds since 1970 UTC as a time.
fn time_of(seconds: f64) -> SystemTime {
    let span = Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default();
    match seconds < 0.0 {
        true => UNIX_EPOCH - span,
        false => UNIX_EPOCH + span,
    }
}
