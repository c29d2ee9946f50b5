//! The data structures: one file each, the same sections in the same order, no `unsafe`.

mod array;
pub mod queue;

pub use array::Array;
