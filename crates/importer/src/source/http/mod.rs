//! A running MLflow server, by its REST calls.

mod read;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};

use super::{
    Records, Source, SourceOptions,
    json::{integer, list, pairs, text},
};
use crate::{
    ImportError,
    files::{Files, Places, ServerFiles},
    record::{Experiment, Foreign, LoggedModel, Model, Points, Run, Version},
};

/// Runs, models and other records of a page.
const PAGE: u32 = 1_000;
/// Where models are searched.
const MODELS: &str = "2.0/mlflow/registered-models/search";
/// Marks prompts, which searches leave out unless they ask for them.
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
const PROMPTS: &str = "tags.`mlflow.prompt.is_prompt` = 'true'";
/// Points of a page: what MLflow's own client asks for.
const POINTS: u32 = 25_000;

/// A server that is read.
#[derive(Clone)]
pub(super) struct Server {
    client: reqwest::Client,
    base: Url,
    workspace: Option<String>,
    places: Places,
}

impl Server {
    /// Connects to the server at `from`. Name and password may stand in the URL, or, as MLflow's client has them, in
    /// the environment.
    pub(super) async fn open(from: &str, options: &SourceOptions) -> Result<Self, ImportError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let no_url = |error| ImportError::Address(format!("{from} is no URL: {error}"));
        let base = Url::parse(&format!("{}/", from.trim_end_matches('/'))).map_err(no_url)?;
        let client = reqwest::Client::builder()
            .build()
            .map_err(|error| ImportError::source(from, error))?;
        let mut server = Self {
            client,
            base,
            workspace: options.workspace.clone(),
            places: Places::new(options)?,
        };
        server.places.serve(ServerFiles::new(
            server.client.clone(),
            server.url("api/2.0/mlflow-artifacts/artifacts")?,
            options.workspace.clone(),
        ));
        // Tells at once whether there is an MLflow.
        let body = json!({"max_results": 1});
        server
            .call(Method::POST, "2.0/mlflow/runs/search", &[], Some(&body))
            .await?;
        Ok(server)
    }

    fn url(&self, path: &str) -> Result<Url, ImportError> {
        let url = self.base.join(path);
        url.map_err(|error| ImportError::Address(error.to_string()))
    }

    /// Calls the server; what it answers, if that is JSON.
    async fn answer(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), ImportError> {
        let mut url = self.url(&format!("api/{path}"))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.request(method, url);
        let mut request = authorised(request, self.workspace.as_deref());
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let failed = |error: reqwest::Error| ImportError::source(path, cause(&error));
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(failed)?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// Calls the server; `None` if it has no such call, which older ones have not.
    async fn try_call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Option<Value>, ImportError> {
        let (status, answer) = self.answer(method, path, query, body).await?;
        match status {
            StatusCode::OK if answer.is_object() => Ok(Some(answer)),
            StatusCode::NOT_FOUND if answer["error_code"] != "RESOURCE_DOES_NOT_EXIST" => Ok(None),
            StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            StatusCode::OK => Err(ImportError::source(path, "the answer is not MLflow's")),
            _ => Err(ImportError::source(
                path,
                format!("{status} {}", text(&answer, "message")),
            )),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, ImportError> {
        let answer = self.try_call(method, path, query, body).await?;
        answer.ok_or_else(|| ImportError::source(path, "no MLflow answers there"))
    }

    /// All entries of a list that comes in pages, by POST; none if the server has no such call.
    fn posted<'a>(
        &'a self,
        path: &'static str,
        field: &'static str,
        body: Value,
    ) -> Records<'a, Value> {
        stream::try_unfold(Some(String::new()), move |token| {
            let mut body = body.clone();
            async move {
                let Some(token) = token else { return Ok(None) };
                if !token.is_empty() {
                    body["page_token"] = token.into();
                }
                let answer = self.try_call(Method::POST, path, &[], Some(&body)).await?;
                Ok::<_, ImportError>(Some(page(answer.unwrap_or_default(), field)))
            }
        })
        .try_flatten()
        .boxed()
    }

    /// The same by GET.
    fn got<'a>(
        &'a self,
        path: &'static str,
        field: &'static str,
        query: Vec<(String, String)>,
    ) -> Records<'a, Value> {
        stream::try_unfold(Some(String::new()), move |token| {
            let mut query = query.clone();
            async move {
                let Some(token) = token else { return Ok(None) };
                if !token.is_empty() {
                    query.push(("page_token".to_owned(), token));
                }
                let query: Vec<(&str, &str)> = query
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let answer = self.try_call(Method::GET, path, &query, None).await?;
                Ok::<_, ImportError>(Some(page(answer.unwrap_or_default(), field)))
            }
        })
        .try_flatten()
        .boxed()
    }

    /// The points of a metric. A server that knows no pages answers with all of them.
    fn history<'a>(&'a self, run: &str, key: &str) -> Records<'a, Points> {
        let query = [
            ("run_id", run),
            ("run_uuid", run),
            ("metric_key", key),
            ("max_results", &POINTS.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let key = key.to_owned();
        self.got("2.0/mlflow/metrics/get-history", "metrics", query.to_vec())
            .try_chunks(4_096)
            .map_err(|error| error.1)
            .map_ok(move |found| Points {
                key: key.clone(),
                points: found.iter().map(read::point).collect(),
            })
            .boxed()
    }

    /// Whether the server can be asked for prompts. Those of a time before there were any refuse to search by tags.
    async fn knows_prompts(&self) -> Result<bool, ImportError> {
        let query = [("filter", PROMPTS), ("max_results", "1")];
        match self.answer(Method::GET, MODELS, &query, None).await? {
            (StatusCode::OK, _) => Ok(true),
            (StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, _) => Ok(false),
            (status, answer) => Err(ImportError::source(
                MODELS,
                format!("{status} {}", text(&answer, "message")),
            )),
        }
    }

    async fn model(&self, found: Value) -> Result<Model, ImportError> {
        let name = text(&found, "name");
        let quoted = name.replace('\'', "''");
        let tags = pairs(&found, "tags");
        let mut filter = format!("name='{quoted}'");
        if tags.get(IS_PROMPT).is_some_and(|marked| marked == "true") {
            filter = format!("{filter} AND {PROMPTS}");
        }
        let query = vec![
            ("filter".to_owned(), filter),
            ("max_results".to_owned(), PAGE.to_string()),
        ];
        let versions: Vec<Value> = self
            .got("2.0/mlflow/model-versions/search", "model_versions", query)
            .try_collect()
            .await?;
        let version = |found: &Value| {
            let version = Version {
                description: text(found, "description"),
                created: integer(found, "creation_timestamp"),
                user: text(found, "user_id"),
                stage: text(found, "current_stage"),
                source: text(found, "source"),
                storage: String::new(),
                run: text(found, "run_id"),
                tags: pairs(found, "tags"),
            };
            Some((integer(found, "version")?, version))
        };
        let alias = |alias: &Value| Some((text(alias, "alias"), integer(alias, "version")?));
        Ok(Model {
            description: text(&found, "description"),
            created: integer(&found, "creation_timestamp"),
            tags,
            aliases: list(&found, "aliases").iter().filter_map(alias).collect(),
            versions: versions
                .iter()
                // A name of other case is found too, on some databases.
                .filter(|version| text(version, "name") == name)
                .filter_map(version)
                .collect(),
            name,
        })
    }
}

