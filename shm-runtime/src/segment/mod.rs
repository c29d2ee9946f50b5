//! A live segment: where memory, table and layout meet.
//!
//! A segment appears under its name complete or not at all (`birth`), is checked before it is
//! mapped (`inspect`, `compare`, `open`), and lives while somebody is attached to it
//! ([`crate::memory::liveness`]).

mod birth;
mod compare;
mod health;
mod inspect;
mod leftover;
mod name;
mod open;
mod options;
mod placement;
mod plan;
mod prune;
mod registry;
mod survey;
mod untyped;
mod wanted;

pub(crate) use birth::Naming;
pub use health::Health;
pub(crate) use inspect::Inspected;
pub use name::DIRECTORY;
pub use options::{Options, Owner};
pub use placement::{FieldPlacement, HugePages, Placement};
pub use prune::{leftovers, prune};
pub use survey::{Survey, remove_deserted, remove_leftover};

use crate::error::{CreateError, Holder, OpenError, OpenOrCreateError, RegisterError};
use crate::layout::bind::{Binder, Found};
use crate::layout::element::{Describe, Described, Opaque};
use crate::layout::node::ElementNode;
use crate::layout::single::{Singles, without_paths};
use crate::layout::{ShmLayout, Structure};
use crate::memory::attachment::Attachment;
use crate::memory::control::ControlData;
use crate::memory::participant::ParticipantInfo;
use crate::memory::sweep::Recovery;
use crate::posix::file;
use birth::Unborn;
use core::fmt;
use core::ops::Deref;
use open::Opened;
use options::{Init, Settings};
pub(crate) use plan::Draft;
use registry::Registry;
use std::io;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use wanted::Newcomer;
use wanted::Wanted;

/// A segment with the schema `S`, open in this process.
///
/// It dereferences to the schema, whose fields are the handles: `segment.events.push(…)`. All
/// functions of its own are associated functions, `Segment::name(&segment)`, so that they collide with
/// no field. The handles may outlive it: the segment is left when it and they are all dropped.
///
/// ```
/// use shm_runtime::{Segment, prelude::*};
///
/// #[derive(ShmLayout)]
/// struct Sim {
///     grid: Array<f32, 1000>,
/// }
///
/// # let name = format!("doc-segment-{}", std::process::id());
/// let sim = Sim::create(&name)?;
/// sim.grid.set(7, 1.5);
///
/// let same = Sim::open(&name)?; // as any other process does
/// assert_eq!(same.grid.get(7), 1.5);
/// assert_eq!(Segment::participants(&same)?.len(), 2);
///
/// drop(sim);
/// drop(same); // the last one out removes the segment
/// assert!(Sim::open(&name).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Segment<S> {
    schema: S,
    attachment: Arc<Attachment>,
    name: String,
    control: Box<ControlData>,
    /// How long this process waits for others who register or erase.
    patience: Duration,
    warnings: Vec<String>,
}

impl<S> Deref for Segment<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.schema
    }
}

impl<S> fmt::Debug for Segment<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("name", &self.name)
            .field("bytes", &self.attachment.len())
            .finish_non_exhaustive()
    }
}

/// Creating and opening: what [`ShmLayout`] and [`Options`] offer.
impl<S: ShmLayout> Segment<S> {
    fn create(
        name: &str,
        settings: &Settings,
        init: Option<Init<'_, S>>,
    ) -> Result<Self, CreateError> {
        let mut child = Self::conceive(checked_for_create(name)?, settings, init)?;
        child.publish()?;
        Ok(child.segment)
    }

    fn open(name: &str, settings: &Settings) -> Result<Self, OpenError> {
        let name = checked_for_open(name)?;
        let check = open::compared(name, &S::BLUEPRINT, settings);
        let opened = open::open(name, settings, &check)?;
        Self::bind(name, opened, settings.register_wait)
    }

