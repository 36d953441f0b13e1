//! How columns are written to disk.
//!
//! ```text
//! column  = version (1 byte: 1), kind (1 byte), rows (varint), section *, checksum (4 bytes)
//! section = bytes (varint), content
//! numbers = presence (zstd of bits, a row each, in little-endian words), values of the present (pco)
//! texts   = codes (pco), dictionary (zstd)
//! lists   = codes (pco), dictionary (zstd), lengths of lists (pco), their entries (pco)
//! ```
//!
//! A dictionary is, for each text, its bytes (varint) and then all texts after each other. pco is the
//! standalone format of its crate, version 1. The checksum is CRC-32 (IEEE, little-endian) of all before.

use pco::{
    ChunkConfig,
    data_types::Number,
    standalone::{simple_compress, simple_decompress},
};

use super::{
    Mask,
    column::{Column, Dictionary, Kind, Lists, Numbers, SEGMENT_ROWS, Texts},
};

use crate::framing::{self, put_varint};

const VERSION: u8 = 1;
/// Higher levels cost twice the time for a few percent.
const ZSTD_LEVEL: i32 = 1;
const PCO_LEVEL: usize = 4;
/// Bytes a dictionary may have: the texts of a segment at their longest.
const DICTIONARY_BYTES: usize = 1 << 30;

/// A column on disk cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a column for search is damaged on disk")]
pub(crate) struct DamagedColumn;

/// Writes a column.
pub(crate) fn encode(column: &Column) -> Result<Vec<u8>, DamagedColumn> {
    let kind = match column.kind() {
        Kind::Numbers => 0,
        Kind::Texts => 1,
        Kind::Lists => 2,
    };
    let mut bytes = vec![VERSION, kind];
    put_varint(&mut bytes, column.rows());
    match column {
        Column::Numbers(Numbers { present, values }) => {
            let present_values = present.newest_first().map(|row| values[row]);
            let present_values: Vec<f64> = present_values.collect();
            put_section(&mut bytes, &zstd(&present.bytes())?);
            put_numbers(&mut bytes, &present_values)?;
        }
        Column::Texts(texts) => {
            put_numbers(&mut bytes, &texts.codes)?;
            put_dictionary(&mut bytes, &texts.dictionary)?;
        }
        Column::Lists(lists) => {
            put_numbers(&mut bytes, &lists.codes)?;
            put_dictionary(&mut bytes, &lists.dictionary)?;
            let lengths: Vec<u32> = lists.lists.iter().map(|list| list.len() as u32).collect();
            put_numbers(&mut bytes, &lengths)?;
            put_numbers(&mut bytes, &lists.lists.concat())?;
        }
    }
    Ok(framing::seal(bytes))
}

/// Reads a column.
pub(crate) fn decode(bytes: &[u8]) -> Result<Column, DamagedColumn> {
    let content = framing::unseal(bytes).ok_or(DamagedColumn)?;
    let (&[version, kind], content) = content.split_first_chunk().ok_or(DamagedColumn)?;
    let mut rest = content;
    let rows = varint(&mut rest)?;
    if version != VERSION || rows > SEGMENT_ROWS {
        return Err(DamagedColumn);
    }
    match kind {
        0 => numbers(rows, &mut rest).map(Column::Numbers),
        1 => {
            let codes = codes(rows, &mut rest)?;
            let dictionary = dictionary(&mut rest)?;
            within(&codes, dictionary.len())?;
            Ok(Column::Texts(Texts::new(dictionary, codes)))
        }
        2 => lists(rows, &mut rest).map(Column::Lists),
        _ => Err(DamagedColumn),
    }
}

fn numbers(rows: usize, rest: &mut &[u8]) -> Result<Numbers, DamagedColumn> {
    let bits = unzstd(section(rest)?, rows.div_ceil(64) * 8)?;
    let present = Mask::from_bytes(rows, &bits).ok_or(DamagedColumn)?;
    let given: Vec<f64> = read_numbers(rest)?;
    if given.len() != present.count() {
        return Err(DamagedColumn);
    }
    let mut values = vec![0.0; rows];
    for (row, value) in present.newest_first().zip(given) {
        values[row] = value;
    }
    Ok(Numbers { present, values })
}

