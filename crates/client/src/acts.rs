//! The acts of a script as calls of the tracking service. Each may be made twice and is done once.

use futures::StreamExt as _;
use herdbook_core::limits::FILE_CHUNK_BYTES;
use herdbook_proto::tracking::v1::{
    CreateExperimentRequest, GetExperimentRequest, LogBatchRequest, UpdateRunRequest,
    UploadArtifactRequest, artifact_service_client::ArtifactServiceClient,
    experiment_service_client::ExperimentServiceClient, get_experiment_request::Experiment,
    run_service_client::RunServiceClient, upload_artifact_request::Message,
};
use tokio::{fs::File, io::AsyncReadExt as _};
use tonic::Code;

use crate::{
    ClientError,
    calls::Caller,
    journal::{Start, Upload},
};

impl Caller {
    /// Makes a run, and its experiment before it.
    pub(crate) async fn start(&self, start: Start) -> Result<(), ClientError> {
        let mut request = start.request;
        if !start.experiment.is_empty() {
            request.experiment_id = self.experiment(start.experiment).await?;
        }
        let id = request.run_id.clone();
        match self.create_run(request, None).await {
            // An earlier attempt made it, so long ago that the server forgot its key.
            Err(ClientError::Call {
                code: Code::AlreadyExists,
                ..
            }) if !id.is_empty() => Ok(()),
            made => made.map(|_| ()),
        }
    }

    /// The number of the experiment of this name.
    async fn experiment(&self, name: String) -> Result<i64, ClientError> {
        let client = ExperimentServiceClient::new(self.connection.clone());
        let get = || {
            let mut client = client.clone();
            let request = GetExperimentRequest {
                experiment: Some(Experiment::Name(name.clone())),
            };
            async move { client.get_experiment(request).await }
        };
        match self.retry(None, get).await {
            Ok(found) => return Ok(found.experiment.unwrap_or_default().id),
            Err(error) if error.code() == Code::NotFound => {}
            Err(error) => return Err(error),
        }
        let create = || {
            let mut client = client.clone();
            let request = CreateExperimentRequest {
                name: name.clone(),
                ..Default::default()
            };
            async move { client.create_experiment(request).await }
        };
        match self.retry(None, create).await {
            Ok(made) => Ok(made.experiment.unwrap_or_default().id),
            // Somebody was faster.
            Err(error) if error.code() == Code::AlreadyExists => {
                let found = self.retry(None, get).await?;
                Ok(found.experiment.unwrap_or_default().id)
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn log(&self, request: LogBatchRequest) -> Result<(), ClientError> {
        let client = RunServiceClient::new(self.connection.clone());
        let made = self.retry(None, || {
            let (mut client, request) = (client.clone(), request.clone());
            async move { client.log_batch(request).await }
        });
        made.await.map(|_| ())
    }

    pub(crate) async fn update(&self, request: UpdateRunRequest) -> Result<(), ClientError> {
        let client = RunServiceClient::new(self.connection.clone());
        let made = self.retry(None, || {
            let (mut client, request) = (client.clone(), request.clone());
            async move { client.update_run(request).await }
        });
        made.await.map(|_| ())
    }

    /// Sends a file from its beginning, each time anew.
    pub(crate) async fn upload(&self, upload: Upload) -> Result<(), ClientError> {
        let unreadable = |error: std::io::Error| ClientError::File {
            path: upload.from.clone().into(),
            problem: error.to_string(),
        };
        let size = std::fs::metadata(&upload.from).map_err(unreadable)?.len();
        let mut header = upload.header.clone();
        header.size = Some(i64::try_from(size).unwrap_or(i64::MAX));
        let client = ArtifactServiceClient::new(self.connection.clone());
        let made = self.retry(None, || {
            let (mut client, header, from) = (client.clone(), header.clone(), upload.from.clone());
            async move {
                let first = UploadArtifactRequest {
                    message: Some(Message::Header(header)),
                };
                let first = futures::stream::once(std::future::ready(first));
                client.upload_artifact(first.chain(pieces(from))).await
            }
        });
        made.await.map(|_| ())
    }
}

/// The bytes of a file. One that cannot be read to its end falls short of its size, which the server refuses.
fn pieces(from: String) -> impl futures::Stream<Item = UploadArtifactRequest> + Send {
    futures::stream::unfold(None, move |opened: Option<File>| {
        let from = from.clone();
        async move {
            let mut file = match opened {
                Some(file) => file,
                None => File::open(from).await.ok()?,
            };
            let mut chunk = Vec::with_capacity(FILE_CHUNK_BYTES);
            let mut limited = (&mut file).take(FILE_CHUNK_BYTES as u64);
            limited.read_to_end(&mut chunk).await.ok()?;
            let message = UploadArtifactRequest {
                message: Some(Message::Chunk(chunk.into())),
            };
            let some = !matches!(&message.message, Some(Message::Chunk(chunk)) if chunk.is_empty());
            some.then_some((message, Some(file)))
        }
    })
}
