//! Where everything lies in a new segment, and what its table and control block say of it.

use super::options::Settings;
use super::placement::HugePages;
use crate::layout::body::{Blueprint, Entry};
use crate::layout::descriptor;
use crate::memory::control::{ControlData, FLAG_PERSIST, FLAG_RESERVE, LAYOUT_VERSION};
use crate::posix::process;
use crate::table::{self, NAME_SIZE};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a huge page.
const HUGE: u64 = 2 << 20;

/// The table name of the descriptor.
const DESCRIPTOR: [u8; NAME_SIZE] = {
    let mut padded = [0; NAME_SIZE];
    let name = b"@descriptor";
    let mut i = 0;
    while i < name.len() {
        padded[i] = name[i];
        i += 1;
    }
    padded
};

/// What a new segment is to be: the same of a schema in the program and of one that is known at run time only.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    /// The descriptor's JSON.
    pub(crate) descriptor: Vec<u8>,
    /// All entries but the descriptor's, ours first.
    pub(crate) entries: &'a [Entry],
    pub(crate) lanes: usize,
    pub(crate) body_size: u64,
    pub(crate) fingerprint: u128,
}

impl Draft<'static> {
    /// That of a schema in the program.
    pub(crate) fn of(blueprint: &Blueprint) -> Self {
        Self {
            descriptor: descriptor::render(blueprint),
            entries: blueprint.entries,
            lanes: blueprint.lanes,
            body_size: blueprint.body_size as u64,
            fingerprint: blueprint.fingerprint,
        }
    }
}

impl Draft<'_> {
    /// Where the body and the descriptor begin, and how many bytes the segment has, with options that change neither.
    pub(crate) fn places(&self) -> (u64, u64, u64) {
        let plan = Plan::new(self, &Settings::default());
        (plan.body, plan.descriptor_offset, plan.total)
    }
}

/// Where everything lies in a new file.
pub(super) struct Plan {
    pub(super) body: u64,
    descriptor_len: u64,
    pub(super) descriptor_offset: u64,
    spare_offset: u64,
    pub(super) total: u64,
    unit_shift: u32,
}

impl Plan {
    pub(super) fn new(draft: &Draft<'_>, settings: &Settings) -> Self {
        let entries = (draft.entries.len() + 1).saturating_add(settings.spare_entries);
        let body = table::body_behind(entries.min(table::MAX_TABLE)) as u64;
        let descriptor_len = draft.descriptor.len() as u64;
        let descriptor_offset = body + draft.body_size;
        let descriptor_end = descriptor_offset + descriptor_len;
        let spare_offset = descriptor_end.next_multiple_of(table::STRUCTURE_ALIGN);
        // the kernel aligns a mapping to huge pages only where its length is a multiple of theirs
        let unit = match settings.huge_pages {
            Some(HugePages::Collapse) => HUGE,
            None => table::BODY_ALIGN as u64,
        };
        let total = spare_offset
            .saturating_add(settings.spare_bytes)
            .checked_next_multiple_of(unit)
            .unwrap_or(u64::MAX);
        Self {
            body,
            descriptor_len,
            descriptor_offset,
            spare_offset,
            total,
            unit_shift: table::unit_shift(total),
        }
    }

    /// The table's bytes; `None` where the segment is too large for its units.
    pub(super) fn table(&self, draft: &Draft<'_>) -> Option<Vec<u8>> {
        let schema = draft.entries.iter();
        let mut entries: Vec<_> = schema
            .map(|entry| (entry.raw_name(), self.body + entry.offset, entry.size))
            .collect();
        entries.push((&DESCRIPTOR, self.descriptor_offset, self.descriptor_len));
        table::render(self.unit_shift, self.spare_offset, entries.into_iter())
    }

    /// The control block of a new segment.
    pub(super) fn control(
        &self,
        draft: &Draft<'_>,
        settings: &Settings,
    ) -> io::Result<ControlData> {
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(ControlData {
            layout_version: LAYOUT_VERSION,
            unit_shift: self.unit_shift,
            body: self.body,
            total_size: self.total,
            lanes: draft.lanes as u32,
            flags: flags(settings),
            fingerprint: draft.fingerprint.to_le_bytes(),
            segment_id: process::random()?,
            boot_id: process::boot_id(),
            owner: process::effective_user(),
            mode: mode(settings),
            descriptor_offset: self.descriptor_offset,
            descriptor_len: self.descriptor_len,
            spare_offset: self.spare_offset,
            table_capacity: table::capacity_before(self.body as usize) as u32,
            schema_entries: draft.entries.len() as u32 + 1,
            created: created.as_nanos() as u64,
            reserved: [0; 48],
        })
    }
}

fn flags(settings: &Settings) -> u32 {
    let persist = if settings.persist { FLAG_PERSIST } else { 0 };
    let reserve = if settings.reserve { FLAG_RESERVE } else { 0 };
    persist | reserve
}

/// The permission bits.
pub(super) fn mode(settings: &Settings) -> u32 {
    settings.mode.unwrap_or(0o600)
}
