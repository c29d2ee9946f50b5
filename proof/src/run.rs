//! The suites, one after the other, on the real code: what they did becomes part of the report.

use super::build::{Build, Program};
use super::machine::{commit, day, machine};
use super::suite::{Outcome, Run};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// A suite: what it is called, which program, which of its tests, and how much more of them the long form asks for.
struct Suite {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    long: &'static [(&'static str, &'static str)],
}

/// Longest time that one suite may take.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

const SUITES: &[Suite] = &[
    Suite {
        name: "models",
        program: "shm_runtime",
        arguments: &["models::", "--skip", "hostile"],
        long: &[("SHM_MODEL_RUNS", "1000000")],
    },
    Suite {
        name: "images",
        program: "shm_runtime",
        arguments: &["models::hostile"],
        long: &[("SHM_HOSTILE_IMAGES", "10000000")],
    },
    Suite {
        name: "overwriter",
        program: "hostile",
        arguments: &[],
        long: &[("SHM_HOSTILE_ROUNDS", "1000000")],
    },
    Suite {
        name: "lifecycle",
        program: "kill_lifecycle",
        arguments: &[],
        long: &[],
    },
    Suite {
        name: "registration",
        program: "kill_register",
        arguments: &[],
        long: &[],
    },
    Suite {
        name: "walk",
        program: "kill_walk",
        arguments: &[],
        long: &[("SHM_WALK", "full")],
    },
    Suite {
        name: "war",
        program: "war",
        arguments: &[],
        long: &[("SHM_WAR_KILLS", "250000")],
    },
];

/// Loom's models, which are a build of their own.
const WEAK: Suite = Suite {
    name: "weak",
    program: "shm_runtime",
    arguments: &["weak::"],
    long: &[("SHM_LOOM_MORE", "1")],
};

/// Runs every suite, or those that are named, in its quick or in its long form; `directory` gets the lines.
pub fn run(directory: &Path, long: bool, arguments: &[String]) -> Result<(), String> {
    let start = Instant::now();
    let commit = commit(); // now: somebody may go on working while this runs
    let (options, names): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|name| name.starts_with("--"));
    let build = match options.as_slice() {
        [] => Build::Plain,
        [release] if *release == "--release" => Build::Release,
        _ => return Err(format!("unknown option: {options:?}")),
    };
    let all = || SUITES.iter().chain([&WEAK]);
    if let Some(unknown) = names
        .iter()
        .find(|name| all().all(|suite| suite.name != **name))
    {
        return Err(format!("no suite is called `{unknown}`"));
    }
    let is_asked =
        |suite: &&Suite| names.is_empty() || names.iter().any(|name| *name == suite.name);
    std::fs::create_dir_all(directory).map_err(|why| why.to_string())?;
    let suites: Vec<_> = SUITES.iter().filter(is_asked).collect();
    let mut programs: Vec<_> = suites.iter().map(|suite| suite.program).collect();
    programs.dedup();
    let mut failed = Vec::new();
    if !suites.is_empty() {
        let programs = build.programs(&programs)?;
        for suite in suites {
            failed.extend(one(&programs, suite, long, directory)?);
        }
    }
    if is_asked(&&WEAK) {
        failed.extend(one(&Build::Loom.programs(&[])?, &WEAK, long, directory)?);
    }
    let about = json!({
        "commit": commit,
        "day": day(),
        "form": if long { "long" } else { "quick" },
        "suites": names,
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
    long: bool,
    directory: &Path,
) -> Result<Option<String>, String> {
    let program = programs
        .iter()
        .find(|program| program.name == suite.program);
    let program = program.ok_or_else(|| format!("there is no test `{}`", suite.program))?;
    println!("== {} {}", suite.program, suite.arguments.join(" "));
    let more = if long { suite.long } else { &[] };
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
