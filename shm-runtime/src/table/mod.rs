//! Foundation / Table: name → offset and size, at the start of every segment.
//!
//! ```text
//! 0x0000  16      header   magic u32 · version u32 · entry_count u32 · next_offset u32
//! 0x0010  40 × M  entries  name [u8; 32], NUL-padded · offset u32 · size u32
//! ```
//!
//! Offsets and sizes count in *units*: bytes, or 64 bytes in a segment of 4 GiB and more (the top 16
//! bits of `version` are the shift, 0 or 6, so that a reader of plain version 1 refuses the latter).
//!
//! Entries come and go at run time: an entry whose name begins with eight zero bytes is free, and a reader passes over it. A
//! change becomes visible by one store: of an entry's first eight bytes, or of `entry_count`.
//!
//! Readers take a copy of the bytes and check it ([`parse`]); nothing here looks at a segment twice.

use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U32};

/// First word of a segment.
pub const MAGIC: u32 = 0x5A49_504D;
/// The format version that this library reads and writes.
pub const VERSION: u32 = 1;
/// Bytes of the header.
pub const HEADER_SIZE: usize = 16;
/// Bytes of an entry.
pub const ENTRY_SIZE: usize = 40;
/// Bytes of a name, with at least one NUL.
pub const NAME_SIZE: usize = 32;
/// Where the body may begin: multiples of this.
pub const BODY_ALIGN: usize = 4096;
/// Every structure starts at a multiple of this; the unit of large segments.
pub const STRUCTURE_ALIGN: u64 = 64;
/// Most bytes of a segment: what 32 bits of 64-byte units can tell.
pub const MAX_SEGMENT: u64 = (1 << 32) * STRUCTURE_ALIGN;
/// Longest name in bytes.
pub const MAX_NAME: usize = NAME_SIZE - 1;
/// Where the header has `entry_count` and `next_offset`, two words of 32 bits.
pub const COUNTS_AT: usize = 8;
/// Words of 64 bits that an entry has.
pub const ENTRY_WORDS: usize = ENTRY_SIZE / 8;
/// Most entries that a reader accepts.
pub const MAX_TABLE: usize = 1 << 16;

/// The header's bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RawHeader {
    /// [`MAGIC`].
    pub magic: U32,
    /// [`VERSION`] in the low half, the unit's shift in the high half.
    pub version: U32,
    /// Entries in use.
    pub entry_count: U32,
    /// Where spare room begins, in units.
    pub next_offset: U32,
}

/// An entry's bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RawEntry {
    /// The name, UTF-8, NUL-padded.
    pub name: [u8; NAME_SIZE],
    /// Where the structure begins, in units.
    pub offset: U32,
    /// What it covers, in units, rounded up.
    pub size: U32,
}

static_assertions::const_assert_eq!(size_of::<RawHeader>(), HEADER_SIZE);
static_assertions::const_assert_eq!(size_of::<RawEntry>(), ENTRY_SIZE);

/// An entry: bytes, not units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which of the table's entries it is.
    pub index: usize,
    /// The name.
    pub name: String,
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Bytes that it covers, rounded up to the unit.
    pub size: u64,
}

/// A table that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Offsets and sizes count in units of `1 << unit_shift` bytes.
    pub unit_shift: u32,
    /// Where spare room begins, in bytes.
    pub next_offset: u64,
    /// Entries in the table, free ones before the last one in use included.
    pub entry_count: usize,
    /// The entries in use, in the table's order.
    pub entries: Vec<Entry>,
}

/// A header that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Offsets and sizes count in units of `1 << unit_shift` bytes.
    pub unit_shift: u32,
    /// Entries in use; no more than fit into the file.
    pub entry_count: usize,
    /// Where spare room begins, in bytes.
    pub next_offset: u64,
}

