//! `shm set`, `shm push`, `shm pop` go through the same structures as the typed API.

mod common;

use common::{Event, Sim, fails, json, ok, run, run_with, unique};
use serde_json::json;
use shm_runtime::{Segment, ShmLayout};

fn create(test: &str) -> (String, Segment<Sim>) {
    let name = unique(test);
    let sim = Sim::create(&name).unwrap();
    (name, sim)
}

#[test]
fn elements_go_in_and_out_by_the_names_of_their_fields() {
    let (name, sim) = create("push");
    let events = format!("{name}.events");
    ok(&["push", &events, r#"{"kind": 3, "t": 1, "cell": 2}"#]);
    assert_eq!(
        sim.events.pop(),
        Some(Event {
            t: 1.0,
            cell: 2,
            kind: 3
        })
    );
    sim.events
        .push(Event {
            t: 2.5,
            cell: 4,
            kind: 5,
        })
        .unwrap();
    assert_eq!(
        json(&["pop", &events]),
        [json!({ "t": 2.5, "cell": 4, "kind": 5 })]
    );
    assert!(fails(1, &["pop", &events]).contains("is empty"));

    for wrong in [
        r#"{"t": 1, "cell": 2}"#,
        r#"{"t": 1, "cell": -2, "kind": 3}"#,
        "7",
        "{",
        r#"{"t":1,"cell":2,"kind":3,"x":0}"#,
    ] {
        fails(2, &["push", &events, wrong]);
    }
    assert_eq!(sim.events.len(), 0, "what does not fit is not pushed");

    let eight: String = (0..9)
        .map(|i| format!("{{\"t\":{i},\"cell\":0,\"kind\":0}}\n"))
        .collect();
    let ended = run_with(&["push", &events, "-"], eight.as_bytes());
    assert_eq!(ended.code, 1);
    assert!(
        ended.error.contains("is full: it has room for 8") && ended.error.contains("8 before"),
        "{}",
        ended.error
    );
    assert_eq!(json(&["pop", &events, "-n", "100"]).len(), 8);
}

#[test]
fn every_kind_that_takes_elements_takes_them() {
    let (name, sim) = create("kinds");
    let at = |field: &str| format!("{name}.{field}");
    let mut rain = sim.rain.subscribe(shm_runtime::Start::Newest);
    ok(&["push", &at("undo"), "1", "2"]);
    ok(&["push", &at("log"), "7"]);
    ok(&["push", &at("rain"), "-0.5"]);
    ok(&["push", &at("wet"), "11"]);
    assert_eq!((sim.undo.pop(), sim.undo.pop()), (Some(2), Some(1)));
    assert_eq!(rain.recv(), Ok(Some(-0.5)));
    assert!(sim.wet.contains(11));
    assert_eq!(json(&["pop", &at("log")]), [7]);
    assert!(fails(2, &["pop", &at("grid")]).contains("is an Array"));
    assert!(fails(2, &["push", &at("step"), "1"]).contains("shm set"));
    let producer = sim.log.producer().unwrap();
    assert!(fails(1, &["push", &at("log"), "1"]).contains(&std::process::id().to_string()));
    drop(producer);
}

#[test]
fn set_stores_values_and_parts_of_them() {
    let (name, sim) = create("set");
    let set = |place: &str, value: &str| ok(&["set", &format!("{name}.{place}"), value]);
    set("step", "18446744073709551615");
    set("grid[7]", "-1.5");
    set("grid[1,2]", "3");
    set("grid[900..]", "2");
    set("gauges[17]", r#"{"t": 1, "cell": 2, "kind": 3}"#);
    set("gauges[17].cell", "9");
    set("names[outlet]", "4");
    set("forecast.kind", "6");
    set("frame[3]", "0.25");
    assert_eq!(sim.step.load(), u64::MAX);
    assert_eq!(
        (sim.grid.get(7), sim.grid.get(102), sim.grid.get(999)),
        (-1.5, 3.0, 2.0)
    );
    assert_eq!(
        sim.gauges.get(17),
        Some(Event {
            t: 1.0,
            cell: 9,
            kind: 3
        })
    );
    assert_eq!(sim.names.get("outlet".parse().unwrap()), Some(4));
    assert_eq!(sim.forecast.load().kind, 6);
    assert_eq!(sim.frame.snapshot().get(3), 0.25);
    for (place, value, code) in [
        ("step", "-1", 2),
        ("step", "\"x\"", 2),
        ("grid", "1", 2),
        ("grid[1000]", "1", 1),
        ("gauges[18].cell", "1", 1),
        ("gauges[17].depth", "1", 1),
        ("events", "1", 2),
        ("names[this-name-is-too-long]", "1", 2),
    ] {
        fails(code, &["set", &format!("{name}.{place}"), value]);
    }
    let ended = run_with(&["set", &format!("{name}.step"), "-"], b"12\n");
    assert_eq!((ended.code, sim.step.load()), (0, 12));
}

#[test]
fn waiting_ends_when_an_element_comes() {
    let (name, sim) = create("wait");
    let popped = std::thread::scope(|scope| {
        let events = format!("{name}.undo");
        let waits = scope.spawn(move || run(&["--json", "pop", &events, "--wait", "60"]));
        sim.undo.push(5).unwrap();
        waits.join().unwrap()
    });
    assert_eq!((popped.code, popped.out.as_str()), (0, "5\n"));
}
