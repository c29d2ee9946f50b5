//! Typed, lock-free, crash-proof data structures in POSIX shared memory, declared by a struct.

#[doc(hidden)]
pub mod __private;
pub mod layout;
pub mod memory;
#[cfg(test)]
mod models;
pub mod structures;

pub use layout::{Element, ShmLayout, ShmType};
pub use structures::Array;
