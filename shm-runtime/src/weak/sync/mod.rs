//! `sync`: what blocks.

mod gate;
mod lock;
mod readers;
mod signal;
