//! What a run ran on.

use super::root;
use serde_json::{Value, json};
use std::process::Command;

/// What a program says in its first line.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// The processor, the kernel, the compiler.
pub fn machine() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    json!({
        "processor": model.unwrap_or("unknown"),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": said("uname", &["-sr"]),
        "architecture": std::env::consts::ARCH,
        "compiler": said("rustc", &["--version"]),
    })
}

/// The commit, and whether there is more than that.
pub fn commit() -> String {
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"]);
    let more = said("git", &["status", "--porcelain", "--untracked-files=no"]);
    if more.is_empty() {
        commit
    } else {
        format!("{commit} and changes")
    }
}

/// The day, as the system's clock has it.
pub fn day() -> String {
    said("date", &["--utc", "+%Y-%m-%d"])
}
