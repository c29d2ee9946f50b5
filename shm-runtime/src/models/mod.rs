//! Models: the real algorithms, single-stepped on one thread under a scheduler that may switch, stop or
//! kill a simulated process before every access to shared memory.
//!
//! Sequentially consistent interleavings, small configurations, random schedules: a filter that has to
//! catch every seeded bug of [`crate::seeded`], not a proof.

#![allow(missing_debug_implementations)] // nobody prints a model

#[path = "../../../tests/common/report.rs"]
mod line;

mod broadcast;
mod event;
mod frames;
mod hostile;
mod lanes;
mod leases;
mod map;
mod map_world;
mod per_key;
mod queue;
mod queue_ops;
mod queue_world;
mod scheduler;
mod spsc;
mod stack;
mod stack_world;
mod sweep;
mod sync;
mod town;
mod versioned;
