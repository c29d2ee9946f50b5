//! Typed, lock-free, crash-proof data structures in POSIX shared memory, declared by a struct.

#[doc(hidden)]
pub mod __private;
pub mod error;
pub mod layout;
pub mod memory;
#[cfg(test)]
mod models;
pub mod posix;
pub mod structures;
pub mod table;

pub use layout::{Element, ShmLayout, ShmType};
pub use structures::Array;
