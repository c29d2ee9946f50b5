//! Birth: a segment gets its name when it is complete, never before.
//!
//! | step | killed here |
//! |---|---|
//! | file without a name, sized | the kernel frees it |
//! | table, control block, descriptor written; mode and group set | the same |
//! | own slot locked, mapped; the program's `init` | the same |
//! | linked under its name | a whole segment, a leftover if nobody else is attached |
//!
//! Where the file system has no files without a name, a hidden one stands in and is renamed; `prune`
//! sweeps those that a kill leaves.

use super::inspect::Inspected;
use super::name;
use super::options::Settings;
use crate::error::{CreateError, Holder, OpenError};
use crate::layout::body::Blueprint;
use crate::layout::descriptor;
use crate::memory::attachment::{Attachment, Origin};
use crate::memory::control::{ControlData, FLAG_PERSIST, LAYOUT_VERSION};
use crate::memory::liveness::{self, AttachError, PATIENCE, Place, Removal};
use crate::posix::{file, process};
use crate::table::{self, NAME_SIZE};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use zerocopy::IntoBytes;

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

/// Most bytes of heads, words and lanes that are given room at create.
const MAX_HOT: u64 = 1 << 20;
/// How often a creator looks again whether who removes the old name is done.
const PAUSE: Duration = Duration::from_micros(200);

/// Where everything lies in a new file.
struct Plan {
    body: u64,
    descriptor: Vec<u8>,
    descriptor_offset: u64,
    spare_offset: u64,
    total: u64,
    unit_shift: u32,
}

impl Plan {
    fn new(blueprint: &Blueprint, settings: &Settings) -> Self {
        let entries = (blueprint.entries.len() + 1).saturating_add(settings.spare_entries);
        let body = table::body_behind(entries.min(table::MAX_TABLE)) as u64;
        let descriptor = descriptor::render(blueprint);
        let descriptor_offset = body + blueprint.body_size as u64;
        let descriptor_end = descriptor_offset + descriptor.len() as u64;
        let spare_offset = descriptor_end.next_multiple_of(table::STRUCTURE_ALIGN);
        let total = spare_offset
            .saturating_add(settings.spare_bytes)
            .checked_next_multiple_of(table::BODY_ALIGN as u64)
            .unwrap_or(u64::MAX);
        Self {
            body,
            descriptor,
            descriptor_offset,
            spare_offset,
            total,
            unit_shift: table::unit_shift(total),
        }
    }

    fn table(&self, blueprint: &Blueprint) -> Option<Vec<u8>> {
        let schema = blueprint.entries.iter();
        let mut entries: Vec<_> = schema
            .map(|entry| (entry.raw_name(), self.body + entry.offset, entry.size))
            .collect();
        entries.push((
            &DESCRIPTOR,
            self.descriptor_offset,
            self.descriptor.len() as u64,
        ));
        table::render(self.unit_shift, self.spare_offset, entries.into_iter())
    }

    fn control(&self, blueprint: &Blueprint, settings: &Settings) -> io::Result<ControlData> {
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(ControlData {
            layout_version: LAYOUT_VERSION,
            unit_shift: self.unit_shift,
            body: self.body,
            total_size: self.total,
            lanes: blueprint.lanes as u32,
            flags: if settings.persist { FLAG_PERSIST } else { 0 },
            fingerprint: blueprint.fingerprint.to_le_bytes(),
            segment_id: process::random()?,
            boot_id: process::boot_id(),
            owner: process::effective_user(),
            mode: mode(settings),
            descriptor_offset: self.descriptor_offset,
            descriptor_len: self.descriptor.len() as u64,
            spare_offset: self.spare_offset,
            table_capacity: table::capacity_before(self.body as usize) as u32,
            schema_entries: blueprint.entries.len() as u32 + 1,
            created: created.as_nanos() as u64,
            reserved: [0; 48],
        })
    }
}

fn mode(settings: &Settings) -> u32 {
    settings.mode.unwrap_or(0o600)
}

/// A segment that is complete but has no name.
pub(crate) struct Unborn {
    pub(crate) attachment: Attachment,
    pub(crate) naming: Naming,
    pub(crate) found: Inspected,
}

/// What is left to do: give the file its name.
#[derive(Debug)]
pub(crate) struct Naming {
    /// The hidden name that the file has where there are no files without one.
    hidden: Option<PathBuf>,
}

