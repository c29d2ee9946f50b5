//! `sync`: what blocks, under kills, successors in the same slots, stops, and sleepers.
//!
//! Backs P1 and P3, and that a stopped owner holds up nobody but those who wait for it.

mod gate;
mod lock;
mod once;
mod readers;
mod signal;
