//! A folder `mlruns` as MLflow's file store writes it: a folder an experiment with `meta.yaml` and a folder a run,
//! whose params, tags and metrics are a file each; deleted experiments lie in `.trash`, registered models in
//! `models`.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::{
    Records, Source, SourceOptions, folder_registry,
    json::{entries, integer, number, text},
};
use crate::{
    ImportError,
    files::{Files, Places},
    record::{
        Experiment, Foreign, Input, LoggedModel, Measurement, Model, Pairs, Point, Points, Run,
        model_status, run_status,
    },
};

/// Lines of a metric that are read at a time.
const CHUNK: usize = 4_096;
/// Where deleted experiments lie.
const TRASH: &str = ".trash";
/// Folders of an experiment that are no runs.
const RESERVED: [&str; 4] = ["tags", "datasets", "traces", "models"];

/// A folder that is read.
pub(super) struct Folder {
    root: PathBuf,
    places: Places,
}

impl Folder {
    /// Opens the folder.
    pub(super) fn open(folder: &str, options: &SourceOptions) -> Result<Self, ImportError> {
        let root = PathBuf::from(folder);
        let experiments = folders(&root)?;
        if !experiments
            .iter()
            .any(|folder| folder.join("meta.yaml").is_file())
        {
            return Err(ImportError::source(
                root.display(),
                "this is no folder of MLflow: no experiment is in it",
            ));
        }
        Ok(Self {
            root,
            places: Places::new(options)?,
        })
    }

    /// The folders of all experiments.
    fn all(&self) -> Result<Vec<PathBuf>, ImportError> {
        let mut all = folders(&self.root)?;
        all.retain(|folder| !folder.ends_with(TRASH) && !folder.ends_with("models"));
        all.extend(folders(&self.root.join(TRASH))?);
        all.retain(|folder| folder.join("meta.yaml").is_file());
        Ok(all)
    }

    /// The folder of an experiment.
    fn experiment(&self, id: &str) -> PathBuf {
        let folder = self.root.join(id);
        match folder.is_dir() {
            true => folder,
            false => self.root.join(TRASH).join(id),
        }
    }

    /// What `read` makes of each of the folders, one after the other and off the threads that serve others.
    fn each<'a, T: Send + 'static>(
        &'a self,
        folders: Result<Vec<PathBuf>, ImportError>,
        read: fn(&Path) -> Result<T, ImportError>,
    ) -> Records<'a, T> {
        stream::once(std::future::ready(folders))
            .map_ok(|folders| stream::iter(folders.into_iter().map(Ok)))
            .try_flatten()
            .and_then(move |folder| blocking(move || read(&folder)))
            .boxed()
    }
}

impl Source for Folder {
    fn experiments(&self) -> Records<'_, Experiment> {
        self.each(self.all(), read_experiment)
    }

    fn runs(&self, experiment: &str) -> Records<'_, Run> {
        let runs = folders(&self.experiment(experiment)).map(|mut runs| {
            runs.retain(|run| !RESERVED.iter().any(|name| run.ends_with(name)));
            runs.retain(|run| run.join("meta.yaml").is_file());
            runs
        });
        self.each(runs, read_run)
    }

    fn points(&self, run: &Run) -> Records<'_, Points> {
        let folder = self
            .experiment(&run.experiment)
            .join(&run.id)
            .join("metrics");
        let files = keys(&folder).map(VecDeque::from);
        stream::once(std::future::ready(files))
            .map_ok(|files| stream::try_unfold((files, None), next_points))
            .try_flatten()
            .boxed()
    }

    fn logged_models(&self, experiment: &str) -> Records<'_, LoggedModel> {
        let models = folders(&self.experiment(experiment).join("models"));
        self.each(models, read_logged_model)
    }

    fn models(&self) -> Records<'_, Model> {
        let models = folders(&self.root.join("models"));
        self.each(models, folder_registry::read_model)
    }

    fn foreign(&self) -> Records<'_, Foreign> {
        let traces =
            |folder: &PathBuf| folders(&folder.join("traces")).map_or(0, |traces| traces.len());
        let count = self.all().map(|all| all.iter().map(traces).sum::<usize>());
        stream::once(std::future::ready(count.map(|count| Foreign {
            kind: "traces",
            count: u64::try_from(count).unwrap_or(u64::MAX),
        })))
        .boxed()
    }

    fn files(&self, uri: &str) -> Files {
        self.places.at(uri)
    }
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ImportError> + Send + 'static,
) -> Result<T, ImportError> {
    let done = tokio::task::spawn_blocking(read).await;
    done.map_err(|error| ImportError::source("a folder", error))?
}

