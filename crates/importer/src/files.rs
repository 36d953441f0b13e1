//! The files behind an artifact URI.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path as ObjectPath};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use reqwest::Url;
use serde_json::Value;
use tokio_util::io::ReaderStream;

use crate::{
    ImportError, SourceOptions,
    source::{authorised, cause},
};

/// What is escaped in the path of a URL.
pub(crate) const URL_PATH: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`');

/// A file of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceFile {
    /// Path below the artifact URI.
    pub(crate) path: String,
    pub(crate) size: i64,
}

/// Files, wherever they are.
#[derive(Clone)]
pub(crate) enum Files {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// With a server of MLflow, below a path.
    Server(ServerFiles, String),
    /// In a bucket, below a path.
    Bucket(Arc<dyn ObjectStore>, ObjectPath),
    /// Where they cannot be reached, and why.
    Elsewhere(String),
}

/// How artifact URIs are found.
#[derive(Clone, Default)]
pub(crate) struct Places {
    /// Where `mlflow-artifacts:` is.
    artifacts: Option<Proxied>,
}

/// What stands behind `mlflow-artifacts:`.
#[derive(Clone)]
enum Proxied {
    Server(ServerFiles),
    /// A folder or a bucket, as a URI.
    Root(String),
}

/// The artifacts that a server of MLflow hands out.
#[derive(Clone)]
pub(crate) struct ServerFiles {
    client: reqwest::Client,
    base: Url,
    workspace: Option<String>,
}

impl ServerFiles {
    /// The artifacts below `base`, such as `http://host:5000/api/2.0/mlflow-artifacts/artifacts`.
    pub(crate) fn new(client: reqwest::Client, base: Url, workspace: Option<String>) -> Self {
        Self {
            client,
            base,
            workspace,
        }
    }

    async fn get(&self, url: Url) -> Result<reqwest::Response, ImportError> {
        let path = url.path().to_owned();
        let request = authorised(self.client.get(url), self.workspace.as_deref());
        let answer = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        answer.map_err(|error| ImportError::source(path, error))
    }

    /// All files below a path, folder by folder, as the server lists them.
    async fn list(&self, root: &str) -> Result<Vec<SourceFile>, ImportError> {
        let mut files = Vec::new();
        let mut left = vec![String::new()];
        while let Some(folder) = left.pop() {
            let mut url = self.base.clone();
            url.query_pairs_mut()
                .append_pair("path", &join(root, &folder));
            let failed = |error: &dyn std::error::Error| ImportError::source(root, cause(error));
            let bytes = self.get(url).await?.bytes().await;
            let bytes = bytes.map_err(|error| failed(&error))?;
            let answer: Value = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
            for entry in answer["files"].as_array().into_iter().flatten() {
                let path = join(&folder, entry["path"].as_str().unwrap_or_default());
                match entry["is_dir"].as_bool() {
                    Some(true) => left.push(path),
                    _ => files.push(SourceFile {
                        path,
                        size: size_of(&entry["file_size"]),
                    }),
                }
            }
        }
        Ok(files)
    }
}

/// A size, which comes as a number or as text.
fn size_of(value: &Value) -> i64 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value.as_i64().or(text).unwrap_or_default()
}

fn join(folder: &str, name: &str) -> String {
    match folder.is_empty() {
        true => name.to_owned(),
        false => format!("{}/{name}", folder.trim_end_matches('/')),
    }
}

