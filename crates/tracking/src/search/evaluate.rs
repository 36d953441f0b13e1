//! What a filter finds among rows. Of several inputs one has to fit.

use super::{
    Field, Filter, Mask, Rows, Test,
    column::{Column, Lists, Texts},
};

/// The rows that `filter` finds, of those that are there.
pub(crate) fn matches(filter: &Filter, rows: &Rows) -> Mask {
    filter.matches(&rows.there, &|field, test| leaf(rows, field, test))
}

fn leaf(rows: &Rows, field: &Field, test: &Test) -> Mask {
    match rows.column(field) {
        None => Mask::none(rows.len()),
        Some(Column::Numbers(numbers)) => {
            let values = numbers.values.as_slice();
            Mask::of(rows.len(), |row| test.number(values[row])).and(&numbers.present)
        }
        Some(Column::Texts(texts)) => {
            let hits = text_hits(texts, test);
            Mask::of(rows.len(), |row| hits[usize::from(texts.codes[row])])
        }
        Some(Column::Lists(lists)) => {
            let hits = list_hits(lists, test);
            Mask::of(rows.len(), |row| hits[usize::from(lists.codes[row])])
        }
    }
}

/// Which codes of a column fit; the first, that of rows without a text, does not.
fn text_hits(texts: &Texts, test: &Test) -> Vec<bool> {
    let mut hits = vec![false];
    if test.needs_numbers() {
        let both = texts.dictionary.iter().zip(texts.numbers());
        hits.extend(
            both.map(|(text, number)| test.text(text) || !number.is_nan() && test.number(*number)),
        );
    } else {
        hits.extend(texts.dictionary.iter().map(|text| test.text(text)));
    }
    hits
}

fn list_hits(lists: &Lists, test: &Test) -> Vec<bool> {
    let texts: Vec<bool> = lists
        .dictionary
        .iter()
        .map(|text| test.text(text))
        .collect();
    let fits = |list: &Vec<u32>| list.iter().any(|place| texts[*place as usize]);
    std::iter::once(false)
        .chain(lists.lists.iter().map(fits))
        .collect()
}