fn read_experiment(folder: &Path) -> Result<Experiment, ImportError> {
    let meta = meta(folder)?;
    Ok(Experiment {
        id: text(&meta, "experiment_id"),
        name: text(&meta, "name"),
        deleted: text(&meta, "lifecycle_stage") == "deleted",
        created: integer(&meta, "creation_time"),
        tags: pairs(&folder.join("tags"))?,
    })
}

fn read_run(folder: &Path) -> Result<Run, ImportError> {
    let meta = meta(folder)?;
    let tags = pairs(&folder.join("tags"))?;
    // The oldest have run_uuid only, and no run_name.
    let id = Some(text(&meta, "run_id")).filter(|id| !id.is_empty());
    let name = Some(text(&meta, "run_name")).filter(|name| !name.is_empty());
    let mut run = Run {
        id: id.unwrap_or_else(|| text(&meta, "run_uuid")),
        experiment: text(&meta, "experiment_id"),
        name: name
            .or_else(|| tags.get("mlflow.runName").cloned())
            .unwrap_or_default(),
        user: text(&meta, "user_id"),
        status: run_status(&text(&meta, "status")),
        started: integer(&meta, "start_time"),
        ended: integer(&meta, "end_time"),
        deleted: text(&meta, "lifecycle_stage") == "deleted",
        artifacts: artifacts(folder, text(&meta, "artifact_uri")),
        params: pairs(&folder.join("params"))?,
        tags,
        latest: None,
        inputs: Vec::new(),
        used: Vec::new(),
        made: Vec::new(),
    };
    for input in folders(&folder.join("inputs"))? {
        let link = self::meta(&input)?;
        let id = text(&link, "source_id");
        if text(&link, "source_type") == "MODEL" {
            run.used.push(id);
            continue;
        }
        let datasets = folder.parent().unwrap_or(folder).join("datasets");
        let dataset = self::meta(&datasets.join(id))?;
        run.inputs.push(Input {
            name: text(&dataset, "name"),
            digest: text(&dataset, "digest"),
            source_type: text(&dataset, "source_type"),
            source: text(&dataset, "source"),
            schema: text(&dataset, "schema"),
            profile: text(&dataset, "profile"),
            tags: entries(&link["tags"]),
        });
    }
    for output in folders(&folder.join("outputs"))? {
        let link = self::meta(&output)?;
        let step = integer(&link, "step").unwrap_or_default();
        run.made.push((text(&link, "destination_id"), step));
    }
    Ok(run)
}

fn read_logged_model(folder: &Path) -> Result<LoggedModel, ImportError> {
    let meta = meta(folder)?;
    let mut measurements = Vec::new();
    for (key, path) in keys(&folder.join("metrics"))? {
        for line in BufReader::new(open(&path)?).lines() {
            let line = line.map_err(|error| ImportError::source(path.display(), error))?;
            let mut words = line.split_whitespace().skip(3);
            measurements.push(Measurement {
                run: words.next().unwrap_or_default().to_owned(),
                key: key.clone(),
                point: point(&path, &line)?,
                dataset: words
                    .next()
                    .zip(words.next())
                    .map(|(name, digest)| (name.to_owned(), digest.to_owned())),
            });
        }
    }
    Ok(LoggedModel {
        id: text(&meta, "model_id"),
        experiment: text(&meta, "experiment_id"),
        name: text(&meta, "name"),
        kind: text(&meta, "model_type"),
        run: text(&meta, "source_run_id"),
        status: model_status(&text(&meta, "status")),
        status_message: text(&meta, "status_message"),
        created: integer(&meta, "creation_timestamp"),
        deleted: text(&meta, "lifecycle_stage") == "deleted",
        artifacts: artifacts(folder, text(&meta, "artifact_location")),
        params: pairs(&folder.join("params"))?,
        tags: pairs(&folder.join("tags"))?,
        measurements,
    })
}

