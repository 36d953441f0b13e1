//! What was measured, as a table, as JSON and as a page of Markdown.

use std::{collections::BTreeMap, fmt::Write as _};

/// What was measured.
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// What it must reach at least: a rate no lower, anything else no higher.
    floor: Option<f64>,
}

/// What another server came to, by the names of figures.
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) figures: BTreeMap<String, f64>,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            floor: None,
        }
    }

    /// With what it must reach.
    pub(crate) fn at_least(self, floor: f64) -> Self {
        Self {
            floor: Some(floor),
            ..self
        }
    }

    /// How many times as good it is as `other`.
    fn ratio(&self, other: f64) -> f64 {
        if self.unit == "/s" {
            self.value / other
        } else {
            other / self.value
        }
    }

    /// Whether it reached its floor, in a word.
    fn verdict(&self) -> &'static str {
        match self.floor {
            None => "",
            Some(floor) if self.ratio(floor) >= 1.0 => "reached",
            Some(_) => "missed",
        }
    }

    /// What a peer came to, and how many times as good this is.
    fn beside(&self, peer: &Column) -> Option<(f64, f64)> {
        let other = *peer.figures.get(&self.name)?;
        Some((other, self.ratio(other)))
    }
}

impl Column {
    /// Leaves out what is beside none of these.
    pub(crate) fn keep(&mut self, figures: &[Figure]) {
        self.figures
            .retain(|name, _| figures.iter().any(|figure| figure.name == *name));
    }
}

/// All figures of one run, with those of the peers beside them.
pub(crate) struct Report {
    figures: Vec<Figure>,
    peers: Vec<Column>,
}

impl Report {
    /// Fails where a peer has a figure of another name than all of Herdbook's: it would be lost.
    pub(crate) fn new(figures: Vec<Figure>, peers: Vec<Column>) -> Result<Self, String> {
        for peer in &peers {
            for name in peer.figures.keys() {
                if figures.iter().all(|figure| figure.name != *name) {
                    return Err(format!(
                        "{} has a row that the table lacks: {name}",
                        peer.name
                    ));
                }
            }
        }
        Ok(Self { figures, peers })
    }

    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{:56} {:>14} {:4} {:>10} {:8}",
            "", "Herdbook", "", "at least", ""
        );
        for peer in &self.peers {
            write!(table, " {:>18} {:>8}", peer.name, "ratio").unwrap();
        }
        for figure in &self.figures {
            let mut line = format!(
                "{:56} {:>14} {:4} {:>10} {:8}",
                figure.name,
                number(figure.value),
                figure.unit,
                figure.floor.map(number).unwrap_or_default(),
                figure.verdict(),
            );
            for peer in &self.peers {
                let (other, ratio) = cells(figure, peer);
                write!(line, " {other:>18} {ratio:>8}").unwrap();
            }
            write!(table, "\n{}", line.trim_end()).unwrap();
        }
        table
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let named = self.figures.iter().map(|figure| {
            let peers = self.peers.iter().filter_map(|peer| {
                let (value, ratio) = figure.beside(peer)?;
                let cell = serde_json::json!({ "value": value, "ratio": ratio });
                Some((peer.name.clone(), cell))
            });
            let value = serde_json::json!({
                "value": figure.value,
                "unit": figure.unit,
                "floor": figure.floor,
                "peers": peers.collect::<serde_json::Map<_, _>>(),
            });
            (figure.name.clone(), value)
        });
        serde_json::Value::Object(named.collect())
    }

    /// The page of the documentation: `preface`, then the table.
    pub(crate) fn markdown(&self, preface: &str) -> String {
        let mut page = format!("{preface}\n| | Herdbook | at least |");
        for peer in &self.peers {
            write!(page, " {} | ratio |", peer.name).unwrap();
        }
        let columns = 2 + 2 * self.peers.len();
        write!(page, "\n|---|{}\n", "---:|".repeat(columns)).unwrap();
        for figure in &self.figures {
            let floor = figure.floor.map(number).unwrap_or_default();
            let missed = if figure.verdict() == "missed" {
                ", missed"
            } else {
                ""
            };
            write!(
                page,
                "| {} | {} {} | {floor}{missed} |",
                figure.name,
                number(figure.value),
                figure.unit
            )
            .unwrap();
            for peer in &self.peers {
                let (other, ratio) = cells(figure, peer);
                write!(page, " {other} | {ratio} |").unwrap();
            }
            page.push('\n');
        }
        page
    }
}

/// What a peer came to and the ratio, as text; nothing where it has no such figure.
fn cells(figure: &Figure, peer: &Column) -> (String, String) {
    figure
        .beside(peer)
        .map_or_else(Default::default, |(other, ratio)| {
            match figure.unit {
                // Of parts in a hundred, none is as many times better as one likes.
                "%" => (number(other), String::new()),
                _ => (number(other), format!("{}x", number(ratio))),
            }
        })
}

/// Whole and with its thousands apart, or with three digits where it is small.
fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    } else if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::{Column, Figure, Report};

    fn report(row: &str) -> Result<Report, String> {
        let figures = vec![
            Figure::new("calls", 12_000.0, "/s").at_least(13_000.0),
            Figure::new("a read", 5.0, "ms").at_least(10.0),
        ];
        let peer = Column {
            name: "Peer".to_owned(),
            figures: [(row.to_owned(), 100.0)].into(),
        };
        Report::new(figures, vec![peer])
    }

    #[test]
    fn a_higher_rate_and_a_shorter_time_are_better() {
        assert_eq!(
            report("calls").unwrap().json()["calls"]["peers"]["Peer"]["ratio"],
            120.0
        );
        assert_eq!(
            report("a read").unwrap().json()["a read"]["peers"]["Peer"]["ratio"],
            20.0
        );
        let page = report("a read").unwrap().markdown("# Page\n");
        assert!(
            page.contains("| calls | 12,000 /s | 13,000, missed |  |  |\n"),
            "{page}"
        );
        assert!(
            page.contains("| a read | 5.00 ms | 10.0 | 100 | 20.0x |\n"),
            "{page}"
        );
    }

    #[test]
    fn a_row_that_nobody_knows_is_an_error() {
        let error = report("calls a second").err();
        assert_eq!(
            error.unwrap(),
            "Peer has a row that the table lacks: calls a second"
        );
    }
}