impl Drop for Naming {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            // Nothing to be done about a failure; `prune` tries again.
            let _ = file::unlink(hidden);
        }
    }
}

/// Makes a segment without a name, attached to by this process.
pub(crate) fn conceive(
    segment: &str,
    blueprint: &Blueprint,
    settings: &Settings,
) -> Result<Unborn, CreateError> {
    let plan = Plan::new(blueprint, settings);
    let limit = settings.max_size.min(table::MAX_SEGMENT);
    if plan.total > limit {
        let (segment, size) = (segment.to_owned(), plan.total);
        return Err(CreateError::TooLarge {
            segment,
            size,
            limit,
        });
    }
    let (file, naming) = new_file(segment)?;
    let embryo = Embryo {
        segment,
        file: &file,
        size: plan.total,
    };
    embryo.fill(&plan, blueprint, settings)?;
    // Read back and checked like any other's: a fault in the plan is an error here, not for openers.
    let found = Inspected::read(segment, &file, plan.total)
        .map_err(|source| CreateError::Attach { source })?;
    let origin = Origin {
        file: embryo.done("dup", file.try_clone())?,
        place: Place {
            path: name::path(segment),
            stat: embryo.done("fstat", file::stat(&file))?,
        },
        len: plan.total as usize,
        regions: found.regions,
        read_only: false,
        persist: settings.persist,
    };
    let attachment = embryo.done("mapping", Attachment::map(origin))?;
    let attached = attachment.attach(PATIENCE).map_err(|why| match why {
        AttachError::System(source) => source,
        why => io::Error::other(why),
    });
    embryo.done("attaching", attached)?;
    if settings.prefault {
        embryo.done(PREFAULTING, attachment.populate())?;
    }
    Ok(Unborn {
        attachment,
        naming,
        found,
    })
}

/// The step whose every failure means that there is no room.
const PREFAULTING: &str = "prefaulting";

/// A file on its way to become a segment.
struct Embryo<'a> {
    segment: &'a str,
    file: &'a File,
    size: u64,
}

impl Embryo<'_> {
    /// Turns a failed step into an error that says what to do, where room is what was missing.
    fn done<T>(&self, doing: &'static str, step: io::Result<T>) -> Result<T, CreateError> {
        step.map_err(|source| {
            let segment = self.segment.to_owned();
            if source.kind() == io::ErrorKind::StorageFull || doing == PREFAULTING {
                let free = file::free_space(self.file).ok().flatten().unwrap_or(0);
                CreateError::NoRoom {
                    segment,
                    needed: self.size,
                    free,
                }
            } else {
                CreateError::System {
                    segment,
                    doing,
                    source,
                }
            }
        })
    }

    /// Everything that is in the file before anybody maps it.
    fn fill(
        &self,
        plan: &Plan,
        blueprint: &Blueprint,
        settings: &Settings,
    ) -> Result<(), CreateError> {
        let file = self.file;
        self.done("sizing", file::set_size(file, plan.total))?;
        if !settings.sparse {
            self.check_room()?;
        }
        self.done("allocating", make_room(file, plan, blueprint, settings))?;
        let table = plan
            .table(blueprint)
            .ok_or(io::ErrorKind::FileTooLarge.into());
        let control = plan.control(blueprint, settings);
        let (table, control) = (
            self.done("planning", table)?,
            self.done("getrandom", control)?,
        );
        // Written, not stored through a mapping: a full file system is an error then, not a signal.
        self.done("writing", file.write_all_at(&table, 0))?;
        self.done("writing", file.write_all_at(control.as_bytes(), plan.body))?;
        self.done(
            "writing",
            file.write_all_at(&plan.descriptor, plan.descriptor_offset),
        )?;
        if let Some(group) = settings.group {
            self.done("setting the group", file::set_group(file, group))?;
        }
        self.done("setting the mode", file::set_mode(file, mode(settings)))
    }

    fn check_room(&self) -> Result<(), CreateError> {
        match file::free_space(self.file) {
            Ok(Some(free)) if free < self.size => {
                let segment = self.segment.to_owned();
                Err(CreateError::NoRoom {
                    segment,
                    needed: self.size,
                    free,
                })
            }
            _ => Ok(()), // no limit, or none that can be asked for
        }
    }
}