impl Places {
    /// Places with what the options say of `mlflow-artifacts:`.
    pub(crate) fn new(options: &SourceOptions) -> Result<Self, ImportError> {
        let Some(artifacts) = &options.artifacts else {
            return Ok(Self::default());
        };
        if !artifacts.starts_with("http://") && !artifacts.starts_with("https://") {
            // Of a bucket, the first listing tells.
            let path = artifacts.strip_prefix("file://").map(decoded);
            let path = path.unwrap_or_else(|| artifacts.clone());
            if !path.contains("://") && !Path::new(&path).is_dir() {
                let what = format!("--artifacts: there is no folder {path} on this machine");
                return Err(ImportError::Address(what));
            }
            return Ok(Self {
                artifacts: Some(Proxied::Root(artifacts.clone())),
            });
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = format!(
            "{}/api/2.0/mlflow-artifacts/artifacts",
            artifacts.trim_end_matches('/')
        );
        let no_url = |error| ImportError::Address(format!("{artifacts} is no URL: {error}"));
        let files = ServerFiles::new(
            reqwest::Client::new(),
            Url::parse(&base).map_err(no_url)?,
            options.workspace.clone(),
        );
        Ok(Self {
            artifacts: Some(Proxied::Server(files)),
        })
    }

    /// Takes what `mlflow-artifacts:` names from a server, unless the options say otherwise.
    pub(crate) fn serve(&mut self, files: ServerFiles) {
        self.artifacts.get_or_insert(Proxied::Server(files));
    }

    /// The files at an artifact URI.
    pub(crate) fn at(&self, uri: &str) -> Files {
        let Some((scheme, rest)) = uri.split_once(':') else {
            return folder(uri);
        };
        match scheme {
            "file" => folder(&decoded(
                rest.trim_start_matches("//localhost")
                    .trim_start_matches("//"),
            )),
            "mlflow-artifacts" => self.proxied(rest),
            // The URL of a server's own proxy.
            "http" | "https" => match rest.split_once("/mlflow-artifacts/artifacts/") {
                Some((_, path)) => self.proxied(&format!("/{path}")),
                None => Files::Elsewhere(format!("{scheme}: is not read")),
            },
            "s3" | "s3a" | "gs" | "az" | "abfs" | "abfss" | "adl" | "azure" => bucket(uri),
            other => Files::Elsewhere(format!("{other}: is not read")),
        }
    }

    /// The files at a path behind `mlflow-artifacts:`, which may name the server too.
    fn proxied(&self, rest: &str) -> Files {
        let path = match rest.strip_prefix("//") {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => rest.trim_start_matches('/'),
        };
        match &self.artifacts {
            Some(Proxied::Server(files)) => Files::Server(files.clone(), path.to_owned()),
            Some(Proxied::Root(root)) => Self::default().at(&join(root, path)),
            None => Files::Elsewhere(
                "they are behind a server's mlflow-artifacts:; say where that is with --artifacts"
                    .to_owned(),
            ),
        }
    }
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn folder(path: &str) -> Files {
    let folder = PathBuf::from(path);
    match folder.is_dir() {
        true => Files::Folder(folder),
        false if path.is_empty() => {
            Files::Elsewhere("the source does not say where they are".to_owned())
        }
        false if has_root(&folder) => Files::Folder(folder),
        false => Files::Elsewhere("their folder is not on this machine".to_owned()),
    }
}

/// Whether the root is here below which a folder would be, as `<root>/<experiment>/<run>/artifacts` or
/// `<root>/<experiment>/models/<model>/artifacts`: MLflow makes such a folder with its first file.
fn has_root(folder: &Path) -> bool {
    let of_model = folder
        .iter()
        .rev()
        .nth(2)
        .is_some_and(|part| part == "models");
    let root = folder.ancestors().nth(if of_model { 4 } else { 3 });
    root.is_some_and(|root| root.parent().is_some() && root.is_dir())
}

/// A bucket with the credentials of the environment, such as `AWS_ACCESS_KEY_ID` and `AWS_ENDPOINT_URL`.
fn bucket(uri: &str) -> Files {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let opened = Url::parse(uri)
        .map_err(|error| error.to_string())
        .and_then(|url| {
            let variables = std::env::vars().map(|(name, value)| (name.to_lowercase(), value));
            object_store::parse_url_opts(&url, variables).map_err(|error| error.to_string())
        });
    match opened {
        Ok((store, path)) => Files::Bucket(Arc::from(store), path),
        Err(error) => Files::Elsewhere(error),
    }
}

impl Files {
    /// All files, by path. None if they are elsewhere.
    pub(crate) async fn list(&self) -> Result<Vec<SourceFile>, ImportError> {
        let mut files = match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                let listed = tokio::task::spawn_blocking(move || list_folder(&folder)).await;
                listed.map_err(|error| ImportError::source("a folder", error))??
            }
            Self::Server(server, root) => server.list(root).await?,
            Self::Bucket(store, root) => {
                let failed = |error| ImportError::source(root, error);
                let objects = store.list(Some(root)).map_err(failed);
                let file = |object: object_store::ObjectMeta| {
                    let parts = object.location.prefix_match(root)?;
                    let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
                    Some(SourceFile {
                        path: parts.join("/"),
                        size: i64::try_from(object.size).unwrap_or(i64::MAX),
                    })
                };
                let files = objects.try_filter_map(|object| std::future::ready(Ok(file(object))));
                files.try_collect().await?
            }
            Self::Elsewhere(_) => Vec::new(),
        };
        files.sort();
        Ok(files)
    }

