//! The proof, in commands: run the suites, seed every bug, write the report.
//!
//! ```text
//! cargo run -p proof -- quick [SUITE…]   every suite in its quick form, or some
//! cargo run -p proof -- full [SUITE…]    in its long form; with no name, the matrix too
//! cargo run -p proof -- matrix [BUG…]    each seeded bug, until something catches it
//! cargo run -p proof -- matrix --all     each seeded bug in every layer
//! cargo run -p proof -- matrix --only=models --tests=models::map BUG…   in some tests of a layer
//! cargo run -p proof -- report DIR…      docs/kill-report.{json,md}, with the lines of those runs added
//! ```
//!
//! Suites are `models`, `images`, `overwriter`, `lifecycle`, `registration`, `walk`, `war` and `weak`; `--release` builds them
//! as programs are built for production. The suites write what they did as lines of JSON into the directory that `SHM_REPORT` names; `quick`, `full` and
//! `matrix` name one below `target/proof` that bears the time, unless it is set. A run becomes part of the report
//! when `report` is given its directory; figures of random runs add up, those of a walk replace the ones before.

mod build;
mod layers;
mod machine;
mod matrix;
mod report;
mod run;
mod suite;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", &[][..]),
    };
    let ended = match command {
        "quick" => run::run(&directory(), false, rest),
        "full" if rest.is_empty() => {
            let directory = directory();
            run::run(&directory, true, rest).and_then(|()| matrix::matrix(&directory, &[]))
        }
        "full" => run::run(&directory(), true, rest),
        "matrix" => matrix::matrix(&directory(), rest),
        "report" => report::report(rest),
        _ => Err("usage: proof quick [--release] [SUITE…] | full [--release] [SUITE…] | matrix [--all] [BUG…] | report DIR…".to_owned()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Where the suites write what they do.
fn directory() -> PathBuf {
    let asked = std::env::var_os("SHM_REPORT").map(PathBuf::from);
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| time.as_secs());
    asked.unwrap_or_else(|| root().join(format!("target/proof/{now}")))
}
