//! Learning curves drawn in the terminal, with two by four dots of Braille (Unicode block U+2800) in each
//! character.

use chrono::DateTime;

use crate::output;

/// One curve: a name and its points along x.
pub(crate) struct Curve {
    pub(crate) name: String,
    /// x, smallest and largest value there.
    pub(crate) points: Vec<(f64, f64, f64)>,
    /// x, and the ends of what is dotted around the curve.
    pub(crate) band: Vec<(f64, f64, f64)>,
}

/// The x axis.
#[derive(Debug)]
pub(crate) struct XAxis {
    /// What it is.
    pub(crate) title: String,
    pub(crate) labels: Labels,
}

/// How the ends of the x axis are written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Labels {
    Numbers,
    /// Seconds as a duration.
    Seconds,
    /// Seconds since 1970 as a date and time.
    Times,
}

impl Labels {
    fn write(self, x: f64) -> String {
        match self {
            // Steps are known by all their digits.
            Self::Numbers if x.fract() == 0.0 && x.abs() < 1e15 => format!("{x:.0}"),
            Self::Numbers => crate::output::number(x),
            Self::Seconds if x < 120.0 => format!("{} s", crate::output::number(x)),
            Self::Seconds if x < 7_200.0 => format!("{} min", crate::output::number(x / 60.0)),
            Self::Seconds => format!("{} h", crate::output::number(x / 3_600.0)),
            Self::Times => DateTime::from_timestamp_micros((x * 1e6) as i64)
                .map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string())
                .unwrap_or_default(),
        }
    }
}

/// How a chart is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Characters in the area of the curves.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whether y is drawn by its logarithm.
    pub(crate) log: bool,
    /// Whether curves are told apart by colour, or by a mark at their end.
    pub(crate) colour: bool,
}

/// ANSI colours that are told apart by people who are colour-blind, on dark and on light.
const COLOURS: [u8; 6] = [33, 208, 36, 162, 245, 178];
/// Marks for where there are no colours.
const MARKS: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];
/// Width of the numbers at the y axis.
const MARGIN: usize = 10;

/// Draws `curves` in one chart.
pub(crate) fn draw(curves: &[Curve], x_axis: &XAxis, style: Style) -> String {
    let scale = |value: f64| if style.log { value.log10() } else { value };
    let unscale = |value: f64| if style.log { 10_f64.powf(value) } else { value };
    let shown = |value: &f64| value.is_finite() && (!style.log || *value > 0.0);
    let points = || {
        curves
            .iter()
            .flat_map(|curve| curve.points.iter().chain(&curve.band))
    };
    let values: Vec<f64> = points()
        .flat_map(|(_, min, max)| [*min, *max])
        .filter(shown)
        .map(scale)
        .collect();
    if values.is_empty() {
        return "no points to draw".to_owned();
    }
    let (low, high) = bounds(values.into_iter());
    let (left, right) = bounds(points().map(|(x, ..)| *x));
    let mut canvas = Canvas::new(style.width, style.height);
    let column = |x: f64| place(x, left, right, style.width * 2);
    let row = |value: f64| {
        let dots = style.height * 4;
        dots - 1 - place(scale(value), low, high, dots)
    };
    for (index, curve) in curves.iter().enumerate() {
        // By a logarithm, what reaches down to nothing reaches to the bottom.
        let end = |value: f64| row(if shown(&value) { value } else { unscale(low) });
        let ends = curve.band.iter().filter(|(_, _, max)| shown(max));
        let ends = ends.map(|(x, min, max)| (column(*x), end(*max), end(*min)));
        let ends: Vec<_> = ends.collect();
        for pair in ends.windows(2) {
            canvas.stipple(pair[0], pair[1], index);
        }
    }
    for (index, curve) in curves.iter().enumerate() {
        let mut before = None;
        for (x, min, max) in &curve.points {
            if !shown(min) || !shown(max) {
                before = None;
                continue;
            }
            let column = column(*x);
            canvas.line((column, row(*min)), (column, row(*max)), index);
            let middle = (column, row((min + max) / 2.0));
            if let Some(before) = before {
                canvas.line(before, middle, index);
            }
            before = Some(middle);
        }
        if let (false, Some((column, row))) = (style.colour, before) {
            canvas.mark(column / 2, row / 4, MARKS[index % MARKS.len()]);
        }
    }
    frame(
        &canvas,
        curves,
        x_axis,
        style,
        (unscale(low), unscale(high)),
        (left, right),
    )
}

