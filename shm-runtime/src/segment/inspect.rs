//! What a file says of itself, read once, copied and checked before any of it is mapped.

use crate::error::OpenError;
use crate::layout::bind::Found;
use crate::memory::attachment::Regions;
use crate::memory::control::{ControlData, FLAG_PERSIST, LAYOUT_VERSION};
use crate::memory::lane::LaneRecord;
use crate::memory::liveness::MAX_SLOTS;
use crate::memory::participant::Participant;
use crate::table::{self, Entry, Table, TableError};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// How often the table is read until two copies agree.
const COPIES: usize = 100;
/// Bytes that are read at once: most tables, and the control block behind them.
const START: u64 = (table::BODY_ALIGN + size_of::<ControlData>()) as u64;
/// Longest descriptor that a reader accepts.
const MAX_DESCRIPTOR: u64 = 64 << 20;

/// A segment's table and control block, checked against each other and against the file.
#[derive(Clone, Debug)]
pub(crate) struct Inspected {
    pub(crate) table: Table,
    pub(crate) control: ControlData,
    pub(crate) regions: Regions,
}

impl Inspected {
    /// Reads and checks the first bytes of a file of `size` bytes.
    pub(crate) fn read(segment: &str, file: &File, size: u64) -> Result<Self, OpenError> {
        let name = || segment.to_owned();
        if size == 0 {
            return Err(OpenError::Empty { segment: name() });
        }
        let start = read_start(segment, file, size)?;
        let table = table::parse(&start, size).map_err(|why| table_error(segment, size, why))?;
        let control = read_control(segment, file, &start, &table)?;
        Self::checked(segment, size, table, control)
    }

    /// Checks what is about to be in a file of that size.
    pub(crate) fn of(
        segment: &str,
        size: u64,
        table: &[u8],
        control: ControlData,
    ) -> Result<Self, OpenError> {
        let table = table::parse(table, size).map_err(|why| table_error(segment, size, why))?;
        let control = check_control(segment, &table, control)?;
        Self::checked(segment, size, table, control)
    }

    fn checked(
        segment: &str,
        size: u64,
        table: Table,
        control: ControlData,
    ) -> Result<Self, OpenError> {
        let name = || segment.to_owned();
        match control.total_size {
            expected if size < expected => {
                return Err(OpenError::Truncated {
                    segment: name(),
                    size,
                    expected,
                });
            }
            expected if size > expected => {
                return Err(OpenError::Size {
                    segment: name(),
                    size,
                    expected,
                });
            }
            _ => {}
        }
        let regions = regions(&table, &control).map_err(|why| OpenError::Control {
            segment: name(),
            why: why.to_owned(),
        })?;
        Ok(Self {
            table,
            control,
            regions,
        })
    }

    /// Whether the segment stays when nobody is attached.
    pub(crate) fn is_persistent(&self) -> bool {
        self.control.flags & FLAG_PERSIST != 0
    }

    /// The table, as the binder wants it.
    pub(crate) fn found(&self) -> Vec<Found> {
        let entries = self.table.entries.iter();
        let found = entries.map(|entry| Found {
            name: entry.name.clone(),
            offset: entry.offset as usize, // `read` compared it with the file's size
            size: entry.size as usize,
        });
        found.collect()
    }

    /// Bytes that one of the table's units has.
    pub(crate) fn unit(&self) -> usize {
        1 << self.table.unit_shift
    }

    /// The descriptor's bytes.
    pub(crate) fn read_descriptor(&self, segment: &str, file: &File) -> Result<Vec<u8>, OpenError> {
        let (offset, len) = (self.control.descriptor_offset, self.control.descriptor_len);
        read_at(segment, file, offset, len)
    }
}

/// Reads the table until two copies agree: somebody may be registering a structure.
fn read_start(segment: &str, file: &File, size: u64) -> Result<Vec<u8>, OpenError> {
    let mut last = Vec::new();
    for _ in 0..COPIES {
        let mut copy = read_at(segment, file, 0, START.min(size))?;
        let head = copy.get(..table::HEADER_SIZE).unwrap_or(&copy);
        let header = table::parse_header(head, table::MAX_SEGMENT)
            .map_err(|why| table_error(segment, size, why))?;
        let end = table::table_end(header.entry_count) as u64;
        let expected = header.next_offset.max(end);
        if size < expected {
            let segment = segment.to_owned();
            return Err(OpenError::Truncated {
                segment,
                size,
                expected,
            });
        }
        let read = copy.len() as u64;
        if read < end {
            copy.extend(read_at(segment, file, read, end - read)?);
        }
        // what lies behind the table may change for good
        let is_same = copy.get(..end as usize) == last.get(..end as usize);
        last = copy;
        if is_same {
            break;
        }
    }
    Ok(last)
}