/// Why bytes are no table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// Fewer bytes than a header has.
    Short,
    /// Another magic number.
    Magic(u32),
    /// Another version.
    Version(u32),
    /// More entries than the file has room for.
    EntryCount(u32),
    /// The name of this entry is no NUL-padded UTF-8 text of 1 to 31 bytes.
    Name(usize),
    /// Two entries have this name.
    Duplicate(String),
    /// The entry does not lie between the table and the end of the file.
    OutOfBounds(String),
    /// The entry does not begin at a multiple of 64.
    Misaligned(String),
    /// The two entries overlap.
    Overlap(String, String),
    /// Spare room begins outside of the file, or within an entry.
    NextOffset(u64),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "fewer than {HEADER_SIZE} bytes"),
            Self::Magic(found) => write!(f, "magic number {found:#010x}, expected {MAGIC:#010x}"),
            Self::Version(found) => write!(f, "version {found:#x}, expected {VERSION}"),
            Self::EntryCount(count) => {
                write!(f, "{count} entries, more than the file has room for")
            }
            Self::Name(index) => write!(f, "entry {index} has no valid name"),
            Self::Duplicate(name) => write!(f, "two entries are called `{name}`"),
            Self::OutOfBounds(name) => write!(f, "entry `{name}` does not lie inside the segment"),
            Self::Misaligned(name) => {
                write!(f, "entry `{name}` does not begin at a multiple of 64")
            }
            Self::Overlap(first, second) => write!(f, "entries `{first}` and `{second}` overlap"),
            Self::NextOffset(offset) => {
                write!(f, "spare room cannot begin at offset {offset}")
            }
        }
    }
}

impl std::error::Error for TableError {}

/// Checks the first bytes of a file of `size` bytes.
///
/// # Errors
///
/// Where they are no header.
pub fn parse_header(bytes: &[u8], size: u64) -> Result<Header, TableError> {
    let (raw, _) = RawHeader::read_from_prefix(bytes).map_err(|_| TableError::Short)?;
    if raw.magic.get() != MAGIC {
        return Err(TableError::Magic(raw.magic.get()));
    }
    let version = raw.version.get();
    let unit_shift = version >> 16;
    if version & 0xffff != VERSION || (unit_shift != 0 && unit_shift != 6) {
        return Err(TableError::Version(version));
    }
    let entry_count = raw.entry_count.get() as usize;
    let end = table_end(entry_count);
    if entry_count > MAX_TABLE || end as u64 > size {
        return Err(TableError::EntryCount(raw.entry_count.get()));
    }
    let next_offset = u64::from(raw.next_offset.get()) << unit_shift;
    if next_offset > size {
        return Err(TableError::NextOffset(next_offset));
    }
    Ok(Header {
        unit_shift,
        entry_count,
        next_offset,
    })
}

/// Bytes of a table with `entries` entries, header included.
pub const fn table_end(entries: usize) -> usize {
    HEADER_SIZE + ENTRY_SIZE * entries
}

/// Entries that fit before a body at `body`.
pub const fn capacity_before(body: usize) -> usize {
    (body - HEADER_SIZE) / ENTRY_SIZE
}

/// Where the body begins so that `entries` entries fit before it.
pub const fn body_behind(entries: usize) -> usize {
    table_end(entries).next_multiple_of(BODY_ALIGN)
}

/// Checks a copy of a file's first bytes: the header and all entries in use. The file has `size` bytes.
///
/// # Errors
///
/// Where a header or an entry is invalid, or two entries overlap or share a name.
pub fn parse(bytes: &[u8], size: u64) -> Result<Table, TableError> {
    let header = parse_header(bytes, size)?;
    let end = table_end(header.entry_count);
    let raw = bytes.get(HEADER_SIZE..end).ok_or(TableError::Short)?;
    let (raw, _) = <[RawEntry]>::ref_from_prefix_with_elems(raw, header.entry_count)
        .map_err(|_| TableError::Short)?;
    let mut entries = Vec::with_capacity(raw.len());
    for (index, entry) in raw.iter().enumerate() {
        if entry.name.starts_with(&[0; 8]) {
            continue; // free
        }
        entries.push(parse_entry(
            index,
            entry,
            header.unit_shift,
            end as u64,
            size,
        )?);
    }
    check_distinct(&entries)?;
    Ok(Table {
        unit_shift: header.unit_shift,
        next_offset: header.next_offset,
        entry_count: header.entry_count,
        entries,
    })
}