impl Source for Server {
    fn experiments(&self) -> Records<'_, Experiment> {
        let body = json!({"view_type": "ALL", "max_results": PAGE});
        self.posted("2.0/mlflow/experiments/search", "experiments", body)
            .map_ok(|found| Experiment {
                id: text(&found, "experiment_id"),
                name: text(&found, "name"),
                deleted: text(&found, "lifecycle_stage") == "deleted",
                created: integer(&found, "creation_time"),
                tags: pairs(&found, "tags"),
            })
            .boxed()
    }

    fn runs(&self, experiment: &str) -> Records<'_, Run> {
        let body = json!({
            "experiment_ids": [experiment],
            "run_view_type": "ALL",
            // Parents begin before their children.
            "order_by": ["attributes.start_time ASC"],
            "max_results": PAGE,
        });
        self.posted("2.0/mlflow/runs/search", "runs", body)
            .map_ok(|found| read::run(&found))
            .boxed()
    }

    fn points(&self, run: &Run) -> Records<'_, Points> {
        let id = run.id.clone();
        let keys: Vec<String> = run
            .latest
            .iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect();
        stream::iter(keys)
            .map(move |key| self.history(&id, &key))
            .flatten()
            .boxed()
    }

    fn logged_models(&self, experiment: &str) -> Records<'_, LoggedModel> {
        let body = json!({"experiment_ids": [experiment], "max_results": 50});
        self.posted("2.0/mlflow/logged-models/search", "models", body)
            .map_ok(|found| read::logged_model(&found))
            .boxed()
    }

    fn models(&self) -> Records<'_, Model> {
        let listed = |filter: Option<&str>| {
            let mut query = vec![("max_results".to_owned(), "100".to_owned())];
            query.extend(filter.map(|filter| ("filter".to_owned(), filter.to_owned())));
            self.got(MODELS, "registered_models", query)
        };
        let prompts = stream::once(self.knows_prompts()).map_ok(move |known| match known {
            true => listed(Some(PROMPTS)),
            false => stream::empty().boxed(),
        });
        listed(None)
            .chain(prompts.try_flatten())
            .and_then(|found| self.model(found))
            .boxed()
    }

    fn foreign(&self) -> Records<'_, Foreign> {
        // The server counts nothing; whether it has any must do.
        stream::once(async {
            let mut count = 0;
            let mut experiments = self.experiments();
            while let Some(experiment) = experiments.try_next().await? {
                let place = json!({"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment.id}});
                let body = json!({"locations": [place], "max_results": 1});
                let path = "3.0/mlflow/traces/search";
                match self.try_call(Method::POST, path, &[], Some(&body)).await {
                    Ok(Some(answer)) => count += list(&answer, "traces").len(),
                    Ok(None) | Err(_) => break,
                }
            }
            Ok(Foreign {
                kind: "experiments with traces",
                count: u64::try_from(count).unwrap_or(u64::MAX),
            })
        })
        .boxed()
    }

    fn files(&self, uri: &str) -> Files {
        self.places.at(uri)
    }
}

/// The request with what MLflow's client takes from the environment, and the workspace to read.
pub(crate) fn authorised(request: RequestBuilder, workspace: Option<&str>) -> RequestBuilder {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let request = match (
        variable("MLFLOW_TRACKING_USERNAME"),
        variable("MLFLOW_TRACKING_TOKEN"),
    ) {
        (Some(name), _) => request.basic_auth(name, variable("MLFLOW_TRACKING_PASSWORD")),
        (None, Some(token)) => request.bearer_auth(token),
        (None, None) => request,
    };
    match workspace {
        Some(workspace) => request.header("X-MLFLOW-WORKSPACE", workspace),
        None => request,
    }
}

/// The innermost cause, which says what happened.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The entries of a page, and the token of the next.
fn page(
    mut answer: Value,
    field: &str,
) -> (
    impl futures::Stream<Item = Result<Value, ImportError>> + use<>,
    Option<String>,
) {
    let next = Some(text(&answer, "next_page_token")).filter(|token| !token.is_empty());
    let entries = match answer[field].take() {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    };
    (stream::iter(entries.into_iter().map(Ok)), next)
}
