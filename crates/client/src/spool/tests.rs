use std::{fs, path::PathBuf};

use herdbook_proto::tracking::v1::{MetricBatch, MetricTable, OpenWriter};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{Folder, Spool};

fn writer() -> OpenWriter {
    OpenWriter {
        writer: 0,
        run_id: "0198c0de000070008000000000000001".to_owned(),
        writer_id: "host-0198".to_owned(),
        epoch: 7,
    }
}

fn batch(sequence: u64, values: usize) -> MetricBatch {
    let table = MetricTable {
        keys: vec![0],
        first_step: 1,
        step_deltas: vec![1],
        values: vec![sequence as f64; values],
        ..Default::default()
    };
    MetricBatch {
        writer: 0,
        sequence,
        keys: [(0, "loss".to_owned())].into(),
        tables: vec![table],
    }
}

/// A folder with the spool of a process that wrote batches 1 to `count` and ended.
fn written(count: u64) -> (TempDir, Folder, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let spools = Folder::open(folder.path()).unwrap();
    let mut spool = spools.create(&writer()).unwrap();
    for sequence in 1..=count {
        spool.append(&batch(sequence, 3), 3).unwrap();
    }
    let path = spool.path().to_owned();
    (folder, spools, path)
}

/// Sequences and contents that can be read, after checking that they belong together.
fn readable(spool: &mut Spool, places: &[super::Place]) -> Vec<u64> {
    let read = |place: &super::Place| {
        let found = spool.read(place).unwrap().unwrap();
        assert_eq!(found, batch(place.sequence, found.tables[0].values.len()));
        place.sequence
    };
    places.iter().map(read).collect()
}

#[test]
fn what_a_process_left_is_taken_over_once_and_removed_when_sent() {
    let (folder, spools, path) = written(3);
    let (mut left, unreadable) = spools.left().unwrap();
    assert!(unreadable.is_empty());
    let found = &mut left[0];
    assert_eq!(found.writer, writer());
    assert_eq!(found.damage, None);
    assert_eq!(readable(&mut found.spool, &found.places), [1, 2, 3]);
    assert!(spools.left().unwrap().0.is_empty(), "it is locked");
    left.remove(0).spool.remove().unwrap();
    assert!(!path.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn committed_batches_leave_the_file() {
    let (_folder, spools, path) = written(0);
    let mut left = spools.left().unwrap().0.remove(0);
    let spool = &mut left.spool;
    // 8 MiB each.
    let mut places: Vec<_> = (1..=5)
        .map(|sequence| spool.append(&batch(sequence, 1 << 20), 1 << 20).unwrap())
        .collect();
    assert_eq!(spool.release(places.get(1)).unwrap(), 0, "not worth it yet");
    let moved = spool.release(places.get(3)).unwrap();
    assert_eq!(moved, places[3].offset - places[0].offset);
    places.drain(..3);
    for place in &mut places {
        place.offset -= moved;
    }
    assert_eq!(readable(spool, &places), [4, 5]);
    places.push(spool.append(&batch(6, 3), 3).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().len(), spool.bytes());
    drop(left);
    let mut left = spools.left().unwrap().0.remove(0);
    assert_eq!(left.places, places);
    left.spool.release(None).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 200);
}

#[test]
fn a_file_whose_beginning_is_damaged_is_kept_and_told() {
    let (_folder, spools, path) = written(2);
    let mut bytes = fs::read(&path).unwrap();
    bytes[30] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (left, unreadable) = spools.left().unwrap();
    assert!(left.is_empty());
    assert_eq!(unreadable[0].path, path);
    assert!(path.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_file_cut_anywhere_keeps_all_whole_batches_and_can_be_appended_to(cut in 0.0..=1.0_f64) {
        let (_folder, spools, path) = written(5);
        let bytes = fs::read(&path).unwrap();
        let length = (bytes.len() as f64 * cut) as usize;
        fs::write(&path, &bytes[..length]).unwrap();
        let (mut left, unreadable) = spools.left().unwrap();
        prop_assert!(unreadable.is_empty());
        let record = batch(1, 3);
        let record = super::record::write(1, 3, &prost::Message::encode_to_vec(&record)).len();
        let opening = bytes.len() - 5 * record;
        if length < opening {
            prop_assert!(left.is_empty() && !path.exists());
            return Ok(());
        }
        let whole = ((length - opening) / record) as u64;
        let left = &mut left[0];
        prop_assert_eq!(&left.damage, &None);
        prop_assert_eq!(readable(&mut left.spool, &left.places), (1..=whole).collect::<Vec<_>>());
        let place = left.spool.append(&batch(9, 3), 3).unwrap();
        prop_assert_eq!(readable(&mut left.spool, &[place]), [9]);
    }

    #[test]
    fn a_changed_byte_costs_one_batch_and_is_told(at in 0.0..1.0_f64, change in 1_u8..) {
        let (_folder, spools, path) = written(5);
        let mut bytes = fs::read(&path).unwrap();
        let record = bytes.len() - {
            let (_other, _, shorter) = written(4);
            fs::read(shorter).unwrap().len()
        };
        let opening = bytes.len() - 5 * record;
        let at = opening + (at * (5 * record) as f64) as usize;
        bytes[at] ^= change;
        fs::write(&path, &bytes).unwrap();
        let mut left = spools.left().unwrap().0.remove(0);
        let hit = ((at - opening) / record) as u64 + 1;
        let expected: Vec<u64> = (1..=5).filter(|sequence| *sequence != hit).collect();
        prop_assert_eq!(readable(&mut left.spool, &left.places), expected);
        // The last one cannot be told from one that was cut short.
        prop_assert_eq!(left.damage.is_some(), hit != 5);
    }
}
