//! Learning curves drawn in the terminal, with two by four dots of Braille (Unicode block U+2800) in each
//! character.

/// One curve: a name and its points along x.
pub(crate) struct Curve {
    pub(crate) name: String,
    /// x, smallest and largest value there.
    pub(crate) points: Vec<(f64, f64, f64)>,
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
pub(crate) fn draw(curves: &[Curve], style: Style) -> String {
    let scale = |value: f64| if style.log { value.log10() } else { value };
    let shown = |value: &f64| value.is_finite() && (!style.log || *value > 0.0);
    let points = || curves.iter().flat_map(|curve| &curve.points);
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
    for (index, curve) in curves.iter().enumerate() {
        let mut before = None;
        for (x, min, max) in &curve.points {
            if !shown(min) || !shown(max) {
                before = None;
                continue;
            }
            let column = place(*x, left, right, style.width * 2);
            let row = |value: f64| {
                let dots = style.height * 4;
                dots - 1 - place(scale(value), low, high, dots)
            };
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
    let unscale = |value: f64| if style.log { 10_f64.powf(value) } else { value };
    frame(
        &canvas,
        curves,
        style,
        (unscale(low), unscale(high)),
        (left, right),
    )
}

/// The axes around the canvas, and the legend.
fn frame(
    canvas: &Canvas,
    curves: &[Curve],
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
    let (from, to) = (crate::output::number(left), crate::output::number(right));
    let gap = style
        .width
        .saturating_sub(from.chars().count() + to.chars().count());
    lines.push(format!("{:MARGIN$}  {from}{}{to}", "", " ".repeat(gap)));
    for (index, curve) in curves.iter().enumerate() {
        let key = match style.colour {
            true => format!("\x1b[38;5;{}m━━\x1b[0m", COLOURS[index % COLOURS.len()]),
            false => format!("{} ", MARKS[index % MARKS.len()]),
        };
        lines.push(format!("{:MARGIN$}  {key} {}", "", curve.name));
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
        }
    }

    #[test]
    fn a_falling_curve_falls() {
        let chart = draw(&[curve("loss", &[1.0, 0.5, 0.25, 0.0])], STYLE);
        let expected = "         1 ┤⠑⢄
           ┤  ⠑⠤⣀
         0 ┤     ⠑⠢a
           └────────
            0      3
            a  loss";
        assert_eq!(chart, expected);
    }

    #[test]
    fn what_cannot_be_drawn_leaves_a_gap_and_no_panic() {
        let chart = draw(
            &[curve("loss", &[1.0, f64::NAN, f64::INFINITY, 2.0])],
            STYLE,
        );
        assert!(chart.contains("2 ┤"), "{chart}");
        assert_eq!(draw(&[curve("x", &[f64::NAN])], STYLE), "no points to draw");
        assert_eq!(draw(&[], STYLE), "no points to draw");
        let log = Style { log: true, ..STYLE };
        assert!(draw(&[curve("loss", &[0.0, 0.01, 100.0])], log).contains("100 ┤"));
        assert!(draw(&[curve("flat", &[3.0, 3.0])], STYLE).contains("3.5 ┤"));
    }
}
