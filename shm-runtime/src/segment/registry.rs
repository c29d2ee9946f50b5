//! Structures that come and go at run time.
//!
//! A registered structure lies in a block of the segment's spare room, the table's entry covers the
//! structure alone:
//!
//! ```text
//! −0x40  header      block length u64 · descriptor offset u64 (in the file) · descriptor length u64 · generation u64
//!  0x00  structure   at a multiple of its alignment, at least 64; all zero when registered
//!   …    descriptor  JSON of one entry, at a multiple of 64
//! ```
//!
//! `@registry` begins with a count of registrations, the next block's generation, and the process id of who
//! changed the table last, for people.
//!
//! # If a process dies here
//!
//! One lock byte lets one process at a time change the table. Every change becomes visible by one store,
//! and what is free follows from the entries in use, so a kill at any moment leaves either the table
//! before or the table after, and no room is lost:
//!
//! | killed after | the table | the room |
//! |---|---|---|
//! | raising `next_offset` | before | free; below the mark, so the next owner clears it |
//! | writing header, descriptor, the entry's tail | before | the same |
//! | storing the entry's first word (or `entry_count`) | after | the structure's |
//! | erase: clearing the entry's first word | after | free, cleared by the next owner |
//!
//! Nobody repairs: a change that did not become visible left nothing that the next one would look at. That
//! is why there is no undo record.
//!
//! # Handles to something erased
//!
//! They are void: they reach the next owner's bytes, and nothing outside of the room that they had. Recovery
//! after a process that dies in the middle of an operation on one would do the same. So the dead are settled
//! before room is freed and before it is given away, and room that an open intent names is not given away
//! before that operation has ended. Not prevented: beginning an operation on a void handle when the room
//! has a new owner.
//!
//! # Progress
//!
//! `register` and `erase` block, by name: where a process is stopped while it changes the table, others wait
//! as long as `Options::register_wait` says and get `Busy`. `find` and the lists take no lock.

use super::inspect::Inspected;
use super::wanted::{Newcomer, Wanted};
use crate::error::RegisterError;
use crate::layout::bind::Found;
use crate::layout::descriptor::{Descriptor, Likeness, compare};
use crate::layout::fingerprint;
use crate::memory::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::memory::attachment::Attachment;
use crate::memory::control::{self, Control, ControlData, FLAG_RESERVE};
use crate::memory::lane::Phase;
use crate::memory::liveness::REGISTRATION;
use crate::posix::file;
use crate::posix::lock::Locked;
use crate::seeded::{Bug, seeded};
use crate::table::room::{Extent, gaps, place};
use crate::table::{self, ENTRY_WORDS, Entry, STRUCTURE_ALIGN, Table};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Bytes of a block's header.
const HEADER: u64 = 64;
/// How often a process looks again whether it may change the table.
const PAUSE: Duration = Duration::from_micros(200);
/// How often the table is copied until two copies agree.
pub(super) const COPIES: usize = 100;
/// Most bytes of heads and words that are given room at registration.
const MAX_HOT: u64 = 1 << 20;

/// The words of `@registry` that are used: registrations so far, and who last changed the table.
const GENERATION: usize = 0;
const PROCESS: usize = 1;
/// Longest descriptor of one structure that is read.
const MAX_DESCRIPTOR: u64 = 1 << 20;

/// A segment's table at run time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registry<'a> {
    pub(super) attachment: &'a Attachment,
    pub(super) control: &'a ControlData,
    /// The segment's name, for errors.
    pub(super) segment: &'a str,
    /// How long it waits for another process that changes the table.
    pub(super) patience: Duration,
}

/// The header's two words that change.
struct Counts<'a> {
    entry_count: &'a AtomicU32,
    next_offset: &'a AtomicU32,
}

impl<'a> Registry<'a> {
    fn name(self) -> String {
        self.segment.to_owned()
    }

    fn system(self, doing: &'static str) -> impl Fn(io::Error) -> RegisterError {
        move |source| RegisterError::System {
            segment: self.name(),
            doing,
            source,
        }
    }

    /// The error for bytes that no program of ours leaves.
    pub(super) fn corrupt(self, why: impl ToString) -> RegisterError {
        RegisterError::Corrupt {
            segment: self.name(),
            why: why.to_string(),
        }
    }