fn parse_entry(
    index: usize,
    raw: &RawEntry,
    unit_shift: u32,
    table_end: u64,
    file_size: u64,
) -> Result<Entry, TableError> {
    let name = name_of(&raw.name).ok_or(TableError::Name(index))?;
    let offset = u64::from(raw.offset.get()) << unit_shift;
    let size = u64::from(raw.size.get()) << unit_shift;
    // Neither sum can overflow: both are below 2^38.
    if offset < table_end || offset + size > file_size {
        return Err(TableError::OutOfBounds(name.to_owned()));
    }
    if !offset.is_multiple_of(STRUCTURE_ALIGN) {
        return Err(TableError::Misaligned(name.to_owned()));
    }
    Ok(Entry {
        index,
        name: name.to_owned(),
        offset,
        size,
    })
}

/// The text of a NUL-padded name; `None` where it is empty, not UTF-8, unterminated, or not padded.
fn name_of(raw: &[u8; NAME_SIZE]) -> Option<&str> {
    let len = raw.iter().position(|&byte| byte == 0)?;
    let (name, padding) = raw.split_at(len);
    if name.is_empty() || padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    core::str::from_utf8(name).ok()
}

fn check_distinct(entries: &[Entry]) -> Result<(), TableError> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by(|a, b| a.name.cmp(&b.name));
    for pair in order.windows(2) {
        if pair[0].name == pair[1].name {
            return Err(TableError::Duplicate(pair[0].name.clone()));
        }
    }
    order.sort_by_key(|entry| (entry.offset, entry.size));
    for pair in order.windows(2) {
        if pair[0].offset + pair[0].size > pair[1].offset {
            let names = (pair[0].name.clone(), pair[1].name.clone());
            return Err(TableError::Overlap(names.0, names.1));
        }
    }
    Ok(())
}

/// The bytes of a table: header and entries. Names are given NUL-padded, offsets and sizes in bytes.
///
/// `None` where an offset or size is too large for the unit.
pub fn render<'a>(
    unit_shift: u32,
    next_offset: u64,
    entries: impl ExactSizeIterator<Item = (&'a [u8; NAME_SIZE], u64, u64)>,
) -> Option<Vec<u8>> {
    let units = |bytes| units(unit_shift, bytes);
    let header = RawHeader {
        magic: MAGIC.into(),
        version: (VERSION | unit_shift << 16).into(),
        entry_count: u32::try_from(entries.len()).ok()?.into(),
        next_offset: units(next_offset)?.into(),
    };
    let mut bytes = Vec::with_capacity(table_end(entries.len()));
    bytes.extend_from_slice(header.as_bytes());
    for (name, offset, size) in entries {
        let entry = RawEntry {
            name: *name,
            offset: units(offset)?.into(),
            size: units(size)?.into(),
        };
        bytes.extend_from_slice(entry.as_bytes());
    }
    Some(bytes)
}

/// An entry's words, as they lie in memory; `None` where the name is too long or a number too large.
pub fn encode(unit_shift: u32, name: &str, offset: u64, size: u64) -> Option<[u64; ENTRY_WORDS]> {
    let mut raw = RawEntry {
        name: [0; NAME_SIZE],
        offset: units(unit_shift, offset)?.into(),
        size: units(unit_shift, size)?.into(),
    };
    raw.name
        .get_mut(..name.len())
        .filter(|_| name.len() <= MAX_NAME)?
        .copy_from_slice(name.as_bytes());
    let words: [zerocopy::little_endian::U64; ENTRY_WORDS] = zerocopy::transmute!(raw);
    Some(words.map(zerocopy::little_endian::U64::get))
}

/// Bytes as units, rounded up; `None` where they are too many.
pub fn units(unit_shift: u32, bytes: u64) -> Option<u32> {
    u32::try_from(bytes.div_ceil(1 << unit_shift)).ok()
}

/// The unit's shift for a file of `size` bytes.
pub const fn unit_shift(size: u64) -> u32 {
    if size > u32::MAX as u64 { 6 } else { 0 }
}

pub mod room;
#[cfg(test)]
mod tests;
