//! The analytics of the flood alone: progress, mass balance, and the summary at the end.
//!
//! Start `simulation`, `renderer` and `analytics` in a terminal each, in any order.
#![forbid(unsafe_code)]

#[path = "flood/mod.rs"]
mod flood;

use std::process::ExitCode;

fn main() -> ExitCode {
    flood::run("analytics", &[flood::Role::Analytics])
}
