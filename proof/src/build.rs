//! Builds of the tests, and where their programs are.

use super::root;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// How the tests are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// As a user's program is, without optimisation across crates.
    Plain,
    /// As a user's program is in production.
    Release,
    /// With bugs that can be switched on.
    Seeded,
    /// With the atomics of loom.
    Loom,
}

/// A test's program.
#[derive(Clone, Debug)]
pub struct Program {
    /// `shm_runtime` for the unit tests of the runtime, otherwise the name of the file in `tests/`.
    pub name: String,
    pub path: PathBuf,
    /// Where `cargo test` would run it.
    pub directory: PathBuf,
}

impl Build {
    /// Its own folder below `target`, so that the builds do not undo each other.
    fn folder(self) -> &'static str {
        match self {
            Self::Plain | Self::Release => "target",
            Self::Seeded => "target/seeded",
            Self::Loom => "target/loom",
        }
    }

    fn flags(self) -> &'static str {
        match self {
            Self::Plain | Self::Release => "",
            Self::Seeded => "--cfg shm_seeded",
            Self::Loom => "--cfg loom",
        }
    }

    /// Cargo's options for the tests that are wanted.
    fn chosen<'a>(self, only: &[&'a str]) -> Vec<&'a str> {
        let runtime = ["-p", "shm-runtime", "--lib"];
        let is_runtime = |name: &&str| *name == "shm_runtime";
        if self == Self::Loom || !only.is_empty() && only.iter().all(is_runtime) {
            return runtime.to_vec();
        }
        if only.is_empty() {
            return vec!["--workspace", "--tests"];
        }
        let lib = only.iter().any(is_runtime).then_some(runtime);
        let tests = only.iter().filter(|name| !is_runtime(name));
        let tests = tests.flat_map(|name| ["--test", *name]);
        ["-p", "shm-workspace"]
            .into_iter()
            .chain(lib.into_iter().flatten())
            .chain(tests)
            .collect()
    }

    /// Builds the tests, or those of `only` where it names some, and finds their programs.
    pub fn programs(self, only: &[&str]) -> Result<Vec<Program>, String> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args([
                "test",
                "--no-run",
                "--message-format=json-render-diagnostics",
            ])
            .args(match self {
                Self::Release => &["--release"][..],
                _ => &[],
            })
            .args(self.chosen(only))
            .current_dir(root())
            .stdout(Stdio::piped())
            .env("CARGO_TARGET_DIR", root().join(self.folder()));
        if !self.flags().is_empty() {
            cargo.env("RUSTFLAGS", self.flags());
        }
        if self == Self::Loom {
            cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "3");
        }
        let mut child = cargo.spawn().map_err(|why| format!("cargo: {why}"))?;
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let programs = output.lines().map_while(Result::ok);
        let programs = programs.filter_map(|line| program(&line)).collect();
        let ended = child.wait().map_err(|why| format!("cargo: {why}"))?;
        if ended.success() {
            Ok(programs)
        } else {
            Err(format!("the build {self:?} failed"))
        }
    }
}

/// The program that a line of cargo's speaks of.
fn program(line: &str) -> Option<Program> {
    let line: Value = serde_json::from_str(line).ok()?;
    let package = PathBuf::from(line["manifest_path"].as_str()?);
    Some(Program {
        name: line["target"]["name"].as_str()?.to_owned(),
        path: line["executable"].as_str()?.into(),
        directory: package.parent()?.to_owned(),
    })
}