/// The axes around the canvas, and the legend.
fn frame(
    canvas: &Canvas,
    curves: &[Curve],
    x_axis: &XAxis,
    style: Style,
    (low, high): (f64, f64),
    (left, right): (f64, f64),
) -> String {
    let mut lines = Vec::new();
    for (index, row) in canvas.rows(style.colour).into_iter().enumerate() {
        let label = match index {
            0 => crate::output::number(high),
            last if last + 1 == style.height => crate::output::number(low),
            _ => String::new(),
        };
        lines.push(format!("{label:>MARGIN$} ┤{row}").trim_end().to_owned());
    }
    lines.push(format!("{:MARGIN$} └{}", "", "─".repeat(style.width)));
    let (from, to) = (x_axis.labels.write(left), x_axis.labels.write(right));
    let gap = style
        .width
        .saturating_sub(from.chars().count() + to.chars().count());
    // Between the two a title has a space on both sides, or no room.
    let title = x_axis.title.as_str();
    let title = if title.chars().count() + 2 <= gap {
        title
    } else {
        ""
    };
    lines.push(format!("{:MARGIN$}  {from}{title:^gap$}{to}", ""));
    for (index, curve) in curves.iter().enumerate() {
        let key = match style.colour {
            true => format!("\x1b[38;5;{}m━━\x1b[0m", COLOURS[index % COLOURS.len()]),
            false => format!("{} ", MARKS[index % MARKS.len()]),
        };
        lines.push(format!(
            "{:MARGIN$}  {key} {}",
            "",
            output::plain(&curve.name)
        ));
    }
    lines.join("\n")
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    // A flat curve is drawn in the middle.
    if low == high {
        (low - 0.5, high + 0.5)
    } else {
        (low, high)
    }
}

/// The dot of `value` among `dots`.
fn place(value: f64, low: f64, high: f64, dots: usize) -> usize {
    let share = (value - low) / (high - low);
    let last = dots.saturating_sub(1);
    ((share * last as f64).round().max(0.0) as usize).min(last)
}

