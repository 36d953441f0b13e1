//! Columns: what many runs have of one field.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use herdbook_filter::as_number;

use super::Mask;

/// Runs of a segment: runs with the same `run_key / SEGMENT_ROWS`.
pub(crate) const SEGMENT_ROWS: usize = 16_384;

/// What a run has of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Number(f64),
    Text(String),
    /// One or more.
    List(Vec<String>),
}

impl Cell {
    /// Whether it is the same to the last bit.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        }
    }
}

/// The form of a field's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Numbers,
    Texts,
    Lists,
}

impl Kind {
    pub(crate) fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Number(_) => Self::Numbers,
            Cell::Text(_) => Self::Texts,
            Cell::List(_) => Self::Lists,
        }
    }
}

/// What rows have of a field.
#[derive(Debug)]
pub(crate) enum Column {
    Numbers(Numbers),
    Texts(Texts),
    Lists(Lists),
}

#[derive(Debug)]
pub(crate) struct Numbers {
    pub(super) present: Mask,
    /// One a row; 0 where there is none.
    pub(super) values: Vec<f64>,
}

#[derive(Debug)]
pub(crate) struct Texts {
    pub(super) dictionary: Dictionary,
    /// One a row: 0 where there is none, else the place in the dictionary, counted from 1.
    pub(super) codes: Vec<u16>,
    numbers: OnceLock<Box<[f64]>>,
}

#[derive(Debug)]
pub(crate) struct Lists {
    pub(super) dictionary: Dictionary,
    /// Places in the dictionary, counted from 0.
    pub(super) lists: Vec<Vec<u32>>,
    /// One a row: 0 where there is none, else the place in `lists`, counted from 1.
    pub(super) codes: Vec<u16>,
}

/// Texts, each once.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    text: String,
    ends: Vec<u32>,
}

impl Dictionary {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[place] as usize]
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|place| self.get(place))
    }

    fn weight(&self) -> usize {
        self.text.len() + self.ends.len() * 4
    }
}

impl Numbers {
    /// The rows that have a number.
    pub(crate) fn present(&self) -> &Mask {
        &self.present
    }

    /// The rows that have this number.
    pub(crate) fn equal(&self, number: f64) -> Mask {
        let values = self.values.as_slice();
        Mask::of(values.len(), |row| values[row] == number).and(&self.present)
    }

    fn replaced(&self, changed: &Mask, cells: &BTreeMap<usize, Cell>) -> Self {
        let (mut present, mut values) = (self.present.clone(), self.values.clone());
        for row in changed.newest_first() {
            if let Some(Cell::Number(number)) = cells.get(&row) {
                present.insert(row);
                values[row] = *number;
            } else {
                present.remove(row);
                values[row] = 0.0;
            }
        }
        Self { present, values }
    }
}

