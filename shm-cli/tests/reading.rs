//! `shm ls`, `shm inspect`, `shm get` show what the typed API stored, and change nothing by looking.

mod common;

use common::{Cleanup, Event, Sim, fails, json, listed, ok, path, run, unique};
use serde_json::json;
use shm_runtime::{Array, Map, Segment, ShmLayout};
use std::os::unix::fs::MetadataExt;

fn filled(test: &str) -> (String, Segment<Sim>) {
    let name = unique(test);
    let sim = Sim::create(&name).unwrap();
    sim.step.store(41);
    for i in 0..1000 {
        sim.grid.set(i, i as f32 / 2.0);
    }
    let event = Event {
        t: 0.5,
        cell: 7,
        kind: 1,
    };
    sim.events.push(event).unwrap();
    sim.undo.push(9).unwrap();
    sim.rain.send(1.5).unwrap();
    sim.gauges.insert(17, event).unwrap();
    sim.names.insert("outlet".parse().unwrap(), 3).unwrap();
    sim.wet.insert(5).unwrap();
    sim.forecast.store(event).unwrap();
    (name, sim)
}

#[test]
fn ls_tells_who_is_attached() {
    let (name, sim) = filled("ls");
    let seen = listed(&name);
    assert_eq!(
        (&seen["state"], &seen["schema"]),
        (&json!("live"), &json!("Sim"))
    );
    assert_eq!(seen["size"], path(&name).metadata().unwrap().len());
    assert_eq!(
        (&seen["attachments"], &seen["mode"]),
        (&json!(1), &json!("0600"))
    );
    let process = &seen["processes"][0];
    assert_eq!(process["pid"], std::process::id());
    assert!(
        process["command"].as_str().unwrap().contains("reading"),
        "{process}"
    );
    let second = Sim::open(&name).unwrap();
    assert_eq!(listed(&name)["attachments"], 2);
    assert!(
        ok(&["ls"])
            .lines()
            .any(|line| line.starts_with(&name) && line.contains("live"))
    );
    assert_eq!(ok(&["ls", "-q", &name]).trim(), name);
    drop((sim, second));
    assert!(fails(1, &["ls", &name]).contains("there is no segment"));
}

