//! A flood over real terrain: three processes, one segment.
//!
//! ```text
//!  simulation ── frame, telemetry, gauges ──▶ ┌─────────┐ ──▶ renderer    terminal view, picture
//!      ▲    └─── events ────────────────────▶ │         │ ──▶ analytics   journal, summary
//!      └──────── params, clouds ───────────── │ segment │ ◀── hydrographs ───┘
//!  people ────── --tell ────────────────────▶ └─────────┘
//! ```
//!
//! `schemas/src/flood.rs` says which structure each of these is, and why that one.
//!
//! [`run`] is the main function of four programs: `flood` starts all roles, `simulation`,
//! `renderer` and `analytics` start one each, in a terminal of its own. All of them supervise their
//! roles as child processes (`launcher.rs`). Any role can be killed at any moment; started again,
//! it continues from what is in the segment (`checkpoint.rs`).

mod analysis;
mod audit;
mod books;
mod chaos;
mod checkpoint;
mod cli;
mod hydrographs;
mod kernel;
mod launcher;
mod lifeline;
mod orders;
mod picture;
mod publish;
mod roles;
mod shade;
mod solver;
mod storm;
mod telemetry;
mod terrain;
mod text;
mod view;
mod watch;

use std::process::ExitCode;

pub(crate) use crate::flood::cli::Role;

use crate::flood::cli::Command;

/// Anything that ends a program with a message.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The main function of the program that starts `roles`; named after the program.
pub(crate) fn run(program: &str, roles: &[Role]) -> ExitCode {
    let result = match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            print!("{}", cli::help(program, roles));
            Ok(())
        }
        Ok(Command::Start(options)) => launcher::supervise(roles, &options),
        Ok(Command::Play(role, options)) => roles::play(role, &options),
        Ok(Command::Tell(segment, told)) => orders::tell(&segment, &told),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}
