//! Fields: what they are, and the handle of the structure.

use crate::border::{Set, export, export_plain};
use crate::handle::{Ref, handles};
use crate::planted::{Bug, planted};
use crate::status::{Failure, Status};
use core::ops::Deref;
use core::ptr;
use shm_runtime::{dynamic, sync};
use std::ffi::{CString, c_char};
use std::sync::Arc;

/// Declares what a field can be: each kind with its handle, the way to it, and the name of its accessor.
macro_rules! structures {
    ($($kind:ident $($also:ident)? = $handle:ty, $bind:ident;)*) => {
        /// The structure that a field is.
        #[derive(Debug)]
        pub enum Structure {
            $($kind($handle),)*
            /// One of which this library moves no elements.
            Other,
        }

        impl Structure {
            fn bind(segment: &dynamic::Segment, field: &dynamic::Field) -> Result<Self, Failure> {
                Ok(match field.kind() {
                    $(dynamic::Kind::$kind $(| dynamic::Kind::$also)? => Self::$kind(segment.$bind(field.name())?),)*
                    _ => Self::Other,
                })
            }
        }

        impl Field {
            $(
                /// The handle, where the field is of this kind.
                pub fn $bind(&self) -> Result<&$handle, Failure> {
                    match &self.structure {
                        Structure::$kind(handle) => Ok(handle),
                        _ => Err(self.wrong_kind(stringify!($kind))),
                    }
                }
            )*
        }
    };
}

structures! {
    Array = dynamic::Array, array;
    Atomic = dynamic::Atomic, atomic;
    Queue = dynamic::Queue, queue;
    Spsc = dynamic::Spsc, spsc;
    Broadcast = dynamic::Broadcast, broadcast;
    Stack = dynamic::Stack, stack;
    Map LargeMap = dynamic::Map, map;
    Set = dynamic::Set, set;
    Pool = dynamic::Pool, pool;
    Versioned = dynamic::Versioned, versioned;
    VersionedArray = dynamic::VersionedArray, versioned_array;
    Mutex = dynamic::Mutex, mutex;
    Semaphore = dynamic::Semaphore, semaphore;
    Once = sync::Once, once;
    Signal = sync::Signal, signal;
}

/// The number of a kind in the header: its names are `SHM_` and these.
pub const KINDS: [(&str, u32, dynamic::Kind); 18] = {
    use dynamic::Kind as K;
    [
        ("ARRAY", 1, K::Array),
        ("ATOMIC", 2, K::Atomic),
        ("QUEUE", 3, K::Queue),
        ("SPSC", 4, K::Spsc),
        ("BROADCAST", 5, K::Broadcast),
        ("STACK", 6, K::Stack),
        ("MAP", 7, K::Map),
        ("SET", 8, K::Set),
        ("LARGE_MAP", 9, K::LargeMap),
        ("POOL", 10, K::Pool),
        ("VERSIONED", 11, K::Versioned),
        ("VERSIONED_ARRAY", 12, K::VersionedArray),
        ("MUTEX", 13, K::Mutex),
        ("RW_LOCK", 14, K::RwLock),
        ("SEMAPHORE", 15, K::Semaphore),
        ("BARRIER", 16, K::Barrier),
        ("ONCE", 17, K::Once),
        ("SIGNAL", 18, K::Signal),
    ]
};

/// A field of a segment, found by name.
#[derive(Debug)]
pub struct Field {
    name: CString,
    field: dynamic::Field,
    label: Arc<Label>,
    structure: Structure,
}

/// What messages say of a field; guards and roles have it, too.
#[derive(Debug)]
pub struct Label {
    segment: String,
    name: String,
    read_only: bool,
}

handles! { Field = "shm_field"; }

/// What a field is: `shm_field_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Info {
    kind: u32,
    align: u32,
    capacity: usize,
    element_size: usize,
    key_size: usize,
    value_offset: usize,
    value_size: usize,
    offset: usize,
    size: usize,
}

impl Field {
    pub fn open(segment: &dynamic::Segment, name: &str) -> Result<Self, Failure> {
        let registered;
        let field = match segment.field(name) {
            Ok(field) => field,
            Err(missing) => {
                registered = segment.registered()?;
                let found = registered.iter().find(|field| field.name() == name);
                found.ok_or(missing)?
            }
        };
        Ok(Self {
            name: CString::new(name).unwrap_or_default(), // a text from C has no NUL
            structure: Structure::bind(segment, field)?,
            field: field.clone(),
            label: Arc::new(Label {
                segment: segment.name().to_owned(),
                name: name.to_owned(),
                read_only: segment.attachment().is_read_only(),
            }),
        })
    }

