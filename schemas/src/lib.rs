//! Schemas that several processes share: structs and nothing else.
//!
//! A process that attaches depends on this crate alone: it re-exports the library's prelude.
#![forbid(unsafe_code)]

pub mod flood;

pub use shm_runtime::prelude;