    fn counts(self) -> Result<Counts<'a>, RegisterError> {
        match self.attachment.slice(table::COUNTS_AT, 2) {
            Some([entry_count, next_offset]) => Ok(Counts {
                entry_count,
                next_offset,
            }),
            _ => Err(self.corrupt("it has no table")),
        }
    }

    fn entry(self, index: usize) -> Result<&'a [AtomicU64], RegisterError> {
        let words = self.attachment.slice(table::table_end(index), ENTRY_WORDS);
        words.ok_or_else(|| self.corrupt("its table ends early"))
    }

    /// A checked copy of the table as it is now: taken until two copies agree, because somebody may be
    /// changing it.
    fn table(self) -> Result<Table, RegisterError> {
        let mut last = Vec::new();
        for _ in 0..COPIES {
            let copy = self.copy()?;
            if copy == last {
                break;
            }
            last = copy;
            std::thread::yield_now(); // to whoever changes it
        }
        table::parse(&last, self.control.total_size).map_err(|why| self.corrupt(why))
    }

    fn copy(self) -> Result<Vec<u8>, RegisterError> {
        let capacity = self.control.table_capacity;
        let counts = self.counts()?;
        // Acquire) // (A) the entries that the count speaks of
        let count = counts.entry_count.load(Ordering::Acquire).min(capacity);
        let next = counts.next_offset.load(Ordering::Relaxed); // checked by `parse`
        let version = table::VERSION | self.control.unit_shift << 16;
        let mut bytes = Vec::with_capacity(table::table_end(count as usize));
        for word in [table::MAGIC, version, count, next] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for index in 0..count as usize {
            for word in self.entry(index)? {
                // Acquire) // (A) the rest of the entry, whose first word was stored last
                bytes.extend_from_slice(&word.load(Ordering::Acquire).to_le_bytes());
            }
        }
        Ok(bytes)
    }

    /// The registered entries: those behind the schema's own.
    fn registered(self, table: &Table) -> impl Iterator<Item = &Entry> {
        let own = self.control.schema_entries as usize;
        table.entries.iter().filter(move |entry| entry.index >= own)
    }

    /// The entries from number `first` on, as they are now.
    pub(super) fn list(self, first: usize) -> Result<Vec<Found>, RegisterError> {
        let table = self.table()?;
        let entries = table.entries.iter().filter(|entry| entry.index >= first);
        Ok(entries
            .map(|entry| self.found(&entry.name, entry))
            .collect())
    }

    fn found(self, name: &str, entry: &Entry) -> Found {
        Found {
            name: name.to_owned(),
            offset: entry.offset as usize,
            size: entry.size as usize,
        }
    }

    /// The bytes that a registered structure's block takes; what its header says is believed as far as it
    /// is possible.
    fn block(self, entry: &Entry) -> Extent {
        let start = entry.offset.saturating_sub(HEADER);
        let least = entry.offset + entry.size;
        let says = self
            .word(start)
            .map_or(0, |length| start.saturating_add(length));
        let end = if says < least || says > self.control.total_size {
            least
        } else {
            says
        };
        Extent {
            start,
            end: end.next_multiple_of(STRUCTURE_ALIGN),
        }
    }

    /// A word of the segment.
    fn word(self, offset: u64) -> Option<u64> {
        let word: &[AtomicU64] = self.attachment.slice(offset as usize, 1)?;
        Some(word[0].load(Ordering::Acquire)) // (A) with the entry; compared with a later load
    }

    /// Bytes that operations in progress name: on a structure that was erased meanwhile, perhaps. Settling one
    /// whose process dies must not change the next owner's bytes.
    fn intended(self) -> impl Iterator<Item = Extent> {
        let lanes = self.attachment.lanes();
        let open = lanes
            .iter()
            .filter(|lane| lane.state().phase() != Phase::Idle);
        open.map(move |lane| Extent {
            start: lane.place().offset(),
            end: lane.place().end(lanes.len()),
        })
    }

    fn spare(self) -> Extent {
        Extent {
            start: self.control.spare_offset,
            end: self.control.total_size,
        }
    }

    /// Becomes the one who may change the table, until that is dropped.
    fn lock(self) -> Result<Locked, RegisterError> {
        let segment = self.name();
        if self.attachment.is_read_only() {
            return Err(RegisterError::ReadOnly { segment });
        }
        // A forked child attaches first, as with any operation.
        let attached = self.attachment.register().map_err(io::Error::other);
        attached.map_err(self.system("attaching"))?;
        let deadline = Instant::now().checked_add(self.patience);
        loop {
            let locked = self.attachment.try_lock(REGISTRATION);
            if let Some(locked) = locked.map_err(self.system("locking"))? {
                self.registry(PROCESS)?
                    .store(u64::from(std::process::id()), Ordering::Relaxed); // for people
                return Ok(locked);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let process = self.registry(PROCESS)?.load(Ordering::Relaxed) as u32;
                return Err(RegisterError::Busy { segment, process });
            }
            std::thread::sleep(PAUSE); // for one process: blocking, by name
        }
    }

    /// Registers a structure.
    pub(super) fn register(self, wanted: &Newcomer<'_>) -> Result<Found, RegisterError> {
        check_name(wanted.name).map_err(|why| RegisterError::BadName {
            segment: self.name(),
            name: wanted.name.to_owned(),
            why,
        })?;
        let locked = self.lock()?;
        self.attachment.recover(); // what the dead left may concern bytes that were erased
        let table = self.table()?;
        if table.entries.iter().any(|entry| entry.name == wanted.name) {
            return Err(RegisterError::Taken {
                segment: self.name(),
                name: wanted.name.to_owned(),
            });
        }
        let index = self.free_entry(&table)?;
        let block = self.free_block(&table, wanted)?;
        let words = table::encode(table.unit_shift, wanted.name, block.structure, wanted.size);
        let words = words.ok_or_else(|| self.corrupt("an offset is too large for its units"))?;
        if seeded(Bug::EntryBeforeBlock) {
            self.publish(&table, index, words)?;
        }
        self.fill(locked.file(), &table, &block)?;
        self.publish(&table, index, words)?;
        Ok(Found {
            name: wanted.name.to_owned(),
            offset: block.structure as usize,
            size: wanted.size.next_multiple_of(1 << table.unit_shift) as usize,
        })
    }

    /// The first free entry.
    fn free_entry(self, table: &Table) -> Result<usize, RegisterError> {
        let capacity = self.control.table_capacity as usize;
        let mut free = self.control.schema_entries as usize;
        for entry in self.registered(table) {
            if entry.index != free {
                break; // entries come in order, so this one was passed over
            }
            free += 1;
        }
        let segment = self.name();
        let full = RegisterError::TableFull { segment, capacity };
        if free < capacity { Ok(free) } else { Err(full) }
    }

    fn free_block<'w>(
        self,
        table: &Table,
        wanted: &'w Newcomer<'_>,
    ) -> Result<Block<'w>, RegisterError> {
        let descriptor = &wanted.descriptor[..];
        let room = wanted.room.next_multiple_of(STRUCTURE_ALIGN);
        let size = room + (descriptor.len() as u64).next_multiple_of(STRUCTURE_ALIGN);
        let blocks = self.registered(table).map(|entry| self.block(entry));
        let taken: Vec<_> = blocks.chain(self.intended()).collect();
        let gaps = gaps(self.spare(), &taken);
        let structure = place(&gaps, HEADER, size, wanted.align).ok_or_else(|| {
            let pieces = gaps.iter().map(|gap| gap.end - gap.start);
            RegisterError::NoRoom {
                segment: self.name(),
                name: wanted.name.to_owned(),
                needed: HEADER + size + (wanted.align - STRUCTURE_ALIGN),
                largest: pieces.clone().max().unwrap_or(0),
                free: pieces.sum(),
            }
        })?;
        Ok(Block {
            structure,
            room,
            length: HEADER + size,
            descriptor,
            hot: wanted.hot,
        })
    }

    /// Everything that is in a block before its entry is visible.
    fn fill(self, file: &File, table: &Table, block: &Block<'_>) -> Result<(), RegisterError> {
        let start = block.structure - HEADER;
        let end = start + block.length;
        let no_room = |source: io::Error| match source.kind() {
            io::ErrorKind::StorageFull => RegisterError::NoMemory {
                segment: self.name(),
                free: file::free_space(file).ok().flatten().unwrap_or(0),
            },
            _ => self.system("allocating")(source),
        };
        // Room above the mark was never written; a mark that is raised first stays true after a kill.
        if start < table.next_offset {
            self.clear(file, start, block.length)?;
        }
        let mark = table::units(table.unit_shift, end.max(table.next_offset));
        let mark = mark.ok_or_else(|| self.corrupt("an offset is too large for its units"))?;
        self.counts()?.next_offset.store(mark, Ordering::Relaxed); // ordered by the system calls below
        let hot = block.hot.min(MAX_HOT);
        if hot > 0 {
            file::allocate(file, block.structure, hot).map_err(no_room)?;
        }
        let descriptor_offset = block.structure + block.room;
        let header = [
            block.length,
            descriptor_offset,
            block.descriptor.len() as u64,
            self.next_generation()?,
        ];
        let header: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        // Written, not stored through the mapping: a full file system is an error then, not a signal.
        file.write_all_at(&header, start).map_err(no_room)?;
        file.write_all_at(block.descriptor, descriptor_offset)
            .map_err(no_room)
    }

    /// Makes a range zero, so that it is as good as new.
    fn clear(self, file: &File, start: u64, length: u64) -> Result<(), RegisterError> {
        let cleared = if self.control.flags & FLAG_RESERVE == 0 {
            file::clear(file, start, length) // its memory goes back to the system
        } else {
            let zeros = [0; 4096]; // its memory was promised to stay
            (0..length).step_by(zeros.len()).try_for_each(|at| {
                let len = (length - at).min(zeros.len() as u64) as usize;
                file.write_all_at(&zeros[..len], start + at)
            })
        };
        cleared.map_err(self.system("clearing"))
    }

    /// Counts registrations.
    fn next_generation(self) -> Result<u64, RegisterError> {
        let count = self.registry(GENERATION)?;
        let next = count.load(Ordering::Relaxed).wrapping_add(1); // the lock's holder alone changes it
        count.store(next, Ordering::Relaxed);
        Ok(next)
    }

    /// A word of `@registry`, which is the second entry of every segment.
    fn registry(self, word: usize) -> Result<&'a AtomicU64, RegisterError> {
        let start = self.control.body as usize + size_of::<Control>();
        let words = self.attachment.slice::<control::Registry>(start, 1);
        let words = words.and_then(|registry| registry.first());
        let word = words.and_then(|registry| registry.0.get(word));
        word.ok_or_else(|| self.corrupt("it has no `@registry`"))
    }

    /// Makes an entry visible, by the last of its stores.
    fn publish(
        self,
        table: &Table,
        index: usize,
        words: [u64; ENTRY_WORDS],
    ) -> Result<(), RegisterError> {
        let entry = self.entry(index)?;
        for (to, word) in entry.iter().zip(words).skip(1) {
            to.store(word, Ordering::Relaxed); // published by the store of the first word
        }
        entry[0].store(words[0], Ordering::Release); // (A) publishes the entry, if the count has it
        if index >= table.entry_count {
            let count = index as u32 + 1;
            self.counts()?.entry_count.store(count, Ordering::Release); // (A) publishes the entry
        }
        Ok(())
    }

    /// Finds a structure of the schema or a registered one.
    pub(super) fn find(self, wanted: &Wanted<'_>) -> Result<Found, RegisterError> {
        let mut found = self.look_up(wanted.name)?;
        for _ in 0..COPIES {
            let there = self.canonical(&found.0);
            let again = self.look_up(wanted.name)?;
            if again == found {
                self.compare(wanted, there?)?;
                return Ok(self.found(wanted.name, &found.0));
            }
            found = again; // erased and registered meanwhile: whoever did that got on
        }
        Err(self.corrupt("it changes all the time"))
    }

    /// The entry of that name, and the generation of its block.
    pub(super) fn look_up(self, name: &str) -> Result<(Entry, u64), RegisterError> {
        let table = self.table()?;
        let entry = table.entries.into_iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| RegisterError::NotFound {
            segment: self.name(),
            name: name.to_owned(),
        })?;
        if entry.index < self.control.schema_entries as usize {
            return Ok((entry, 0));
        }
        let generation = self.word(entry.offset.saturating_sub(HEADER) + 24);
        Ok((entry, generation.unwrap_or(0)))
    }

    fn compare(self, wanted: &Wanted<'_>, there: String) -> Result<(), RegisterError> {
        let here = fingerprint::shape(&wanted.single.node, wanted.element);
        if compare(&here, &there) == Likeness::Different {
            return Err(RegisterError::Mismatch {
                segment: self.name(),
                name: wanted.name.to_owned(),
                here,
                there,
            });
        }
        Ok(())
    }

    /// The shape that the segment says a structure has.
    fn canonical(self, entry: &Entry) -> Result<String, RegisterError> {
        let described = Descriptor::parse(&self.descriptor(entry)?).and_then(|descriptor| {
            let mut entries = descriptor.entries.into_iter();
            entries.find(|described| described.name == entry.name)
        });
        let described = described.ok_or_else(|| self.corrupt("a structure has no descriptor"))?;
        Ok(described.canonical)
    }

    /// The bytes of the descriptor that has an entry.
    pub(super) fn descriptor(self, entry: &Entry) -> Result<Vec<u8>, RegisterError> {
        let (offset, len) = if entry.index < self.control.schema_entries as usize {
            (self.control.descriptor_offset, self.control.descriptor_len)
        } else {
            let header = entry.offset.saturating_sub(HEADER);
            let word = |at: u64| {
                self.word(header + at)
                    .ok_or_else(|| self.corrupt("a block is cut off"))
            };
            let len = word(16)?;
            if len > MAX_DESCRIPTOR {
                return Err(self.corrupt("a descriptor has no possible length"));
            }
            (word(8)?, len)
        };
        let end = offset
            .checked_add(len)
            .filter(|&end| end <= self.control.total_size);
        if end.is_none() {
            return Err(self.corrupt("a descriptor does not lie inside the segment"));
        }
        let mut bytes = vec![0; len as usize];
        self.attachment
            .read_at(&mut bytes, offset)
            .map_err(self.system("reading"))?;
        Ok(bytes)
    }

    /// Erases a registered structure.
    pub(super) fn erase(self, name: &str) -> Result<(), RegisterError> {
        let locked = self.lock()?;
        self.attachment.recover(); // what the dead left in it is settled while it is there
        let table = self.table()?;
        let entry = table.entries.iter().find(|entry| entry.name == name);
        let (segment, owned) = (self.name(), name.to_owned());
        let entry = match entry {
            Some(entry) if entry.index >= self.control.schema_entries as usize => entry,
            Some(_) => {
                return Err(RegisterError::Permanent {
                    segment,
                    name: owned,
                });
            }
            None => {
                return Err(RegisterError::NotFound {
                    segment,
                    name: owned,
                });
            }
        };
        let block = self.block(entry);
        self.entry(entry.index)?[0].store(0, Ordering::Release); // (A) the entry is free
        // The count ends with the last entry in use again.
        let rest = table
            .entries
            .iter()
            .filter(|other| other.index != entry.index);
        let count = rest.map(|other| other.index as u32 + 1).max().unwrap_or(0);
        self.counts()?.entry_count.store(count, Ordering::Release); // (A) frees free entries only
        let length = block
            .end
            .min(self.control.total_size)
            .saturating_sub(block.start);
        self.clear(locked.file(), block.start, length)
    }
}

/// A place for a structure.
struct Block<'a> {
    /// Where the structure begins.
    structure: u64,
    /// Bytes until the descriptor.
    room: u64,
    /// Bytes of all, header included.
    length: u64,
    descriptor: &'a [u8],
    hot: u64,
}

/// Checks a name by the rules of a field's.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > table::MAX_NAME {
        return Err("it has more than 31 bytes");
    }
    if name.starts_with('@') {
        return Err("names that begin with `@` are the segment's own");
    }
    if name.contains(['.', '[', ']']) {
        return Err("`.`, `[` and `]` build the names of nested fields");
    }
    if name.chars().any(char::is_control) {
        return Err("it has control characters");
    }
    Ok(())
}

impl Inspected {
    /// The control block, for as long as the segment is open.
    pub(super) fn into_control(self) -> Box<ControlData> {
        Box::new(self.control)
    }
}
