//! The shape of the code: which folder may use which, where `unsafe` and `libc` may stand, how long a
//! file may be.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of the runtime, each with those it may use. An arrow that is not here does not exist.
/// `error` is a leaf that all may use, and so is `seeded`.
const ARROWS: &[(&str, &[&str])] = &[
    ("posix", &[]),
    ("error", &[]),
    ("memory", &["posix", "error"]),
    ("table", &["posix", "error"]),
    ("layout", &["memory", "table", "segment", "error"]),
    ("segment", &["memory", "table", "layout", "posix", "error"]),
    ("structures", &["layout", "segment", "memory", "error"]),
    ("sync", &["layout", "segment", "memory", "error"]),
    (
        "dynamic",
        &[
            "structures",
            "sync",
            "layout",
            "segment",
            "memory",
            "table",
            "error",
        ],
    ),
    ("weak", &["structures", "sync", "memory"]),
    // Whole segments that are overwritten: `models::hostile`.
    (
        "models",
        &[
            "structures",
            "sync",
            "segment",
            "layout",
            "memory",
            "table",
            "error",
        ],
    ),
];

/// Where `unsafe` may stand: folders end with `/`.
const UNSAFE: &[&str] = &[
    "shm-runtime/src/posix/",
    "shm-runtime/src/memory/attachment.rs",
    "shm-runtime/src/memory/bytes.rs",
    "shm-runtime/src/memory/cell.rs",
    "shm-runtime/src/memory/entries.rs",
    "shm-runtime/src/memory/glance.rs",
    "shm-runtime/src/memory/shared.rs",
    "shm-runtime/src/memory/site.rs",
    "shm-runtime/src/memory/stamp.rs",
    "shm-runtime/src/memory/vectors.rs",
    // Hands the running coroutine to a hook, in tests only.
    "shm-runtime/src/models/scheduler.rs",
    // Pointers from C, and objects that C holds by address.
    "bindings/c/src/border.rs",
    "bindings/c/src/handle.rs",
    // Lends an array's memory to Python's buffer protocol.
    "bindings/python/src/view.rs",
    // `as_slice` hands the caller's promise on.
    "shm-runtime/src/structures/array.rs",
    // The `unsafe impl` that they write into the user's crate.
    "shm-derive/src/expand/layout.rs",
    "shm-derive/src/expand/pod.rs",
    "shm-derive/src/fallback.rs",
];

/// Where `libc` may be named.
const LIBC: &[&str] = &["shm-runtime/src/posix/"];

/// Most lines of a file.
const LINES: usize = 600;

/// A source file: its path from the root of the repository, and its text.
struct Source {
    path: String,
    text: String,
}

/// What is wrong with these files, a line each.
fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let path = &source.path;
        let lines = source.text.lines().count();
        if lines > LINES {
            found.push(format!("{path} has {lines} lines, more than {LINES}"));
        }
        if path.starts_with("tests/") {
            continue; // tests call the system directly
        }
        let code = without_comments(&source.text);
        if !listed(path, UNSAFE)
            && (has_word(&code, "unsafe") || code.contains("allow(unsafe_code"))
        {
            found.push(format!("{path} has `unsafe` and is not in the list"));
        }
        if !listed(path, LIBC) && has_word(&code, "libc") {
            found.push(format!("{path} names `libc`, which only posix/ may"));
        }
        found.extend(wrong_arrows(path, &code));
    }
    found
}

fn listed(path: &str, list: &[&str]) -> bool {
    let fits = |entry: &&str| path == *entry || entry.ends_with('/') && path.starts_with(entry);
    list.iter().any(fits)
}

/// The code without comments and texts.
fn without_comments(text: &str) -> String {
    let code = |line: &str| -> String {
        let outside: String = line.split('"').step_by(2).collect();
        outside.split("//").next().unwrap_or("").to_owned() + "\n"
    };
    text.lines().map(code).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c| !is_word(c)).any(|found| found == word)
}

/// The arrows out of this file that are not allowed.
fn wrong_arrows(path: &str, code: &str) -> Vec<String> {
    let Some(inside) = path.strip_prefix("shm-runtime/src/") else {
        return Vec::new();
    };
    let Some((folder, _)) = inside.split_once('/') else {
        return Vec::new(); // `lib.rs` and `__private.rs` re-export
    };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
        return vec![format!(
            "{path}: folder `{folder}` has no arrows yet; say which it may have"
        )];
    };
    let mut used = used_folders(code);
    used.retain(|name| {
        let known = ARROWS.iter().any(|(folder, _)| folder == name);
        known && name != folder && !allowed.contains(&name.as_str())
    });
    let wrong = |name| format!("{path} uses `{name}`, and `{folder}` may not");
    used.into_iter().map(wrong).collect()
}

