//! A segment seen from outside: what is known of it without being attached.
//!
//! Nothing is mapped and no lock is held, so whoever looks keeps nothing alive, needs no slot, and is no reason for a
//! leftover. What is found may have changed by the time that it is read.

use super::inspect::Inspected;
use super::leftover::{self, Leftover, outside};
use super::name;
use super::{checked_for_open, open};
use crate::error::OpenError;
use crate::memory::control::ControlData;
use crate::memory::liveness::{self, Removal};
use crate::memory::participant::{Identity, Participant, ParticipantInfo};
use crate::posix::{file, lock};
use crate::table::Entry;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A segment's table, control block and attachments, as they were when it was looked at.
///
/// ```
/// use shm_runtime::{prelude::*, segment::Survey};
///
/// #[derive(ShmLayout)]
/// struct Sim {
///     events: Queue<u32, 8>,
/// }
///
/// # let name = format!("doc-survey-{}", std::process::id());
/// let sim = Sim::create(&name)?;
/// let seen = Survey::look(&name)?;
/// assert_eq!(seen.participants().len(), 1); // looking is not attaching
/// assert_eq!(seen.participants()[0].pid, std::process::id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Survey {
    name: String,
    file: File,
    pub(crate) found: Inspected,
    participants: Vec<ParticipantInfo>,
    is_held: bool,
}

impl Survey {
    /// Looks at a segment, whoever owns it.
    ///
    /// # Errors
    ///
    /// As [`crate::ShmLayout::open`]; but a leftover that nobody is attached to is found.
    pub fn look(name: &str) -> Result<Self, OpenError> {
        let name = checked_for_open(name)?;
        let file = open::open_name(name, &name::path(name), false)?;
        let system = |doing| {
            move |source| OpenError::System {
                segment: name.to_owned(),
                doing,
                source,
            }
        };
        let stat = file::stat(&file).map_err(system("fstat"))?;
        open::check_regular(name, &stat)?;
        let found = Inspected::read(name, &file, stat.size)?;
        let is_held = liveness::is_anybody_there(&file).map_err(system("querying locks"))?;
        let mut survey = Self {
            name: name.to_owned(),
            file,
            found,
            participants: Vec::new(),
            is_held,
        };
        if is_held {
            let attached = survey.attached();
            survey.participants = attached.map_err(system("querying locks"))?;
        }
        Ok(survey)
    }

    /// Who holds a slot.
    fn attached(&self) -> io::Result<Vec<ParticipantInfo>> {
        let regions = &self.found.regions;
        let size = size_of::<Participant>();
        let mut records = vec![0; size * regions.count]; // at most 1024 slots: see `Inspected`
        self.file
            .read_exact_at(&mut records, regions.participants as u64)?;
        let mut attached = Vec::new();
        for (slot, record) in (0..).zip(records.chunks_exact(size)) {
            // Bytes in the order of `Participant`: generation, flags, pid.
            let word = |i: usize| {
                u32::from_le_bytes([record[i], record[i + 1], record[i + 2], record[i + 3]])
            };
            let held = lock::query(&self.file, liveness::slot(slot))?;
            if held.is_some_and(|held| held.range.len == 1) {
                attached.push(ParticipantInfo {
                    identity: Identity {
                        slot,
                        generation: word(0),
                    },
                    pid: word(8),
                });
            }
        }
        Ok(attached)
    }

    /// The segment's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file, open for reading.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Everybody who is attached, but for read-only ones.
    pub fn participants(&self) -> &[ParticipantInfo] {
        &self.participants
    }

    /// Whether anybody at all is attached, read-only ones included.
    pub const fn is_held(&self) -> bool {
        self.is_held
    }

    /// Whether the segment stays when nobody is attached.
    pub fn is_persistent(&self) -> bool {
        self.found.is_persistent()
    }

    /// The control block.
    pub const fn control(&self) -> &ControlData {
        &self.found.control
    }

    /// The table: the library's own entries, whose names begin with `@`, and the fields.
    pub fn entries(&self) -> &[Entry] {
        &self.found.table.entries
    }

    /// The descriptor's bytes.
    ///
    /// # Errors
    ///
    /// Where the file became shorter.
    pub fn descriptor(&self) -> Result<Vec<u8>, OpenError> {
        self.found.read_descriptor(&self.name, &self.file)
    }
}

/// Removes a segment of that name if it is a leftover, as [`prune`](super::prune) does with all, and says whether it was.
///
/// A read-only attachment that leaves last may not remove the name itself: a program that attaches so calls this then.
///
/// # Errors
///
/// Of the system.
pub fn remove_leftover(name: &str) -> Result<bool, OpenError> {
    let name = checked_for_open(name)?;
    let path = name::path(name);
    let file = open::open_name(name, &path, true)?;
    let left = leftover::remove_leftover(name, &file, &path);
    let left = left.map_err(|source| OpenError::System {
        segment: name.to_owned(),
        doing: "unlinking",
        source,
    })?;
    Ok(matches!(left, Leftover::Removed(Removal::Gone)))
}

/// Removes the name of a segment that nobody is attached to, damaged or persistent as it may be.
///
/// # Errors
///
/// Where there is none, or the file is no segment, or of the system.
pub fn remove_deserted(name: &str) -> Result<Removal, OpenError> {
    let name = checked_for_open(name)?;
    let path = name::path(name);
    let file = open::open_name(name, &path, true)?;
    outside(Inspected::read(
        name,
        &file,
        file.metadata().map_or(0, |data| data.len()),
    ))?;
    liveness::remove_if_deserted(&file, &path).map_err(|source| OpenError::System {
        segment: name.to_owned(),
        doing: "unlinking",
        source,
    })
}
