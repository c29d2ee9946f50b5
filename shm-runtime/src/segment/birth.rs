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
use super::leftover::{clear, taken};
use super::name;
use super::options::Settings;
use super::placement;
use super::plan::{Draft, Plan, mode};
use crate::error::{CreateError, Holder};
use crate::memory::attachment::{Attachment, Origin};
use crate::memory::liveness::{self, AttachError, PATIENCE, Place, Removal};
use crate::posix::map::PAGE;
use crate::posix::{file, lock, process};
use crate::seeded::{Bug, seeded};
use crate::table;
use crate::trace::span;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

/// Most bytes of heads, words and lanes that are given room at create.
const MAX_HOT: u64 = 1 << 20;
/// How often a creator looks again whether who removes the old name is done.
const PAUSE: Duration = Duration::from_micros(200);

/// A segment that is complete but has no name.
pub(crate) struct Unborn {
    pub(crate) attachment: Attachment,
    pub(crate) naming: Naming,
    pub(crate) found: Inspected,
    pub(crate) warnings: Vec<String>,
}

/// What is left to do: give the file its name.
#[derive(Debug)]
pub(crate) struct Naming {
    hidden: Option<Hidden>,
}

/// The stand-in for a file without a name.
#[derive(Debug)]
struct Hidden {
    path: PathBuf,
    /// Holds the byte that says that somebody is at it, from before there is anything in the file.
    _lock: File,
}

impl Drop for Naming {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            // Nothing to be done about a failure; `prune` tries again.
            let _ = file::unlink(&hidden.path);
        }
    }
}

/// Makes a segment without a name, attached to by this process.
pub(crate) fn conceive(
    segment: &str,
    draft: &Draft<'_>,
    settings: &Settings,
) -> Result<Unborn, CreateError> {
    let plan = Plan::new(draft, settings);
    let limit = settings.max_size.min(table::MAX_SEGMENT);
    if plan.total > limit {
        let (segment, size) = (segment.to_owned(), plan.total);
        return Err(CreateError::TooLarge {
            segment,
            size,
            limit,
        });
    }
    span!("create", segment = segment, bytes = plan.total);
    grow(segment, draft, settings, &plan, new_file(segment)?)
}