impl Texts {
    pub(super) fn new(dictionary: Dictionary, codes: Vec<u16>) -> Self {
        Self {
            dictionary,
            codes,
            numbers: OnceLock::new(),
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let place = usize::from(self.codes[row]).checked_sub(1)?;
        Some(self.dictionary.get(place))
    }

    /// The text of a row as a number.
    pub(crate) fn number(&self, row: usize) -> Option<f64> {
        let place = usize::from(self.codes[row]).checked_sub(1)?;
        Some(self.numbers()[place]).filter(|number| !number.is_nan())
    }

    /// The dictionary as numbers; NaN what is none.
    pub(crate) fn numbers(&self) -> &[f64] {
        self.numbers.get_or_init(|| {
            let texts = self.dictionary.iter();
            texts
                .map(|text| as_number(text).unwrap_or(f64::NAN))
                .collect()
        })
    }

    fn replaced(&self, changed: &Mask, cells: &BTreeMap<usize, Cell>) -> Self {
        let mut codes = self.codes.clone();
        for row in changed.newest_first() {
            codes[row] = 0;
        }
        let mut used = vec![false; self.dictionary.len()];
        for place in codes.iter().filter_map(|code| code.checked_sub(1)) {
            used[usize::from(place)] = true;
        }
        let old = || self.dictionary.iter().zip(&used);
        let new = || {
            cells.iter().filter_map(|(row, cell)| match cell {
                Cell::Text(text) => Some((*row, text.as_str())),
                _ => None,
            })
        };
        let mut texts: Vec<&str> = old()
            .filter_map(|(text, used)| used.then_some(text))
            .chain(new().map(|(_, text)| text))
            .collect();
        texts.sort_unstable();
        texts.dedup();
        let code = |text| {
            texts
                .binary_search(&text)
                .map_or(0, |place| place as u16 + 1)
        };
        let moved: Vec<u16> = old()
            .map(|(text, used)| if *used { code(text) } else { 0 })
            .collect();
        for old in &mut codes {
            *old = old
                .checked_sub(1)
                .map_or(0, |place| moved[usize::from(place)]);
        }
        for (row, text) in new() {
            codes[row] = code(text);
        }
        let mut dictionary = Dictionary::default();
        texts.iter().for_each(|text| dictionary.push(text));
        Self::new(dictionary, codes)
    }
}

impl Lists {
    pub(crate) fn get(&self, row: usize) -> Option<impl Iterator<Item = &str>> {
        let place = usize::from(self.codes[row]).checked_sub(1)?;
        let list = self.lists[place].iter();
        Some(list.map(|place| self.dictionary.get(*place as usize)))
    }
}

impl Column {
    /// A column of `rows` rows (at most [`SEGMENT_ROWS`]) of which some have a cell; cells of another
    /// kind are left out.
    pub(crate) fn build(kind: Kind, rows: usize, cells: &BTreeMap<usize, Cell>) -> Self {
        match kind {
            Kind::Numbers => {
                let (mut present, mut values) = (Mask::none(rows), vec![0.0; rows]);
                for (row, cell) in cells {
                    if let Cell::Number(number) = cell {
                        present.insert(*row);
                        values[*row] = *number;
                    }
                }
                Self::Numbers(Numbers { present, values })
            }
            Kind::Texts => {
                let texts = cells.values().filter_map(|cell| match cell {
                    Cell::Text(text) => Some(text.as_str()),
                    _ => None,
                });
                let (dictionary, places) = dictionary(texts);
                let mut codes = vec![0; rows];
                for (row, cell) in cells {
                    if let Cell::Text(text) = cell {
                        codes[*row] = places
                            .get(text.as_str())
                            .map_or(0, |place| *place as u16 + 1);
                    }
                }
                Self::Texts(Texts::new(dictionary, codes))
            }
            Kind::Lists => {
                let lists = cells.values().filter_map(|cell| match cell {
                    Cell::List(list) => Some(list),
                    _ => None,
                });
                let (dictionary, places) = dictionary(lists.clone().flatten().map(String::as_str));
                let distinct: BTreeSet<&Vec<String>> = lists.collect();
                let numbered: BTreeMap<_, u16> = distinct.into_iter().zip(1..).collect();
                let mut codes = vec![0; rows];
                for (row, cell) in cells {
                    if let Cell::List(list) = cell {
                        codes[*row] = numbered.get(list).copied().unwrap_or_default();
                    }
                }
                let lists = numbered.into_keys().map(|list| {
                    let places = list.iter().filter_map(|text| places.get(text.as_str()));
                    places.copied().collect()
                });
                Self::Lists(Lists {
                    dictionary,
                    lists: lists.collect(),
                    codes,
                })
            }
        }
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.values.len(),
            Self::Texts(texts) => texts.codes.len(),
            Self::Lists(lists) => lists.codes.len(),
        }
    }