/// Reads `len` bytes at `offset`; a file that became too short for them was truncated meanwhile.
fn read_at(segment: &str, file: &File, offset: u64, len: u64) -> Result<Vec<u8>, OpenError> {
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, offset).map_err(|source| {
        if source.kind() == std::io::ErrorKind::UnexpectedEof {
            let size = file.metadata().map_or(0, |data| data.len());
            OpenError::Truncated {
                segment: segment.to_owned(),
                size,
                expected: offset + len,
            }
        } else {
            OpenError::System {
                segment: segment.to_owned(),
                doing: "reading",
                source,
            }
        }
    })?;
    Ok(bytes)
}

fn table_error(segment: &str, size: u64, why: TableError) -> OpenError {
    let segment = segment.to_owned();
    match why {
        TableError::Short => OpenError::Short { segment, size },
        TableError::Magic(found) => OpenError::Magic { segment, found },
        TableError::Version(found) => OpenError::Version {
            segment,
            found,
            expected: table::VERSION,
        },
        why => OpenError::Table {
            segment,
            why: why.to_string(),
        },
    }
}

fn read_control(
    segment: &str,
    file: &File,
    start: &[u8],
    table: &Table,
) -> Result<ControlData, OpenError> {
    let damaged = |why: &str| OpenError::Control {
        segment: segment.to_owned(),
        why: why.to_owned(),
    };
    let size = size_of::<ControlData>() as u64;
    let entry = control_entry(segment, table)?;
    let at = entry.offset as usize;
    let control = match start.get(at..at + size as usize) {
        Some(bytes) => ControlData::from_bytes(bytes),
        None => ControlData::from_bytes(&read_at(segment, file, entry.offset, size)?),
    };
    check_control(
        segment,
        table,
        control.ok_or_else(|| damaged("it is too short"))?,
    )
}

fn control_entry<'a>(segment: &str, table: &'a Table) -> Result<&'a Entry, OpenError> {
    let damaged = |why: &str| OpenError::Control {
        segment: segment.to_owned(),
        why: why.to_owned(),
    };
    let entry = table.entries.iter().find(|entry| entry.name == "@control");
    let entry = entry.ok_or_else(|| damaged("the table has no entry `@control`"))?;
    if entry.size < size_of::<ControlData>() as u64 {
        return Err(damaged("its entry is too small"));
    }
    Ok(entry)
}

fn check_control(
    segment: &str,
    table: &Table,
    control: ControlData,
) -> Result<ControlData, OpenError> {
    let damaged = |why: &str| OpenError::Control {
        segment: segment.to_owned(),
        why: why.to_owned(),
    };
    let entry = control_entry(segment, table)?;
    if control.layout_version != LAYOUT_VERSION {
        return Err(OpenError::Version {
            segment: segment.to_owned(),
            found: control.layout_version,
            expected: LAYOUT_VERSION,
        });
    }
    if control.body != entry.offset || !control.body.is_multiple_of(table::BODY_ALIGN as u64) {
        return Err(damaged("the body does not begin where the table says"));
    }
    if control.unit_shift != table.unit_shift {
        return Err(damaged("its unit is not the table's"));
    }
    Ok(control)
}

/// Checks the rest of the control block against the table.
fn regions(table: &Table, control: &ControlData) -> Result<Regions, &'static str> {
    if control.lanes == 0 || control.lanes > MAX_SLOTS {
        return Err("a segment has 1 to 1024 lanes");
    }
    let capacity = table::capacity_before(control.body as usize);
    if control.table_capacity as usize != capacity || table.entries.len() > capacity {
        return Err("the table's capacity does not fit before the body");
    }
    if control.schema_entries as usize > table.entries.len() {
        return Err("the table has fewer entries than the schema");
    }
    let descriptor_end = control
        .descriptor_offset
        .checked_add(control.descriptor_len);
    if control.descriptor_len > MAX_DESCRIPTOR
        || control.descriptor_offset < control.body
        || descriptor_end.is_none_or(|end| end > control.spare_offset)
        || control.spare_offset > control.total_size
    {
        return Err("the descriptor does not lie inside the segment");
    }
    let count = control.lanes as usize;
    let region = |name: &str, each: usize| {
        let entry = table.entries.iter().find(|entry| entry.name == name)?;
        (entry.size == (each * count) as u64).then_some(entry.offset as usize)
    };
    let participants = region("@participants", size_of::<Participant>());
    let lanes = region("@lanes", size_of::<LaneRecord>());
    match (participants, lanes) {
        (Some(participants), Some(lanes)) if lanes.is_multiple_of(align_of::<LaneRecord>()) => {
            Ok(Regions {
                participants,
                lanes,
                count,
            })
        }
        _ => Err("the entries of participants and lanes do not fit their number"),
    }
}
