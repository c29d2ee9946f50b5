//! The README's programs compile, run, and say what it says; the CMake package is found.

use super::common::{Cleanup, unique};
use super::compile::{compiled, compilers, run, succeed};
use std::path::{Path, PathBuf};
use std::process::Command;

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bindings/cpp")
}

/// A folder of the README's programs, which name themselves in their first line.
fn programs() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/cpp-bindings/readme");
    std::fs::create_dir_all(&folder).unwrap();
    for block in blocks("cpp") {
        let (name, text) = block.split_once('\n').unwrap();
        let file = folder.join(name.strip_prefix("// ").expect("a name"));
        if std::fs::read_to_string(&file).ok().as_deref() != Some(text) {
            std::fs::write(&file, text).unwrap();
        }
    }
    folder
}

/// The blocks of the README that are in some language.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(package().join("README.md")).unwrap();
    let start = format!("```{language}\n");
    let blocks = readme.split(&start).skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "the README has code");
    blocks
}

#[test]
fn the_readmes_programs_do_what_it_says() {
    let Some(compiler) = compilers().first() else {
        return;
    };
    let folder = programs();
    let program = |name: &str| {
        let source = folder.join(format!("{name}.cpp"));
        compiled(compiler, &format!("readme-{name}"), &source, &[])
    };
    let name = unique("cpp-readme");
    let _cleanup = Cleanup(name.clone());
    let reader = program("reader");
    let writer = program("writer");
    let mut reader = Command::new(reader);
    let reader = reader.arg(&name).stdout(std::process::Stdio::piped());
    let reader = reader.spawn().unwrap();
    succeed(Command::new(writer).arg(&name));
    let said = reader.wait_with_output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    // who comes late finds a segment that nobody holds any more, and so none
    assert!(
        said == "9.9 50.0 100\n" || said.contains("does not exist"),
        "{said}"
    );

    let name = unique("cpp-mistakes");
    let said = succeed(Command::new(program("mistakes")).arg(&name));
    assert_eq!(said.replace(&name, "sim"), blocks("text")[0]);

    let name = unique("cpp-locks");
    let said = succeed(Command::new(program("locks")).arg(&name));
    assert_eq!(said, blocks("text")[1]);
}

/// Whether the tool is there; a line says so where it is not.
fn has_cmake() -> bool {
    let there = run(Command::new("cmake").arg("--version")).is_ok();
    if !there {
        eprintln!("skipped, the CMake package cannot be tested: install cmake 3.16 or later");
    }
    there
}

/// Runs CMake in a build folder of its own.
fn cmake(arguments: &[&str], paths: &[&Path]) {
    succeed(Command::new("cmake").args(arguments).args(paths));
}

#[test]
fn cmake_finds_the_package_once_it_is_installed() {
    if compilers().is_empty() || !has_cmake() {
        return;
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/cpp-bindings/cmake");
    let _ = std::fs::remove_dir_all(&folder); // it may not be there
    let [build, installed, user, made] =
        ["build", "installed", "user", "made"].map(|name| folder.join(name));
    std::fs::create_dir_all(&user).unwrap();
    cmake(&["-S"], &[&package(), Path::new("-B"), &build]);
    cmake(&["--install"], &[&build, Path::new("--prefix"), &installed]);
    let lists = format!(
        "cmake_minimum_required(VERSION 3.16)\nproject(user LANGUAGES CXX)\n{}",
        blocks("cmake")[0]
    );
    std::fs::write(user.join("CMakeLists.txt"), lists).unwrap();
    let main = "#include <shm/shm.hpp>\nint main() { return shm::segments::check_name(\"sim\") ? 0 : 1; }\n";
    std::fs::write(user.join("writer.cpp"), main).unwrap();
    let prefix = format!("-DCMAKE_PREFIX_PATH={}", installed.display());
    cmake(&[&prefix, "-S"], &[&user, Path::new("-B"), &made]);
    cmake(&["--build"], &[&made]);
    succeed(&mut Command::new(made.join("writer")));
}
