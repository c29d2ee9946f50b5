//! `bindings/cpp`: compiled and tested with its own tests, and side by side with typed Rust.
//!
//! Needs g++ 11 or clang++ 14, or later; both are used where both are there. Where none is, a line says so and the tests
//! pass; with `CI=true` they fail.

#[path = "../common/mod.rs"]
mod common;
mod compile;
mod generated;
mod readme;
mod together;
mod town;
mod war;
mod works;

use compile::{Compiler, compilers, program, succeed};
use std::process::Command;

/// The binding's own tests pass, whichever compiler made them.
#[test]
fn its_own_tests_pass() {
    for compiler in compilers() {
        for tests in ["own", "structures", "sync"] {
            succeed(&mut Command::new(program(compiler, tests, &[])));
        }
    }
}

/// A bug that is planted in the headers, and the binding's own tests that are to catch it.
const PLANTED: [(&str, &str); 14] = [
    ("own", "recover_as_not_done"),
    ("own", "recover_as_done"),
    ("own", "drop_held"),
    ("own", "ignore_generation"),
    ("own", "ignore_fingerprint"),
    ("own", "publish_before_write"),
    ("own", "role_of_the_living"),
    ("structures", "no_rivals"),
    ("structures", "no_recheck"),
    ("sync", "sweep_blindly"),
    ("sync", "forget_death"),
    ("sync", "count_the_dead"),
    ("sync", "keep_arrival"),
    ("sync", "count_again"),
];

/// All of them with `SHM_CPP_SEEDS=all`, else one: each is compiled for itself.
#[test]
fn planted_bugs_are_noticed() {
    let all = std::env::var("SHM_CPP_SEEDS").is_ok_and(|seeds| seeds == "all");
    let Some(compiler) = compilers().first() else {
        return;
    };
    for (tests, bug) in PLANTED.iter().take(if all { PLANTED.len() } else { 1 }) {
        let planted = format!("-DSHM_SEEDED={bug}");
        let tests = program(compiler, tests, &[&planted]);
        let found = compile::run(&mut Command::new(tests));
        assert!(found.is_err(), "{bug} goes unnoticed");
    }
}

/// A program that is wrong does not compile, and the compiler says why in words of ours.
#[test]
fn a_wrong_type_is_refused_by_name() {
    let queue_of = |element: &str| {
        format!(
            "#include <shm/shm.hpp>\nstruct holed {{ char c; int i; }};\nshm::queue<{element}, 4> q;\n"
        )
    };
    let cases = [
        (queue_of("holed"), "element"),
        (queue_of("int*"), "element"),
        (
            "#include <shm/shm.hpp>\nshm::queue<int, 3> q;\nauto n = q.size();\n".to_owned(),
            "a queue's capacity is a power of two",
        ),
    ];
    for compiler in compilers() {
        for (text, expected) in &cases {
            let why = compile::refused(compiler, text);
            assert!(why.contains(expected), "{why}");
        }
    }
}

/// The first compiler there is.
fn any() -> Option<&'static Compiler> {
    compilers().first().copied()
}
