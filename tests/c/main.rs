//! `bindings/c`: its header and library, used by programs in C.
//!
//! Needs a C compiler. Where there is none, a line says so and the tests pass; with `CI=true` they fail.

#[path = "../common/mod.rs"]
mod common;
mod compile;
mod exports;
mod readme;
mod war;

use common::{Cleanup, exists, unique};
use compile::{
    Link, archive, compiled, has_compiler, has_cpp_compiler, include, program, shared, succeed,
};
use std::process::Command;

/// The binding's own tests.
const OWN: [&str; 3] = ["own.c", "own_rest.c", "own_processes.c"];

/// The binding's own tests pass, with the shared library and with the static one.
#[test]
fn its_own_tests_pass() {
    if !has_compiler() {
        return;
    }
    let links: [(&str, Link); 2] = [("shared", shared), ("archive", archive)];
    for (how, link) in links {
        let own = program(&format!("own-{how}"), &OWN, link);
        let name = unique("c-own");
        let _cleanup = Cleanup(name.clone());
        assert_eq!(succeed(Command::new(&own).arg(&name)), "ok\n");
        assert!(!exists(&name), "the last one out removes the name");
    }
}

/// They call every function that the header declares.
#[test]
fn its_own_tests_leave_no_function_out() {
    let read = |path| std::fs::read_to_string(path).unwrap();
    let tests = OWN.map(|name| read(compile::root().join("bindings/c/tests").join(name)));
    let (tests, header) = (tests.concat(), read(include().join("shm.h")));
    let declared = header
        .lines()
        .filter(|line| !line.starts_with([' ', '/']) && !line.contains("(*"));
    let named = declared.filter_map(|line| {
        Some(
            line.split_once('(')?
                .0
                .rsplit([' ', '*'])
                .next()?
                .to_owned(),
        )
    });
    let functions: Vec<_> = named.filter(|name| name.starts_with("shm_")).collect();
    assert!(
        functions.len() > 100,
        "{} functions are found",
        functions.len()
    );
    let left_out: Vec<_> = functions
        .iter()
        .filter(|name| !tests.contains(&format!("{name}(")))
        .collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

/// The header goes with those of the system, which have functions called `shm_open` and constants called `SHM_…`, in
/// the oldest C and C++ that it is for, and is whole by itself.
#[test]
fn the_header_is_clean_c_and_cpp() {
    if !has_compiler() {
        return;
    }
    let text = "#include \"shm.h\"\n#include <sys/mman.h>\n#include <sys/shm.h>\n#include \"shm.h\"\n\
        int main(void) { shm_options options = SHM_OPTIONS_INIT; return shm_segments_prune(NULL) == SHM_OK \
        && options.size == sizeof options ? 0 : 1; }\n";
    let source = compile::folder().join(format!("clean-{}.c", std::process::id()));
    std::fs::write(&source, text).unwrap();
    let made = compiled("clean", std::slice::from_ref(&source), shared);
    succeed(&mut Command::new(&made));
    if has_cpp_compiler() {
        let mut command = Command::new("c++");
        command.args([
            "-std=c++11",
            "-fsyntax-only",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
        ]);
        succeed(
            command
                .arg("-I")
                .arg(include())
                .args(["-x", "c++"])
                .arg(&source),
        );
    }
    std::fs::remove_file(source).unwrap();
}

/// The example at the header's head, as it stands there.
#[test]
fn the_headers_example_compiles() {
    if !has_compiler() {
        return;
    }
    let header = std::fs::read_to_string(include().join("shm.h")).unwrap();
    let example: String = header
        .lines()
        .filter_map(|line| line.strip_prefix(" *     "))
        .map(|line| line.to_owned() + "\n")
        .collect();
    assert!(example.contains("shm_segment_open"), "it is found");
    let text = format!(
        "#include <stdio.h>\n#include \"shm.h\"\nint main(void) {{\n{example}return 0;\n}}\n"
    );
    let source = compile::folder().join(format!("example-{}.c", std::process::id()));
    std::fs::write(&source, text).unwrap();
    compiled("example", std::slice::from_ref(&source), shared);
    std::fs::remove_file(source).unwrap();
}
