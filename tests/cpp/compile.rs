//! The compilers that are there, and what they make of a program.

#![allow(dead_code)] // `kill_walk` uses a part of it

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::SystemTime;

/// What every program is compiled with: a warning is an error.
const FLAGS: [&str; 10] = [
    "-std=c++20",
    "-O1",
    "-pthread",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wpedantic",
    "-Wshadow",
    "-Werror",
];

/// A C++ compiler, and what only it is told: the headers have to do without exceptions and types at run time, too.
#[derive(Debug)]
pub struct Compiler {
    pub name: &'static str,
    flags: &'static [&'static str],
}

const KNOWN: [Compiler; 2] = [
    Compiler {
        name: "g++",
        flags: &["-fno-exceptions", "-fno-rtti"],
    },
    Compiler {
        name: "clang++",
        flags: &[],
    },
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    root().join("target/cpp-bindings")
}

/// Runs a command; what it said, where it failed.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|why| format!("{command:?}: {why}"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if output.status.success() {
        Ok(text.into_owned())
    } else {
        Err(format!("{command:?}:\n{text}"))
    }
}

/// Runs a command that has to succeed; what it said.
pub fn succeed(command: &mut Command) -> String {
    match run(command) {
        Ok(text) => text,
        Err(why) => panic!("{why}"),
    }
}

/// The compilers that are there and know enough of C++20; a line says where there is none.
pub fn compilers() -> &'static [&'static Compiler] {
    static FOUND: OnceLock<Vec<&'static Compiler>> = OnceLock::new();
    FOUND.get_or_init(|| {
        std::fs::create_dir_all(folder()).unwrap();
        let found: Vec<_> = KNOWN.iter().filter(|known| is_able(known)).collect();
        if found.is_empty() {
            let why = "the C++ binding cannot be tested: install g++ 11 or clang++ 14, or later";
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "{why}");
            eprintln!("skipped, {why}");
        }
        found
    })
}

fn is_able(compiler: &Compiler) -> bool {
    let source = folder().join(format!("able-{}.cpp", std::process::id()));
    let text = "#include <atomic>\n#include <span>\ntemplate <class T> concept small = sizeof(T) < 9;\n\
                int main() { unsigned long n = 0; return static_cast<int>(std::atomic_ref(n).load()); }\n";
    std::fs::write(&source, text).unwrap();
    let checked = run(Command::new(compiler.name)
        .args(["-std=c++20", "-fsyntax-only"])
        .arg(&source));
    std::fs::remove_file(source).unwrap();
    checked.is_ok()
}

fn command(compiler: &Compiler) -> Command {
    let mut command = Command::new(compiler.name);
    command
        .args(FLAGS)
        .args(compiler.flags)
        .arg("-I")
        .arg(root().join("bindings/cpp/include"));
    command
}

/// When anything below a folder was last changed.
fn changed(folder: &Path) -> SystemTime {
    let entries = std::fs::read_dir(folder).unwrap();
    let times = entries.map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            changed(&path)
        } else {
            path.metadata().unwrap().modified().unwrap()
        }
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The program of that name in `bindings/cpp/tests`, compiled if anything changed since it was.
pub fn program(compiler: &Compiler, name: &str, flags: &[&str]) -> PathBuf {
    let source = root().join(format!("bindings/cpp/tests/{name}.cpp"));
    compiled(compiler, name, &source, flags)
}

/// A program that is made of `source`.
pub fn compiled(compiler: &Compiler, name: &str, source: &Path, flags: &[&str]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let suffix: String = flags.concat().replace(|c: char| !c.is_alphanumeric(), "");
    let made = folder().join(format!("{name}-{}{suffix}", compiler.name));
    let folders = ["include", "tests"].map(|name| root().join("bindings/cpp").join(name));
    let sources = changed(&folders[0])
        .max(changed(&folders[1]))
        .max(source.metadata().unwrap().modified().unwrap());
    let is_new = made
        .metadata()
        .is_ok_and(|made| made.modified().unwrap() > sources);
    if !is_new {
        succeed(
            command(compiler)
                .args(flags)
                .arg(source)
                .arg("-o")
                .arg(&made),
        );
    }
    made
}

/// What the compiler says of a program that it has to refuse.
pub fn refused(compiler: &Compiler, text: &str) -> String {
    let mut command = command(compiler);
    command.args(["-fsyntax-only", "-x", "c++", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "it compiles:\n{text}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
