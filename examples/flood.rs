//! A flood over real terrain: a simulation, a renderer and analytics share one segment.
//!
//! ```text
//! cargo run --release --example flood
//! cargo run --release --example flood -- --rain examples/data/seattle-weather.csv
//! ```
//!
//! Kill any of the three roles while it runs, as hard as you like: it is started again and goes on.
#![forbid(unsafe_code)]

#[path = "flood/mod.rs"]
mod flood;

use std::process::ExitCode;

fn main() -> ExitCode {
    flood::run("flood", &flood::Role::ALL)
}
