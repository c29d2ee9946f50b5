//! Segments that are created from a description, and opened by programs that know the schema.

use super::{All, Event, Large, Odd, bytes, unique};
use shm_runtime::dynamic::{Schema, Segment};
use shm_runtime::prelude::*;
use std::fs;

/// Elements whose alignment moves what lies behind them.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(256))]
struct Wide([u8; 256]);

/// Everything that there is, also in schemas within schemas, with alignments that leave gaps.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 5)]
struct Zoo {
    flag: Atomic<u8>,
    inner: Middle,
    dots: [Array<Odd, 3>; 4],
    news: Broadcast<Event, 4>,
    tasks: Pool<Large, 3>,
    audio: Spsc<u16, 8>,
    pose: Versioned<Event>,
    frame: VersionedArray<Odd, 7>,
    tiles: LargeMap<u64, Large, 8, 3>,
    bank: sync::Mutex<[i64; 2]>,
    limits: sync::RwLock<f32>,
    seats: sync::Semaphore<3>,
    gate: sync::Barrier<2>,
    ready: sync::Once,
    bell: sync::Signal,
    last: Atomic<u8>,
}

#[derive(Debug, ShmLayout)]
struct Middle {
    a: Array<u8, 1>,
    wide: Queue<Wide, 2>,
    deep: Deep,
    z: Stack<u8, 1>,
}

#[derive(Debug, ShmLayout)]
struct Deep {
    map: Map<u8, u32, 2>,
    set: Set<u64, 1>,
}

/// Creates a segment from what the typed schema says of itself, and compares it with the typed one byte by byte.
fn same<S: ShmLayout + std::fmt::Debug>(test: &str) {
    let (here, there) = (unique(test), unique(test));
    let typed = S::create(&here).unwrap();
    let schema = Schema::from_json(&Schema::of::<S>().unwrap().to_json()).unwrap();
    assert_eq!(schema.fingerprint(), S::FINGERPRINT);
    let created = Segment::create(&there, &schema).unwrap();
    let places = |segment: &Segment| -> Vec<_> {
        let places = segment
            .fields()
            .map(|field| (field.name().to_owned(), field.offset(), field.size()));
        places.collect()
    };
    assert_eq!(places(&created), places(&Segment::open(&here).unwrap()));
    assert_eq!(created.size(), Segment::open(&here).unwrap().size());
    let opened = S::open(&there).unwrap();
    assert_eq!(shm_runtime::Segment::warnings(&opened), [""; 0]);
    assert_eq!(
        shm_runtime::Segment::table(&opened).unwrap(),
        shm_runtime::Segment::table(&typed).unwrap()
    );
    let [here, there] = [here, there].map(|name| fs::read(super::common::path(&name)).unwrap());
    let table = 16 + 40 * 64;
    assert!(here[..table] == there[..table]);
    assert!(here.len() == there.len());
}

#[test]
fn what_is_created_from_a_description_is_the_typed_segment() {
    same::<All>("dyn-same-all");
    same::<Zoo>("dyn-same-zoo");
    same::<Deep>("dyn-same-deep");
    same::<super::Side>("dyn-same-side");
}

#[test]
fn a_program_that_knows_the_schema_opens_what_another_created() {
    let name = unique("dyn-first");
    let schema = Schema::from_json(&Schema::of::<All>().unwrap().to_json()).unwrap();
    let created = Segment::options()
        .init(|segment: &Segment| segment.queue("shard[2]").unwrap().push(&[7; 8]).unwrap())
        .create(&name, &schema)
        .unwrap();
    let typed = All::open(&name).unwrap();
    assert_eq!(typed.shard[2].pop(), Some(u64::from_le_bytes([7; 8])));
    created
        .stack("idle")
        .unwrap()
        .push(bytes(&Event::new(3)))
        .unwrap();
    assert_eq!(typed.idle.pop(), Some(Event::new(3)));
    drop(created);
    assert_eq!(All::open(&name).unwrap().idle.len(), 0);
}

#[test]
fn a_short_description_is_enough() {
    let name = unique("dyn-short");
    let schema = Schema::from_json(
        r#"{"schema": {"name": "Sim"}, "lanes": 3, "entries": [
            {"name": "grid", "kind": "Array", "capacity": [6], "element": "f32", "shape": [2, 3]},
            {"name": "who", "kind": "Versioned", "element": "str24"},
            {"name": "once", "kind": "Once"},
            {"name": "ages", "kind": "Map", "capacity": [4], "element":
                {"size": 16, "align": 8, "fields": [
                    {"name": "key", "type": "u64", "offset": 0},
                    {"name": "value", "type": "u16", "offset": 8, "count": 3}]}}
        ]}"#,
    )
    .unwrap();
    #[derive(Debug, ShmLayout)]
    #[shm(lanes = 3)]
    struct Sim {
        grid: Array<f32, 6>,
        who: Versioned<ShmStr<24>>,
        once: sync::Once,
        ages: Map<u64, [u16; 3], 4>,
    }
    let created = Segment::create(&name, &schema).unwrap();
    let who = created.versioned("who").unwrap();
    let text = dynamic_text(&who, "Ada");
    who.store(&text).unwrap();
    let typed = Sim::open(&name).unwrap();
    assert_eq!(typed.who.load().to_string(), "Ada");
    assert_eq!(created.field("grid").unwrap().source(), "Array<f32, 6>");
    assert_eq!(created.field("once").unwrap().source(), "Once");
    typed.ages.insert(1, [2, 3, 4]).unwrap();
    assert!(created.map("ages").unwrap().contains(&1_u64.to_le_bytes()));
}

