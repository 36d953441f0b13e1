//! How a batch stands in a spool, and how records are found again in a file that was cut or damaged.
//!
//! ```text
//! record = "HBS1", content bytes (u32), points (u32), sequence (u64), CRC-32 (u32), content
//! ```
//!
//! Numbers are little-endian. The checksum (IEEE 802.3) covers all but itself and the magic. Record 0 says
//! who writes, as an encoded `OpenWriter`; the others are encoded `MetricBatch`es in the order of their
//! sequence.

use std::io::{self, Read, Seek, SeekFrom};

use herdbook_core::limits::MESSAGE_BYTES;

const MAGIC: [u8; 4] = *b"HBS1";
/// Bytes in front of the content.
pub(crate) const HEAD_BYTES: usize = 24;
/// Bytes that are looked through at once for the next record.
const WINDOW: usize = 64 * 1024;

/// Where a record stands, and what its head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Byte at which it starts.
    pub(crate) offset: u64,
    /// Its bytes, head included.
    pub(crate) bytes: u64,
    pub(crate) sequence: u64,
    pub(crate) points: u32,
}

impl Place {
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes
    }
}

/// The record of `content`.
pub(crate) fn write(sequence: u64, points: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(HEAD_BYTES + content.len());
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&points.to_le_bytes());
    record.extend_from_slice(&sequence.to_le_bytes());
    let sum = checksum(record.get(4..20).unwrap_or_default(), content);
    record.extend_from_slice(&sum.to_le_bytes());
    record.extend_from_slice(content);
    record
}

fn checksum(head: &[u8], content: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(head);
    sum.update(content);
    sum.finalize()
}

/// The record at `offset`; `None` if what stands there is not a whole one.
pub(crate) fn read(
    file: &mut (impl Read + Seek),
    offset: u64,
) -> io::Result<Option<(Place, Vec<u8>)>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut head = [0; HEAD_BYTES];
    if !filled(file, &mut head)? {
        return Ok(None);
    }
    let [
        m0,
        m1,
        m2,
        m3,
        l0,
        l1,
        l2,
        l3,
        p0,
        p1,
        p2,
        p3,
        s0,
        s1,
        s2,
        s3,
        s4,
        s5,
        s6,
        s7,
        c0,
        c1,
        c2,
        c3,
    ] = head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if [m0, m1, m2, m3] != MAGIC || length as usize > MESSAGE_BYTES {
        return Ok(None);
    }
    let mut content = vec![0; length as usize];
    if !filled(file, &mut content)? {
        return Ok(None);
    }
    let sum = u32::from_le_bytes([c0, c1, c2, c3]);
    if checksum(head.get(4..20).unwrap_or_default(), &content) != sum {
        return Ok(None);
    }
    let place = Place {
        offset,
        bytes: HEAD_BYTES as u64 + u64::from(length),
        sequence: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
        points: u32::from_le_bytes([p0, p1, p2, p3]),
    };
    Ok(Some((place, content)))
}

/// The first whole record from `offset` on.
pub(crate) fn find(
    file: &mut (impl Read + Seek),
    mut offset: u64,
) -> io::Result<Option<(Place, Vec<u8>)>> {
    let mut window = vec![0; WINDOW];
    loop {
        file.seek(SeekFrom::Start(offset))?;
        let read_bytes = read_up_to(file, &mut window)?;
        let seen = window.get(..read_bytes).unwrap_or_default();
        let starts = seen.windows(MAGIC.len()).enumerate();
        let starts = starts.filter(|(_, bytes)| *bytes == MAGIC);
        for (start, _) in starts {
            if let Some(found) = read(file, offset + start as u64)? {
                return Ok(Some(found));
            }
        }
        if read_bytes < MAGIC.len() {
            return Ok(None);
        }
        // A magic may stand across the end of the window.
        offset += (read_bytes - MAGIC.len() + 1) as u64;
    }
}

fn filled(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    Ok(read_up_to(file, bytes)? == bytes.len())
}

fn read_up_to(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut total = 0;
    while let Some(rest) = bytes.get_mut(total..)
        && !rest.is_empty()
    {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => total += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}
