//! Metric points as text: CSV with a header, or a JSON object a line.

use std::{
    io::{BufRead, Read as _},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::DateTime;
use clap::ValueEnum;
use serde_json::Value;

/// Bytes of a line at most.
const LINE_BYTES: u64 = 16 << 20;
/// Up to here every integer is a float of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// How points are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A header with step, perhaps time, and metrics; then a row a line.
    Csv,
    /// An object a line, such as {"step": 1, "loss": 0.3}.
    Jsonl,
}

/// Points of one step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) step: i64,
    pub(super) time: Option<SystemTime>,
    pub(super) values: Vec<(Arc<str>, f64)>,
}

/// A line that is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) line: u64,
    /// What is wrong and what would be right.
    pub(super) problem: String,
    /// Whether the lines behind it can be read.
    pub(super) passable: bool,
}

impl BadLine {
    fn new(line: u64, problem: impl Into<String>) -> Self {
        Self {
            line,
            problem: problem.into(),
            passable: true,
        }
    }

    fn last(line: u64, problem: impl Into<String>) -> Self {
        Self {
            passable: false,
            ..Self::new(line, problem)
        }
    }
}

/// Which format a text has that starts with these bytes.
pub(super) fn guess(start: &[u8]) -> Format {
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{') => Format::Jsonl,
        _ => Format::Csv,
    }
}

/// Hands each row or bad line of `input` to `take`, until the end or until `take` has enough.
pub(super) fn read(
    format: Format,
    input: impl BufRead,
    mut take: impl FnMut(Result<Row, BadLine>) -> bool,
) {
    match format {
        Format::Csv => read_csv(input, &mut take),
        Format::Jsonl => read_jsonl(input, &mut take),
    }
}

fn read_jsonl(mut input: impl BufRead, take: &mut impl FnMut(Result<Row, BadLine>) -> bool) {
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let found = match input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut text) {
            Ok(0) => return,
            Ok(_) if text.len() as u64 >= LINE_BYTES => {
                let problem = format!("is longer than {} MiB; log in parts", LINE_BYTES >> 20);
                Err(BadLine::last(line, problem))
            }
            Ok(_) if text.trim_ascii().is_empty() => continue,
            Ok(_) => object(line, &text),
            Err(error) => Err(BadLine::last(line, format!("cannot be read: {error}"))),
        };
        let ends = matches!(&found, Err(bad) if !bad.passable);
        if !take(found) || ends {
            return;
        }
    }
}

fn object(line: u64, text: &[u8]) -> Result<Row, BadLine> {
    let bad = |problem: String| BadLine::new(line, problem);
    let object: serde_json::Map<String, Value> = serde_json::from_slice(text).map_err(|error| {
        // The message ends with the line of this text, which is always the first.
        let problem = error.to_string();
        let (problem, _) = problem.rsplit_once(" at line").unwrap_or((&problem, ""));
        bad(format!(
            "is not a JSON object such as {{\"step\": 1, \"loss\": 0.3}}: {problem} at column {} (write \
             \"NaN\" in quotes)",
            error.column()
        ))
    })?;
    let (mut step, mut time, mut values) = (None, None, Vec::with_capacity(object.len()));
    for (key, value) in object {
        let text = match &value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => return Err(bad(format!("has {key} = {other}, which is not a number"))),
        };
        match key.as_str() {
            "step" => step = Some(read_step(&text).map_err(bad)?),
            "time" => time = Some(read_time(&text).map_err(bad)?),
            _ => values.push((key.as_str().into(), read_value(&key, &text).map_err(bad)?)),
        }
    }
    let step =
        step.ok_or_else(|| bad("has no \"step\"; add one, such as \"step\": 1".to_owned()))?;
    Ok(Row {
        line,
        step,
        time,
        values,
    })
}

fn read_csv(input: impl BufRead, take: &mut impl FnMut(Result<Row, BadLine>) -> bool) {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(input);
    let header = match reader.headers() {
        Ok(header) => header.iter().map(Arc::from).collect::<Vec<Arc<str>>>(),
        Err(error) => {
            let problem = format!("cannot be read as the header: {error}");
            take(Err(BadLine::last(1, problem)));
            return;
        }
    };
    if header.is_empty() {
        return;
    }
    if !header.iter().any(|name| &**name == "step") {
        let problem =
            "is a header without \"step\"; name the columns, such as step,loss,accuracy".to_owned();
        take(Err(BadLine::last(1, problem)));
        return;
    }
    let mut record = csv::StringRecord::new();
    loop {
        let found = match reader.read_record(&mut record) {
            Ok(false) => return,
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                cells(line, &header, &record)
            }
            Err(error) => Err(bad_record(&error)),
        };
        let ends = matches!(&found, Err(bad) if !bad.passable);
        if !take(found) || ends {
            return;
        }
    }
}

fn bad_record(error: &csv::Error) -> BadLine {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => BadLine::new(
            line,
            format!(
                "has {len} cells where the header has {expected_len}; leave cells empty, not out"
            ),
        ),
        csv::ErrorKind::Utf8 { err, .. } => {
            BadLine::new(line, format!("is not UTF-8 in cell {}", err.field() + 1))
        }
        _ => BadLine::last(line, format!("cannot be read: {error}")),
    }
}

fn cells(line: u64, header: &[Arc<str>], record: &csv::StringRecord) -> Result<Row, BadLine> {
    let bad = |problem: String| BadLine::new(line, problem);
    let (mut step, mut time, mut values) = (None, None, Vec::with_capacity(header.len()));
    for (name, cell) in header.iter().zip(record) {
        match (&**name, cell) {
            (_, "") => {}
            ("step", cell) => step = Some(read_step(cell).map_err(bad)?),
            ("time", cell) => time = Some(read_time(cell).map_err(bad)?),
            (key, cell) => values.push((name.clone(), read_value(key, cell).map_err(bad)?)),
        }
    }
    let step = step.ok_or_else(|| bad("has an empty step; give each row one".to_owned()))?;
    Ok(Row {
        line,
        step,
        time,
        values,
    })
}

