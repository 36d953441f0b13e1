use std::{collections::BTreeMap, fs};

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{
    CreateRunRequest, LogBatchRequest, Run, RunStatus, UpdateRunRequest,
};

use super::*;
use crate::spool::Folder;

fn start() -> Act {
    Act::Start(Start {
        experiment: "cats".to_owned(),
        request: CreateRunRequest::default(),
        joined: false,
    })
}

fn tags(value: &str) -> Act {
    Act::Log(LogBatchRequest {
        tags: BTreeMap::from([("state".to_owned(), value.to_owned())]),
        ..Default::default()
    })
}

fn end() -> Act {
    Act::Update(UpdateRunRequest {
        run: Some(Run {
            status: RunStatus::Finished.into(),
            ..Default::default()
        }),
        ..Default::default()
    })
}

#[test]
fn what_is_not_done_is_taken_over_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::open(folder.path()).unwrap();
    let run = RunId::generate();
    let mut journal = folder.create_journal(run).unwrap();
    journal.append(&start()).unwrap();
    let done = journal.append(&tags("a")).unwrap();
    journal.append(&tags("b")).unwrap();
    journal.append(&end()).unwrap();
    journal.done(done).unwrap();
    assert!(folder.left_journals().unwrap().0.is_empty(), "it is held");
    drop(journal);
    let mut left = folder.left_journals().unwrap().0;
    let left = left.pop().unwrap();
    assert_eq!((left.run, left.broken_off), (run, None));
    let expected = [(1, start()), (3, tags("b")), (4, end())];
    assert_eq!(left.acts, expected);
}

#[test]
fn a_process_that_ended_without_a_word_leaves_a_run_that_broke_off() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::open(folder.path()).unwrap();
    for ends_in_order in [false, true] {
        let mut journal = folder.create_journal(RunId::generate()).unwrap();
        let number = journal.append(&start()).unwrap();
        journal.done(number).unwrap();
        if ends_in_order {
            journal.ended().unwrap();
        }
        drop(journal);
        let left = folder.left_journals().unwrap().0;
        assert_eq!(left.len(), usize::from(!ends_in_order));
        for left in left {
            assert!(left.broken_off.is_some() && left.acts.is_empty());
            left.journal.remove().unwrap();
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_record_that_was_cut_short_is_trimmed_and_what_follows_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::open(folder.path()).unwrap();
    let mut journal = folder.create_journal(RunId::generate()).unwrap();
    journal.append(&tags("a")).unwrap();
    journal.append(&tags("b")).unwrap();
    let path = journal.path().to_owned();
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let mut left = folder.left_journals().unwrap().0.pop().unwrap();
    assert_eq!(left.acts, [(1, tags("a"))]);
    left.journal.append(&tags("c")).unwrap();
    drop(left);
    let left = folder.left_journals().unwrap().0.pop().unwrap();
    assert_eq!(left.acts, [(1, tags("a")), (2, tags("c"))]);
}

#[test]
fn what_no_message_can_carry_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::open(folder.path()).unwrap();
    let mut journal = folder.create_journal(RunId::generate()).unwrap();
    let error = journal.append(&tags(&"x".repeat(17 << 20))).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert_eq!(journal.append(&tags("a")).unwrap(), 1);
}
