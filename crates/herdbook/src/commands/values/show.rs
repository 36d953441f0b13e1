//! Values in the terminal.

use herdbook_proto::tracking::v1::{Content, Histogram, Table, Value, value::Kind};

use crate::output::{self, number};

/// Characters of the longest bar.
const BAR: usize = 40;
/// Lines of a histogram at most; neighbouring buckets share one.
const LINES: usize = 32;
/// A character filled by eighths, from one to all.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// A value for people, with at most `rows` rows of a table.
pub(super) fn value(value: &Value, rows: usize) -> String {
    let head = format!("{}  step {}", value.key, value.step);
    let (facts, body) = match &value.kind {
        Some(Kind::Histogram(it)) => (String::new(), histogram(it)),
        Some(Kind::Text(it)) => (String::new(), printable(&it.text)),
        Some(Kind::Table(it)) => (format!("{} rows", it.row_count), table(it, rows)),
        Some(Kind::Image(it)) => {
            let size = format!("{} × {}  {}", it.width, it.height, content(&it.content));
            (size, printable(&it.caption))
        }
        Some(Kind::Audio(it)) => {
            let rate = match it.sample_rate {
                0 => String::new(),
                rate => format!("{rate} Hz  "),
            };
            (rate + &content(&it.content), printable(&it.caption))
        }
        Some(Kind::Video(it)) => (content(&it.content), printable(&it.caption)),
        Some(Kind::Document(it)) => (content(&it.content), printable(&it.caption)),
        None => (String::new(), String::new()),
    };
    let head = format!("{head}  #{}  {facts}", value.index);
    format!("{}\n{body}", head.trim_end()).trim_end().to_owned()
}

fn content(content: &Option<Content>) -> String {
    let content = content.clone().unwrap_or_default();
    format!(
        "{}  {}  {}",
        content.media_type,
        output::size(content.size),
        output::short(&content.digest)
    )
}

/// A line for each bucket, or for a few neighbours, with its edges, its count, and a bar.
fn histogram(histogram: &Histogram) -> String {
    let Histogram { edges, counts } = histogram;
    let together = counts.len().div_ceil(LINES).max(1);
    let sums: Vec<f64> = counts
        .chunks(together)
        .map(|part| part.iter().sum())
        .collect();
    let most = sums.iter().copied().fold(0.0, f64::max);
    let edge = |place: usize| {
        edges
            .get(place.min(counts.len()))
            .map_or(String::new(), |e| number(*e))
    };
    let names: Vec<(String, String, String)> = sums
        .iter()
        .enumerate()
        .map(|(line, sum)| {
            (
                edge(line * together),
                edge((line + 1) * together),
                number(*sum),
            )
        })
        .collect();
    let width = |of: fn(&(String, String, String)) -> &String| {
        names
            .iter()
            .map(|name| of(name).chars().count())
            .max()
            .unwrap_or_default()
    };
    let (low, high, count) = (width(|n| &n.0), width(|n| &n.1), width(|n| &n.2));
    let line = |((from, to, sum), amount): (&(String, String, String), &f64)| {
        let bar = bar(if most > 0.0 { amount / most } else { 0.0 });
        format!("{from:>low$} … {to:>high$}  {sum:>count$}  {bar}")
            .trim_end()
            .to_owned()
    };
    names
        .iter()
        .zip(&sums)
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A bar as long as the share, 0 to 1, says; none that is not nothing is invisible.
fn bar(share: f64) -> String {
    let eighths = (share * (BAR * 8) as f64).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    let full = EIGHTHS[7].to_string().repeat(eighths / 8);
    match eighths % 8 {
        0 => full,
        rest => format!("{full}{}", EIGHTHS[rest - 1]),
    }
}

fn table(table: &Table, limit: usize) -> String {
    let rows: Vec<Vec<serde_json::Value>> = serde_json::from_str(&table.rows).unwrap_or_default();
    let cell = |value: serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => printable(&text),
        other => other.to_string(),
    };
    let columns = table.columns.iter().map(|name| printable(name));
    let left = rows.len().saturating_sub(limit);
    let rows = rows.into_iter().take(limit);
    let shown = output::columns(columns, rows.map(|row| row.into_iter().map(cell).collect()));
    match left {
        0 => shown,
        left => format!("{shown}\n… and {left} more; --rows shows them"),
    }
}

/// Words without what would steer the terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() => '�',
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_a_bar_a_bucket() {
        let shown = histogram(&Histogram {
            edges: vec![-0.5, 0.0, 0.5, 1.0, 1.5],
            counts: vec![1.0, 400.0, 0.0, 50.0],
        });
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "-0.5 …   0    1  ▏",
                &format!("   0 … 0.5  400  {}", "█".repeat(40)),
                " 0.5 …   1    0",
                "   1 … 1.5   50  █████",
            ]
        );
    }

    #[test]
    fn neighbours_share_a_line_when_there_are_many() {
        let shown = histogram(&Histogram {
            edges: (0..101).map(f64::from).collect(),
            counts: vec![1.0; 100],
        });
        assert_eq!(shown.lines().count(), 25);
        assert!(shown.starts_with(" 0 …   4  4  █"), "{shown}");
    }

    #[test]
    fn rows_that_are_left_out_are_told() {
        let shown = table(
            &Table {
                columns: vec!["a".to_owned(), "b".to_owned()],
                rows: r#"[[1, "x\u001b[2J"], [2.5, null], [3, 4]]"#.to_owned(),
                ..Default::default()
            },
            2,
        );
        assert_eq!(
            shown,
            "a    b\n1    x�[2J\n2.5\n… and 1 more; --rows shows them"
        );
    }
}
