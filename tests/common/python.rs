//! Python with the package of `bindings/python`, in a virtual environment that the tests share.
//!
//! Needs Python 3.11 or later with `venv`, and a package index. Where that is missing, a line says so and there is no Python;
//! with `CI=true` that fails.

#![allow(dead_code, unreachable_pub)] // each test file uses a part of it

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What is installed, beside the package itself.
const WANTED: [&str; 5] = [
    "maturin>=1.13,<2",
    "numpy>=2",
    "pytest>=9",
    "mypy>=1.11",
    "matplotlib>=3.9",
];

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn folder() -> PathBuf {
    root().join("target/python-bindings")
}

/// The interpreter of the virtual environment.
pub fn python() -> PathBuf {
    folder().join("venv/bin/python")
}

/// Runs a command; what it said, where it failed.
pub fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|why| format!("{command:?}: {why}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(format!("{command:?}:\n{}", String::from_utf8_lossy(&text)))
}

/// Runs a command that has to succeed.
pub fn succeed(command: &mut Command) {
    if let Err(why) = run(command) {
        panic!("{why}");
    }
}

/// The first Python that is new enough.
pub fn interpreter() -> Option<&'static str> {
    let is_new = "import sys, venv; sys.exit(sys.version_info < (3, 11))";
    let names = ["python3", "python3.13", "python3.12", "python3.11"];
    names
        .into_iter()
        .find(|name| run(Command::new(name).args(["-c", is_new])).is_ok())
}

/// The last line of what a command said.
fn last(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or("")
}

/// A virtual environment with what the tests need; says what is missing.
fn environment() -> Result<(), String> {
    let ready = folder().join("ready-3");
    if ready.exists() {
        return Ok(());
    }
    let python3 = interpreter().ok_or("install Python 3.11 or later with its `venv`")?;
    let venv = folder().join("venv");
    run(Command::new(python3)
        .args(["-m", "venv", "--clear"])
        .arg(venv))
    .map_err(|why| format!("install Python's `venv` module ({})", last(&why)))?;
    run(Command::new(python())
        .args(["-m", "pip", "install", "-q"])
        .args(WANTED))
    .map_err(|why| {
        format!(
            "connect to a package index, for {WANTED:?} ({})",
            last(&why)
        )
    })?;
    std::fs::write(ready, "").map_err(|why| why.to_string())
}

/// A command of maturin on the package, optimized as the tests are.
pub fn maturin(what: &str) -> Command {
    let mut command = Command::new(folder().join("venv/bin/maturin"));
    command
        .args([what, "--locked", "-m"])
        .arg(root().join("bindings/python/Cargo.toml"))
        .env("VIRTUAL_ENV", folder().join("venv"))
        .env("CARGO_TARGET_DIR", folder().join("target"))
        .env_remove("CONDA_PREFIX")
        .env_remove("RUSTFLAGS");
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command
}

/// Whether the package is built and installed; panics where it does not build.
pub fn built() -> bool {
    static BUILT: OnceLock<bool> = OnceLock::new();
    *BUILT.get_or_init(|| {
        std::fs::create_dir_all(folder()).unwrap();
        let turn = File::create(folder().join("lock")).unwrap();
        turn.lock().unwrap(); // other test programs do the same; released with the file
        if let Err(why) = environment() {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "what is in Python cannot be tested: {why}");
            eprintln!("skipped, what is in Python cannot be tested: {why}");
            return false;
        }
        succeed(&mut maturin("develop"));
        true
    })
}
