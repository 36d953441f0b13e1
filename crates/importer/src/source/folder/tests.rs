//! Lines and folders as several versions of MLflow wrote them.

use super::*;

fn read(line: &str) -> Option<(i64, i64, f64)> {
    let point = point(Path::new("metric"), line).ok()?;
    Some((point.time, point.step, point.value))
}

#[test]
fn points_are_read_as_all_versions_wrote_them() {
    assert_eq!(read("1500 0.5"), Some((1500, 0, 0.5)));
    assert_eq!(read("1500 -inf -3"), Some((1500, -3, f64::NEG_INFINITY)));
    // With the data that it was measured by, and the run, as logged models have it.
    assert_eq!(read("1500 1e-300 2 data abc"), Some((1500, 2, 1e-300)));
    assert!(read("1500 nan 1").unwrap().2.is_nan());
    assert_eq!(read("1500"), None);
    assert_eq!(read("soon 0.5 1"), None);
}

#[tokio::test]
async fn a_folder_without_experiments_is_none_of_mlflow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let opened = Folder::open(path, &SourceOptions::default());
    assert!(
        opened
            .err()
            .unwrap()
            .to_string()
            .contains("no folder of MLflow")
    );
}