fn lists(rows: usize, rest: &mut &[u8]) -> Result<Lists, DamagedColumn> {
    let codes = codes(rows, rest)?;
    let dictionary = dictionary(rest)?;
    let lengths: Vec<u32> = read_numbers(rest)?;
    let entries: Vec<u32> = read_numbers(rest)?;
    if entries
        .iter()
        .any(|place| *place as usize >= dictionary.len())
    {
        return Err(DamagedColumn);
    }
    let mut left = entries.as_slice();
    let mut lists = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (list, others) = left
            .split_at_checked(length as usize)
            .ok_or(DamagedColumn)?;
        lists.push(list.to_vec());
        left = others;
    }
    within(&codes, lists.len())?;
    Ok(Lists {
        dictionary,
        lists,
        codes,
    })
}

fn codes(rows: usize, rest: &mut &[u8]) -> Result<Vec<u16>, DamagedColumn> {
    let codes: Vec<u16> = read_numbers(rest)?;
    (codes.len() == rows).then_some(codes).ok_or(DamagedColumn)
}

/// Checks that no code is beyond `places`.
fn within(codes: &[u16], places: usize) -> Result<(), DamagedColumn> {
    match codes.iter().all(|code| usize::from(*code) <= places) {
        true => Ok(()),
        false => Err(DamagedColumn),
    }
}

fn put_dictionary(bytes: &mut Vec<u8>, dictionary: &Dictionary) -> Result<(), DamagedColumn> {
    let mut plain = Vec::new();
    put_varint(&mut plain, dictionary.len());
    for text in dictionary.iter() {
        put_varint(&mut plain, text.len());
    }
    for text in dictionary.iter() {
        plain.extend_from_slice(text.as_bytes());
    }
    put_varint(bytes, plain.len());
    put_section(bytes, &zstd(&plain)?);
    Ok(())
}

fn dictionary(rest: &mut &[u8]) -> Result<Dictionary, DamagedColumn> {
    let size = varint(rest)?;
    if size > DICTIONARY_BYTES {
        return Err(DamagedColumn);
    }
    let plain = unzstd(section(rest)?, size)?;
    let mut left = plain.as_slice();
    let count = varint(&mut left)?;
    let lengths = (0..count).map(|_| varint(&mut left));
    let lengths: Vec<usize> = lengths.collect::<Result<_, _>>()?;
    let mut texts = std::str::from_utf8(left).map_err(|_| DamagedColumn)?;
    let mut dictionary = Dictionary::default();
    for length in lengths {
        let (text, others) = texts.split_at_checked(length).ok_or(DamagedColumn)?;
        dictionary.push(text);
        texts = others;
    }
    Ok(dictionary)
}

fn put_numbers<T: Number>(bytes: &mut Vec<u8>, numbers: &[T]) -> Result<(), DamagedColumn> {
    let config = ChunkConfig::default().with_compression_level(PCO_LEVEL);
    let content = simple_compress(numbers, &config).map_err(|_| DamagedColumn)?;
    put_section(bytes, &content);
    Ok(())
}

fn read_numbers<T: Number>(rest: &mut &[u8]) -> Result<Vec<T>, DamagedColumn> {
    simple_decompress(section(rest)?).map_err(|_| DamagedColumn)
}

fn zstd(plain: &[u8]) -> Result<Vec<u8>, DamagedColumn> {
    zstd::bulk::compress(plain, ZSTD_LEVEL).map_err(|_| DamagedColumn)
}

fn unzstd(content: &[u8], size: usize) -> Result<Vec<u8>, DamagedColumn> {
    let plain = zstd::bulk::decompress(content, size).map_err(|_| DamagedColumn)?;
    (plain.len() == size).then_some(plain).ok_or(DamagedColumn)
}

fn put_section(bytes: &mut Vec<u8>, content: &[u8]) {
    put_varint(bytes, content.len());
    bytes.extend_from_slice(content);
}

