//! The catch matrix: every seeded bug, and which layer of the proof catches it.

use super::build::{Build, Program};
use super::layers::{LAYERS, Layer};
use super::machine::{commit, day, machine};
use super::suite::Outcome;
use serde_json::{Value, json};
use shm_runtime::__private::BUGS;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// The programs of each build that a layer needs.
struct Programs(Vec<(Build, Vec<Program>)>);

impl Programs {
    fn of(layers: &[&Layer]) -> Result<Self, String> {
        let mut all: Vec<(Build, Vec<Program>)> = Vec::new();
        for layer in layers {
            if all.iter().all(|(build, _)| *build != layer.build) {
                let same = layers.iter().filter(|other| other.build == layer.build);
                let mut built: Vec<_> = same
                    .clone()
                    .flat_map(|layer| layer.built)
                    .copied()
                    .collect();
                built.sort_unstable();
                built.dedup();
                if same.clone().any(|layer| layer.built.is_empty()) {
                    built.clear();
                }
                all.push((layer.build, layer.build.programs(&built)?));
            }
        }
        Ok(Self(all))
    }

    fn get(&self, build: Build) -> &[Program] {
        let found = self.0.iter().find(|(known, _)| *known == build);
        found.map_or(&[], |(_, programs)| programs)
    }
}

/// Runs the matrix: `--all` every layer for every bug, otherwise the cheapest that catches it; `--only=LAYER,…` and
/// names of bugs, or `(none)`, choose, and `--tests=NAME` has a layer run those of its tests only whose names begin so.
pub fn matrix(directory: &Path, arguments: &[String]) -> Result<(), String> {
    let (start, commit) = (Instant::now(), commit()); // now: somebody may go on working while this runs
    let all = arguments.iter().any(|argument| argument == "--all");
    let only = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--only="));
    let tests = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--tests="));
    let is_asked =
        |layer: &&Layer| only.is_none_or(|only| only.split(',').any(|name| name == layer.name));
    let layers: Vec<_> = LAYERS.iter().filter(is_asked).collect();
    let names: Vec<_> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let is_known = |name: &str| name == NONE || BUGS.iter().any(|(bug, _)| *bug == name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        return Err(format!("no bug is called `{unknown}`"));
    }
    let bugs = BUGS
        .iter()
        .filter(|(bug, _)| names.is_empty() || names.iter().any(|name| *name == bug));
    let programs = Programs::of(&layers)?;
    std::fs::create_dir_all(directory).map_err(|why| why.to_string())?;
    let file = File::options()
        .create(true)
        .append(true)
        .open(directory.join("matrix.ndjson"));
    let mut matrix = Matrix {
        layers,
        programs,
        all,
        tests,
        file: file.map_err(|why| why.to_string())?,
    };
    matrix.header();
    let is_clean_asked = names.is_empty() || names.iter().any(|name| *name == NONE);
    if is_clean_asked && matrix.row(None) > 0 {
        return Err("a layer fails without a bug: it proves nothing".to_owned());
    }
    let missed: Vec<_> = bugs
        .filter(|(bug, _)| matrix.row(Some(bug)) == 0)
        .map(|(bug, _)| *bug)
        .collect();
    describe(directory, &commit, start)?;
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!("caught by nothing: {}", missed.join(", ")))
}

/// Says in `directory` what ran, for the report; or adds itself to what ran there before.
fn describe(directory: &Path, commit: &str, start: Instant) -> Result<(), String> {
    let file = directory.join("run.json");
    let before = std::fs::read_to_string(&file).ok();
    let before = before.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let mut run = before.unwrap_or_else(|| {
        json!({
            "commit": commit, "day": day(), "form": "matrix", "failed": [], "machine": machine(),
        })
    });
    let known = run["commit"].as_str().unwrap_or_default();
    if !known.split(", ").any(|known| known == commit) {
        run["commit"] = format!("{known}, {commit}").into();
    }
    let hours = run["hours"].as_f64().unwrap_or(0.0);
    run["hours"] = json!(hours + start.elapsed().as_secs_f64() / 3600.0);
    std::fs::write(file, format!("{run:#}\n")).map_err(|why| why.to_string())
}

struct Matrix<'a> {
    layers: Vec<&'a Layer>,
    programs: Programs,
    all: bool,
    tests: Option<&'a str>,
    file: File,
}

/// The row without a bug, which every layer has to pass.
const NONE: &str = "(none)";
/// Width of the first column.
const NAME: usize = 22;

impl Matrix<'_> {
    fn header(&self) {
        print!("{:NAME$}", "seeded bug");
        self.layers
            .iter()
            .for_each(|layer| print!(" {:>9}", layer.name));
        println!("  caught by");
    }

    /// Runs the layers on one bug, or on none; how many of them fail.
    fn row(&mut self, bug: Option<&str>) -> usize {
        print!("{:NAME$}", bug.unwrap_or(NONE));
        let mut caught = BTreeMap::new();
        for (place, layer) in self.layers.iter().enumerate() {
            if !caught.is_empty() && !self.all {
                print!(" {:>9}", "");
                continue;
            }
            let start = Instant::now();
            let outcome = layer.outcome(self.programs.get(layer.build), bug, self.tests);
            let seconds = start.elapsed().as_secs_f64();
            print!(
                " {:>9}",
                if outcome == Outcome::Passed {
                    "-".to_owned()
                } else {
                    format!("{seconds:.1} s")
                }
            );
            let _ = std::io::stdout().flush();
            let by = match outcome {
                Outcome::Passed => None,
                Outcome::Failed(test) => Some(test),
                Outcome::Died(how) => Some(how),
                Outcome::Hung => Some("does not end".to_owned()),
            };
            let line = json!({
                "suite": "matrix", "bug": bug, "layer": layer.name, "tests": self.tests, "by": by,
                "seconds": seconds,
            });
            // a line that cannot be written is missing from the report, and the report says so
            let _ = writeln!(self.file, "{line}");
            caught.extend(by.map(|by| (place, by)));
        }
        println!("  {}", caught.values().next().map_or("", String::as_str));
        caught.len()
    }
}