/// Where the artifacts are: beside `meta.yaml`, if they are there, for a folder may have been moved since its paths
/// were written.
fn artifacts(folder: &Path, said: String) -> String {
    let beside = folder.join("artifacts");
    match beside.is_dir() {
        true => beside.to_string_lossy().into_owned(),
        false => said,
    }
}

/// Metrics that are left to be read, by key, and the one that is being read.
type Reading = (
    VecDeque<(String, PathBuf)>,
    Option<(String, PathBuf, BufReader<File>)>,
);

/// The next points, and what is left.
async fn next_points(
    (mut left, mut now): Reading,
) -> Result<Option<(Points, Reading)>, ImportError> {
    blocking(move || {
        loop {
            let (key, path, mut file) = match now.take() {
                Some(now) => now,
                None => match left.pop_front() {
                    Some((key, path)) => {
                        let file = BufReader::new(open(&path)?);
                        (key, path, file)
                    }
                    None => return Ok(None),
                },
            };
            let mut points = Vec::new();
            for line in file.by_ref().lines().take(CHUNK) {
                let line = line.map_err(|error| ImportError::source(path.display(), error))?;
                points.push(point(&path, &line)?);
            }
            if !points.is_empty() {
                let found = Points {
                    key: key.clone(),
                    points,
                };
                return Ok(Some((found, (left, Some((key, path, file))))));
            }
        }
    })
    .await
}

/// A line `<time> <value> [<step> …]`.
fn point(path: &Path, line: &str) -> Result<Point, ImportError> {
    let mut words = line.split_whitespace();
    let read = || {
        Some(Point {
            time: words.next()?.parse().ok()?,
            value: number(words.next()?),
            step: words.next().map_or(Some(0), |step| step.parse().ok())?,
        })
    };
    let mut read = read;
    read().ok_or_else(|| {
        ImportError::source(path.display(), format!("{line:?} is no point of a metric"))
    })
}

fn open(path: &Path) -> Result<File, ImportError> {
    File::open(path).map_err(|error| ImportError::source(path.display(), error))
}

/// `meta.yaml` of a folder.
pub(super) fn meta(folder: &Path) -> Result<Value, ImportError> {
    let path = folder.join("meta.yaml");
    let unreadable = |error: &dyn std::fmt::Display| ImportError::source(path.display(), error);
    let words = fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
    serde_saphyr::from_str(&words).map_err(|error| unreadable(&error))
}

/// The folders in a folder, by name; none if it is not there.
pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let unreadable = |error| ImportError::source(folder.display(), error);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The files in a folder at any depth, by their paths in it: a key may have slashes.
pub(super) fn keys(folder: &Path) -> Result<Vec<(String, PathBuf)>, ImportError> {
    let unreadable = |error| ImportError::source(folder.display(), error);
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop().filter(|next| next.is_dir()) {
        for entry in fs::read_dir(&next).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                left.push(path);
            } else if let Ok(key) = path.strip_prefix(folder) {
                found.push((key.to_string_lossy().into_owned(), path));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Values by key, a file each.
pub(super) fn pairs(folder: &Path) -> Result<Pairs, ImportError> {
    let value = |(key, path): (String, PathBuf)| {
        let bytes = fs::read(&path).map_err(|error| ImportError::source(path.display(), error))?;
        Ok((key, String::from_utf8_lossy(&bytes).into_owned()))
    };
    keys(folder)?
        .into_iter()
        .map(value)
        .collect::<Result<BTreeMap<_, _>, _>>()
}
