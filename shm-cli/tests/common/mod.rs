//! What the tests of the command share: a segment made by the typed API, and the real binary run on it.

#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses a part of it

use serde_json::Value as Json;
use shm_runtime::{
    Array, Atomic, Broadcast, Map, Pod, Queue, Set, ShmLayout, ShmStr, ShmType, Spsc, Stack,
    Versioned, VersionedArray, Zeroable,
};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Event {
    pub t: f64,
    pub cell: u32,
    pub kind: u32,
}

/// A test's simulation.
#[derive(ShmLayout)]
pub struct Sim {
    /// Steps so far.
    pub step: Atomic<u64>,
    /// Depth of the water.
    #[shm(shape = [10, 100], unit = "m")]
    pub grid: Array<f32, 1000>,
    pub events: Queue<Event, 8>,
    pub log: Spsc<u64, 8>,
    pub rain: Broadcast<f32, 4>,
    pub undo: Stack<u32, 4>,
    pub gauges: Map<u32, Event, 16>,
    pub names: Map<ShmStr<16>, u32, 16>,
    pub wet: Set<u32, 16>,
    pub forecast: Versioned<Event>,
    pub frame: VersionedArray<f32, 100>,
}

/// An event of zeros.
pub fn nothing() -> Event {
    Event::zeroed()
}

/// A name that no other test and no other run has.
pub fn unique(test: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("shm-test-cli-{test}-{}-{count}", std::process::id())
}

/// Where a segment's file is.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from("/dev/shm").join(name)
}

/// A file under a name that is removed when dropped, whatever a test does.
#[derive(Debug)]
pub struct Cleanup(pub String);

impl Drop for Cleanup {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(path(&self.0));
    }
}

/// The command, and nothing of the surroundings that changes what it writes.
pub fn shm(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shm"));
    command
        .args(args)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub error: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ended = Self {
            code: output.status.code().expect("ended by itself"),
            out: text(output.stdout),
            error: text(output.stderr),
        };
        assert!(!ended.error.contains("panicked"), "{}", ended.error);
        ended
    }
}

/// Runs the command.
pub fn run(args: &[&str]) -> Ended {
    shm(args).output().unwrap().into()
}

/// Runs the command with something on its standard input.
pub fn run_with(args: &[&str], input: &[u8]) -> Ended {
    let mut command = shm(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // What is refused at its beginning is not read to its end.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap().into()
}

/// Runs the command, which must succeed, and gives what it wrote.
pub fn ok(args: &[&str]) -> String {
    let ended = run(args);
    assert_eq!(ended.code, 0, "{args:?}: {}", ended.error);
    assert_eq!(ended.error, "", "{args:?}");
    ended.out
}

/// Runs the command, which must fail so, and gives what it said.
pub fn fails(code: i32, args: &[&str]) -> String {
    let ended = run(args);
    assert_eq!(ended.code, code, "{args:?}: {} {}", ended.out, ended.error);
    assert!(ended.error.starts_with("shm: "), "{}", ended.error);
    ended.error
}

/// The lines of JSON that a command writes.
pub fn json(args: &[&str]) -> Vec<Json> {
    let out = ok(&[&["--json"], args].concat());
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The line of `ls --all` about a segment.
pub fn listed(name: &str) -> Json {
    json(&["ls", "--all", name]).remove(0)
}