#[test]
fn inspect_shows_every_field() {
    let (name, sim) = filled("inspect");
    let seen = json(&["inspect", &name]).remove(0);
    assert_eq!(seen["schema"]["name"], "Sim");
    assert_eq!(
        seen["schema"]["doc"].as_str().unwrap().trim(),
        "A test's simulation."
    );
    let field = |name: &str| {
        seen["fields"]
            .as_array()
            .unwrap()
            .iter()
            .find(|field| field["name"] == name)
            .unwrap()
    };
    let table = Segment::table(&sim).unwrap();
    for entry in table.iter().filter(|entry| !entry.name.starts_with('@')) {
        assert_eq!(field(&entry.name)["offset"], entry.offset);
        assert_eq!(field(&entry.name)["size"], entry.size);
    }
    assert_eq!(field("grid")["unit"], "m");
    assert_eq!(field("grid")["shape"], json!([10, 100]));
    assert_eq!(
        field("step")["doc"].as_str().unwrap().trim(),
        "Steps so far."
    );
    assert_eq!(field("step")["holds"], json!({ "value": 41 }));
    for (name, used, capacity) in [
        ("events", 1, 8),
        ("log", 0, 8),
        ("undo", 1, 4),
        ("gauges", 1, 16),
        ("wet", 1, 16),
    ] {
        assert_eq!(
            field(name)["holds"],
            json!({ "used": used, "capacity": capacity }),
            "{name}"
        );
    }
    assert_eq!(field("rain")["holds"], json!({ "sent": 1 }));
    let parts = &field("events")["element"]["fields"];
    assert_eq!(
        (&parts[1]["name"], &parts[1]["type"], &parts[1]["offset"]),
        (&json!("cell"), &json!("u32"), &json!(8))
    );
    let text = ok(&["inspect", &name]);
    for expected in [
        "Steps so far.",
        "1 of 8",
        "1,000 elements",
        "├ cell",
        "[m] 10×100",
        "Queue<Event, 8>",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(sim.events.len(), 1, "looking takes nothing");
}

#[test]
fn get_leads_to_elements_keys_and_parts() {
    let (name, _sim) = filled("get");
    let at = |place: &str| format!("{name}.{place}");
    let event = json!({ "t": 0.5, "cell": 7, "kind": 1 });
    for (place, expected) in [
        ("step", vec![json!(41)]),
        ("grid[10..12]", vec![json!(5.0), json!(5.5)]),
        ("grid[998..]", vec![json!(499.0), json!(499.5)]),
        ("grid[9,99]", vec![json!(499.5)]),
        ("gauges[17]", vec![event.clone()]),
        ("gauges[17].cell", vec![json!(7)]),
        ("gauges", vec![json!({ "key": 17, "value": event })]),
        ("names[outlet]", vec![json!(3)]),
        ("names[\"outlet\"]", vec![json!(3)]),
        ("wet", vec![json!(5)]),
        ("wet[5]", vec![json!(true)]),
        ("events", vec![event.clone()]),
        ("events.t", vec![json!(0.5)]),
        ("undo", vec![json!(9)]),
        ("rain", vec![json!(1.5)]),
        ("forecast", vec![event.clone()]),
        ("frame[3]", vec![json!(0.0)]),
    ] {
        assert_eq!(json(&["get", &at(place)]), expected, "{place}");
    }
    assert_eq!(json(&["get", &at("grid")]).len(), 1000);
    assert_eq!(
        ok(&["get", &at("gauges[17]")]),
        "{ t: 0.5, cell: 7, kind: 1 }\n"
    );
    assert_eq!(ok(&["get", &at("grid[1..3]")]), "[1]  0.5\n[2]  1.0\n");
    for (place, code, says) in [
        ("grid[1000]", 1, "1000 elements"),
        ("grid[x]", 2, "no index"),
        ("grid[1", 2, "bracket"),
        ("gauges[18]", 1, "no key"),
        ("gauges[{]", 2, "no JSON"),
        ("gauges[17].depth", 1, "no field `depth`"),
        ("log", 0, ""),
        ("none", 1, "no field `none`"),
        ("", 2, "is a segment"),
    ] {
        let ended = run(&["get", &at(place)]);
        assert_eq!(ended.code, code, "{place}: {}", ended.error);
        assert!(ended.error.contains(says), "{place}: {}", ended.error);
    }
    assert_eq!(run(&["get", &at("wet[6]")]).code, 1);
}

#[derive(ShmLayout)]
#[allow(dead_code, reason = "read by the command alone")]
struct Vast {
    grid: Array<u64, 8_000_000_000>,
    gauges: Map<u64, u64, 1_048_576>,
}

#[test]
fn looking_at_a_sparse_segment_takes_no_memory() {
    let name = unique("sparse");
    let vast = Vast::options().sparse().create(&name).unwrap();
    vast.grid.set(7_000_000_000, 5);
    let pages = || path(&name).metadata().unwrap().blocks();
    let before = pages();
    assert_eq!(
        json(&["get", &format!("{name}.grid[6_999_999_999..7_000_000_002]")]),
        [0, 5, 0]
    );
    assert_eq!(json(&["get", &format!("{name}.grid[123..125]")]), [0, 0]);
    assert_eq!(json(&["get", &format!("{name}.grid[7_000_900_000]")]), [0]);
    ok(&["inspect", &name]);
    ok(&["ls"]);
    ok(&["get", &format!("{name}.grid")]);
    assert_eq!(pages(), before);
    assert_eq!(listed(&name)["resident"], before * 512);
}

#[test]
fn names_of_segments_and_fields_may_have_dots() {
    #[derive(ShmLayout)]
    struct Shard {
        count: shm_runtime::Atomic<u32>,
    }
    #[derive(ShmLayout)]
    struct Town {
        left: Shard,
        shard: [shm_runtime::Atomic<u32>; 3],
    }
    let name = unique("a.b-c.d");
    let town = Town::create(&name).unwrap();
    town.left.count.store(1);
    town.shard[2].store(2);
    assert_eq!(json(&["get", &format!("{name}.left.count")]), [1]);
    assert_eq!(json(&["get", &format!("{name}.shard[2]")]), [2]);
    assert_eq!(json(&["get", &format!("/{name}.shard[2]")]), [2]);
    assert!(fails(1, &["get", &format!("{name}.shard[3]")]).contains("no field"));
}

#[test]
fn a_leftover_is_shown_and_not_brought_back() {
    let name = unique("stale");
    let _cleanup = Cleanup(name.clone());
    let sim = Sim::create(&name).unwrap();
    let bytes = std::fs::read(path(&name)).unwrap();
    drop(sim);
    std::fs::write(path(&name), bytes).unwrap(); // as a kill leaves it
    assert_eq!(listed(&name)["state"], "stale");
    assert_eq!(json(&["inspect", &name])[0]["state"], "stale");
    assert!(ok(&["inspect", &name]).contains("shm prune"));
    assert!(fails(1, &["get", &format!("{name}.step")]).contains("there is no segment"));
    assert_eq!(listed(&name)["state"], "stale");
}