fn section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], DamagedColumn> {
    let length = varint(rest)?;
    framing::take(rest, length).ok_or(DamagedColumn)
}

fn varint(rest: &mut &[u8]) -> Result<usize, DamagedColumn> {
    framing::varint(rest).ok_or(DamagedColumn)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::search::column::Cell;

    const ROWS: usize = 100;

    fn column() -> impl Strategy<Value = Column> {
        let text = || prop_oneof!["[a-c]{0,2}", "[ -~é\\n]{0,40}"];
        let (number, word) = (
            any::<u64>().prop_map(|bits| Cell::Number(f64::from_bits(bits))),
            text().prop_map(Cell::Text),
        );
        let list = prop::collection::vec(text(), 1..4).prop_map(Cell::List);
        let cells = |cell: BoxedStrategy<Cell>| prop::collection::btree_map(0..ROWS, cell, 0..80);
        prop_oneof![
            cells(number.boxed()).prop_map(|cells| Column::build(Kind::Numbers, ROWS, &cells)),
            cells(word.boxed()).prop_map(|cells| Column::build(Kind::Texts, ROWS, &cells)),
            cells(list.boxed()).prop_map(|cells| Column::build(Kind::Lists, ROWS, &cells)),
        ]
    }

    /// A kind, and cells of it.
    fn old_and_new() -> impl Strategy<Value = (Kind, BTreeMap<usize, Cell>, BTreeMap<usize, Cell>)>
    {
        let text = || "[a-c]{0,2}";
        let list = prop::collection::vec(text(), 1..3).prop_map(Cell::List);
        let number = prop_oneof![Just(-0.0), Just(0.0), Just(f64::NAN), any::<f64>()];
        [
            (Kind::Numbers, number.prop_map(Cell::Number).boxed()),
            (Kind::Texts, text().prop_map(Cell::Text).boxed()),
            (Kind::Lists, list.boxed()),
        ]
        .map(|(kind, cell)| {
            let cells = |most| prop::collection::btree_map(0..ROWS, cell.clone(), 0..most);
            (Just(kind), cells(80), cells(20)).boxed()
        })
        .into_iter()
        .reduce(|a, b| a.prop_union(b).boxed())
        .unwrap()
    }

    fn cells(column: &Column) -> BTreeMap<usize, String> {
        let cells = (0..column.rows()).filter_map(|row| Some((row, column.cell(row)?)));
        cells
            .map(|(row, cell)| match cell {
                Cell::Number(number) => (row, format!("{:x}", number.to_bits())),
                other => (row, format!("{other:?}")),
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_cell_comes_back(column in column()) {
            let read = decode(&encode(&column).unwrap()).unwrap();
            prop_assert_eq!(cells(&read), cells(&column));
            prop_assert_eq!(read.rows(), ROWS);
            prop_assert_eq!(read.kind(), column.kind());
        }

        #[test]
        fn damage_is_noticed(column in column(), place in any::<prop::sample::Index>(), bit in 0_u32..8) {
            let mut bytes = encode(&column).unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= 1_u8 << bit;
            prop_assert!(decode(&bytes).is_err());
            prop_assert!(decode(&bytes[..place]).is_err());
        }

        #[test]
        fn rows_are_replaced_and_others_stay(
            (kind, old, new) in old_and_new(),
            gone in prop::collection::btree_set(0..ROWS, 0..20),
        ) {
            let column = Column::build(kind, ROWS, &old);
            let changed = Mask::of(ROWS, |row| new.contains_key(&row) || gone.contains(&row));
            let mut expected = old.clone();
            expected.retain(|row, _| !changed.has(*row));
            expected.extend(new.clone());
            let expected = Column::build(kind, ROWS, &expected);
            match column.replaced(&changed, new) {
                // To the last byte: what no row has any more is not kept either.
                Some(replaced) => {
                    prop_assert_eq!(encode(&replaced).unwrap(), encode(&expected).unwrap());
                    prop_assert_ne!(cells(&expected), cells(&column));
                }
                None => prop_assert_eq!(cells(&expected), cells(&column)),
            }
        }
    }
}
