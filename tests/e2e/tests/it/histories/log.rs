//! What the audit log must say after the histories.

use std::{collections::BTreeMap, sync::Arc};

use herdbook_proto::registry::v1::{
    AuditAction, AuditRecord, ListAuditRecordsRequest, Outcome, VerifyAuditRequest,
    transition_service_client::TransitionServiceClient,
};

use super::{
    client::{History, Place},
    model::{Answer, Stage},
};

/// The whole log, oldest first.
async fn read(place: &Place) -> Vec<AuditRecord> {
    let mut client = TransitionServiceClient::new(place.channel());
    let (mut records, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAuditRecordsRequest {
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let page = client.list_audit_records(place.by(0, request)).await;
        let page = page.unwrap().into_inner();
        records.extend(page.records);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            records.reverse();
            return records;
        }
    }
}

/// The log verifies and has no gap; no decision that was told is missing in it; the versions of each model have
/// no gap; at no revision two versions stand in Production.
pub(super) async fn check(place: &Place, histories: &[Arc<History>]) {
    let mut client = TransitionServiceClient::new(place.channel());
    let verify = place.by(0, VerifyAuditRequest::default());
    let verified = client.verify_audit(verify).await.unwrap().into_inner();
    assert_eq!(verified.broken_at, None, "{}", verified.problem);
    let records = read(place).await;
    assert!((1..).zip(&records).all(|(n, record)| record.revision == n));
    let mut models: BTreeMap<&str, Vec<&AuditRecord>> = BTreeMap::new();
    for record in &records {
        models.entry(&record.model).or_default().push(record);
    }
    for history in histories {
        let log = &models[&*history.model];
        check_versions(log);
        check_production(log);
        for event in &*history.events.lock().unwrap() {
            let told = event.answered.iter().map(|(answer, _)| answer);
            told.for_each(|answer| check_told(log, answer));
        }
    }
}

fn check_versions(log: &[&AuditRecord]) {
    let made = log.iter();
    let made = made.filter(|record| record.action() == AuditAction::CreateVersion);
    assert!((1..).zip(made).all(|(n, record)| record.version == n));
}

/// Replays the moves.
fn check_production(log: &[&AuditRecord]) {
    let production = Stage::Production.name();
    let mut stands: Option<i64> = None;
    for record in log {
        let decision = record.decision.as_ref();
        let Some(moved) = decision.filter(|decision| decision.outcome() == Outcome::Allowed) else {
            continue;
        };
        if moved.to == production {
            assert_eq!(stands.as_slice(), moved.displaced, "{record:?}");
            stands = Some(moved.version);
        } else if moved.from == production {
            assert_eq!(stands, Some(moved.version), "{record:?}");
            stands = None;
        }
    }
}

/// What somebody was told stands in the log, at the revision that was told.
fn check_told(log: &[&AuditRecord], answer: &Answer) {
    let at = |revision: i64| {
        let found = log.binary_search_by_key(&revision, |record| record.revision);
        log[found.unwrap_or_else(|_| panic!("{answer:?} is not in the log"))]
    };
    let decided = |revision: i64| at(revision).decision.clone().unwrap();
    match answer {
        Answer::Created {
            number,
            revision: Some(revision),
        } => assert_eq!(at(*revision).version, *number),
        Answer::Moved {
            version,
            displaced,
            revision,
        } => {
            let decision = decided(*revision);
            assert_eq!(decision.outcome(), Outcome::Allowed);
            assert_eq!(
                (decision.version, &decision.displaced),
                (*version, displaced)
            );
        }
        Answer::Refused { revision } => {
            assert_eq!(decided(*revision).outcome(), Outcome::Refused);
        }
        Answer::Pending { request, .. } => {
            assert_eq!(decided(*request).outcome(), Outcome::Pending);
        }
        _ => {}
    }
}
