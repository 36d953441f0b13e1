//! How results are printed: tables for people, JSON for scripts.

use std::io::{IsTerminal as _, Write as _};

use chrono::{DateTime, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use herdbook_proto::json;
use prost::Message;
use prost_reflect::DynamicMessage;
use prost_types::Timestamp;
use serde_json::ser::Formatter;

use crate::{cli::Output, exit::Failure};

/// Prints a message of the contract, named such as `herdbook.tracking.v1.Run`: as JSON, or as what
/// `for_people` makes of it, [`plain`].
pub(crate) fn print<M: Message>(
    output: Output,
    name: &str,
    message: &M,
    for_people: impl FnOnce(&M) -> String,
) -> Result<(), Failure> {
    print_drawn(output, name, message, |message| plain(&for_people(message)))
}

/// The same where colours are drawn in; what others wrote is to be [`plain`] before.
pub(crate) fn print_drawn<M: Message>(
    output: Output,
    name: &str,
    message: &M,
    for_people: impl FnOnce(&M) -> String,
) -> Result<(), Failure> {
    let text = match output {
        Output::Table => for_people(message),
        Output::Json => pretty(name, message)?,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(())
}

/// Without characters that command a terminal: what others wrote must not.
pub(crate) fn plain(text: &str) -> String {
    let shows = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().filter(shows).collect()
}

/// The message as JSON by the protobuf mapping, with the contract's field names and plain numbers.
fn pretty<M: Message>(name: &str, message: &M) -> Result<String, Failure> {
    write_json(name, message, serde_json::ser::PrettyFormatter::new())
}

/// The same in one line.
pub(crate) fn json_line<M: Message>(name: &str, message: &M) -> Result<String, Failure> {
    write_json(name, message, serde_json::ser::CompactFormatter)
}

fn write_json<M: Message>(
    name: &str,
    message: &M,
    formatter: impl Formatter,
) -> Result<String, Failure> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    json::serialize(name, message, false, &mut serializer).map_err(Failure::failed)?;
    String::from_utf8(text).map_err(Failure::failed)
}

/// The same with the keys of each object in order: the same text for the same message.
pub(crate) fn json_sorted<M: Message>(name: &str, message: &M) -> Result<String, Failure> {
    let value = json::serialize(name, message, false, serde_json::value::Serializer)
        .map_err(Failure::failed)?;
    Ok(format!("{value:#}\n"))
}

/// A message that is written as JSON prints it.
pub(crate) fn read_json<M: Message + Default>(name: &str, text: &str) -> Result<M, Failure> {
    let descriptor = json::descriptor(name).map_err(Failure::failed)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor, &mut reader).map_err(Failure::usage)?;
    reader.end().map_err(Failure::usage)?;
    M::decode(message.encode_to_vec().as_slice()).map_err(Failure::failed)
}

/// A message that is written as YAML, with the contract's field names; errors name the line.
pub(crate) fn read_yaml<M: Message + Default>(name: &str, text: &str) -> Result<M, Failure> {
    let descriptor = json::descriptor(name).map_err(Failure::failed)?;
    let message = serde_saphyr::with_deserializer_from_str(text, |reader| {
        DynamicMessage::deserialize(descriptor, reader)
    })
    .map_err(|error| Failure::usage(error.to_string().trim_start_matches("error: ")))?;
    M::decode(message.encode_to_vec().as_slice()).map_err(Failure::failed)
}

/// The message as YAML, without what is not set.
pub(crate) fn yaml<M: Message>(name: &str, message: &M) -> Result<String, Failure> {
    let value = json::serialize(name, message, true, serde_json::value::Serializer)
        .map_err(Failure::failed)?;
    serde_saphyr::to_string(&value).map_err(Failure::failed)
}

/// Rows under words of ours, in capitals.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    columns(header.iter().map(|word| word.to_uppercase()), rows)
}

/// Rows under names that are shown as they are; columns as wide as they need, on a terminal no wider than
/// that.
pub(crate) fn columns(
    header: impl IntoIterator<Item = String>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.add_rows(rows);
    if table.is_empty() {
        return "none".to_owned();
    }
    let text = table.to_string();
    // Each cell has a margin of one on both sides.
    let lines = text
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

/// Facts with their names, aligned; those that are empty are left out.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let width = facts
        .clone()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    let line = |(name, value): &(&str, String)| {
        let rest = format!("\n{:width$}  ", "");
        format!("{name:width$}  {}", value.replace('\n', &rest))
    };
    facts.map(line).collect::<Vec<_>>().join("\n")
}

/// A number with four significant figures.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = usize::try_from(3 - magnitude).unwrap_or_default();
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// How long ago a time was, such as `3 h ago`.
pub(crate) fn ago(time: Option<&Timestamp>) -> String {
    let Some(time) = time.and_then(herdbook_proto::time::from_timestamp) else {
        return String::new();
    };
    let seconds = (Utc::now() - time).num_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// A time as people write it.
pub(crate) fn time(time: Option<&Timestamp>) -> String {
    let time = time.and_then(herdbook_proto::time::from_timestamp);
    time.map(|time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}

/// A size in bytes as people write it.
pub(crate) fn size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{amount:.1} {}", UNITS[unit])
    }
}

/// Pairs in the order of their keys, one a line.
pub(crate) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let mut lines: Vec<_> = pairs
        .into_iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// A number of things, by the word for one of them.
pub(crate) fn counted(count: u32, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// The beginning of a digest.
pub(crate) fn short(digest: &str) -> String {
    match digest.char_indices().nth(19) {
        Some((end, _)) => format!("{}…", &digest[..end]),
        None => digest.to_owned(),
    }
}

/// What an enum of the contract calls a value, without the prefix of its type.
pub(crate) fn name(value: &str, prefix: &str) -> String {
    value.strip_prefix(prefix).unwrap_or(value).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_significant_figures() {
        assert_eq!(number(0.934_27), "0.9343");
        assert_eq!(number(0.5), "0.5");
        assert_eq!(number(12_345.678), "12346");
        assert_eq!(number(-0.000_123_45), "-0.0001234");
        assert_eq!(number(1.5e-7), "1.500e-7");
        assert_eq!(number(100.0), "100");
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(number(0.0), "0");
    }

    #[test]
    fn sizes_are_rounded_to_their_unit() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1_536), "1.5 KiB");
        assert_eq!(size(20 << 20), "20.0 MiB");
    }

    #[test]
    fn facts_are_aligned_and_empty_ones_left_out() {
        let shown = facts(&[
            ("id", "7".into()),
            ("tags", String::new()),
            ("params", "a\nb".into()),
        ]);
        assert_eq!(shown, "id      7\nparams  a\n        b");
    }

    #[test]
    fn what_others_wrote_does_not_command_the_terminal() {
        assert_eq!(plain("a\tb\n\u{1b}[2Jc\u{9b}31m\r\u{7}"), "a\tb\n[2Jc31m");
    }

    #[test]
    fn tables_have_no_trailing_space() {
        let shown = table(
            &["id", "name"],
            [vec!["7".into(), "a".into()], vec!["12".into(), "bc".into()]],
        );
        assert_eq!(shown, "ID  NAME\n7   a\n12  bc");
    }
}
