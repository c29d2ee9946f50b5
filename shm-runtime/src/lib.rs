//! Typed, lock-free, crash-proof data structures in POSIX shared memory, declared by a struct.

extern crate self as shm_runtime;

#[doc(hidden)]
pub mod __private;
pub mod error;
pub mod layout;
pub mod memory;
#[cfg(test)]
mod models;
pub mod posix;
pub mod segment;
pub mod structures;
pub mod table;

pub use error::{CreateError, Full, NoLane, OpenError, OpenOrCreateError, RegisterError, Timeout};
pub use layout::{Element, ShmLayout, ShmType};
pub use segment::{Health, Options, Owner, Segment, prune};
#[cfg(feature = "derive")]
pub use shm_derive::{Pod, ShmLayout, ShmType, Zeroable};
pub use structures::{Array, Atomic, Consumer, Loan, Producer, Queue, RoleTaken, Spsc, Taken};

/// The traits alone: a glob import gives way to the derives of the same names above, also where another
/// crate turns on bytemuck's own.
mod plain {
    pub use bytemuck::{Pod, Zeroable};
}
pub use plain::*;

/// The schema trait, the element traits with their derives, and the structures.
pub mod prelude {
    pub use crate::structures::{Array, Atomic, Queue, Spsc};
    pub use crate::{Element, Pod, ShmLayout, ShmType, Zeroable};
}
