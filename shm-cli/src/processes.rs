//! Who has a file mapped, as far as /proc tells this user.

use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;

/// A process that has a file mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Its command line; empty where that cannot be known.
    pub(crate) command: String,
}

impl Process {
    /// The process of an id that a participant gave as its own: information, it may be of another namespace.
    pub(crate) fn named(pid: u32) -> Self {
        let command = command(pid);
        Self { pid, command }
    }

    pub(crate) fn to_json(&self) -> Json {
        let command = (!self.command.is_empty()).then_some(&self.command);
        json!({ "pid": self.pid, "command": command })
    }
}

/// The processes that have files mapped, by the files' inodes.
pub(crate) fn mapped() -> HashMap<u64, Vec<Process>> {
    let mut found: HashMap<u64, Vec<Process>> = HashMap::new();
    let device = std::fs::metadata(shm_runtime::segment::DIRECTORY).map_or(0, |data| data.dev());
    let device = format!(
        "{:02x}:{:02x}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return found;
    };
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // Another user's, or ended meanwhile.
        let Ok(maps) = std::fs::read_to_string(entry.path().join("maps")) else {
            continue;
        };
        let mut files: Vec<u64> = maps
            .lines()
            .filter_map(|line| inode(line, &device))
            .collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            found.entry(file).or_default().push(Process::named(pid));
        }
    }
    found
}

/// The inode of a line of `maps`, if it is of that device: `7f00-7f01 rw-s 0 00:19 42 /dev/shm/sim`.
fn inode(line: &str, device: &str) -> Option<u64> {
    let mut parts = line.split_ascii_whitespace().skip(3);
    (parts.next()? == device).then(|| parts.next()?.parse().ok())?
}

/// The command line of a process, on one line.
fn command(pid: u32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line
        .split(|&byte| byte == 0)
        .filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    printable(&words.join(" "))
}

/// The text without what would move a terminal's cursor.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}
