//! A segment that is open without its schema.

use super::array::Array;
use super::barrier::Barrier;
use super::broadcast::Broadcast;
use super::frames::VersionedArray;
use super::kind::Kind;
use super::map::{Map, Set};
use super::number::Atomic;
use super::place::Place;
use super::pool::Pool;
use super::queue::Queue;
use super::rwlock::RwLock;
use super::schema::{Field, Schema, locate_registered};
use super::spsc::Spsc;
use super::stack::Stack;
use super::sync::{Mutex, Semaphore, typed};
use super::versioned::Versioned;
use crate::error::{FieldError, OpenError, RegisterError};
use crate::memory::attachment::Attachment;
use crate::memory::participant::ParticipantInfo;
use crate::memory::sweep::Recovery;
use crate::segment::{self, Health, Inspected};
use crate::sync;
use std::io;
use std::sync::Arc;

/// How a segment is opened or created without its schema: the builder of [`crate::Options`].
pub type Options<'a> = segment::Options<'a, Segment>;

/// What is kept of a segment's description.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) schema: Schema,
    fields: Vec<Field>,
}

impl Described {
    /// Reads a descriptor and checks it against everything else that is known of the segment.
    pub(super) fn check(found: &Inspected, descriptor: &[u8]) -> Result<Self, String> {
        let schema = Schema::parse(descriptor)?;
        let fields = schema.locate(found)?;
        Ok(Self { schema, fields })
    }
}

/// A segment, open in this process, whose fields are found by name.
///
/// ```
/// use shm_runtime::{dynamic, prelude::*};
///
/// #[derive(ShmLayout)]
/// struct Sim {
///     /// What happened.
///     events: Queue<u32, 8>,
/// }
///
/// # let name = format!("doc-dynamic-{}", std::process::id());
/// let sim = Sim::create(&name)?;
/// sim.events.push(7)?;
///
/// // a program that has never heard of `Sim`
/// let segment = dynamic::Segment::open(&name)?;
/// let field = segment.field("events")?;
/// assert_eq!((field.kind().name(), field.capacity(), field.doc()), ("Queue", 8, "What happened."));
/// let events = segment.queue("events")?;
/// let mut bytes = [0; 4];
/// assert!(events.pop(&mut bytes));
/// assert_eq!(field.element().decode(&bytes)?, dynamic::Value::Unsigned(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The handles may outlive it: the segment is left when it and they are all dropped.
#[derive(Debug)]
pub struct Segment {
    pub(super) inner: segment::Segment<Described>,
}

