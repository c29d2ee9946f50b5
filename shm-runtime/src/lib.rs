//! Typed, lock-free, crash-proof data structures in POSIX shared memory, declared by a struct.

#[doc(hidden)]
pub mod __private;
pub mod error;
pub mod layout;
pub mod memory;
pub mod posix;
pub mod segment;
pub mod structures;
pub mod table;

pub use error::{CreateError, Full, OpenError, OpenOrCreateError, Timeout};
pub use layout::{Element, ShmLayout, ShmType};
pub use segment::{Options, Owner, Segment, prune};
pub use structures::Array;
