//! The layers of the proof, cheapest first, and the test programs of each.

use super::build::{Build, Program};
use super::suite::{Outcome, Run};
use std::time::Duration;

/// One way of looking for mistakes.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    pub name: &'static str,
    /// What it is, for the report.
    pub about: &'static str,
    pub build: Build,
    /// Which programs, by name.
    programs: fn(&str) -> bool,
    /// Those that have to be built for it; none named: all.
    pub built: &'static [&'static str],
    /// Which of their tests: those whose names have this in them…
    tests: &'static str,
    /// …but for some.
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    /// Seconds after which it is said to hang.
    limit: u64,
}

/// Programs that have a layer of their own.
const LARGE: &[&str] = &["hostile", "kill_walk", "war"];
/// Programs that say nothing about the runtime's promises: messages, shapes, examples; and one that kills processes which have
/// no bug built in.
const ASIDE: &[&str] = &[
    "architecture",
    "flood",
    "go",
    "guards",
    "proof",
    "python_walk",
    "schemas",
    "shm_derive",
    "shm_workspace",
    "ui",
];

fn is_runtime(name: &str) -> bool {
    name == "shm_runtime"
}

fn is_small(name: &str) -> bool {
    !is_runtime(name) && !LARGE.contains(&name) && !ASIDE.contains(&name)
}

/// All of them. Tests that seed bugs themselves have `caught` in their names and are left out.
pub const LAYERS: &[Layer] = &[
    Layer {
        name: "units",
        about: "sequential models and the tests of single files",
        build: Build::Seeded,
        programs: is_runtime,
        built: &["shm_runtime"],
        tests: "",
        arguments: &["--skip", "models::", "--skip", "caught"],
        environment: &[],
        limit: 200,
    },
    Layer {
        name: "models",
        about: "the real algorithms under random schedules, killed and stopped before any shared access",
        build: Build::Seeded,
        programs: is_runtime,
        built: &["shm_runtime"],
        tests: "models::",
        arguments: &["--skip", "hostile", "--skip", "caught"],
        environment: &[],
        limit: 400,
    },
    Layer {
        name: "loom",
        about: "two or three threads, every order that the memory model allows, up to a bound of preemptions",
        build: Build::Loom,
        programs: is_runtime,
        built: &["shm_runtime"],
        tests: "weak::",
        arguments: &["--skip", "caught"],
        environment: &[],
        limit: 600,
    },
    Layer {
        name: "hostile",
        about: "overwritten images, every operation bounded in accesses; a process that overwrites all the time",
        build: Build::Seeded,
        programs: |name| is_runtime(name) || name == "hostile",
        built: &["shm_runtime", "hostile"],
        tests: "p6_",
        arguments: &[],
        environment: &[("SHM_HOSTILE_IMAGES", "100000")],
        limit: 400,
    },
    Layer {
        name: "processes",
        about: "real processes, killed, stopped, forked, at every system call of birth, registration and death",
        build: Build::Seeded,
        programs: is_small,
        built: &[],
        tests: "",
        arguments: &["--skip", "caught"],
        environment: &[],
        limit: 200,
    },
    Layer {
        name: "walk",
        about: "one process, killed or stopped at every instruction",
        build: Build::Seeded,
        programs: |name| name == "kill_walk",
        built: &["kill_walk"],
        tests: "",
        arguments: &["--skip", "caught"],
        environment: &[],
        limit: 600,
    },
    Layer {
        name: "war",
        about: "eight processes, killed and stopped at random; histories checked for linearizability",
        build: Build::Seeded,
        programs: |name| name == "war",
        built: &["war"],
        tests: "",
        arguments: &["--skip", "caught", "--test-threads=1"],
        environment: &[],
        limit: 600,
    },
    Layer {
        name: "long",
        about: "the models again, twenty times as many schedules",
        build: Build::Seeded,
        programs: is_runtime,
        built: &["shm_runtime"],
        tests: "models::",
        arguments: &["--skip", "hostile", "--skip", "caught"],
        environment: &[("SHM_MODEL_RUNS", "400000")],
        limit: 3600,
    },
];

impl Layer {
    /// Runs the layer, or `tests` of it, with a bug or without one; ends at the first test that fails.
    pub fn outcome(&self, programs: &[Program], bug: Option<&str>, tests: Option<&str>) -> Outcome {
        let tests = tests.unwrap_or(self.tests);
        let arguments: Vec<_> = [tests]
            .into_iter()
            .filter(|tests| !tests.is_empty())
            .chain(self.arguments.iter().copied())
            .collect();
        let own = programs
            .iter()
            .filter(|program| (self.programs)(&program.name));
        for program in own {
            let told = self.environment.iter();
            let mut environment: Vec<_> = told
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect();
            environment.extend(bug.map(|bug| ("SHM_SEEDED", bug.to_owned())));
            let run = Run {
                program,
                arguments: &arguments,
                environment,
                limit: Duration::from_secs(self.limit),
                to_the_end: false,
                is_shown: false,
            };
            match run.outcome() {
                Outcome::Passed => {}
                Outcome::Failed(test) if is_runtime(&program.name) => return Outcome::Failed(test),
                Outcome::Failed(test) => {
                    return Outcome::Failed(format!("{}::{test}", program.name));
                }
                Outcome::Died(how) => return Outcome::Died(format!("{}: {how}", program.name)),
                Outcome::Hung => return Outcome::Hung,
            }
        }
        Outcome::Passed
    }
}