    fn open_or_create(
        name: &str,
        settings: &Settings,
        mut init: Option<Init<'_, S>>,
    ) -> Result<Self, OpenOrCreateError> {
        let name = checked_for_open(name)?;
        let check = open::compared(name, &S::BLUEPRINT, settings);
        let mut conceived = None;
        loop {
            match open::open_now(name, settings, &check) {
                Ok(opened) => return Ok(Self::bind(name, opened, settings.register_wait)?),
                Err(OpenError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let mut child = match conceived.take() {
                Some(child) => child,
                None => Self::conceive(name, settings, init.take())?,
            };
            match child.publish() {
                Ok(()) => return Ok(child.segment),
                // Somebody else was faster: system-wide progress. Theirs is opened, or, where it is
                // gone again, the name is asked for again.
                Err(CreateError::AlreadyExists {
                    holder: Holder::Segment | Holder::Persistent | Holder::Closing,
                    ..
                }) => {
                    conceived = Some(child);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes a segment that has no name yet.
    fn conceive(
        name: &str,
        settings: &Settings,
        init: Option<Init<'_, S>>,
    ) -> Result<Child<S>, CreateError> {
        let draft = Draft::of(&S::BLUEPRINT);
        let Unborn {
            attachment,
            naming,
            found,
            warnings,
        } = birth::conceive(name, &draft, settings)?;
        let opened = Opened {
            attachment,
            found,
            checked: Vec::new(),
            warnings,
        };
        let segment = Self::bind(name, opened, settings.register_wait)
            .map_err(|source| CreateError::Attach { source })?;
        if let Some(init) = init {
            init(&segment);
        }
        Ok(Child { segment, naming })
    }

    /// Gives the schema its handles.
    fn bind(
        name: &str,
        opened: Opened<Vec<String>>,
        patience: Duration,
    ) -> Result<Self, OpenError> {
        let Opened {
            attachment,
            found,
            checked: mut warnings,
            warnings: refused,
        } = opened;
        warnings.extend(refused);
        let attachment = Arc::new(attachment);
        let table = found.found();
        let mut binder = Binder::new(&attachment, &table, found.unit());
        let schema = S::bind_all(&mut binder).map_err(|why| OpenError::Table {
            segment: name.to_owned(),
            why: why.to_string(),
        })?;
        Ok(Self {
            schema,
            attachment,
            name: name.to_owned(),
            control: found.into_control(),
            patience,
            warnings,
        })
    }
}

/// A segment that may not have its name yet.
struct Child<S> {
    segment: Segment<S>,
    naming: birth::Naming,
}

impl<S> Child<S> {
    fn publish(&mut self) -> Result<(), CreateError> {
        birth::publish(
            &self.segment.name,
            &self.segment.attachment,
            &mut self.naming,
        )
    }
}

fn checked_for_create(name: &str) -> Result<&str, CreateError> {
    name::check(name).map_err(|why| CreateError::BadName {
        segment: name.to_owned(),
        why,
    })
}

fn checked_for_open(name: &str) -> Result<&str, OpenError> {
    name::check(name).map_err(|why| OpenError::BadName {
        segment: name.to_owned(),
        why,
    })
}

impl<S> Segment<S> {
    /// The segment's name.
    pub fn name(segment: &Self) -> &str {
        &segment.name
    }

    /// The random number that tells this segment from its predecessors and successors of the same name.
    pub fn id(segment: &Self) -> [u8; 16] {
        segment.control.segment_id
    }

    /// What was accepted at opening although it could not be checked completely, and which wishes about
    /// [`placement`](Self::placement) the system refused.
    pub fn warnings(segment: &Self) -> &[String] {
        &segment.warnings
    }

    /// What this process has of the segment: its mapping and its slot.
    pub fn attachment(segment: &Self) -> &Arc<Attachment> {
        &segment.attachment
    }

    /// Everybody who is attached at the moment, this process included, but for read-only ones.
    ///
    /// # Errors
    ///
    /// Where the system cannot be asked.
    pub fn participants(segment: &Self) -> io::Result<Vec<ParticipantInfo>> {
        segment.attachment.participants()
    }

    /// Settles what dead participants left unfinished, as operations do by themselves when they run out
    /// of room; nobody needs to call it for anybody's progress.
    ///
    /// # Panics
    ///
    /// On a read-only attachment.
    pub fn recover(segment: &Self) -> Recovery {
        assert!(
            !segment.attachment.is_read_only(),
            "segment `{}` was opened read-only; open it without `.read_only()` to recover what the dead left",
            segment.name
        );
        segment.attachment.recover()
    }

    /// Attaches a forked child now, instead of at its first operation; of no effect where it is attached.
    ///
    /// A daemon does so before its parent leaves, so that the segment does not lose its last participant.
    ///
    /// # Errors
    ///
    /// Where no slot is free, or the file cannot be opened again.
    pub fn reattach(segment: &Self) -> Result<(), OpenError> {
        let attached = segment.attachment.attach(crate::memory::liveness::PATIENCE);
        attached.map_err(|why| open::attach_error(&segment.name, why))
    }

    /// Whether a page of the segment was gone when this process touched it, because somebody truncated
    /// the file: noticed with [`Options::guard_sigbus`] only. What such pages hold is zero and local.
    pub fn is_truncated(segment: &Self) -> bool {
        segment.attachment.is_truncated()
    }

    /// Whether the segment's name still leads to this segment.
    pub fn is_current(segment: &Self) -> bool {
        segment.attachment.place().leads_here()
    }

    /// Removes the segment's name, whoever is attached: they keep what they have, and a new segment can
    /// be created under the name.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`] where the name leads to this segment no more, or of the system.
    pub fn unlink(segment: &Self) -> Result<(), OpenError> {
        let name = || segment.name.clone();
        if !Self::is_current(segment) {
            return Err(OpenError::NotFound { segment: name() });
        }
        remove(&segment.name)
    }
}

/// Structures that come and go at run time.
impl<S: ShmLayout> Segment<S> {
    /// What a structure would be in this segment.
    fn wanted<'a, F: Structure>(
        segment: &Self,
        name: &'a str,
        element: &'static ElementNode,
    ) -> Result<Wanted<'a>, RegisterError> {
        let owner = || segment.name.clone();
        let single = <S::Body as Singles>::single::<F>()
            .ok_or_else(|| RegisterError::NotOne { segment: owner() })?;
        let (here, there) = (S::LANES, segment.control.lanes as usize);
        if single.node.lanes != 0 && here != there {
            return Err(RegisterError::Lanes {
                segment: owner(),
                here,
                there,
            });
        }
        Ok(Wanted {
            name,
            source: without_paths(core::any::type_name::<F>()),
            single,
            element,
        })
    }

    fn handle<F: Structure>(segment: &Self, found: Found) -> Result<F, RegisterError> {
        let unit = 1 << segment.control.unit_shift;
        let table = [found];
        let mut binder = Binder::new(&segment.attachment, &table, unit);
        let bound = <S::Body as Singles>::bind::<F>(&mut binder, &table[0].name);
        bound.map_err(|why| Self::registry(segment).corrupt(why))
    }

    /// Registers a structure that the schema does not have, in the segment's spare room
    /// ([`Options::spare`]). Every process can [`find`](Self::find) it from then on.
    ///
    /// Its elements are described by size and alignment only; see
    /// [`register_described`](Self::register_described).
    ///
    /// ```
    /// use shm_runtime::{Queue, Segment, prelude::*};
    ///
    /// #[derive(ShmLayout)]
    /// struct Base {
    ///     ticks: Array<u64, 4>,
    /// }
    ///
    /// # let name = format!("doc-register-{}", std::process::id());
    /// let base = Base::options().spare(4, 1 << 20).create(&name)?;
    /// let jobs: Queue<u64, 64> = Segment::register(&base, "jobs")?;
    /// jobs.push(7)?;
    ///
    /// let other = Base::open(&name)?;
    /// let jobs: Queue<u64, 64> = Segment::find(&other, "jobs")?;
    /// assert_eq!(jobs.pop(), Some(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RegisterError::Taken`], [`RegisterError::NoRoom`], [`RegisterError::TableFull`], and
    /// [`RegisterError::Busy`] where a process was stopped while it changed the table.
    ///
    /// # Progress
    ///
    /// Blocking: waits for others who register or erase, up to [`Options::register_wait`] if one of them is
    /// stopped. A killed one holds up nobody.
    pub fn register<F: Structure>(segment: &Self, name: &str) -> Result<F, RegisterError> {
        let wanted = Self::wanted::<F>(segment, name, <Describe<F::Element> as Opaque>::ELEMENT)?;
        Self::handle(
            segment,
            Self::registry(segment).register(&wanted.newcomer())?,
        )
    }

    /// As [`register`](Self::register), for elements that describe their fields.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    pub fn register_described<F>(segment: &Self, name: &str) -> Result<F, RegisterError>
    where
        F: Structure<Element: Described>,
    {
        let wanted = Self::wanted::<F>(segment, name, &<F::Element as Described>::ELEMENT)?;
        Self::handle(
            segment,
            Self::registry(segment).register(&wanted.newcomer())?,
        )
    }

    /// Finds a structure by name: one that was registered, or a field of the segment's schema that this
    /// program's schema does not have. Of the elements, size and alignment are compared.
    ///
    /// # Errors
    ///
    /// [`RegisterError::NotFound`], or [`RegisterError::Mismatch`] where its shape is another.
    ///
    /// # Progress
    ///
    /// Takes no lock; looks again, a bounded number of times, where somebody changes the table meanwhile.
    pub fn find<F: Structure>(segment: &Self, name: &str) -> Result<F, RegisterError> {
        let wanted = Self::wanted::<F>(segment, name, <Describe<F::Element> as Opaque>::ELEMENT)?;
        Self::handle(segment, Self::registry(segment).find(&wanted)?)
    }

    /// As [`find`](Self::find), and compares the elements' fields where the structure was registered with them.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub fn find_described<F>(segment: &Self, name: &str) -> Result<F, RegisterError>
    where
        F: Structure<Element: Described>,
    {
        let wanted = Self::wanted::<F>(segment, name, &<F::Element as Described>::ELEMENT)?;
        Self::handle(segment, Self::registry(segment).find(&wanted)?)
    }
}

impl<S> Segment<S> {
    fn registry(segment: &Self) -> Registry<'_> {
        Registry {
            attachment: &segment.attachment,
            control: &segment.control,
            segment: &segment.name,
            patience: segment.patience,
        }
    }

    /// Erases a registered structure; its room can be used again.
    ///
    /// Handles to it, in every process, are void: what they read and write from then on belongs to
    /// whatever is registered there next. They never reach outside of the block.
    ///
    /// # Errors
    ///
    /// [`RegisterError::NotFound`], [`RegisterError::Permanent`] for fields of the schema, and
    /// [`RegisterError::Busy`].
    ///
    /// # Progress
    ///
    /// Blocking, as [`register`](Self::register).
    pub fn erase(segment: &Self, name: &str) -> Result<(), RegisterError> {
        Self::registry(segment).erase(name)
    }

    /// The structures that are registered at the moment; others may come and go at any time.
    ///
    /// # Errors
    ///
    /// [`RegisterError::Corrupt`] where the table is damaged.
    ///
    /// # Progress
    ///
    /// As [`find`](Self::find).
    pub fn registered(segment: &Self) -> Result<Vec<Found>, RegisterError> {
        Self::registry(segment).list(segment.control.schema_entries as usize)
    }

    /// The table's entries at the moment: ours (`@…`), the schema's, and those that were registered.
    ///
    /// # Errors
    ///
    /// As [`registered`](Self::registered).
    ///
    /// # Progress
    ///
    /// As [`find`](Self::find).
    pub fn table(segment: &Self) -> Result<Vec<Found>, RegisterError> {
        Self::registry(segment).list(0)
    }
}

fn remove(name: &str) -> Result<(), OpenError> {
    file::unlink(&name::path(name)).map_err(|source| {
        let segment = name.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => OpenError::NotFound { segment },
            _ => OpenError::System {
                segment,
                doing: "unlinking",
                source,
            },
        }
    })
}

/// Removes a segment's name, whoever is attached: see [`ShmLayout::unlink`].
///
/// # Errors
///
/// Where there is none, or the file is no segment, or of the system.
pub fn unlink(name: &str) -> Result<(), OpenError> {
    let name = checked_for_open(name)?;
    let file = open::open_name(name, &name::path(name), false)?;
    let size = file.metadata().map_or(0, |data| data.len());
    leftover::outside(Inspected::read(name, &file, size))?;
    remove(name)
}