fn read_value(key: &str, text: &str) -> Result<f64, String> {
    text.parse()
        .map_err(|_| format!("has {key} = {text:?}, which is not a number"))
}

fn read_step(text: &str) -> Result<i64, String> {
    if let Ok(step) = text.parse() {
        return Ok(step);
    }
    // Some tools write 7 as 7.0.
    match text.parse::<f64>() {
        Ok(step) if step.fract() == 0.0 && step.abs() < EXACT => Ok(step as i64),
        _ => Err(format!(
            "has step = {text:?}, which is not a whole number of 64 bits"
        )),
    }
}

fn read_time(text: &str) -> Result<SystemTime, String> {
    let invalid = || {
        format!(
            "has time = {text:?}; give seconds since 1970 UTC, or a time such as 2026-01-31T12:00:00Z"
        )
    };
    if let Ok(seconds) = text.parse::<f64>() {
        let since = Duration::try_from_secs_f64(seconds).map_err(|_| invalid())?;
        return UNIX_EPOCH.checked_add(since).ok_or_else(invalid);
    }
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| invalid())?;
    Ok(time.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(format: Format, text: &str) -> Vec<Result<Row, BadLine>> {
        let mut found = Vec::new();
        read(format, text.as_bytes(), |row| {
            found.push(row);
            true
        });
        found
    }

    fn row(line: u64, step: i64, values: &[(&str, f64)]) -> Result<Row, BadLine> {
        Ok(Row {
            line,
            step,
            time: None,
            values: values
                .iter()
                .map(|(key, value)| ((*key).into(), *value))
                .collect(),
        })
    }

    fn problem(found: &Result<Row, BadLine>) -> (u64, &str) {
        match found {
            Err(bad) => (bad.line, &bad.problem),
            Ok(row) => panic!("{row:?} should be bad"),
        }
    }

    #[test]
    fn csv_has_a_row_a_line_and_an_empty_cell_is_no_point() {
        let text = "step,loss,\"val, loss\"\n1,0.5,\n2.0, -inf ,1e3\n";
        assert_eq!(
            all(Format::Csv, text),
            [
                row(2, 1, &[("loss", 0.5)]),
                row(3, 2, &[("loss", f64::NEG_INFINITY), ("val, loss", 1000.0)]),
            ]
        );
    }

    #[test]
    fn bad_csv_is_named_by_its_line_and_the_rest_can_be_read() {
        let found = all(Format::Csv, "step,loss\n1,a\n,2\n1,2,3\n1.5,2\n4,4\n");
        assert_eq!(
            problem(&found[0]),
            (2, "has loss = \"a\", which is not a number")
        );
        assert_eq!(
            problem(&found[1]),
            (3, "has an empty step; give each row one")
        );
        assert_eq!(problem(&found[2]).0, 4);
        assert!(
            problem(&found[2])
                .1
                .starts_with("has 3 cells where the header has 2")
        );
        assert_eq!(problem(&found[3]).0, 5);
        assert_eq!(found[4], row(6, 4, &[("loss", 4.0)]));
        let found = all(Format::Csv, "epoch,loss\n1,2\n");
        assert!(problem(&found[0]).1.contains("header without \"step\""));
        assert_eq!((found.len(), all(Format::Csv, "").len()), (1, 0));
    }

    #[test]
    fn json_lines_have_numbers_nan_in_quotes_and_null_for_none() {
        let text = "{\"step\":1,\"loss\":0.5,\"lr\":null}\n\n{\"b\":\"NaN\",\"step\":2}";
        let found = all(Format::Jsonl, text);
        assert_eq!(found[0], row(1, 1, &[("loss", 0.5)]));
        let second = found[1].as_ref().unwrap();
        assert_eq!((second.line, second.step), (3, 2));
        assert!(second.values[0].1.is_nan());
    }

    #[test]
    fn bad_json_is_named_by_its_line_and_says_what_is_right() {
        let text = "{\"loss\":1}\n[1]\n{\"step\":1,\"loss\":NaN}\n{\"step\":1,\"a\":{}}\n{\"step\":1,\"a\":2}\n";
        let found = all(Format::Jsonl, text);
        assert_eq!(
            problem(&found[0]),
            (1, "has no \"step\"; add one, such as \"step\": 1")
        );
        assert!(problem(&found[1]).1.contains("is not a JSON object"));
        assert!(
            problem(&found[2]).1.contains("\"NaN\" in quotes"),
            "{:?}",
            found[2]
        );
        assert_eq!(problem(&found[3]), (4, "has a = {}, which is not a number"));
        assert_eq!(found[4], row(5, 1, &[("a", 2.0)]));
    }

    #[test]
    fn times_are_seconds_or_written_out() {
        let at = |micros| UNIX_EPOCH + Duration::from_micros(micros);
        assert_eq!(read_time("1.5"), Ok(at(1_500_000)));
        assert_eq!(read_time("1970-01-01T01:00:02+01:00"), Ok(at(2_000_000)));
        assert!(
            read_time("soon")
                .unwrap_err()
                .contains("2026-01-31T12:00:00Z")
        );
        assert!(read_time("-1").is_err() && read_time("NaN").is_err());
    }

    #[test]
    fn the_format_shows_in_the_first_byte() {
        assert_eq!(guess(b"\n {\"step\""), Format::Jsonl);
        assert_eq!(guess(b"step,loss"), Format::Csv);
    }
}
