//! The suites, one after the other, on the real code: what they did becomes part of the report.

use super::build::{Build, Program};
use super::machine::{commit, day, machine};
use super::suite::{Outcome, Run};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// A suite: which program, which of its tests, and how much more of them the long form asks for.
struct Suite {
    program: &'static str,
    arguments: &'static [&'static str],
    long: &'static [(&'static str, &'static str)],
}

/// Longest time that one suite may take.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

const SUITES: &[Suite] = &[
    Suite {
        program: "shm_runtime",
        arguments: &["models::", "--skip", "hostile"],
        long: &[("SHM_MODEL_RUNS", "1000000")],
    },
    Suite {
        program: "shm_runtime",
        arguments: &["models::hostile"],
        long: &[("SHM_HOSTILE_IMAGES", "10000000")],
    },
    Suite {
        program: "hostile",
        arguments: &[],
        long: &[("SHM_HOSTILE_ROUNDS", "1000000")],
    },
    Suite {
        program: "kill_lifecycle",
        arguments: &[],
        long: &[],
    },
    Suite {
        program: "kill_register",
        arguments: &[],
        long: &[],
    },
    Suite {
        program: "kill_walk",
        arguments: &[],
        long: &[("SHM_WALK", "full")],
    },
    Suite {
        program: "war",
        arguments: &[],
        long: &[("SHM_WAR_KILLS", "250000")],
    },
];

/// Runs every suite, in its quick or in its long form, and loom's models; `directory` gets the lines.
pub fn run(directory: &Path, long: bool) -> Result<(), String> {
    let start = Instant::now();
    std::fs::create_dir_all(directory).map_err(|why| why.to_string())?;
    let (plain, loom) = (Build::Plain.programs()?, Build::Loom.programs()?);
    let mut failed = Vec::new();
    for suite in SUITES {
        let long = if long { suite.long } else { &[] };
        failed.extend(one(&plain, suite, long, directory)?);
    }
    let weak = Suite {
        program: "shm_runtime",
        arguments: &["weak::"],
        long: &[("SHM_LOOM_MORE", "1")],
    };
    let more = if long { weak.long } else { &[] };
    failed.extend(one(&loom, &weak, more, directory)?);
    let about = json!({
        "commit": commit(),
        "day": day(),
        "form": if long { "long" } else { "quick" },
        "hours": start.elapsed().as_secs_f64() / 3600.0,
        "failed": failed,
        "machine": machine(),
    });
    let text = format!("{about:#}\n");
    std::fs::write(directory.join("run.json"), text).map_err(|why| why.to_string())?;
    if !failed.is_empty() {
        return Err(format!("failed: {}", failed.join(", ")));
    }
    let directory = directory.display();
    println!("add it to the report: cargo run -p proof -- report {directory}");
    Ok(())
}

/// Runs a suite; what failed.
fn one(
    programs: &[Program],
    suite: &Suite,
    more: &'static [(&'static str, &'static str)],
    directory: &Path,
) -> Result<Option<String>, String> {
    let program = programs
        .iter()
        .find(|program| program.name == suite.program);
    let program = program.ok_or_else(|| format!("there is no test `{}`", suite.program))?;
    println!("== {} {}", suite.program, suite.arguments.join(" "));
    let told = more
        .iter()
        .map(|(name, value)| (*name, std::env::var(name).unwrap_or((*value).to_owned())));
    let own = ("SHM_REPORT", directory.display().to_string());
    let run = Run {
        program,
        arguments: suite.arguments,
        environment: told.chain([own]).collect(),
        limit: LIMIT,
        to_the_end: true,
        is_shown: true,
    };
    Ok(match run.outcome() {
        Outcome::Passed => None,
        Outcome::Failed(test) => Some(format!("{}::{test}", suite.program)),
        Outcome::Died(how) => Some(format!("{}: {how}", suite.program)),
        Outcome::Hung => Some(format!("{} does not end", suite.program)),
    })
}
