//! ListRunFields.

use herdbook_core::{PageToken, WorkspaceId, limits::KEY_CHARS};
use herdbook_proto::{InvalidRequest, fields, tracking::v1 as proto};

use super::{run_search::scope, runs::RunApi};
use crate::{
    TrackingError,
    search::Keyed,
    store::search::{FieldPlace, Listing},
};

impl RunApi {
    pub(super) async fn list_fields(
        &self,
        workspace: WorkspaceId,
        request: proto::ListRunFieldsRequest,
    ) -> Result<proto::ListRunFieldsResponse, TrackingError> {
        let kinds = match request.kind() {
            proto::RunFieldKind::Unspecified => Keyed::ALL.to_vec(),
            proto::RunFieldKind::Metric => vec![Keyed::Metric],
            proto::RunFieldKind::Param => vec![Keyed::Param],
            proto::RunFieldKind::Tag => vec![Keyed::Tag],
        };
        let query = format!(
            "fields of runs {:?} {:?} {} {kinds:?} {:?} {:?} {}",
            request.experiment_ids,
            request.filter,
            request.view,
            request.prefix,
            request.contains,
            request.differing
        );
        let listing = Listing {
            kinds,
            prefix: part("prefix", request.prefix)?,
            contains: part("contains", request.contains)?,
            differing: request.differing,
            after: PageToken::<FieldPlace>::decode(&request.page_token, &query)?,
            limit: fields::page_size(request.page_size)?,
        };
        let scope = scope(&request.experiment_ids, &request.filter, request.view)?;
        let (found, place) = self.store.run_fields(workspace, &scope, &listing).await?;
        let fields = found.fields.iter().map(|tallied| {
            let (kind, key) = match Keyed::of(&tallied.field) {
                Some((Keyed::Metric, key)) => (proto::RunFieldKind::Metric, key),
                Some((Keyed::Param, key)) => (proto::RunFieldKind::Param, key),
                Some((Keyed::Tag, key)) => (proto::RunFieldKind::Tag, key),
                None => (proto::RunFieldKind::Unspecified, ""),
            };
            proto::RunField {
                kind: kind.into(),
                key: key.to_owned(),
                run_count: i64::try_from(tallied.runs).unwrap_or(i64::MAX),
                differs: found.differs(tallied),
            }
        });
        Ok(proto::ListRunFieldsResponse {
            fields: fields.collect(),
            run_count: i64::try_from(found.runs).unwrap_or(i64::MAX),
            next_page_token: place
                .map(|place| PageToken::new(place, &query).encode())
                .unwrap_or_default(),
        })
    }
}

/// Part of a key.
fn part(field: &str, text: String) -> Result<String, InvalidRequest> {
    if text.chars().count() > KEY_CHARS || text.contains('\0') {
        let what = format!(
            "is no part of a key; keys have at most {KEY_CHARS} characters, none of them NUL"
        );
        return Err(InvalidRequest::field(field, what));
    }
    Ok(text)
}