    pub const fn structure(&self) -> &Structure {
        &self.structure
    }

    pub fn label(&self) -> Arc<Label> {
        Arc::clone(&self.label)
    }

    pub fn wrong_kind(&self, expected: &str) -> Failure {
        let (name, found) = (self.field.name(), self.field.kind());
        let why = format!("field `{name}` is of kind {found}, and this call works on {expected}");
        Failure::new(Status::Kind, why)
    }

    fn info(&self) -> Info {
        let (element, pair) = (self.field.element(), self.field.pair());
        let of_set = *self.field.kind() == dynamic::Kind::Set;
        let known = KINDS.iter().find(|(.., kind)| kind == self.field.kind());
        Info {
            kind: known.map_or(0, |(_, number, _)| *number),
            align: u32::try_from(element.align()).unwrap_or(0), // at most 4096
            capacity: self.field.capacity(),
            element_size: element.size(),
            key_size: match pair {
                Some(pair) => pair.key.size(),
                None if of_set => element.size(),
                None => 0,
            },
            value_offset: pair.map_or(0, |pair| pair.value_offset),
            value_size: pair.map_or(0, |pair| pair.value.size()),
            offset: self.field.offset(),
            size: self.field.size(),
        }
    }
}

impl Deref for Field {
    type Target = Label;

    fn deref(&self) -> &Label {
        &self.label
    }
}

impl Label {
    /// Refuses what changes something where the segment is open read-only.
    pub fn writable(&self) -> Result<(), Failure> {
        if !self.read_only || planted(Bug::IgnoreReadOnly) {
            return Ok(());
        }
        let (segment, name) = (&self.segment, &self.name);
        let why = format!(
            "segment `{segment}` is open read-only, and this would change `{name}`; open it without SHM_READ_ONLY"
        );
        Err(Failure::new(Status::ReadOnly, why))
    }

    /// Refuses a buffer of another size than the one thing that it is for.
    pub fn sized(&self, what: &str, found: usize, expected: usize) -> Result<(), Failure> {
        if found == expected || planted(Bug::IgnoreSize) {
            return Ok(());
        }
        let name = &self.name;
        let why =
            format!("field `{name}`: the {what} has {found} bytes, and {expected} are expected");
        Err(Failure::new(Status::Size, why))
    }

    /// Refuses a buffer that is not for whole elements: how many they are.
    pub fn whole(&self, found: usize, size: usize) -> Result<usize, Failure> {
        if found.is_multiple_of(size.max(1)) {
            return Ok(found / size.max(1));
        }
        let name = &self.name;
        let why = format!("field `{name}`: {found} bytes are no whole elements of {size} bytes");
        Err(Failure::new(Status::Size, why))
    }

    /// Refuses elements that are not there: `count` from `first` on, of `len`.
    pub fn within(&self, first: usize, count: usize, len: usize) -> Result<(), Failure> {
        if first <= len && count <= len - first || planted(Bug::IgnoreRange) {
            return Ok(());
        }
        let name = &self.name;
        let why = format!(
            "field `{name}`: {count} elements from {first} on are out of range: there are {len}"
        );
        Err(Failure::new(Status::Range, why))
    }
}

export! {
    fn shm_field_close(field: Ref<Field>) {
        drop(field.close()?);
        Ok(Status::Ok)
    }

    fn shm_field_describe(field: Ref<Field>, out: Set<Info>) {
        out.needed("the place for the description")?.set(field.get()?.info());
        Ok(Status::Ok)
    }

    fn shm_field_len(field: Ref<Field>, len: Set<usize>) {
        let field = field.get()?;
        let found = match &field.structure {
            Structure::Array(array) => array.len(),
            Structure::Queue(queue) => queue.len(),
            Structure::Spsc(queue) => queue.len(),
            Structure::Stack(stack) => stack.len(),
            Structure::Map(map) => map.len(),
            Structure::Set(set) => set.len(),
            Structure::Pool(pool) => pool.leased(),
            Structure::VersionedArray(array) => array.len(),
            Structure::Semaphore(semaphore) => semaphore.permits() - semaphore.available(),
            _ => return Err(field.wrong_kind("a structure that holds a number of elements")),
        };
        len.needed("the place for the number")?.set(found);
        Ok(Status::Ok)
    }
}

export_plain! {
    fn shm_field_name(field: Ref<Field>) -> *const c_char, ptr::null(), {
        field.get()?.name.as_ptr()
    }
}

const _: () = assert!(size_of::<Info>() == 64); // as bindings/c/tests/own.c says
