//! The renderer of the flood alone: the map in the terminal, and a picture at the end.
//!
//! Start `simulation`, `renderer` and `analytics` in a terminal each, in any order.
#![forbid(unsafe_code)]

#[path = "flood/mod.rs"]
mod flood;

use std::process::ExitCode;

fn main() -> ExitCode {
    flood::run("renderer", &[flood::Role::Renderer])
}
