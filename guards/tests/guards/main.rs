//! The hot paths cost what `expected.json` says: instructions, locked ones, divisions, calls, and checks that panic.
//!
//! Each path is built as a program builds it, and its last call is stepped through, instruction by instruction: so the
//! figures are exact, and the same on a busy machine. Up to three percent more instructions pass; more of
//! anything else does not. `GUARDS=overwrite cargo test -p guards` blesses what is there, better or worse.
//!
//! Figures belong to a compiler: with another one than the file's nothing is compared but the locked instructions.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // ptrace

mod assembly;
mod steps;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The operations that `src/main.rs` knows.
const OPERATIONS: &[&str] = &[
    "array_get",
    "atomic_add",
    "map_get",
    "map_update",
    "queue_pop",
    "queue_push",
    "spsc_pop",
    "spsc_push",
    "stack_pop",
    "stack_push",
    "versioned_load",
    "versioned_store",
];

/// What one call costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Run in the call, those of functions that it calls included.
    instructions: u64,
    /// Of those, with a lock on the bus: `lock …`, and `xchg` with memory.
    locked: u64,
    divisions: u64,
    calls: u64,
    /// Places, run or not, that call what panics, in all functions that the call runs through.
    panics: u64,
}

impl Cost {
    fn json(self) -> Value {
        json!({
            "instructions": self.instructions, "locked": self.locked, "divisions": self.divisions,
            "calls": self.calls, "panics": self.panics,
        })
    }

    fn of(value: &Value) -> Self {
        let number = |name: &str| value[name].as_u64().unwrap_or(0);
        Self {
            instructions: number("instructions"),
            locked: number("locked"),
            divisions: number("divisions"),
            calls: number("calls"),
            panics: number("panics"),
        }
    }

    /// Whether this is worse than `before`, and in what.
    fn worse(self, before: Self, same_compiler: bool) -> Option<&'static str> {
        if self.locked > before.locked {
            return Some("locked instructions");
        }
        if !same_compiler {
            return None;
        }
        let allowed = before.instructions + before.instructions * 3 / 100;
        [
            (self.instructions > allowed, "instructions"),
            (self.divisions > before.divisions, "divisions"),
            (self.calls > before.calls, "calls"),
            (self.panics > before.panics, "checks that panic"),
        ]
        .into_iter()
        .find_map(|(is_worse, what)| is_worse.then_some(what))
    }
}

fn expected() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guards/expected.json")
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let output = output.expect("rustc is there").stdout;
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// Builds the program, with its assembly beside it.
fn build() -> (PathBuf, String) {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guards");
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let built = Command::new(cargo)
        .args(["rustc", "--release", "--quiet", "--bin", "guards"])
        .args(["--", "--emit", "asm"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the build failed");
    let release = target.join("release");
    let files = std::fs::read_dir(release.join("deps")).expect("it was built");
    let mut files: Vec<_> = files
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "s"))
        .collect();
    files.sort_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
    let newest = files.last().expect("the assembly is there");
    let assembly = std::fs::read_to_string(newest).expect("it is text");
    (release.join("guards"), assembly)
}

#[test]
fn hot_paths_cost_no_more_than_before() {
    let (program, assembly) = build();
    let costs: BTreeMap<_, _> = OPERATIONS
        .iter()
        .map(|&name| {
            let (cost, functions) = steps::count(&program, name);
            let panics = functions.iter().filter_map(|function| {
                assembly::panics(&assembly, function) // none of its own: the standard library's
            });
            let panics = panics.sum();
            (name, Cost { panics, ..cost })
        })
        .collect();
    for (name, cost) in &costs {
        eprintln!(
            "{name:<16} {:>4} instructions, {} locked, {} divisions, {} calls, {} checks that panic",
            cost.instructions, cost.locked, cost.divisions, cost.calls, cost.panics
        );
    }
    if std::env::var_os("GUARDS").is_some_and(|asked| asked == "overwrite") {
        let costs: serde_json::Map<_, _> = costs
            .iter()
            .map(|(name, cost)| ((*name).to_owned(), cost.json()))
            .collect();
        let text = format!("{:#}\n", json!({ "compiler": compiler(), "costs": costs }));
        std::fs::write(expected(), text).expect("it can be written");
        return;
    }
    let before = std::fs::read_to_string(expected()).expect("expected.json is there");
    let before: Value = serde_json::from_str(&before).expect("it is JSON");
    let same = before["compiler"] == compiler().as_str();
    let worse: Vec<_> = costs
        .iter()
        .filter_map(|(name, cost)| {
            let before = Cost::of(&before["costs"][name]);
            let what = cost.worse(before, same)?;
            Some(format!(
                "{name}: more {what}: {cost:?}, expected {before:?}"
            ))
        })
        .collect();
    assert!(
        worse.is_empty(),
        "{}\nif that is meant: GUARDS=overwrite cargo test -p guards",
        worse.join("\n")
    );
}

#[test]
fn what_costs_more_is_refused() {
    let before = Cost {
        instructions: 100,
        locked: 1,
        ..Cost::default()
    };
    let with = |instructions, locked, panics| Cost {
        instructions,
        locked,
        panics,
        ..Cost::default()
    };
    assert_eq!(with(103, 1, 0).worse(before, true), None);
    assert_eq!(with(104, 1, 0).worse(before, true), Some("instructions"));
    assert_eq!(with(104, 1, 0).worse(before, false), None);
    assert_eq!(
        with(90, 2, 0).worse(before, false),
        Some("locked instructions")
    );
    assert_eq!(
        with(90, 1, 1).worse(before, true),
        Some("checks that panic")
    );
}