/// Dots, and which curve put the last one into each character.
struct Canvas {
    width: usize,
    cells: Vec<(u8, usize, Option<char>)>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            cells: vec![(0, 0, None); width * height],
        }
    }

    fn dot(&mut self, column: usize, row: usize, curve: usize) {
        /// Bits of the dots by row and column, as Unicode numbers them.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if let Some(cell) = self.cells.get_mut(row / 4 * self.width + column / 2) {
            cell.0 |= BITS[row % 4][column % 2];
            cell.1 = curve;
        }
    }

    fn mark(&mut self, column: usize, row: usize, mark: char) {
        if let Some(cell) = self.cells.get_mut(row * self.width + column) {
            cell.2 = Some(mark);
        }
    }

    /// Dots along a line.
    fn line(&mut self, from: (usize, usize), to: (usize, usize), curve: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |a: usize, b: usize, step: usize| {
            let share = step as f64 / steps as f64;
            (a as f64 + (b as f64 - a as f64) * share).round() as usize
        };
        for step in 0..=steps {
            self.dot(
                between(from.0, to.0, step),
                between(from.1, to.1, step),
                curve,
            );
        }
    }

    /// Every fourth dot of what lies between two columns, each with its upper and lower row.
    fn stipple(&mut self, from: (usize, usize, usize), to: (usize, usize, usize), curve: usize) {
        let across = to.0.saturating_sub(from.0);
        for step in (0..=across).filter(|step| (from.0 + step).is_multiple_of(2)) {
            let share = step as f64 / across.max(1) as f64;
            let between = |a: usize, b: usize| (a as f64 + (b as f64 - a as f64) * share).round();
            let (upper, lower) = (between(from.1, to.1), between(from.2, to.2));
            for row in upper as usize..=lower as usize {
                if row.is_multiple_of(2) {
                    self.dot(from.0 + step, row, curve);
                }
            }
        }
    }

    fn rows(&self, colour: bool) -> Vec<String> {
        let cell = |(bits, curve, mark): &(u8, usize, Option<char>)| {
            let dots = char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ');
            match (mark, bits) {
                (Some(mark), _) => mark.to_string(),
                (None, 0) => " ".to_owned(),
                (None, _) if colour => {
                    format!("\x1b[38;5;{}m{dots}\x1b[0m", COLOURS[curve % COLOURS.len()])
                }
                (None, _) => dots.to_string(),
            }
        };
        self.cells
            .chunks(self.width)
            .map(|row| row.iter().map(cell).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style {
        width: 8,
        height: 3,
        log: false,
        colour: false,
    };

    fn curve(name: &str, values: &[f64]) -> Curve {
        let points = values
            .iter()
            .enumerate()
            .map(|(x, value)| (x as f64, *value, *value));
        Curve {
            name: name.to_owned(),
            points: points.collect(),
            band: Vec::new(),
        }
    }

    fn steps() -> XAxis {
        XAxis {
            title: "step".to_owned(),
            labels: Labels::Numbers,
        }
    }

    #[test]
    fn a_falling_curve_falls() {
        let chart = draw(&[curve("loss", &[1.0, 0.5, 0.25, 0.0])], &steps(), STYLE);
        let expected = "         1 ┤⠑⢄
           ┤  ⠑⠤⣀
         0 ┤     ⠑⠢a
           └────────
            0 step 3
            a  loss";
        assert_eq!(chart, expected);
    }

    #[test]
    fn what_cannot_be_drawn_leaves_a_gap_and_no_panic() {
        let chart = draw(
            &[curve("loss", &[1.0, f64::NAN, f64::INFINITY, 2.0])],
            &steps(),
            STYLE,
        );
        assert!(chart.contains("2 ┤"), "{chart}");
        assert_eq!(
            draw(&[curve("x", &[f64::NAN])], &steps(), STYLE),
            "no points to draw"
        );
        assert_eq!(draw(&[], &steps(), STYLE), "no points to draw");
        let log = Style { log: true, ..STYLE };
        assert!(draw(&[curve("loss", &[0.0, 0.01, 100.0])], &steps(), log).contains("100 ┤"));
        assert!(draw(&[curve("flat", &[3.0, 3.0])], &steps(), STYLE).contains("3.5 ┤"));
    }

    #[test]
    fn a_band_is_dotted_around_its_curve() {
        let band = Curve {
            name: "loss".to_owned(),
            points: vec![(0.0, 2.0, 2.0), (3.0, 2.0, 2.0)],
            band: vec![(0.0, 0.0, 4.0), (3.0, 1.0, 3.0)],
        };
        let expected = "         4 ┤⠅⠅⠄⠄⠄⠄⠄
           ┤⠗⠗⠗⠗⠗⠗⠗a
         0 ┤⠅⠅⠅⠅⠁⠁⠁⠁
           └────────
            0 step 3
            a  loss";
        assert_eq!(draw(&[band], &steps(), STYLE), expected);
    }

    #[test]
    fn ends_of_an_axis_are_written_as_people_do() {
        assert_eq!(Labels::Numbers.write(1_234_567.0), "1234567");
        assert_eq!(Labels::Numbers.write(0.123_456), "0.1235");
        assert_eq!(Labels::Seconds.write(90.0), "90 s");
        assert_eq!(Labels::Seconds.write(5_400.0), "90 min");
        assert_eq!(Labels::Seconds.write(9_000.0), "2.5 h");
        assert_eq!(Labels::Times.write(1_700_000_000.0), "2023-11-14 22:13:20");
    }
}
