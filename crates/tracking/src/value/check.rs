//! Values as requests have them, field by field.

use bytes::Bytes;
use herdbook_core::check_key;
use herdbook_proto::{
    Violations,
    tracking::v1::{
        self as proto, Content, Histogram, Image, Table, Text, content::Source as Given,
        value::Kind,
    },
};
use serde::de::IgnoredAny;

use super::{INLINE_BYTES, NewValue, Source, content, image::describe, table_document};
use crate::artifact_path;

/// Values of one key and step.
const VALUES_PER_STEP: u32 = 1_000;
const BUCKETS: usize = 4_096;
const TEXT_BYTES: usize = 1 << 20;
const CAPTION_BYTES: usize = 4 * 1024;
const COLUMNS: usize = 1_000;
const ROWS: usize = 100_000;
const ROWS_BYTES: usize = 8 << 20;
const MEDIA_TYPE_BYTES: usize = 255;

/// Reads a value of a request, named `field`; what is wrong with it is noted. Without a time it is of
/// `now_us`.
pub(crate) fn check(
    field: &str,
    value: proto::Value,
    now_us: i64,
    violations: &mut Violations,
) -> Option<NewValue> {
    violations.check(format!("{field}.key"), check_key(&value.key));
    let index = i16::try_from(value.index)
        .ok()
        .filter(|_| value.index < VALUES_PER_STEP);
    let index = violations.check(
        format!("{field}.index"),
        index.ok_or(format!("must be less than {VALUES_PER_STEP}")),
    );
    let Some(mut kind) = value.kind else {
        violations.add(
            field,
            "must have a histogram, text, image, audio, video, table or document",
        );
        return None;
    };
    let source = check_kind(field, &mut kind, violations);
    Some(NewValue {
        key: value.key,
        step: value.step,
        index: index?,
        time_us: if value.time_us == 0 {
            now_us
        } else {
            value.time_us
        },
        kind,
        source,
    })
}

/// Checks a kind and takes its bytes out.
fn check_kind(field: &str, kind: &mut Kind, violations: &mut Violations) -> Option<Source> {
    match kind {
        Kind::Histogram(histogram) => {
            check_histogram(&format!("{field}.histogram"), histogram, violations);
            None
        }
        Kind::Text(text) => take_text(&format!("{field}.text"), text, violations),
        Kind::Table(table) => take_table(&format!("{field}.table"), table, violations),
        Kind::Image(image) => {
            let field = format!("{field}.image");
            check_caption(&field, &image.caption, violations);
            let source = take_content(&field, image.content.as_mut(), violations);
            check_image(&field, image, source.as_ref(), violations);
            source
        }
        Kind::Audio(audio) => {
            check_caption(&format!("{field}.audio"), &audio.caption, violations);
            take_media(&format!("{field}.audio"), kind, "audio/", violations)
        }
        Kind::Video(video) => {
            check_caption(&format!("{field}.video"), &video.caption, violations);
            take_media(&format!("{field}.video"), kind, "video/", violations)
        }
        Kind::Document(document) => {
            check_caption(&format!("{field}.document"), &document.caption, violations);
            take_media(&format!("{field}.document"), kind, "", violations)
        }
    }
}

fn check_histogram(field: &str, histogram: &Histogram, violations: &mut Violations) {
    let Histogram { edges, counts } = histogram;
    if counts.is_empty() || counts.len() > BUCKETS {
        let what = format!("has {} buckets; 1 to {BUCKETS} are allowed", counts.len());
        violations.add(format!("{field}.counts"), what);
    }
    if edges.len() != counts.len() + 1 {
        let (edges, buckets) = (edges.len(), counts.len());
        let what =
            format!("has {edges} edges for {buckets} buckets; one more than buckets is right");
        violations.add(format!("{field}.edges"), what);
    }
    if !edges.iter().all(|edge| edge.is_finite()) || !edges.is_sorted() {
        let what = "must be finite numbers, none smaller than the one before";
        violations.add(format!("{field}.edges"), what);
    }
    if !counts
        .iter()
        .all(|count| count.is_finite() && *count >= 0.0)
    {
        let what = "must be finite numbers, none negative";
        violations.add(format!("{field}.counts"), what);
    }
}

