//! The scripts that ended processes left, as their journals have them.

use std::{collections::BTreeMap, time::SystemTime};

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{LogBatchRequest, Run, RunStatus, UpdateRunRequest};
use prost_types::FieldMask;

use super::{Script, Surroundings, Waiting};
use crate::{
    Event,
    calls::Caller,
    journal::{Act, Left},
};

/// The scripts that ended processes left.
pub(crate) fn left_scripts(around: &Surroundings, caller: &Caller) -> Vec<Script> {
    // What cannot be sent is left to those who can.
    let Some(folder) = around.folder.as_ref().filter(|_| !caller.offline) else {
        return Vec::new();
    };
    let (left, unreadable) = match folder.left_journals() {
        Ok(found) => found,
        Err(error) => {
            let (path, lost) = (folder.path().to_owned(), error.to_string());
            caller.tell(&Event::SpoolDamaged { path, lost });
            return Vec::new();
        }
    };
    for unreadable in unreadable {
        caller.tell(&Event::SpoolDamaged {
            path: unreadable.path,
            lost: unreadable.problem,
        });
    }
    let scripts = left.into_iter().map(|left| {
        if let Some(lost) = left.damage.clone() {
            let path = left.journal.path().to_owned();
            caller.tell(&Event::SpoolDamaged { path, lost });
        }
        Script::left(left, around)
    });
    scripts.collect()
}

impl Script {
    /// The script that an ended process left. A run that broke off is ended as killed.
    fn left(left: Left, around: &Surroundings) -> Self {
        let (_, mut script) = Self::new(left.run, false, around);
        let mut journal = left.journal;
        let mut acts = left.acts;
        if let Some(at) = left.broken_off {
            for act in broken_off(left.run, at) {
                // Not kept, it is done all the same unless this process breaks off too.
                let number = journal.append(&act).unwrap_or_default();
                acts.push((number, act));
            }
        }
        if acts.iter().any(|(_, act)| matches!(act, Act::Start(_))) {
            script.made = Some(around.starts.expect(left.run));
        }
        script.queue = acts
            .into_iter()
            .map(|(number, act)| Waiting {
                number: Some(number),
                act: Some(act),
                flushed: None,
                answer: None,
            })
            .collect();
        script.journal = Some(journal);
        script
    }
}

/// What ends a run whose process ended without a word.
fn broken_off(run: RunId, at: SystemTime) -> [Act; 2] {
    let why = "its process ended without finishing it";
    let log = LogBatchRequest {
        run_id: run.to_string(),
        tags: BTreeMap::from([("herdbook.failure".to_owned(), why.to_owned())]),
        ..Default::default()
    };
    let run = Run {
        id: run.to_string(),
        status: RunStatus::Killed.into(),
        ended_at: Some(at.into()),
        ..Default::default()
    };
    let paths = vec!["status".to_owned(), "ended_at".to_owned()];
    let update = UpdateRunRequest {
        run: Some(run),
        update_mask: Some(FieldMask { paths }),
    };
    [Act::Log(log), Act::Update(update)]
}
