//! The README's programs compile by its commands, run, and say what it says.

use super::common::{Cleanup, unique};
use super::compile::{folder, has_compiler, include, library, root, shm, succeed};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The blocks of the README that are in some language.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("bindings/c/README.md")).unwrap();
    let start = format!("```{language}\n");
    let blocks = readme.split(&start).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

/// A folder of the README's programs, which name themselves in their first line.
fn programs() -> PathBuf {
    let folder = folder().join(format!("readme-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for block in blocks("c") {
        let (name, text) = block.split_once('\n').unwrap();
        let name = name
            .strip_prefix("/* ")
            .and_then(|name| name.strip_suffix(" */"));
        std::fs::write(folder.join(name.expect("a name")), text).unwrap();
    }
    folder
}

/// Runs the README's commands with the library of this test, on a segment of this name: what they said.
fn follow(commands: &str, folder: &Path, name: &str) -> String {
    let script = commands
        .replace("cargo build --release -p shm-c\n", "")
        .replace(
            "cargo run --release -q -p shm-cli --",
            shm().to_str().unwrap(),
        )
        .replace("target/release", library().to_str().unwrap())
        .replace("bindings/c/include", include().to_str().unwrap())
        .replace("gen c sim", &format!("gen c {name}"))
        .replace("./reader sim", &format!("./reader {name}"));
    assert!(!script.contains("cargo"), "{script}");
    succeed(
        Command::new("sh")
            .args(["-ec", &script])
            .current_dir(folder),
    )
}

#[test]
fn the_readmes_programs_do_what_it_says() {
    if !has_compiler() {
        return;
    }
    let name = unique("c-readme");
    let _cleanup = Cleanup(name.clone());
    let folder = programs();
    let commands = blocks("sh");
    assert_eq!(commands.len(), 2, "one to write, one to read");
    follow(&commands[0], &folder, &name);
    let mut writer = Command::new(folder.join("writer"));
    let mut writer = writer.arg(&name).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(writer.stdout.take().unwrap());
    lines.read_line(&mut said).unwrap();
    assert_eq!(said, "there it is\n");
    let said = follow(&commands[1], &folder, &name);
    assert!(writer.wait().unwrap().success());
    assert_eq!(said.replace(&name, "sim"), blocks("text")[0]);
    std::fs::remove_dir_all(folder).unwrap();
}