    /// The bytes of a file.
    pub(crate) async fn read(
        &self,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, ImportError>>, ImportError> {
        let what = path.to_owned();
        match self {
            Self::Folder(folder) => {
                let file = tokio::fs::File::open(folder.join(path)).await;
                let file = file.map_err(|error| ImportError::source(path, error))?;
                let pieces = ReaderStream::with_capacity(file, 1 << 18);
                Ok(pieces
                    .map_err(move |error| ImportError::source(&what, error))
                    .boxed())
            }
            Self::Server(server, root) => {
                let mut url = server.base.clone();
                let path = utf8_percent_encode(&join(root, path), &URL_PATH).to_string();
                url.set_path(&format!("{}/{path}", server.base.path()));
                let pieces = server.get(url).await?.bytes_stream();
                Ok(pieces
                    .map_err(move |error| ImportError::source(&what, error))
                    .boxed())
            }
            Self::Bucket(store, root) => {
                let object = path.split('/').fold(root.clone(), ObjectPath::join);
                let found = store.get(&object).await;
                let found = found.map_err(|error| ImportError::source(path, error))?;
                let pieces = found.into_stream();
                Ok(pieces
                    .map_err(move |error| ImportError::source(&what, error))
                    .boxed())
            }
            Self::Elsewhere(why) => Err(ImportError::source(path, why)),
        }
    }
}

/// All files of a folder, at any depth.
fn list_folder(folder: &Path) -> Result<Vec<SourceFile>, ImportError> {
    let unreadable = |error| ImportError::source(folder.display(), error);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let facts = std::fs::metadata(&path).map_err(unreadable)?;
            if facts.is_dir() {
                left.push(path);
            } else if let Ok(inside) = path.strip_prefix(folder) {
                files.push(SourceFile {
                    path: inside.to_string_lossy().into_owned(),
                    size: i64::try_from(facts.len()).unwrap_or(i64::MAX),
                });
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_their_uris() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = folder.path().join("1/run one/artifacts");
        std::fs::create_dir_all(&artifacts).unwrap();
        let root = folder.path().to_str().unwrap().to_owned();
        let places = Places::new(&SourceOptions {
            artifacts: Some(root.clone()),
            ..Default::default()
        })
        .unwrap();
        let is_it =
            |uri: &str| matches!(places.at(uri), Files::Folder(found) if found == artifacts);
        assert!(is_it(&format!("{root}/1/run one/artifacts")));
        assert!(is_it(&format!("file://{root}/1/run%20one/artifacts")));
        assert!(is_it("mlflow-artifacts:/1/run one/artifacts"));
        assert!(is_it("mlflow-artifacts://host:5000/1/run one/artifacts"));
        let elsewhere = |uri: &str| matches!(places.at(uri), Files::Elsewhere(_));
        assert!(elsewhere("hdfs://host/1") && elsewhere("") && elsewhere("mlflow-artifacts:/2"));
        let none = places.at("mlflow-artifacts:/1/another run/artifacts");
        assert!(matches!(none, Files::Folder(folder) if list_folder(&folder).unwrap().is_empty()));
        let none = places.at("mlflow-artifacts:/1/models/m-1/artifacts");
        assert!(matches!(none, Files::Folder(_)));
        assert!(elsewhere("/mnt/gone/1/run/artifacts"));
        let options = SourceOptions {
            artifacts: Some(format!("{root}/gone")),
            ..Default::default()
        };
        assert!(matches!(
            Places::new(&options),
            Err(ImportError::Address(_))
        ));
        let unknown = Places::default().at("mlflow-artifacts:/1");
        assert!(matches!(unknown, Files::Elsewhere(why) if why.contains("--artifacts")));
    }
}
