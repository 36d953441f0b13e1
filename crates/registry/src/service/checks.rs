//! Reports of pipelines.

use herdbook_core::{check_key, limits::TAG_VALUE_BYTES};
use herdbook_proto::{
    InvalidRequest, Violations,
    registry::v1::{self as proto, check_service_server::CheckService},
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    RegistryError, convert,
    store::{
        Store,
        checks::{NamedCheck, NewCheck},
    },
};

/// Characters of an address.
const URL: usize = 2_048;
/// Versions whose checks are listed at a time.
const VERSIONS: usize = 100;

pub(crate) struct CheckApi {
    store: Store,
}

impl CheckApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn report(
        &self,
        caller: &Caller,
        request: proto::ReportCheckRequest,
    ) -> Result<proto::Check, RegistryError> {
        let proto::ReportCheckRequest {
            model,
            version,
            digest,
            name,
            passed,
            details,
            url,
        } = request;
        let mut violations = Violations::default();
        violations.check("name", check_key(&name));
        convert::check_words("details", &details, &mut violations);
        if details.len() > TAG_VALUE_BYTES {
            let what = format!("has over {TAG_VALUE_BYTES} bytes; give the address of the rest");
            violations.add("details", what);
        }
        let web = ["http://", "https://"];
        let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
        let fits = web.iter().any(|start| url.starts_with(start)) && url.len() <= URL && plain;
        if !url.is_empty() && !fits {
            let what = format!("must be an http or https address of at most {URL} characters");
            violations.add("url", what);
        }
        let digest = convert::digest("digest", &digest, &mut violations);
        violations.finish()?;
        let new = NewCheck {
            model,
            number: version,
            digest,
            name,
            passed,
            details,
            url,
        };
        let (workspace, principal) = (caller.workspace, &caller.name);
        let (version, check) = self.store.report_check(workspace, principal, &new).await?;
        Ok(convert::to_check(
            new.name,
            check,
            version.number,
            version.digest,
        ))
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListChecksRequest,
    ) -> Result<Vec<proto::Check>, RegistryError> {
        let proto::ListChecksRequest {
            model,
            version,
            versions,
        } = request;
        if !versions.is_empty() {
            return self.list_of(caller, &model, &versions).await;
        }
        let found = self.store.checks(caller.workspace, &model, version).await?;
        let (version, checks) = found;
        let number = version.number;
        let check = |(name, check)| convert::to_check(name, check, number, version.digest);
        Ok(checks.into_iter().map(check).collect())
    }

    async fn list_of(
        &self,
        caller: &Caller,
        model: &str,
        numbers: &[i64],
    ) -> Result<Vec<proto::Check>, RegistryError> {
        if numbers.len() > VERSIONS {
            let what = format!(
                "has {} entries; at most {VERSIONS} are taken",
                numbers.len()
            );
            return Err(InvalidRequest::field("versions", what).into());
        }
        let found = self
            .store
            .checks_of(caller.workspace, model, numbers)
            .await?;
        let check = |NamedCheck {
                         number,
                         digest,
                         name,
                         check,
                     }| { convert::to_check(name, check, number, digest) };
        Ok(found.into_iter().map(check).collect())
    }
}

#[tonic::async_trait]
impl CheckService for CheckApi {
    async fn report_check(
        &self,
        request: Request<proto::ReportCheckRequest>,
    ) -> Result<Response<proto::ReportCheckResponse>, Status> {
        let caller = Caller::of(&request)?;
        let check = self.report(&caller, request.into_inner()).await;
        answer(check.map(|check| proto::ReportCheckResponse { check: Some(check) }))
    }

    async fn list_checks(
        &self,
        request: Request<proto::ListChecksRequest>,
    ) -> Result<Response<proto::ListChecksResponse>, Status> {
        let caller = Caller::of(&request)?;
        let checks = self.list(&caller, request.into_inner()).await;
        answer(checks.map(|checks| proto::ListChecksResponse { checks }))
    }
}
