//! The simulation of the flood alone: the water moves, and waits for analytics when the queue is full.
//!
//! Start `simulation`, `renderer` and `analytics` in a terminal each, in any order.
#![forbid(unsafe_code)]

#[path = "flood/mod.rs"]
mod flood;

use std::process::ExitCode;

fn main() -> ExitCode {
    flood::run("simulation", &[flood::Role::Simulation])
}
