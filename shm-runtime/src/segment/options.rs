//! How a segment is created and opened.

use super::Segment;
use super::placement::HugePages;
use crate::error::{CreateError, OpenError, OpenOrCreateError};
use crate::layout::{Numa, ShmLayout};
use crate::memory::liveness::PATIENCE;
use crate::table;
use core::fmt;
use std::time::Duration;

/// Whose segments are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owner {
    /// Those of this process's effective user.
    #[default]
    Own,
    /// Those of the user with this id.
    User(u32),
    /// Anybody's.
    Any,
}

impl From<u32> for Owner {
    fn from(user: u32) -> Self {
        Self::User(user)
    }
}

/// The options, without the schema's type.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Owner,
    pub(crate) group: Option<u32>,
    pub(crate) persist: bool,
    pub(crate) reserve: bool,
    pub(crate) sparse: bool,
    pub(crate) prefault: bool,
    pub(crate) huge_pages: Option<HugePages>,
    pub(crate) numa: Option<Numa>,
    pub(crate) lock: bool,
    pub(crate) spare_entries: usize,
    pub(crate) spare_bytes: u64,
    pub(crate) subset: bool,
    pub(crate) read_only: bool,
    pub(crate) wait: Option<Duration>,
    pub(crate) register_wait: Duration,
    pub(crate) max_size: u64,
    pub(crate) guard_sigbus: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: None,
            owner: Owner::Own,
            group: None,
            persist: false,
            reserve: false,
            sparse: false,
            prefault: false,
            huge_pages: None,
            numa: None,
            lock: false,
            spare_entries: 0,
            spare_bytes: 0,
            subset: false,
            read_only: false,
            wait: None,
            register_wait: PATIENCE,
            max_size: table::MAX_SEGMENT,
            guard_sigbus: false,
        }
    }
}

/// What a program fills a new segment with before it has a name.
pub(crate) type Init<'a, S> = Box<dyn FnOnce(&S) + 'a>;

/// Options for [`Options::create`], [`Options::open`] and [`Options::open_or_create`].
///
/// Made by [`ShmLayout::options`]. Options of creation have no effect on an existing segment.
///
/// ```
/// use shm_runtime::prelude::*;
/// use std::time::Duration;
///
/// #[derive(ShmLayout)]
/// struct Sim {
///     grid: Array<f32, 1000>,
/// }
///
/// # let name = format!("doc-options-{}", std::process::id());
/// let sim = Sim::options()
///     .mode(0o640)
///     .reserve(true)
///     .init(|sim| sim.grid.fill(0.5))
///     .create(&name)?;
/// let reader = Sim::options().read_only().wait(Duration::from_secs(1)).open(&name)?;
/// assert_eq!(reader.grid.get(999), 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "options do nothing until `create`, `open` or `open_or_create`"]
pub struct Options<'a, S> {
    pub(super) settings: Settings,
    pub(super) init: Option<Init<'a, S>>,
}

impl<S> fmt::Debug for Options<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("settings", &self.settings)
            .field("init", &self.init.is_some())
            .finish()
    }
}