/// A file without a name, or with a hidden one.
fn new_file(segment: &str) -> Result<(File, Naming), CreateError> {
    let system = |source| CreateError::System {
        segment: segment.to_owned(),
        doing: "creating",
        source,
    };
    match file::create_unnamed(name::directory()) {
        Ok(file) => return Ok((file, Naming { hidden: None })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CreateError::NoSharedMemory {
                segment: segment.to_owned(),
            });
        }
        // What file systems and kernels without such files say.
        Err(error) => match error.kind() {
            io::ErrorKind::Unsupported | io::ErrorKind::IsADirectory => {}
            _ => return Err(system(error)),
        },
    }
    let random = u128::from_le_bytes(process::random().map_err(system)?);
    let hidden = name::directory().join(format!("{}{random:032x}", name::HIDDEN));
    let file = file::create_named(&hidden).map_err(system)?;
    Ok((
        file,
        Naming {
            hidden: Some(hidden),
        },
    ))
}

/// Gives room to everything, or to what every operation touches: up to 1 MiB of heads and words.
fn make_room(
    file: &File,
    plan: &Plan,
    blueprint: &Blueprint,
    settings: &Settings,
) -> io::Result<()> {
    if settings.reserve {
        return file::allocate(file, 0, plan.total);
    }
    let mut left = MAX_HOT;
    for entry in blueprint.entries {
        let len = entry.hot.min(left);
        if len > 0 {
            file::allocate(file, plan.body + entry.offset, len)?;
            left -= len;
        }
    }
    Ok(())
}

/// Gives a complete segment its name; a leftover of that name makes way.
pub(crate) fn publish(
    segment: &str,
    attachment: &Attachment,
    naming: &mut Naming,
) -> Result<(), CreateError> {
    let path = &attachment.place().path;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let linked = match &naming.hidden {
            None => file::link(attachment.file(), path),
            Some(hidden) => file::rename_to_free(hidden, path),
        };
        match linked {
            Ok(()) => {
                naming.hidden = None;
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                let segment = segment.to_owned();
                return Err(CreateError::System {
                    segment,
                    doing: "linking",
                    source,
                });
            }
        }
        match clear(segment, path)? {
            Removal::Gone => {}
            Removal::Closing if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Removal::Closing | Removal::Attached => {
                return Err(taken(segment, Holder::Segment));
            }
        }
    }
}

fn taken(segment: &str, holder: Holder) -> CreateError {
    CreateError::AlreadyExists {
        segment: segment.to_owned(),
        holder,
    }
}

/// Removes what has the name if it is a segment of ours that nobody is attached to.
fn clear(segment: &str, path: &Path) -> Result<Removal, CreateError> {
    let owner = file::stat_name(path).map_or(0, |stat| stat.uid);
    let file = match file::open(path, true) {
        Ok(file) => file,
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => return Ok(Removal::Gone),
            io::ErrorKind::PermissionDenied if owner != process::effective_user() => {
                return Err(taken(segment, Holder::Unreadable { owner }));
            }
            _ => return Err(taken(segment, Holder::Foreign)),
        },
    };
    match remove_leftover(segment, &file, path) {
        Ok(Leftover::Removed(removal)) => Ok(removal),
        Ok(Leftover::Persistent) => Err(taken(segment, Holder::Persistent)),
        Ok(Leftover::Foreign) => Err(taken(segment, Holder::Foreign)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(taken(segment, Holder::OthersLeftover { owner }))
        }
        Err(source) => Err(CreateError::System {
            segment: segment.to_owned(),
            doing: "removing a leftover",
            source,
        }),
    }
}

/// What a file that may be a leftover turned out to be.
pub(super) enum Leftover {
    /// A segment; what came of its removal.
    Removed(Removal),
    /// A segment that stays.
    Persistent,
    /// No whole segment.
    Foreign,
}

/// Removes a segment that nobody is attached to and that is not to stay. The file is a description
/// opened for this.
pub(super) fn remove_leftover(segment: &str, file: &File, path: &Path) -> io::Result<Leftover> {
    let stat = file::stat(file)?;
    if stat.kind != file::Kind::Regular {
        return Ok(Leftover::Foreign);
    }
    match Inspected::read(segment, file, stat.size) {
        Ok(found) if found.is_persistent() => Ok(Leftover::Persistent),
        Ok(_) => liveness::remove_if_deserted(file, path).map(Leftover::Removed),
        Err(OpenError::System { source, .. }) => Err(source),
        Err(_) => Ok(Leftover::Foreign),
    }
}
