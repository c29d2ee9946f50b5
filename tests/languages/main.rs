//! Rust, C++ and Python on one queue at once: what one language pushes the others pop, whoever is killed.
//!
//! `SHM_LANGUAGES_ELEMENTS=100000000` asks for that many elements in each war, `SHM_TEST_SEED` for the same kills again. Needs a
//! C++ compiler and Python; without one of them, a line says so and the wars that need it are left out. With `CI=true` that
//! fails.

mod actor;
#[path = "../common/mod.rs"]
mod common;
#[path = "../cpp/compile.rs"]
mod compile;
mod ledger;
#[path = "../common/python.rs"]
mod python;
mod war;

use Language::{Cpp, Python, Rust};
use std::path::PathBuf;
use war::{Fault, Language, Plan, wage};

/// Elements of a war, where nobody asks for more.
const ELEMENTS: u64 = 300_000;

fn elements() -> u64 {
    let asked = std::env::var("SHM_LANGUAGES_ELEMENTS").ok();
    asked.map_or(ELEMENTS, |asked| {
        asked.parse().expect("SHM_LANGUAGES_ELEMENTS is a number")
    })
}

/// The program in C++; none where there is no compiler, which was said.
fn cpp() -> Option<PathBuf> {
    let source = python::root().join("tests/languages/actor.cpp");
    let compiler = compile::compilers().first()?;
    Some(compile::compiled(compiler, "languages", &source, &[]))
}

/// Two sides, if there are the tools for their languages.
fn plan(producers: &[Language], consumers: &[Language]) -> Option<Plan> {
    let has = |language| producers.contains(&language) || consumers.contains(&language);
    let cpp = if has(Cpp) { cpp()? } else { PathBuf::new() };
    if has(Python) && !python::built() {
        return None;
    }
    let elements = elements();
    Some(Plan {
        producers: producers.to_vec(),
        consumers: consumers.to_vec(),
        elements,
        kills: (elements / 1_000_000).max(8),
        fault: Fault::None,
        cpp,
    })
}

/// Everybody is killed now and then, and everything is counted.
fn fight(test: &str, producers: &[Language], consumers: &[Language]) {
    let Some(plan) = plan(producers, consumers) else {
        return;
    };
    match wage(test, &plan) {
        Ok(tally) => eprintln!("{producers:?} to {consumers:?}: {tally}"),
        Err(why) => panic!("{producers:?} to {consumers:?}: {why}"),
    }
}

#[test]
fn p1_rust_to_cpp() {
    fight("languages-rust-cpp", &[Rust; 2], &[Cpp; 2]);
}

#[test]
fn p1_rust_to_python() {
    fight("languages-rust-python", &[Rust; 2], &[Python; 2]);
}

#[test]
fn p1_cpp_to_rust() {
    fight("languages-cpp-rust", &[Cpp; 2], &[Rust; 2]);
}

#[test]
fn p1_cpp_to_python() {
    fight("languages-cpp-python", &[Cpp; 2], &[Python; 2]);
}

#[test]
fn p1_python_to_rust() {
    fight("languages-python-rust", &[Python; 2], &[Rust; 2]);
}

#[test]
fn p1_python_to_cpp() {
    fight("languages-python-cpp", &[Python; 2], &[Cpp; 2]);
}

#[test]
fn p1_all_three_at_once() {
    let all = [Rust, Cpp, Python];
    fight("languages-all", &all, &all);
}

/// The ledger notices, whatever the language of the consumer that counts wrong.
#[test]
fn a_consumer_that_loses_or_duplicates_is_noticed() {
    for consumer in [Rust, Cpp, Python] {
        for fault in [Fault::Lose, Fault::Twice] {
            let Some(plan) = plan(&[Rust], &[consumer]) else {
                continue;
            };
            let plan = Plan {
                elements: 20_000,
                kills: 0,
                fault,
                ..plan
            };
            let found = wage("languages-fault", &plan);
            let why = found.expect_err(&format!("{consumer:?} may {fault:?}"));
            let says = match fault {
                Fault::Twice => "was seen 2 times",
                _ => "missing",
            };
            assert!(why.contains(says), "{why}");
        }
    }
}

/// What a process of Rust does in its seat; nothing where this is the test itself.
#[test]
fn a_seat_is_taken() {
    if let Some((role, name)) = common::role() {
        war::take_seat(&role, &name);
    }
}