fn dynamic_text(of: &shm_runtime::dynamic::Versioned, text: &str) -> Vec<u8> {
    let value = shm_runtime::dynamic::Value::Text(text.to_owned());
    of.element().encode(&value).unwrap()
}

/// Compares the reasons with which descriptions are refused: of one field each, in JSON.
fn refused(cases: &[(String, &str)]) {
    for (entries, expected) in cases {
        let json = format!("{{\"entries\": [{entries}]}}");
        let found = Schema::from_json(&json).unwrap_err().to_string();
        assert!(
            found.starts_with("no segment can have this schema: "),
            "{found}"
        );
        assert!(found.contains(expected), "{found} <> {expected}");
    }
}

fn bytes_of(name: &str, kind: &str, n: u64) -> String {
    format!(r#"{{"name": "{name}", "kind": "{kind}", "capacity": [{n}], "element": "u8"}}"#)
}

#[test]
fn numbers_and_elements_that_no_segment_can_have_are_refused_with_the_reason() {
    let of = |kind: &str, rest: &str| format!(r#"{{"name": "a", "kind": "{kind}", {rest}}}"#);
    refused(&[
        (
            bytes_of("a", "Heap", 4),
            "field `a`: this library knows no `Heap`",
        ),
        (
            bytes_of("a", "Queue", 3),
            "field `a`: the capacity of a `Queue` is a power of two, 3 is not",
        ),
        (bytes_of("a", "Array", 1 << 40), "larger than any segment"),
        (
            bytes_of("a", "Array", 1 << 38),
            "a segment has at most 256 GiB",
        ),
        (
            of("Set", r#""capacity": [4], "element": "f32""#),
            "a float has two zeros",
        ),
        (
            of("Set", r#""capacity": [4], "element": "bool""#),
            "has the type `bool`",
        ),
        (
            of("Atomic", r#""element": "u128""#),
            "is a number of at most 8 bytes",
        ),
        (
            of("Queue", r#""capacity": [4]"#),
            "`size` is null: expected a number",
        ),
    ]);
    let text = Schema::from_json(r#"{"lanes": 0, "entries": []}"#)
        .unwrap_err()
        .to_string();
    assert!(text.ends_with("a segment has at least one lane"), "{text}");
    let text = Schema::from_json("[").unwrap_err().to_string();
    assert!(text.contains("it is no JSON"), "{text}");
}

#[test]
fn names_that_no_segment_can_have_are_refused_with_the_reason() {
    let pair =
        |one: &str, other: &str| [bytes_of(one, "Array", 4), bytes_of(other, "Array", 5)].join(",");
    refused(&[
        (bytes_of("@a", "Queue", 4), "a name does not begin with `@`"),
        (bytes_of("", "Queue", 4), "a name has 1 to 31 bytes"),
        (
            bytes_of("a.", "Array", 4),
            "`a.` is no name: it has an empty part",
        ),
        (
            bytes_of("a[1]", "Array", 4),
            "the items of an array are numbered from 0 on",
        ),
        (pair("a", "a"), "two fields have the name `a`"),
        (
            pair("a[0]", "a[1]"),
            "`a[0]` and `a[1]` are items of one array and have different shapes",
        ),
        (pair("a.x", "a"), "`a` comes twice"),
    ]);
}

#[test]
fn whoever_comes_first_creates_and_the_others_open() {
    let name = unique("dyn-either");
    let schema = Schema::of::<Deep>().unwrap();
    let filled = |segment: &Segment| _ = segment.set("set").unwrap().insert(&[9; 8]).unwrap();
    let all: Vec<_> = std::thread::scope(|scope| {
        let one = || {
            Segment::options()
                .init(filled)
                .open_or_create(&name, &schema)
                .unwrap()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let typed = Deep::open_or_create(&name).unwrap();
    assert!(all.iter().all(|segment| segment.id() == all[0].id()));
    assert!(typed.set.contains(u64::from_le_bytes([9; 8])));
    assert_eq!(shm_runtime::Segment::participants(&typed).unwrap().len(), 5);

    let json = schema.to_json().replace("\"lanes\":64", "\"lanes\":65");
    let more = Schema::from_json(&json.replace("64>", "65>")).unwrap();
    assert_eq!(schema.differences(&schema).len(), 2);
    assert_eq!(schema.differences(&more).len(), 2, "each field has lanes");
    let lanes = |n| format!(r#"{{"lanes": {n}, "entries": [{{"name": "a", "kind": "Once"}}]}}"#);
    let [two, three] = [2, 3].map(|n| Schema::from_json(&lanes(n)).unwrap());
    assert_eq!(
        (two.differences(&two).len(), two.differences(&three).len()),
        (1, 2)
    );
    let other = Schema::of::<super::Side>().unwrap();
    let text = Segment::options()
        .open_or_create(&name, &other)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("has another schema than this program"),
        "{text}"
    );
    assert!(
        text.contains("  missing  odd: here Stack<5,64>:{3/1(:u8*3@0)}"),
        "{text}"
    );
    assert!(
        text.contains("  extra    map: there Map<2,64>:{8/4(key:u8@0,value:u32@4)}"),
        "{text}"
    );
}

#[test]
fn a_name_that_is_taken_is_told() {
    let name = unique("dyn-taken-name");
    let schema = Schema::of::<Deep>().unwrap();
    let first = Segment::create(&name, &schema).unwrap();
    let text = Segment::create(&name, &schema).unwrap_err().to_string();
    assert!(
        text.contains("somebody is attached to a segment of that name"),
        "{text}"
    );
    drop(first);
    assert!(!super::common::exists(&name));
}
