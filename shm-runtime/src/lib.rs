//! Typed, lock-free, crash-proof data structures in POSIX shared memory, declared by a struct.
//!
//! A schema struct describes a segment at compile time and, once the segment is open, is this process's set of
//! handles to it:
//!
//! ```
//! use shm_runtime::{Array, Pod, Queue, ShmLayout, ShmType, Zeroable};
//!
//! #[derive(Clone, Copy, Pod, Zeroable, ShmType)]
//! #[repr(C)]
//! struct Event { t: f64, cell: u32, kind: u32 }
//!
//! #[derive(ShmLayout)]
//! struct Sim {
//!     events: Queue<Event, 4096>,
//!     grid: Array<f32, 10_000>,
//! }
//!
//! # let name = format!("doc-lib-{}", std::process::id());
//! let sim = Sim::create(&name)?;                 // one process
//! sim.events.push(Event { t: 0.0, cell: 7, kind: 1 })?;
//!
//! let sim = Sim::open(&name)?;                   // any other process
//! while let Some(event) = sim.events.pop() {
//!     assert_eq!((event.cell, event.kind), (7, 1));
//! }
//! assert_eq!(sim.grid.get(7), 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Killed or stopped at any instruction, a process holds nobody up, and nothing that was acknowledged is lost.
//! All-zero bytes are the empty structure, so there is nothing to initialise; the last one out removes the
//! segment; and what the dead left unfinished is settled by whoever comes next.
//!
//! Where to look: [`ShmLayout`] creates and opens, [`Options`] says how, [`Segment`] is what comes back;
//! [`structures`] and [`sync`] have a page for each structure, with its guarantees, its bytes, and a table of what
//! a kill at each step leaves; [`dynamic`] opens segments without their schema. The layers below ([`layout`], [`segment`], [`memory`], [`table`], [`posix`]) are
//! public for those who read on, and no stable interface.
//!
//! Features: `derive`, on by default, has the derives. `tracing` puts a span of the crate `tracing` around each `create`,
//! `open`, `prune`, and around each lane of the dead that is settled (`recover`); target `shm_runtime`, level `DEBUG`. No
//! operation on a structure has one, but one that finds something of the dead in its way recovers by itself: who
//! operates in signal handlers needs a subscriber that may be called there.

extern crate self as shm_runtime;

#[doc(hidden)]
pub mod __private;
pub mod dynamic;
pub mod error;
pub mod layout;
pub mod memory;
#[cfg(all(test, not(loom)))]
mod models;
pub mod posix;
mod seeded; // a leaf, as `error` is: all layers have bugs
pub mod segment;
pub mod structures;
pub mod sync;
pub mod table;
mod trace; // another leaf
#[cfg(all(test, loom))]
mod weak;

pub use error::{
    CreateError, Full, NoLane, OpenError, OpenOrCreateError, Outrun, RegisterError, Timeout,
};
pub use layout::{Element, Numa, ShmLayout, ShmType};
pub use segment::{FieldPlacement, Health, HugePages, Options, Owner, Placement, Segment, prune};
#[cfg(feature = "derive")]
pub use shm_derive::{Pod, ShmLayout, ShmType, Zeroable};
pub use structures::{
    Array, Atomic, Broadcast, Consumer, Frame, FrameWriter, Handle, LargeMap, Lease, Loan, Map,
    Missed, Pool, Producer, Queue, RecvError, RoleTaken, Set, ShmStr, ShmStrError, Snapshot, Spsc,
    Stack, Start, Subscriber, Taken, Versioned, VersionedArray,
};

/// The traits alone: a glob import gives way to the derives of the same names above, also where another
/// crate turns on bytemuck's own.
mod plain {
    pub use bytemuck::{Pod, Zeroable};
}
pub use plain::*;

/// The schema trait, the element traits with their derives, and the structures.
pub mod prelude {
    pub use crate::structures::{
        Array, Atomic, Broadcast, Handle, LargeMap, Map, Missed, Pool, Queue, Set, ShmStr, Spsc,
        Stack, Start, Versioned, VersionedArray,
    };
    pub use crate::sync;
    pub use crate::{Element, Pod, ShmLayout, ShmType, Zeroable};
}