/// Makes a new file a segment.
fn grow(
    segment: &str,
    draft: &Draft<'_>,
    settings: &Settings,
    plan: &Plan,
    (file, naming): (File, Naming),
) -> Result<Unborn, CreateError> {
    if seeded(Bug::NameBeforeWhole) {
        let _ = file::link(&file, &name::path(segment));
    }
    let embryo = Embryo {
        segment,
        file: &file,
        size: plan.total,
    };
    let (found, mut warnings) = embryo.fill(plan, draft, settings)?;
    let mut stat = embryo.done("fstat", file::stat(&file))?;
    if stat.mode != mode(settings) {
        embryo.done("setting the mode", file::set_mode(&file, mode(settings)))?;
        stat = embryo.done("fstat", file::stat(&file))?;
    }
    let origin = Origin {
        file,
        place: Place {
            path: name::path(segment),
            stat,
        },
        len: plan.total as usize,
        regions: found.regions,
        read_only: false,
        persist: settings.persist,
        guard: settings.guard_sigbus,
    };
    let attachment = Attachment::map(origin).map_err(|source| CreateError::System {
        segment: segment.to_owned(),
        doing: "mapping",
        source,
    })?;
    let embryo = Embryo {
        segment,
        file: attachment.file(),
        size: plan.total,
    };
    let attached = attachment.attach(PATIENCE).map_err(|why| match why {
        AttachError::System(source) => source,
        why => io::Error::other(why),
    });
    embryo.done("attaching", attached)?;
    if settings.prefault {
        embryo.done(PREFAULTING, attachment.populate())?;
    }
    warnings.extend(placement::settle(&attachment, settings));
    Ok(Unborn {
        attachment,
        naming,
        found,
        warnings,
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

    /// Everything that is in the file before anybody maps it; warnings.
    fn fill(
        &self,
        plan: &Plan,
        draft: &Draft<'_>,
        settings: &Settings,
    ) -> Result<(Inspected, Vec<String>), CreateError> {
        let file = self.file;
        self.done("sizing", file::set_size(file, plan.total))?;
        if !settings.sparse {
            self.check_room()?;
        }
        let warnings = placement::set_policies(file, plan, draft, settings);
        self.done("allocating", make_room(file, plan, draft, settings))?;
        let table = plan.table(draft).ok_or(io::ErrorKind::FileTooLarge.into());
        let control = plan.control(draft, settings);
        let (table, control) = (
            self.done("planning", table)?,
            self.done("getrandom", control)?,
        );
        // Written, not stored through a mapping: a full file system is an error then, not a signal.
        self.done("writing", file.write_all_at(&table, 0))?;
        self.done("writing", file.write_all_at(control.as_bytes(), plan.body))?;
        self.done(
            "writing",
            file.write_all_at(&draft.descriptor, plan.descriptor_offset),
        )?;
        if let Some(group) = settings.group {
            self.done("setting the group", file::set_group(file, group))?;
        }
        // Checked like any other's: a fault in the plan is an error here, not for openers.
        let found = Inspected::of(self.segment, plan.total, &table, control)
            .map_err(|source| CreateError::Attach { source })?;
        Ok((found, warnings))
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
    let segment = || segment.to_owned();
    let error = match file::create_unnamed(name::directory()) {
        Ok(file) => return Ok((file, Naming { hidden: None })),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::NotFound => Err(CreateError::NoSharedMemory { segment: segment() }),
        // What file systems and kernels without such files say.
        io::ErrorKind::Unsupported | io::ErrorKind::IsADirectory => hidden_file(&segment()),
        _ => Err(CreateError::System {
            segment: segment(),
            doing: "creating",
            source: error,
        }),
    }
}

/// A file with a hidden name.
fn hidden_file(segment: &str) -> Result<(File, Naming), CreateError> {
    let system = |source| CreateError::System {
        segment: segment.to_owned(),
        doing: "creating",
        source,
    };
    loop {
        let random = u128::from_le_bytes(process::random().map_err(system)?);
        let path = name::directory().join(format!("{}{random:032x}", name::HIDDEN));
        let file = file::create_named(&path).map_err(system)?;
        let lock = file::reopen(&file, true).map_err(system)?;
        let locked = lock::try_exclusive(&lock, liveness::REGISTRATION).map_err(system)?;
        // A sweep may have come between the two.
        if locked && file::stat(&file).map_err(system)?.links > 0 {
            let hidden = Some(Hidden { path, _lock: lock });
            return Ok((file, Naming { hidden }));
        }
    }
}

/// What is touched first of each structure, up to [`MAX_HOT`] bytes; what shares pages is one range.
fn hot_ranges(plan: &Plan, draft: &Draft<'_>) -> Vec<core::ops::Range<u64>> {
    let mut ranges: Vec<core::ops::Range<u64>> = Vec::new();
    let mut left = MAX_HOT;
    for entry in draft.entries {
        let len = entry.hot.min(left);
        left -= len;
        let start = plan.body + entry.offset;
        let pages = |end: u64| end.next_multiple_of(PAGE as u64);
        match ranges.last_mut() {
            _ if len == 0 => {}
            Some(last) if (last.end..=pages(last.end)).contains(&start) => last.end = start + len,
            _ => ranges.push(start..start + len),
        }
    }
    ranges
}

/// Gives room to everything, or to what every operation touches: up to 1 MiB of heads and words.
fn make_room(file: &File, plan: &Plan, draft: &Draft<'_>, settings: &Settings) -> io::Result<()> {
    if settings.reserve {
        return file::allocate(file, 0, plan.total);
    }
    for range in hot_ranges(plan, draft) {
        match file::allocate(file, range.start, range.end - range.start) {
            // The file system cannot; it is no tmpfs then.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            done => done?,
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
    if seeded(Bug::NameBeforeWhole) && attachment.place().leads_here() {
        return Ok(());
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let linked = match &naming.hidden {
            None => file::link(attachment.file(), path),
            Some(hidden) => file::rename_to_free(&hidden.path, path),
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
            Removal::Closing => return Err(taken(segment, Holder::Closing)),
            Removal::Attached => return Err(taken(segment, Holder::Segment)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::prune;
    use crate::{Array, ShmLayout};

    #[derive(Debug, ShmLayout)]
    struct Sim {
        _counts: Array<u64, 10>,
    }

    fn unique(test: &str) -> String {
        format!("shm-unit-{test}-{}", std::process::id())
    }

    #[test]
    fn without_unnamed_files_a_hidden_one_gets_the_name() {
        let name = unique("hidden");
        let (draft, settings) = (Draft::of(&Sim::BLUEPRINT), Settings::default());
        let plan = Plan::new(&draft, &settings);
        let conceive =
            || grow(&name, &draft, &settings, &plan, hidden_file(&name).unwrap()).unwrap();
        let mut first = conceive();
        let hidden = |unborn: &Unborn| unborn.naming.hidden.as_ref().unwrap().path.clone();
        let path = hidden(&first);
        assert!(
            prune()
                .unwrap()
                .iter()
                .all(|pruned| !path.ends_with(pruned))
        );
        publish(&name, &first.attachment, &mut first.naming).unwrap();
        assert!(!path.exists() && first.attachment.place().leads_here());
        let mut second = conceive();
        let path = hidden(&second);
        let taken = publish(&name, &second.attachment, &mut second.naming);
        assert!(matches!(
            taken,
            Err(CreateError::AlreadyExists {
                holder: Holder::Segment,
                ..
            })
        ));
        drop(second);
        assert!(!path.exists());
        drop(first);
        assert!(!name::path(&name).exists());
    }

    #[test]
    fn a_hidden_file_of_the_dead_is_swept() {
        let name = format!("{}{}", name::HIDDEN, unique("swept"));
        std::fs::write(name::path(&name), b"killed while it was written").unwrap();
        assert!(prune().unwrap().contains(&name));
        assert!(!name::path(&name).exists());
    }
}
