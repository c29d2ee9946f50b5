//! The conformance kit: what every implementation, in whatever language, has to do; see its README.
//!
//! Run here on `shm_runtime::dynamic`, on `bindings/c` and on `bindings/cpp`; `bindings/python` runs it with its own tests.
//! `SHM_CONFORMANCE_DRIVER=program` runs it on another implementation's driver.

#[path = "../c/compile.rs"]
#[allow(dead_code)]
mod c;
#[path = "../common/mod.rs"]
mod common;
mod cpp;
#[path = "../cpp/compile.rs"]
mod cpp_compilers;
mod drivers;
mod golden;
mod pair;
mod rust;
mod rust_fields;
mod script;
mod vectors;
mod wire;

use common::{Cleanup, unique};
use drivers::Driver;
use pair::Pair;
use script::{Case, Expected, Script};
use wire::{Answer, Step};

/// What answers steps.
trait Implementation {
    /// What it has, of what steps say that they need.
    fn has(&self) -> &'static [&'static str];
    fn answer(&mut self, step: &Step) -> Answer;
}

impl Implementation for rust::Rust {
    fn has(&self) -> &'static [&'static str] {
        &["loan", "values", "blocking"]
    }
    fn answer(&mut self, step: &Step) -> Answer {
        rust::Rust::answer(self, step)
    }
}

/// What became of a script.
#[derive(Debug, Default)]
struct Outcome {
    met: usize,
    skipped: usize,
    /// Each step that was answered in another way, and what the answer was.
    wrong: Vec<String>,
}

/// The bytes of a field's keys and values.
fn sizes(script: &Script, step: &Step) -> (usize, usize) {
    let name = step.get("field").unwrap_or("");
    let field = script
        .schema
        .fields()
        .iter()
        .find(|field| field.name() == name);
    let pair = field.and_then(|field| field.pair());
    match pair {
        Some(pair) => (pair.key.size(), pair.value.size()),
        None => (0, field.map_or(0, |field| field.element().size())),
    }
}

fn run_case(on: &mut dyn Implementation, script: &Script, case: &Case, outcome: &mut Outcome) {
    let has = on.has();
    let able = |needs: &[String]| needs.iter().all(|need| has.contains(&need.as_str()));
    if !able(&script.needs) {
        outcome.skipped += case.steps.len();
        return;
    }
    let name = unique("conformance");
    let _cleanup = Cleanup(name.clone());
    if let Some(file) = &case.file {
        golden::put(&name, file);
    }
    let begun = on.answer(&Step::case(script, case, &name));
    if begun.word != "ok" {
        let Script { name, .. } = script;
        outcome
            .wrong
            .push(format!("{name}: `{}` does not begin: {begun}", case.about));
        return;
    }
    for Expected {
        step,
        answer,
        needs,
    } in &case.steps
    {
        if !able(needs) {
            outcome.skipped += 1;
            continue;
        }
        let mut seen = on.answer(step);
        if step.op == "entries" {
            let (key, value) = sizes(script, step);
            seen = seen.sorted(key, value);
        }
        if seen.meets(answer) {
            outcome.met += 1;
        } else {
            outcome.wrong.push(format!(
                "{}: `{}`: {step}\n    expected {answer}\n    answered {seen}",
                script.name, case.about
            ));
        }
    }
}

fn run_all(on: &mut dyn Implementation, scripts: &[Script]) -> Outcome {
    let mut outcome = Outcome::default();
    for script in scripts {
        for case in &script.cases {
            run_case(on, script, case, &mut outcome);
        }
    }
    on.answer(&Step::new("end"));
    outcome
}

/// Scripts and segments.
fn everything() -> Vec<Script> {
    let mut scripts = script::all();
    scripts.extend(golden::all());
    scripts
}

fn conforms(on: &mut dyn Implementation) {
    let outcome = run_all(on, &everything());
    eprintln!(
        "{} steps as expected, {} skipped",
        outcome.met, outcome.skipped
    );
    assert!(outcome.wrong.is_empty(), "{}", outcome.wrong.join("\n"));
    assert!(outcome.met > 300, "only {} steps", outcome.met);
}

/// The scripts with one expectation after the other made wrong, a few of each file: how many went unnoticed.
fn misses_wrong_expectations(on: &mut dyn Implementation) {
    let (mut planted, mut noticed) = (0, 0);
    for script in script::all() {
        for (at, case) in script.cases.iter().enumerate() {
            let able = |of: &Expected| {
                of.needs
                    .iter()
                    .all(|need| on.has().contains(&need.as_str()))
            };
            let has_all = script
                .needs
                .iter()
                .all(|need| on.has().contains(&need.as_str()));
            let Some(last) = case.steps.iter().rposition(able).filter(|_| has_all) else {
                continue;
            };
            let mut wrong = script.clone();
            wrong.cases = vec![script.cases[at].clone()];
            plant(&mut wrong.cases[0].steps[last].answer);
            planted += 1;
            noticed += usize::from(run_all(on, &[wrong]).wrong.len() == 1);
        }
    }
    assert!(planted > 30, "only {planted} were planted");
    assert_eq!(noticed, planted, "wrong expectations that were noticed");
}

/// Makes an answer wrong: by one digit of what it says, or in its word.
fn plant(answer: &mut Answer) {
    let part = answer.args.values_mut().find(|value| !value.is_empty());
    match part {
        Some(value) => {
            let last = if value.ends_with('0') { "1" } else { "0" };
            value.replace_range(value.len() - 1.., last);
        }
        None if answer.word == "ok" => answer.word = "full".to_owned(),
        None => answer.word = "ok".to_owned(),
    }
}

#[test]
fn rust_conforms() {
    conforms(&mut rust::Rust::default());
}

#[test]
fn c_conforms() {
    if let Some(mut driver) = drivers::c() {
        conforms(&mut driver);
    }
}

#[test]
fn cpp_conforms() {
    if let Some(mut driver) = cpp::driver() {
        conforms(&mut driver);
    }
}

/// The driver of an implementation that is not ours, where one is named.
#[test]
fn another_driver_conforms() {
    if let Ok(program) = std::env::var("SHM_CONFORMANCE_DRIVER") {
        conforms(&mut Driver::start(program.as_ref(), &["loan", "blocking"]));
    }
}

/// Each script, with the steps done in two languages by turns.
#[test]
fn p8_two_languages_take_turns_on_one_segment() {
    let mut rust = rust::Rust::default();
    if let Some(mut c) = drivers::c() {
        conforms(&mut Pair::new([&mut rust, &mut c], &["loan", "blocking"]));
        conforms(&mut Pair::new([&mut c, &mut rust], &["loan", "blocking"]));
        if let Some(mut cpp) = cpp::driver() {
            conforms(&mut Pair::new([&mut c, &mut cpp], &["loan"]));
        }
    }
    if let Some(mut cpp) = cpp::driver() {
        conforms(&mut Pair::new([&mut cpp, &mut rust], &["loan"]));
    }
}

#[test]
fn a_wrong_expectation_is_noticed_in_rust() {
    misses_wrong_expectations(&mut rust::Rust::default());
}

#[test]
fn a_wrong_expectation_is_noticed_in_c() {
    if let Some(mut driver) = drivers::c() {
        misses_wrong_expectations(&mut driver);
    }
}

#[test]
fn a_wrong_expectation_is_noticed_in_cpp() {
    if let Some(mut driver) = cpp::driver() {
        misses_wrong_expectations(&mut driver);
    }
}
