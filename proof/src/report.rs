//! The report: what runs have found so far, in `docs/kill-report.json`, and the page that is written from it.

mod page;

use super::machine::{commit, machine};
use super::root;
use serde_json::{Map, Value, json};
use shm_runtime::__private::BUGS;
use std::path::Path;

/// What is counted: of these the totals are made.
pub const FIGURES: &[&str] = &[
    "kill_points",
    "images",
    "recovery_images",
    "schedules",
    "survivors",
    "kills",
    "hostile",
    "violations",
];
/// Suites whose every run is another one.
const FRESH: &[&str] = &["war", "hostile_live"];
/// Suites that begin with the same seed each time, so that a longer run contains a shorter.
const SEEDED: &[&str] = &["models", "hostile", "loom"];

/// What the figures do not say.
const LIMITS: &[&str] = &[
    "x86-64 Linux; other processors order memory more weakly, and only loom has looked at that",
    "the death of processes, not the loss of power",
    "the walk, the models and the schedules are sequentially consistent; weak memory is loom's part, within its bounds (shm-runtime/src/weak/)",
    "hostile bytes break data, not memory: a peer with write access can lose what others wrote",
    "random runs (models, war, hostile) sample; the walk is exhaustive for the scenarios that it lists",
];

type Object = Map<String, Value>;

/// Adds the lines of runs to the report, and writes it anew.
pub fn report(directories: &[String]) -> Result<(), String> {
    let file = root().join("docs/kill-report.json");
    let old = std::fs::read_to_string(&file).unwrap_or_else(|_| "{}".to_owned());
    let old: Value = serde_json::from_str(&old).map_err(|why| format!("the report: {why}"))?;
    let list = |name: &str| old[name].as_array().cloned().unwrap_or_default();
    let mut report = Report {
        operations: list("operations"),
        matrix: list("matrix"),
        runs: list("runs"),
    };
    for directory in directories {
        report.add(Path::new(directory))?;
    }
    let text = report.json();
    let page = page::page(&text);
    let write = |name: &str, text: String| std::fs::write(root().join("docs").join(name), text);
    std::fs::create_dir_all(root().join("docs")).map_err(|why| why.to_string())?;
    write("kill-report.json", format!("{text:#}\n")).map_err(|why| why.to_string())?;
    write("kill-report.md", page).map_err(|why| why.to_string())
}

struct Report {
    /// Lines by suite, operation and build.
    operations: Vec<Value>,
    /// Lines by bug and layer.
    matrix: Vec<Value>,
    runs: Vec<Value>,
}

impl Report {
    fn add(&mut self, directory: &Path) -> Result<(), String> {
        let shown = directory.display();
        let id = directory.file_name().unwrap_or_default().to_string_lossy();
        if self.runs.iter().any(|run| run["id"] == *id) {
            return Err(format!("{shown} is part of the report"));
        }
        let about = std::fs::read_to_string(directory.join("run.json")).ok();
        let about = about.and_then(|text| serde_json::from_str(&text).ok());
        let mut run: Object = about.unwrap_or_else(|| {
            let about = json!({ "commit": commit(), "machine": machine() });
            about.as_object().cloned().unwrap_or_default()
        });
        run.insert("id".to_owned(), json!(id));
        let entries = std::fs::read_dir(directory).map_err(|why| format!("{shown}: {why}"))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|name| name == "ndjson"));
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|why| why.to_string())?;
            for line in text.lines() {
                let line: Value = serde_json::from_str(line)
                    .map_err(|why| format!("{}: {why}", file.display()))?;
                self.line(line);
            }
        }
        self.runs.push(Value::Object(run));
        Ok(())
    }

    fn line(&mut self, line: Value) {
        let suite = line["suite"].as_str().unwrap_or_default().to_owned();
        let (lines, keys) = if suite == "matrix" {
            (&mut self.matrix, &["bug", "layer"][..])
        } else {
            (&mut self.operations, &["suite", "operation", "build"][..])
        };
        let same = |known: &&mut Value| keys.iter().all(|key| known[key] == line[key]);
        let Some(known) = lines.iter_mut().find(same) else {
            return lines.push(line);
        };
        let amount = |line: &Value| number(&line["schedules"]) + number(&line["hostile"]);
        if FRESH.contains(&suite.as_str()) {
            for figure in FIGURES {
                known[figure] = json!(number(&known[figure]) + number(&line[figure]));
            }
            let seconds = |line: &Value| line["seconds"].as_f64().unwrap_or(0.0);
            known["seconds"] = json!(seconds(known) + seconds(&line));
        } else if !SEEDED.contains(&suite.as_str()) || amount(&line) >= amount(known) {
            *known = line;
        }
    }

    /// The bugs that a layer has caught.
    fn caught(&self) -> usize {
        let is_caught = |bug: &str| {
            let mut lines = self.matrix.iter();
            lines.any(|line| line["bug"] == bug && !line["by"].is_null())
        };
        BUGS.iter().filter(|(bug, _)| is_caught(bug)).count()
    }

    fn json(&self) -> Value {
        let mut totals = Object::new();
        for figure in FIGURES {
            let all = self.operations.iter().map(|line| number(&line[figure]));
            totals.insert((*figure).to_owned(), json!(all.sum::<u64>()));
        }
        totals.insert("bugs_seeded".to_owned(), json!(BUGS.len()));
        totals.insert("bugs_caught".to_owned(), json!(self.caught()));
        json!({
            "totals": totals,
            "limits": LIMITS,
            "runs": self.runs,
            "operations": self.operations,
            "matrix": self.matrix,
        })
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
