//! Files as values.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use herdbook_proto::tracking::v1::{
    Audio, Content, Document, Histogram, Image, LogValuesRequest, Table, Text, Value, Video,
    content::Source, value::Kind,
};
use serde_json::json;

use crate::{exit::Failure, output};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The run.
    run: String,
    /// Key of the series.
    key: String,
    /// The files, as values 0, 1, 2 … of the step.
    #[arg(required_unless_present_any = ["text", "artifact"])]
    files: Vec<PathBuf>,
    /// Words, instead of files.
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["files", "artifact"])]
    text: Option<String>,
    /// Path of an artifact of the run, instead of files: for more than 15 MiB.
    #[arg(long, value_name = "PATH", conflicts_with = "files")]
    artifact: Option<String>,
    /// The step.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    step: i64,
    /// What the values are [default: by the ending of the name].
    #[arg(long = "type", value_enum)]
    value_type: Option<Type>,
    /// Media type of audio, video and documents [default: by the ending of the name].
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// Words below the value.
    #[arg(long, default_value = "")]
    caption: String,
    /// Samples of audio a second.
    #[arg(long, default_value_t = 0, value_name = "HERTZ")]
    sample_rate: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Type {
    /// JSON: {"edges": […], "counts": […]}.
    Histogram,
    /// UTF-8.
    Text,
    /// PNG, JPEG, WebP or GIF.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// CSV with a header, or JSON: {"columns": […], "data": [[…], …]}.
    Table,
    /// Anything else.
    Document,
}

/// The call that logs what the options say.
pub(super) fn request(options: Options) -> Result<LogValuesRequest, Failure> {
    let kinds = match (&options.text, &options.artifact) {
        (Some(words), _) => vec![Kind::Text(Text {
            text: words.clone(),
            ..Default::default()
        })],
        (None, Some(path)) => {
            let source = Source::ArtifactPath(path.clone());
            vec![media(&options, Path::new(path), source)?]
        }
        (None, None) => {
            let read = options.files.iter().map(|file| read(&options, file));
            read.collect::<Result<_, _>>()?
        }
    };
    let value = |(index, kind)| Value {
        key: options.key.clone(),
        step: options.step,
        index,
        kind: Some(kind),
        ..Default::default()
    };
    Ok(LogValuesRequest {
        values: (0..).zip(kinds).map(value).collect(),
        run_id: options.run,
        ..Default::default()
    })
}

fn read(options: &Options, file: &Path) -> Result<Kind, Failure> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = fs::read(file).map_err(|error| Failure::failed(named(&error)))?;
    let is_csv = ending(file) == "csv";
    let words = |bytes| String::from_utf8(bytes).map_err(|error| Failure::usage(named(&error)));
    Ok(match options.value_type.unwrap_or(guess(file).0) {
        Type::Histogram => {
            let name = "herdbook.tracking.v1.Histogram";
            Kind::Histogram(output::read_json::<Histogram>(name, &words(bytes)?)?)
        }
        Type::Text => Kind::Text(Text {
            text: words(bytes)?,
            ..Default::default()
        }),
        Type::Table if is_csv => {
            Kind::Table(read_csv(&bytes).map_err(|error| Failure::usage(named(&error)))?)
        }
        Type::Table => {
            Kind::Table(read_table(&bytes).map_err(|error| Failure::usage(named(&error)))?)
        }
        _ => media(options, file, Source::Data(bytes.into()))?,
    })
}

/// A value that is nothing but its bytes.
fn media(options: &Options, path: &Path, source: Source) -> Result<Kind, Failure> {
    let (guessed, media_type) = guess(path);
    let content = |media_type: &str| {
        let given = options.media_type.clone();
        Some(Content {
            media_type: given.unwrap_or_else(|| media_type.to_owned()),
            source: Some(source),
            ..Default::default()
        })
    };
    let caption = options.caption.clone();
    Ok(match options.value_type.unwrap_or(guessed) {
        Type::Image => Kind::Image(Image {
            content: content(""),
            caption,
            ..Default::default()
        }),
        Type::Audio => Kind::Audio(Audio {
            content: content(media_type),
            sample_rate: options.sample_rate,
            caption,
        }),
        Type::Video => Kind::Video(Video {
            content: content(media_type),
            caption,
        }),
        Type::Document => Kind::Document(Document {
            content: content(media_type),
            caption,
        }),
        Type::Histogram | Type::Text | Type::Table => {
            return Err(Failure::usage(
                "histograms, texts and tables are read from files, not from artifacts; log this one with \
                 --type document",
            ));
        }
    })
}

/// Type and media type by the ending of a name.
fn guess(path: &Path) -> (Type, &'static str) {
    match ending(path).as_str() {
        "png" | "jpg" | "jpeg" | "webp" | "gif" => (Type::Image, ""),
        "wav" => (Type::Audio, "audio/wav"),
        "mp3" => (Type::Audio, "audio/mpeg"),
        "ogg" => (Type::Audio, "audio/ogg"),
        "flac" => (Type::Audio, "audio/flac"),
        "mp4" => (Type::Video, "video/mp4"),
        "webm" => (Type::Video, "video/webm"),
        "txt" | "md" => (Type::Text, "text/plain"),
        "csv" => (Type::Table, "text/csv"),
        "html" => (Type::Document, "text/html"),
        "json" => (Type::Document, "application/json"),
        "pdf" => (Type::Document, "application/pdf"),
        "svg" => (Type::Document, "image/svg+xml"),
        "glb" => (Type::Document, "model/gltf-binary"),
        _ => (Type::Document, "application/octet-stream"),
    }
}

fn ending(path: &Path) -> String {
    let ending = path.extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

/// A table as it is downloaded: {"columns": […], "data": [[…], …]}.
pub(super) fn read_table(bytes: &[u8]) -> Result<Table, String> {
    let expected = "expected {\"columns\": […], \"data\": [[…], …]}";
    let table: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| format!("{error}; {expected}"))?;
    let columns = table.get("columns").and_then(|columns| columns.as_array());
    let name = |column: &serde_json::Value| match column {
        serde_json::Value::String(name) => name.clone(),
        other => other.to_string(),
    };
    match (columns, table.get("data")) {
        (Some(columns), Some(data)) => Ok(Table {
            columns: columns.iter().map(name).collect(),
            rows: data.to_string(),
            ..Default::default()
        }),
        _ => Err(expected.to_owned()),
    }
}

/// A table of a CSV file with a header; what reads as a number is one.
fn read_csv(bytes: &[u8]) -> Result<Table, csv::Error> {
    let mut reader = csv::Reader::from_reader(bytes);
    let columns = reader.headers()?.iter().map(str::to_owned).collect();
    let cell = |text: &str| match text.parse::<f64>() {
        Ok(number) if number.is_finite() => json!(number),
        _ if text.is_empty() => json!(null),
        _ => json!(text),
    };
    let rows = reader
        .records()
        .map(|record| Ok(json!(record?.iter().map(cell).collect::<Vec<_>>())));
    let rows = rows.collect::<Result<Vec<_>, csv::Error>>()?;
    Ok(Table {
        columns,
        rows: json!(rows).to_string(),
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_json_make_the_same_table() {
        let csv = read_csv(b"name,score\n\"a, b\",0.5\nc,\n").unwrap();
        let json = br#"{"columns": ["name", "score"], "data": [["a, b", 0.5], ["c", null]]}"#;
        assert_eq!(csv, read_table(json).unwrap());
        assert!(read_csv(b"a,b\n1\n").is_err());
        assert!(read_table(b"[[1]]").unwrap_err().contains("expected"));
    }
}