impl<'a, S> Options<'a, S> {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            init: None,
        }
    }

    /// Creation: the permission bits, whatever the umask; 0600 unless asked. Opening: write bits beyond
    /// the owner's that are no reason to refuse.
    pub fn mode(mut self, mode: u32) -> Self {
        self.settings.mode = Some(mode & 0o777);
        self
    }

    /// Opening: whose segments are trusted; this user's own unless asked.
    pub fn owner(mut self, owner: impl Into<Owner>) -> Self {
        self.settings.owner = owner.into();
        self
    }

    /// Creation: the group, by number.
    pub fn group(mut self, group: u32) -> Self {
        self.settings.group = Some(group);
        self
    }

    /// Creation: the segment stays when nobody is attached, until it is unlinked.
    pub fn persist(mut self) -> Self {
        self.settings.persist = true;
        self
    }

    /// Creation: allocates all room now, so that a full /dev/shm is an error here and not a signal later.
    pub fn reserve(mut self, reserve: bool) -> Self {
        self.settings.reserve = reserve;
        self
    }

    /// Creation: does not ask whether /dev/shm has room for all of it, because most stays untouched.
    pub fn sparse(mut self) -> Self {
        self.settings.sparse = true;
        self
    }

    /// Brings all pages in now, so that there is no page fault later.
    pub fn prefault(mut self, prefault: bool) -> Self {
        self.settings.prefault = prefault;
        self
    }

    /// Gathers the segment into huge pages now, which touches all of it. Where the system does not let it, the segment
    /// works as without, and [`Segment::warnings`] has the reason.
    pub fn huge_pages(mut self, pages: HugePages) -> Self {
        self.settings.huge_pages = Some(pages);
        self
    }

    /// Creation: which memory of a machine with several nodes the pages come from, but for fields that say so
    /// themselves by `#[shm(numa = "…")]`. It holds for every process. Where the system does not let it, the segment
    /// works as without, and [`Segment::warnings`] has the reason.
    pub fn numa(mut self, numa: Numa) -> Self {
        self.settings.numa = Some(numa);
        self
    }

    /// Keeps the segment out of swap, as long as this process is attached. Where the system does not let it, the
    /// segment works as without, and [`Segment::warnings`] has the reason.
    pub fn lock(mut self) -> Self {
        self.settings.lock = true;
        self
    }

    /// Creation: room for that many more table entries and bytes, for structures registered later.
    pub fn spare(mut self, entries: usize, bytes: u64) -> Self {
        self.settings.spare_entries = entries;
        self.settings.spare_bytes = bytes;
        self
    }

    /// Opening: the schema may be part of the segment's: every field of it, by name and shape.
    pub fn subset(mut self) -> Self {
        self.settings.subset = true;
        self
    }

    /// Opening: without write access, slot or lane; calls that change something panic.
    pub fn read_only(mut self) -> Self {
        self.settings.read_only = true;
        self
    }

    /// Opening: waits that long for somebody to create the segment.
    pub fn wait(mut self, limit: Duration) -> Self {
        self.settings.wait = Some(limit);
        self
    }

    /// How long [`Segment::register`] and [`Segment::erase`] of this handle wait for another process that does
    /// either: a second unless asked.
    pub fn register_wait(mut self, limit: Duration) -> Self {
        self.settings.register_wait = limit;
        self
    }

    /// Refuses segments of more bytes.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.settings.max_size = bytes;
        self
    }

    /// A peer that truncates the file gives zero pages and [`Segment::is_truncated`], instead of a SIGBUS
    /// that ends this process.
    ///
    /// This installs a process-wide handler of SIGBUS, which hands signals that are not about such a
    /// segment to the handler that was there before. Off by default for that reason.
    pub fn guard_sigbus(mut self, guard: bool) -> Self {
        self.settings.guard_sigbus = guard;
        self
    }

    /// Creation: fills the segment before it has a name, so that nobody sees it unfilled.
    pub fn init(mut self, init: impl FnOnce(&S) + 'a) -> Self {
        self.init = Some(Box::new(init));
        self
    }
}

impl<S: ShmLayout> Options<'_, S> {
    /// Creates a segment.
    ///
    /// # Errors
    ///
    /// See [`ShmLayout::create`].
    pub fn create(self, name: &str) -> Result<Segment<S>, CreateError> {
        Segment::create(name, &self.settings, self.init)
    }

    /// Opens a segment.
    ///
    /// # Errors
    ///
    /// See [`ShmLayout::open`].
    pub fn open(self, name: &str) -> Result<Segment<S>, OpenError> {
        Segment::open(name, &self.settings)
    }

    /// Opens a segment, or creates it if there is none.
    ///
    /// # Errors
    ///
    /// See [`ShmLayout::open_or_create`].
    pub fn open_or_create(self, name: &str) -> Result<Segment<S>, OpenOrCreateError> {
        Segment::open_or_create(name, &self.settings, self.init)
    }
}
