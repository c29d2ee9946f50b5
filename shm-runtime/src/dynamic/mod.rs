//! Segments without their schema: any program, in any language, finds the fields and works on them.
//!
//! A segment describes itself. [`Segment::open`] reads the description, checks it, and gives the fields; each
//! kind of structure then has a handle that moves values as bytes, through the same algorithms as the typed
//! handle, so that both may work on one structure at a time. [`ElementType::decode`] and
//! [`ElementType::encode`] turn bytes into values that know what they are, and JSON into both.
//!
//! Nothing that a segment says is believed unchecked: see [`schema`].

mod array;
mod barrier;
mod broadcast;
mod cpp;
mod create;
mod element;
mod extent;
mod frames;
mod kind;
mod map;
mod number;
mod place;
mod pool;
mod queue;
mod register;
mod rwlock;
pub mod schema;
mod segment;
mod spsc;
mod stack;
mod sync;
mod value;
mod versioned;
mod words;

pub use array::Array;
pub use barrier::Barrier;
pub use broadcast::{Broadcast, Subscriber};
pub use create::Layout;
pub use element::{ElementField, ElementType, FieldType, Primitive};
pub use frames::{FrameWriter, Snapshot, VersionedArray};
pub use kind::Kind;
pub use map::{Map, Set};
pub use number::{Atomic, Numbers};
pub use pool::{Lease, Pool};
pub use queue::{Loan, Queue, Taken};
pub use rwlock::{ReadGuard, RwLock, WriteGuard};
pub use schema::{Field, FieldSchema, Pair, Schema};
pub use segment::{Options, Segment};
pub use spsc::{Consumer, Producer, Spsc};
pub use stack::Stack;
pub use sync::{Mutex, MutexGuard, Permit, Semaphore};
pub use value::Value;
pub use versioned::Versioned;