    /// The cell of a row.
    pub(crate) fn cell(&self, row: usize) -> Option<Cell> {
        match self {
            Self::Numbers(numbers) => {
                let number = numbers.present.has(row).then(|| numbers.values[row]);
                number.map(Cell::Number)
            }
            Self::Texts(texts) => texts.get(row).map(|text| Cell::Text(text.to_owned())),
            Self::Lists(lists) => {
                let list = lists.get(row)?;
                Some(Cell::List(list.map(str::to_owned).collect()))
            }
        }
    }

    /// The cell of a row as a number that can be computed with: no NaN.
    pub(crate) fn number(&self, row: usize) -> Option<f64> {
        match self {
            Self::Numbers(numbers) => {
                let number = numbers.values[row];
                (numbers.present.has(row) && !number.is_nan()).then_some(number)
            }
            Self::Texts(texts) => texts.number(row),
            Self::Lists(_) => None,
        }
    }

    /// Whether a row has a cell.
    pub(crate) fn has(&self, row: usize) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.present.has(row),
            Self::Texts(Texts { codes, .. }) | Self::Lists(Lists { codes, .. }) => codes[row] != 0,
        }
    }

    /// A number that rows of this column have in common if and only if their cells are the same; all
    /// that are missing have 0.
    pub(crate) fn code(&self, row: usize) -> u64 {
        match self {
            Self::Numbers(numbers) => match numbers.present.has(row) {
                // 0 is left to what only a NaN of all ones would have.
                true => numbers.values[row].to_bits().wrapping_add(1),
                false => 0,
            },
            Self::Texts(Texts { codes, .. }) | Self::Lists(Lists { codes, .. }) => {
                codes[row].into()
            }
        }
    }

    /// Whether no row has a cell.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.present.is_empty(),
            Self::Texts(Texts { codes, .. }) | Self::Lists(Lists { codes, .. }) => {
                codes.iter().all(|code| *code == 0)
            }
        }
    }

    /// The column in which the rows of `changed` have the cells of `cells` alone; `None` if that is what
    /// they have.
    pub(crate) fn replaced(&self, changed: &Mask, cells: BTreeMap<usize, Cell>) -> Option<Self> {
        let same = changed
            .newest_first()
            .all(|row| match (self.cell(row), cells.get(&row)) {
                (Some(old), Some(new)) => old.is(new),
                (None, None) => true,
                _ => false,
            });
        if same {
            return None;
        }
        Some(match self {
            Self::Numbers(numbers) => Self::Numbers(numbers.replaced(changed, &cells)),
            Self::Texts(texts) => Self::Texts(texts.replaced(changed, &cells)),
            Self::Lists(_) => {
                let mut all = cells;
                for row in (0..self.rows()).filter(|row| !changed.has(*row)) {
                    if let Some(cell) = self.cell(row) {
                        all.insert(row, cell);
                    }
                }
                Self::build(Kind::Lists, self.rows(), &all)
            }
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Numbers(_) => Kind::Numbers,
            Self::Texts(_) => Kind::Texts,
            Self::Lists(_) => Kind::Lists,
        }
    }

    /// Bytes in memory, about; the numbers of a dictionary included.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.values.len() * 8 + numbers.present.rows() / 8,
            Self::Texts(texts) => {
                texts.dictionary.weight() + texts.dictionary.len() * 8 + texts.codes.len() * 2
            }
            Self::Lists(lists) => {
                let entries: usize = lists.lists.iter().map(|list| 24 + list.len() * 4).sum();
                lists.dictionary.weight() + entries + lists.codes.len() * 2
            }
        }
    }
}

/// The distinct texts in their order, and the place of each.
fn dictionary<'a>(texts: impl Iterator<Item = &'a str>) -> (Dictionary, BTreeMap<&'a str, u32>) {
    let mut places: BTreeMap<&str, u32> = texts.map(|text| (text, 0)).collect();
    let mut dictionary = Dictionary::default();
    for (place, (text, number)) in places.iter_mut().enumerate() {
        dictionary.push(text);
        *number = place as u32;
    }
    (dictionary, places)
}
