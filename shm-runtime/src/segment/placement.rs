//! Where a segment's pages are: wishes at creation and at opening, and what the kernel made of them.
//!
//! A wish never fails a creation. What the kernel refuses (no such node, a container that forbids the call, a limit
//! on locked memory) becomes a warning with its reason and its remedy, and the segment works as without.

use super::Segment;
use super::options::Settings;
use super::plan::Draft;
use super::plan::Plan;
use crate::layout::bind::Found;
use crate::layout::node::Numa;
use crate::memory::attachment::Attachment;
use crate::posix::map::{Mapping, PAGE};
use crate::posix::numa::{self, Policy};
use std::fs::File;
use std::io;

/// How a segment comes by huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HugePages {
    /// By `MADV_COLLAPSE`: 2 MiB pages of /dev/shm, without privileges, and on most kernels since 6.1 whatever
    /// `shmem_enabled` says but `deny`. The segment's size becomes a multiple of 2 MiB.
    Collapse,
}

/// Where a segment's pages are, as the kernel has it at the moment: see [`Segment::placement`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placement {
    /// Bytes that are in memory and mapped by this process.
    pub resident: u64,
    /// Of those, in huge pages.
    pub huge: u64,
    /// Of those, locked in memory by this process.
    pub locked: u64,
    /// The structures, in the order of the table.
    pub fields: Vec<FieldPlacement>,
}

/// Where a structure's pages come from: see [`Placement`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldPlacement {
    /// Its name in the table.
    pub name: String,
    /// Bytes from the start of the segment.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its policy; `None` where another program set one that this library does not know, or where the kernel
    /// does not say.
    pub numa: Option<Numa>,
}

impl From<Numa> for Policy {
    fn from(numa: Numa) -> Self {
        match numa {
            Numa::Local => Self::Local,
            Numa::Bind(node) => Self::Bind(node),
            Numa::Interleave => Self::Interleave,
        }
    }
}

impl From<Policy> for Numa {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Local => Self::Local,
            Policy::Bind(node) => Self::Bind(node),
            Policy::Interleave => Self::Interleave,
        }
    }
}

/// Sets the policies of a new file, before any of its pages is touched; warnings.
pub(super) fn set_policies(
    file: &File,
    plan: &Plan,
    draft: &Draft<'_>,
    settings: &Settings,
) -> Vec<String> {
    let placed = draft.entries.iter().any(|entry| entry.numa.is_some());
    if settings.numa.is_none() && !placed {
        return Vec::new();
    }
    let total = plan.total as usize;
    let mapping = match Mapping::new(file, total, true) {
        Ok(mapping) => mapping,
        Err(why) => return vec![format!("numa: the file cannot be mapped: {why}")],
    };
    let set = |what: &str, offset: u64, end: u64, numa: Numa| {
        let offset = offset as usize / PAGE * PAGE;
        let len = (end as usize).next_multiple_of(PAGE).min(total) - offset;
        let set = mapping.set_policy(offset, len, numa.into());
        set.err().map(|why| refused(what, numa, &why))
    };
    let whole = settings
        .numa
        .and_then(|numa| set("the segment", 0, plan.total, numa));
    let fields = draft.entries.iter().filter_map(|entry| {
        let start = plan.body + entry.offset;
        let name = format!("`{}`", entry.name());
        set(&name, start, start + entry.size, entry.numa?)
    });
    whole.into_iter().chain(fields).collect()
}

fn refused(what: &str, numa: Numa, why: &io::Error) -> String {
    let remedy = match why.kind() {
        io::ErrorKind::InvalidInput => match numa::online() {
            Ok(nodes) => format!("the nodes with memory are {nodes:?}"),
            Err(_) => "this kernel has no nodes".to_owned(),
        },
        io::ErrorKind::PermissionDenied => {
            "the container forbids `mbind`: allow it in its seccomp profile".to_owned()
        }
        _ => "the segment works as without".to_owned(),
    };
    format!("numa: the kernel refused {numa:?} for {what}: {why}; {remedy}")
}

/// Does what the settings ask for the pages of an attachment; warnings.
pub(super) fn settle(attachment: &Attachment, settings: &Settings) -> Vec<String> {
    let mapping = attachment.mapping();
    let mut warnings = Vec::new();
    if settings.huge_pages.is_some()
        && let Err(why) = mapping.collapse()
    {
        warnings.push(format!(
            "huge pages: the kernel refused: {why}; it needs Linux 6.1, a segment of 2 MiB at least, free memory in \
             one piece, and no `deny` in /sys/kernel/mm/transparent_hugepage/shmem_enabled; some kernels collapse no \
             /dev/shm at all unless it is mounted with `huge=`"
        ));
    }
    if settings.lock
        && let Err(why) = mapping.lock()
    {
        warnings.push(format!(
            "lock: the kernel refused to lock {} bytes: {why}; raise `ulimit -l` (RLIMIT_MEMLOCK)",
            mapping.len()
        ));
    }
    warnings
}

impl<S> Segment<S> {
    /// Where the segment's pages are at the moment, as the kernel says.
    ///
    /// ```
    /// use shm_runtime::prelude::*;
    /// use shm_runtime::{HugePages, Numa, Segment};
    ///
    /// #[derive(ShmLayout)]
    /// struct Sim {
    ///     #[shm(numa = "interleave")]
    ///     grid: Array<f32, 1_000_000>,
    ///     step: Atomic<u64>,
    /// }
    ///
    /// # let name = format!("doc-placement-{}", std::process::id());
    /// let sim = Sim::options().huge_pages(HugePages::Collapse).create(&name)?;
    /// for warning in Segment::warnings(&sim) {
    ///     eprintln!("{warning}");
    /// }
    /// let placement = Segment::placement(&sim)?;
    /// println!("{} of {} bytes in huge pages", placement.huge, placement.resident);
    /// let grid = placement.fields.iter().find(|field| field.name == "grid");
    /// println!("{:?}", grid.and_then(|grid| grid.numa));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where the kernel cannot be asked, or the table is damaged.
    ///
    /// # Progress
    ///
    /// Asks the kernel once for each structure, and reads `/proc/self/smaps`.
    pub fn placement(segment: &Self) -> io::Result<Placement> {
        let mapping = segment.attachment.mapping();
        let resident = mapping.resident()?;
        let table = Self::table(segment).map_err(io::Error::other)?;
        let field = |entry: Found| FieldPlacement {
            numa: mapping.policy(entry.offset).ok().flatten().map(Numa::from),
            offset: entry.offset as u64,
            size: entry.size as u64,
            name: entry.name,
        };
        Ok(Placement {
            resident: resident.bytes,
            huge: resident.huge,
            locked: resident.locked,
            fields: table.into_iter().map(field).collect(),
        })
    }
}
