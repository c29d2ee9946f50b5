//! The data structures: one file each, the same sections in the same order, no `unsafe`.

mod array;
mod atomic;
pub mod broadcast;
pub mod map;
pub mod pool;
pub mod queue;
pub(crate) mod role;
pub mod shm_str;
pub mod spsc;
pub mod stack;
mod tickets;
pub mod versioned;
pub mod versioned_array;

pub use array::Array;
pub use atomic::Atomic;
pub use broadcast::{Broadcast, Missed, RecvError, Start, Subscriber};
pub use map::{LargeMap, Map, Set};
pub use pool::{Handle, Lease, Pool};
pub use queue::{Loan, Queue, Taken};
pub use role::RoleTaken;
pub use shm_str::{ShmStr, ShmStrError};
pub use spsc::{Consumer, Producer, Spsc};
pub use stack::Stack;
pub use versioned::Versioned;
pub use versioned_array::{Frame, FrameWriter, Snapshot, VersionedArray};
