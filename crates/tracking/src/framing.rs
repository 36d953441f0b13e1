//! What all formats on disk share: numbers of things as LEB128 varints, and a CRC-32 (IEEE,
//! little-endian) at the end, of all before it.

/// Writes a number of things.
pub(crate) fn put_varint(bytes: &mut Vec<u8>, number: usize) {
    put_long_varint(bytes, number as u64);
}

/// Writes a number of 64 bits.
pub(crate) fn put_long_varint(bytes: &mut Vec<u8>, mut rest: u64) {
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Takes a number of things off `rest`; nothing if there is none.
pub(crate) fn varint(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let [byte] = *take(rest, 1)? else { return None };
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes `count` bytes off `rest`; nothing if there are fewer.
pub(crate) fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (bytes, others) = rest.split_at_checked(count)?;
    *rest = others;
    Some(bytes)
}

/// Ends what was written with its checksum.
pub(crate) fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// What stands before a checksum, if that is right.
pub(crate) fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (content, sum) = bytes.split_last_chunk::<4>()?;
    (crc32fast::hash(content) == u32::from_le_bytes(*sum)).then_some(content)
}
