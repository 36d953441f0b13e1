//! What other services are asked.

use std::collections::BTreeSet;

use herdbook_proto::{
    access::v1::{ListPrincipalsRequest, access_service_client::AccessServiceClient},
    registry::v1::{
        GetModelRequest, GetVersionRequest, model_service_client::ModelServiceClient,
        version_service_client::VersionServiceClient,
    },
    tracking::v1::{
        GetExperimentRequest, GetRunRequest, experiment_service_client::ExperimentServiceClient,
        get_experiment_request::Experiment, run_service_client::RunServiceClient,
    },
};
use herdbook_rpc::{Caller, PeerChannel};
use tonic::{Code, Status};

use crate::{TeamError, store::Store, subject::Subject};

/// The ways to the other services.
#[derive(Clone)]
pub(crate) struct Peers {
    pub(crate) access: PeerChannel,
    pub(crate) tracking: PeerChannel,
    pub(crate) registry: PeerChannel,
}

impl Peers {
    /// Those of `names` who are members of the caller's workspace.
    pub(crate) async fn members_among(
        &self,
        caller: &Caller,
        names: &BTreeSet<&str>,
    ) -> Result<Vec<String>, TeamError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut access = AccessServiceClient::new(self.access.on_behalf_of(caller));
        let answer = access.list_principals(ListPrincipalsRequest {}).await;
        let members = answer
            .map_err(|said| unanswered("access", said))?
            .into_inner();
        let members = members.principals.into_iter().map(|member| member.name);
        Ok(members
            .filter(|name| names.contains(name.as_str()))
            .collect())
    }

    /// Refuses a subject that the caller's workspace does not have.
    pub(crate) async fn check_subject(
        &self,
        store: &Store,
        caller: &Caller,
        subject: &Subject,
    ) -> Result<(), TeamError> {
        let tracking = || self.tracking.on_behalf_of(caller);
        let registry = || self.registry.on_behalf_of(caller);
        let (service, answer) = match subject {
            Subject::Run(id) => {
                let run_id = id.to_string();
                let mut runs = RunServiceClient::new(tracking());
                let answer = runs.get_run(GetRunRequest { run_id }).await;
                ("tracking", answer.map(drop))
            }
            Subject::Experiment(id) => {
                let experiment = Some(Experiment::Id(*id));
                let mut experiments = ExperimentServiceClient::new(tracking());
                let answer = experiments
                    .get_experiment(GetExperimentRequest { experiment })
                    .await;
                ("tracking", answer.map(drop))
            }
            Subject::Model(name) => {
                let mut models = ModelServiceClient::new(registry());
                let name = name.clone();
                let request = GetModelRequest {
                    name,
                    ..Default::default()
                };
                let answer = models.get_model(request).await;
                ("the registry", answer.map(drop))
            }
            Subject::Version { .. } => {
                let mut versions = VersionServiceClient::new(registry());
                let reference = subject.name();
                let answer = versions.get_version(GetVersionRequest { reference }).await;
                ("the registry", answer.map(drop))
            }
            Subject::Report(id) => {
                store.report(caller.workspace, *id, None).await?;
                return Ok(());
            }
        };
        answer.map_err(|said| match said.code() {
            Code::NotFound => TeamError::SubjectNotFound {
                kind: subject.word(),
                name: subject.name(),
            },
            _ => unanswered(service, said),
        })
    }
}

/// What a service that failed means to our own caller.
pub(crate) fn unanswered(service: &'static str, said: Status) -> TeamError {
    TeamError::PeerUnavailable {
        service,
        said: Box::new(said),
    }
}