impl Segment {
    /// Opens a segment that another process created.
    ///
    /// # Errors
    ///
    /// As [`crate::ShmLayout::open`], and [`OpenError::Descriptor`] where the segment does not describe
    /// itself in a way that agrees with its table.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        Self::options().open(name)
    }

    /// Opens a segment without write access, slot or lane; calls that change something panic.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_read_only(name: &str) -> Result<Self, OpenError> {
        Self::options().read_only().open(name)
    }

    /// Options, to be followed by `open`.
    pub fn options<'a>() -> Options<'a> {
        Options::new()
    }

    /// The segment's name.
    pub fn name(&self) -> &str {
        segment::Segment::name(&self.inner)
    }

    /// The name of its schema: of the struct in the program that created it.
    pub fn schema_name(&self) -> &str {
        &self.inner.schema.name
    }

    /// Its schema.
    pub fn schema(&self) -> &Schema {
        &self.inner.schema
    }

    /// Bytes of the segment.
    pub fn size(&self) -> usize {
        self.attachment().len()
    }

    /// The random number that tells this segment from its predecessors and successors of the same name.
    pub fn id(&self) -> [u8; 16] {
        segment::Segment::id(&self.inner)
    }

    /// Its fields, in the order of the schema, those of nested schemas among them.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.inner.fields.iter()
    }

    /// The field of a name.
    ///
    /// # Errors
    ///
    /// [`FieldError::Missing`].
    pub fn field(&self, name: &str) -> Result<&Field, FieldError> {
        let found = self.fields().find(|field| field.name() == name);
        found.ok_or_else(|| FieldError::Missing {
            segment: self.name().to_owned(),
            field: name.to_owned(),
            there: self.fields().map(|field| field.name().to_owned()).collect(),
        })
    }

    /// The structures that are registered at the moment, at run time and beside the schema; others may come and go at
    /// any time. Their handles are found by name, as those of fields.
    ///
    /// # Errors
    ///
    /// [`FieldError::Place`] where the table or a descriptor is damaged.
    pub fn registered(&self) -> Result<Vec<Field>, FieldError> {
        let list = segment::Segment::registered(&self.inner);
        let list = list.map_err(|why| self.damaged("@registry", &why))?;
        let found = list.iter().map(|found| self.find(&found.name));
        // What was erased meanwhile is not there.
        found.filter_map(Result::transpose).collect()
    }

    /// A structure that was registered at run time.
    fn find(&self, name: &str) -> Result<Option<Field>, FieldError> {
        let (entry, descriptor) = match segment::Segment::describe(&self.inner, name) {
            Ok(found) => found,
            Err(RegisterError::NotFound { .. }) => return Ok(None),
            Err(why) => return Err(self.damaged(name, &why)),
        };
        if name.starts_with('@') {
            return Ok(None); // the library's own
        }
        let lanes = self.attachment().lanes().len();
        let unit = 1 << segment::Segment::unit_shift(&self.inner);
        let field = locate_registered(&descriptor, &entry, lanes, unit);
        field.map(Some).map_err(|why| self.damaged(name, &why))
    }

    fn damaged(&self, name: &str, why: &dyn core::fmt::Display) -> FieldError {
        FieldError::Place {
            segment: self.name().to_owned(),
            field: name.to_owned(),
            why: why.to_string(),
        }
    }

    /// The place of a field that is one of these kinds.
    fn place(
        &self,
        name: &str,
        kinds: &[Kind],
        expected: &'static str,
    ) -> Result<Place<'_>, FieldError> {
        let field = match self.field(name) {
            Ok(field) => field.clone(),
            Err(missing) => self.find(name)?.ok_or(missing)?,
        };
        match field.extent {
            Some(extent) if kinds.contains(field.kind()) => Ok(Place {
                segment: self,
                field,
                extent,
            }),
            _ => Err(FieldError::Kind {
                segment: self.name().to_owned(),
                field: name.to_owned(),
                found: field.kind().to_string(),
                expected,
            }),
        }
    }

    /// What this process has of the segment.
    pub fn attachment(&self) -> &Arc<Attachment> {
        segment::Segment::attachment(&self.inner)
    }

    /// Everybody who is attached at the moment, this process included, but for read-only ones.
    ///
    /// # Errors
    ///
    /// Where the system cannot be asked.
    pub fn participants(&self) -> io::Result<Vec<ParticipantInfo>> {
        segment::Segment::participants(&self.inner)
    }

    /// Settles what the dead left unfinished: see [`crate::Segment::recover`].
    pub fn recover(&self) -> Recovery {
        segment::Segment::recover(&self.inner)
    }

    /// Attaches this process again, in a forked child: see [`crate::Segment::reattach`].
    ///
    /// # Errors
    ///
    /// Where the segment has no place for it, or of the system.
    pub fn reattach(&self) -> Result<(), OpenError> {
        segment::Segment::reattach(&self.inner)
    }

    /// Whether a page of the segment was gone: see [`crate::Segment::is_truncated`].
    pub fn is_truncated(&self) -> bool {
        segment::Segment::is_truncated(&self.inner)
    }

    /// Removes the segment's name, whoever is attached: see [`crate::Segment::unlink`].
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`] where the name leads to this segment no more, or of the system.
    pub fn unlink(&self) -> Result<(), OpenError> {
        segment::Segment::unlink(&self.inner)
    }

    /// What this process met that no program of ours leaves: see [`crate::Segment::health`].
    pub fn health(&self) -> Health {
        segment::Segment::health(&self.inner)
    }
}

/// The handles, by name.
///
/// # Errors
///
/// Each fails with [`FieldError::Missing`] where the segment has no such field, and with [`FieldError::Kind`]
/// where it is something else.
impl Segment {
    /// The handle of an array.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn array(&self, name: &str) -> Result<Array, FieldError> {
        Array::bind(self.place(name, &[Kind::Array], "Array")?)
    }

    /// The handle of an atomic number.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn atomic(&self, name: &str) -> Result<Atomic, FieldError> {
        Atomic::bind(self.place(name, &[Kind::Atomic], "Atomic")?)
    }

    /// The handle of a queue.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn queue(&self, name: &str) -> Result<Queue, FieldError> {
        Queue::bind(self.place(name, &[Kind::Queue], "Queue")?)
    }

    /// The handle of a stack.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn stack(&self, name: &str) -> Result<Stack, FieldError> {
        Stack::bind(self.place(name, &[Kind::Stack], "Stack")?)
    }

    /// The handle of a map, large or not.
    ///
    /// # Errors
    ///
    /// [`FieldError`], of which [`FieldError::Undescribed`] where keys and values cannot be told apart.
    pub fn map(&self, name: &str) -> Result<Map, FieldError> {
        Map::bind(self.place(name, &[Kind::Map, Kind::LargeMap], "Map")?)
    }

    /// The handle of a set.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn set(&self, name: &str) -> Result<Set, FieldError> {
        Set::bind(self.place(name, &[Kind::Set], "Set")?)
    }

    /// The handle of a queue for one producer and one consumer.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn spsc(&self, name: &str) -> Result<Spsc, FieldError> {
        Spsc::bind(self.place(name, &[Kind::Spsc], "Spsc")?)
    }

    /// The handle of a broadcast.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn broadcast(&self, name: &str) -> Result<Broadcast, FieldError> {
        Broadcast::bind(self.place(name, &[Kind::Broadcast], "Broadcast")?)
    }

    /// The handle of a pool.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn pool(&self, name: &str) -> Result<Pool, FieldError> {
        Pool::bind(self.place(name, &[Kind::Pool], "Pool")?)
    }

    /// The handle of a latest value.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn versioned(&self, name: &str) -> Result<Versioned, FieldError> {
        Versioned::bind(self.place(name, &[Kind::Versioned], "Versioned")?)
    }

    /// The handle of an array of whole frames.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn versioned_array(&self, name: &str) -> Result<VersionedArray, FieldError> {
        VersionedArray::bind(self.place(name, &[Kind::VersionedArray], "VersionedArray")?)
    }

    /// The handle of a mutex.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn mutex(&self, name: &str) -> Result<Mutex, FieldError> {
        Mutex::bind(self.place(name, &[Kind::Mutex], "Mutex")?)
    }

    /// The handle of a semaphore.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn semaphore(&self, name: &str) -> Result<Semaphore, FieldError> {
        Semaphore::bind(self.place(name, &[Kind::Semaphore], "Semaphore")?)
    }

    /// The handle of a reader-writer lock.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn rwlock(&self, name: &str) -> Result<RwLock, FieldError> {
        RwLock::bind(self.place(name, &[Kind::RwLock], "RwLock")?)
    }

    /// The handle of a barrier.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn barrier(&self, name: &str) -> Result<Barrier, FieldError> {
        Barrier::bind(self.place(name, &[Kind::Barrier], "Barrier")?)
    }

    /// The handle of a `Once`, which has a type without parameters.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn once(&self, name: &str) -> Result<sync::Once, FieldError> {
        typed(self.place(name, &[Kind::Once], "Once")?)
    }

    /// The handle of a signal, which has a type without parameters.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn signal(&self, name: &str) -> Result<sync::Signal, FieldError> {
        typed(self.place(name, &[Kind::Signal], "Signal")?)
    }
}

impl Options<'_> {
    /// Opens a segment, whatever its schema.
    ///
    /// # Errors
    ///
    /// See [`Segment::open`].
    pub fn open(self, name: &str) -> Result<Segment, OpenError> {
        let inner = self.open_untyped(name, Described::check)?;
        Ok(Segment { inner })
    }
}