fn take_text(field: &str, text: &mut Text, violations: &mut Violations) -> Option<Source> {
    if text.text.len() > TEXT_BYTES {
        let what = format!(
            "has {} bytes; at most {TEXT_BYTES} are allowed: log a longer one as a document",
            text.text.len()
        );
        violations.add(format!("{field}.text"), what);
    }
    let long = text.text.len() > INLINE_BYTES;
    text.content = long.then(|| of_type("text/plain; charset=utf-8"));
    long.then(|| Source::Bytes(Bytes::from(std::mem::take(&mut text.text))))
}

fn take_table(field: &str, table: &mut Table, violations: &mut Violations) -> Option<Source> {
    if table.columns.is_empty() || table.columns.len() > COLUMNS {
        let what = format!(
            "has {} entries; 1 to {COLUMNS} are allowed",
            table.columns.len()
        );
        violations.add(format!("{field}.columns"), what);
    }
    if let Some(rows) = violations.check(format!("{field}.rows"), count_rows(table)) {
        table.row_count = rows;
    }
    let document = table_document(table);
    let long = document.len() > INLINE_BYTES;
    table.content = long.then(|| of_type("application/json"));
    long.then(|| {
        table.rows = String::new();
        Source::Bytes(document.into())
    })
}

/// The number of rows, each of which has a value a column.
fn count_rows(table: &Table) -> Result<u32, String> {
    if table.rows.len() > ROWS_BYTES {
        let bytes = table.rows.len();
        return Err(format!(
            "has {bytes} bytes; at most {ROWS_BYTES} are allowed"
        ));
    }
    if table.rows.is_empty() {
        return Ok(0);
    }
    let rows: Vec<Vec<IgnoredAny>> = serde_json::from_str(&table.rows)
        .map_err(|error| format!("must be a JSON array of arrays: {error}"))?;
    if rows.len() > ROWS {
        return Err(format!(
            "has {} rows; at most {ROWS} are allowed",
            rows.len()
        ));
    }
    let columns = table.columns.len();
    match rows.iter().position(|row| row.len() != columns) {
        Some(row) => Err(format!(
            "row {} has {} values for {columns} columns",
            row + 1,
            rows.get(row).map_or(0, Vec::len)
        )),
        None => u32::try_from(rows.len()).map_err(|error| error.to_string()),
    }
}

fn check_image(
    field: &str,
    image: &mut Image,
    source: Option<&Source>,
    violations: &mut Violations,
) {
    if let Some(Source::Bytes(bytes)) = source {
        violations.check(format!("{field}.content"), describe(image, bytes));
    }
}

/// Takes the bytes out of media, whose media type must start with `prefix`.
fn take_media(
    field: &str,
    kind: &mut Kind,
    prefix: &str,
    violations: &mut Violations,
) -> Option<Source> {
    let content = content(kind);
    if let Some(given) = &content {
        let given = &given.media_type;
        let parts = given.split_once('/');
        let is_one = parts.is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
            && given.len() <= MEDIA_TYPE_BYTES
            && given.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if !is_one || !given.starts_with(prefix) {
            let example = match prefix {
                "audio/" => "audio/wav",
                "video/" => "video/mp4",
                _ => "application/pdf",
            };
            let what = format!("must be a media type such as {example}");
            violations.add(format!("{field}.content.media_type"), what);
        }
    }
    take_content(field, content, violations)
}

fn take_content(
    field: &str,
    content: Option<&mut Content>,
    violations: &mut Violations,
) -> Option<Source> {
    let content = violations.require(format!("{field}.content"), content)?;
    (content.size, content.digest) = (0, String::new());
    match content.source.take() {
        Some(Given::Data(data)) => Some(Source::Bytes(data)),
        Some(Given::ArtifactPath(path)) => {
            let checked = artifact_path::check(&path);
            violations.check(format!("{field}.content.artifact_path"), checked);
            Some(Source::Artifact(path))
        }
        None => {
            violations.add(
                format!("{field}.content"),
                "must have data, or the path of an artifact of the run",
            );
            None
        }
    }
}

fn check_caption(field: &str, caption: &str, violations: &mut Violations) {
    if caption.len() > CAPTION_BYTES {
        let what = format!(
            "has {} bytes; at most {CAPTION_BYTES} are allowed",
            caption.len()
        );
        violations.add(format!("{field}.caption"), what);
    }
}

fn of_type(media_type: &str) -> Content {
    Content {
        media_type: media_type.to_owned(),
        ..Default::default()
    }
}