/// The folders that some code names, from the crate's root or through `super::super`.
fn used_folders(code: &str) -> Vec<String> {
    let mut folders = Vec::new();
    for root in ["crate::", "super::super::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => folders.extend(first_names(group)),
                None => folders.extend(rest.split(|c| !is_word(c)).next().map(str::to_owned)),
            }
        }
    }
    folders.sort();
    folders.dedup();
    folders
}

/// The first names of the paths in a group: `a` and `c` of `a::b, c::{d, e}}`.
fn first_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut name = String::new();
    let mut complete = false;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(std::mem::take(&mut name));
                complete = false;
            }
            c if depth == 0 && !complete && is_word(c) => name.push(c),
            ':' => complete = true,
            _ => {}
        }
    }
    names.push(name);
    names
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_source = |extension: &OsStr| {
            ["rs", "hpp", "h", "c"]
                .iter()
                .any(|known| extension == *known)
        };
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(is_source) {
            let relative = path.strip_prefix(root()).unwrap();
            sources.push(Source {
                path: relative.to_str().unwrap().to_owned(),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

#[test]
fn the_code_has_its_shape() {
    let mut sources = Vec::new();
    for folder in [
        "shm-runtime/src",
        "shm-derive/src",
        "schemas/src",
        "shm-cli/src",
        "shm-cli/examples",
        "src",
        "examples",
        "tests",
        "bindings/c",
        "bindings/python/src",
        "bindings/cpp/include",
    ] {
        collect(&root().join(folder), &mut sources);
    }
    assert!(sources.len() > 50, "the files are found");
    let found = violations(&sources);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What the checker says of one file.
fn of(path: &str, text: &str) -> Vec<String> {
    let (path, text) = (path.to_owned(), text.to_owned());
    violations(&[Source { path, text }])
}

#[test]
fn an_arrow_upwards_is_found() {
    let bad = "use crate::structures::Queue;";
    assert_eq!(
        of("shm-runtime/src/memory/site.rs", bad),
        ["shm-runtime/src/memory/site.rs uses `structures`, and `memory` may not"]
    );
    assert_eq!(
        of("shm-runtime/src/memory/site.rs", "use crate::table::Table;").len(),
        1
    );
    assert_eq!(
        of(
            "shm-runtime/src/table/mod.rs",
            "use crate::memory::site::Site;"
        )
        .len(),
        1
    );
    assert_eq!(
        of(
            "shm-runtime/src/structures/queue/ring.rs",
            "crate::posix::futex::wake()"
        )
        .len(),
        1
    );
    assert_eq!(
        of("shm-runtime/src/posix/map.rs", "use super::super::memory;").len(),
        1
    );
    assert_eq!(
        of(
            "shm-runtime/src/error/mod.rs",
            "fn f() -> crate::layout::Node;"
        )
        .len(),
        1
    );
    let group = "use crate::{error::Full, layout::{Node, Field}, segment, table::Entry};";
    assert_eq!(of("shm-runtime/src/structures/map.rs", group).len(), 1);
    assert_eq!(of("shm-runtime/src/layout/mod.rs", group).len(), 0);
    assert_eq!(of("shm-runtime/src/new/mod.rs", "").len(), 1);
}

#[test]
fn unsafe_and_libc_out_of_place_are_found() {
    let path = "shm-runtime/src/structures/queue/mod.rs";
    assert_eq!(of(path, "let x = unsafe { y };").len(), 1);
    assert_eq!(of(path, "#![allow(unsafe_code)]").len(), 1);
    assert_eq!(of(path, "fn f() { libc::getpid(); }").len(), 1);
    assert_eq!(of("examples/flood/main.rs", "use libc::SIGINT;").len(), 1);
    assert_eq!(
        of(path, "// nothing unsafe, no libc\n#![forbid(unsafe_code)]").len(),
        0
    );
    assert_eq!(
        of("shm-runtime/src/posix/map.rs", "unsafe { libc::mmap() }").len(),
        0
    );
    assert_eq!(of("tests/fork.rs", "unsafe { libc::fork() }").len(), 0);
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(of("tests/fork.rs", &"\n".repeat(LINES + 1)).len(), 1);
    assert_eq!(of("tests/fork.rs", &"\n".repeat(LINES)).len(), 0);
}
