//! Bytes that nobody vouches for: whatever is in a file, opening it and working on it ends, and breaks nothing.
//! Promise P6. `SHM_HOSTILE_ROUNDS` asks for more.

use super::common::{Cleanup, Random, path, unique};
use super::image::{FINGERPRINT, Image, canonical, image};
use super::{All, Event};
use serde_json::Value as Json;
use shm_runtime::dynamic;
use shm_runtime::dynamic::{ElementType, Field, Kind, Segment, Value};
use shm_runtime::prelude::*;
use std::fs;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// The structures that [`All`] does not have, in a segment of few lanes.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct More {
    events: Queue<Event, 4>,
    audio: Spsc<Event, 4>,
    news: Broadcast<Event, 4>,
    tasks: Pool<Event, 3>,
    pose: Versioned<Event>,
    frame: VersionedArray<Event, 5>,
    idle: Stack<Event, 4>,
    ages: Map<u32, u64, 8>,
    tiles: LargeMap<u32, u64, 8, 3>,
    seen: Set<u64, 4>,
    grid: Array<f32, 6>,
    count: Atomic<u16>,
}

/// How many images of each kind are tried.
fn rounds(usual: usize) -> usize {
    let asked = std::env::var("SHM_HOSTILE_ROUNDS").ok();
    asked
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(usual)
}

/// Works on every field; what comes out may be anything, but the calls return and values decode.
pub(super) fn use_all(segment: &Segment) {
    for field in segment.fields() {
        use_field(segment, field);
    }
    let _ = (segment.health(), segment.registered());
}

fn use_field(segment: &Segment, field: &Field) {
    let size = field.element().size();
    // A description may ask for as much as a segment can have; its elements lie in this one, if it was believed.
    assert!(size <= segment.size(), "{field:?}");
    let mut bytes = vec![0x5a; size];
    let decoded = field.element().decode(&bytes).unwrap();
    assert!(matches!(decoded, Value::Bytes(_)) || !field.element().fields().is_empty());
    let name = field.name();
    match field.kind() {
        Kind::Array => use_array(&segment.array(name).unwrap()),
        Kind::Atomic => {
            let atomic = segment.atomic(name).unwrap();
            let _ = atomic.fetch_add(&atomic.load());
        }
        Kind::Queue => use_queue(&segment.queue(name).unwrap(), &mut bytes),
        Kind::Stack => use_stack(&segment.stack(name).unwrap(), &mut bytes),
        Kind::Map | Kind::LargeMap => match segment.map(name) {
            Ok(map) => use_map(&map),
            Err(_) => assert!(field.pair().is_none()),
        },
        Kind::Set => {
            let set = segment.set(name).unwrap();
            let _ = (
                set.insert(&bytes),
                set.contains(&bytes),
                set.remove(&bytes),
                set.len(),
            );
            set.for_each(|_| ());
        }
        Kind::Pool => use_pool(&segment.pool(name).unwrap(), &mut bytes),
        Kind::Versioned => {
            let value = segment.versioned(name).unwrap();
            let _ = (
                value.store(&bytes),
                value.load(&mut bytes),
                value.try_load(&mut bytes),
            );
            let _ = (value.update(|_| ()), value.version());
        }
        Kind::Spsc => use_spsc(&segment.spsc(name).unwrap(), &mut bytes),
        Kind::Broadcast => {
            let news = segment.broadcast(name).unwrap();
            let mut all = news.subscribe(shm_runtime::Start::Oldest);
            let _ = (
                news.send(&bytes),
                all.recv(&mut bytes),
                all.recv(&mut bytes),
            );
        }
        Kind::VersionedArray => use_frames(&segment.versioned_array(name).unwrap(), &mut bytes),
        _ => {}
    }
}

fn use_array(array: &dynamic::Array) {
    let mut all = vec![0; array.len() * array.element().size()];
    array.read_into(0, &mut all);
    array.write_from(0, &all);
    if let Some(numbers) = array.numbers() {
        let _ = numbers.swap(0, &numbers.load(array.len() - 1));
    }
}

fn use_queue(queue: &dynamic::Queue, bytes: &mut [u8]) {
    let _ = (
        queue.push(bytes),
        queue.push(bytes),
        queue.peek(bytes),
        queue.len(),
    );
    if let Ok(Some(taken)) = queue.take() {
        taken.read_into(bytes);
    }
    if let Ok(mut loan) = queue.loan() {
        loan.write(bytes);
        let _ = loan.commit();
    }
    let _ = (queue.pop(bytes), queue.pop_wait(bytes, Duration::ZERO));
}

fn use_stack(stack: &dynamic::Stack, bytes: &mut [u8]) {
    let _ = (
        stack.push(bytes),
        stack.push(bytes),
        stack.peek(bytes),
        stack.len(),
    );
    let _ = (stack.pop(bytes), stack.push_wait(bytes, Duration::ZERO));
}

fn use_pool(pool: &dynamic::Pool, bytes: &mut [u8]) {
    let handle = pool.acquire().map(dynamic::Lease::keep).unwrap_or_default();
    let _ = (pool.get(handle, bytes), pool.release(handle), pool.leased());
}

fn use_frames(array: &dynamic::VersionedArray, bytes: &mut [u8]) {
    let mut frame = vec![0; array.len() * bytes.len()];
    if let Ok(mut writer) = array.writer() {
        let _ = (writer.publish(&frame), writer.edit(|_| ()));
    }
    let _ = (
        array.read_into(&mut frame),
        array.snapshot().read_into(0, bytes),
    );
}

fn use_spsc(queue: &dynamic::Spsc, bytes: &mut [u8]) {
    if let Ok(mut producer) = queue.producer() {
        let _ = (producer.push(bytes), producer.push_slice(&bytes.repeat(3)));
    }
    if let Ok(mut consumer) = queue.consumer() {
        let _ = (
            consumer.pop(bytes),
            consumer.pop_slice(&mut bytes.repeat(3)),
        );
    }
}

fn use_map(map: &dynamic::Map) {
    let (key, value) = (vec![7; map.key().size()], vec![8; map.value().size()]);
    let mut out = value.clone();
    let _ = (
        map.insert(&key, &value, &mut out),
        map.get(&key, &mut out),
        map.len(),
    );
    let _ = map.compare_exchange(&key, &value, &out.clone(), &mut out);
    let _ = (
        map.update(&key, &mut out, |_| ()),
        map.get_or_insert(&key, &value, &mut out),
    );
    map.for_each(|_, _| ());
    let _ = map.remove(&key, &mut out);
}

#[test]
fn p6_words_that_make_no_sense_end_every_operation() {
    let name = unique("dyn-words");
    let _typed = More::create(&name).unwrap();
    let segment = Segment::open(&name).unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(path(&name))
        .unwrap();
    let mut random = Random::new("dynamic words");
    let fields: Vec<_> = segment
        .fields()
        .map(|field| (field.offset(), field.size()))
        .collect();
    for _ in 0..rounds(2000) {
        let (offset, size) = fields[random.below(fields.len() as u64) as usize];
        let at = offset as u64 + 8 * random.below((size as u64).div_ceil(8));
        let word = match random.below(5) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << random.below(64),
            3 => random.below(16),
            _ => random.below(u64::MAX),
        };
        file.write_all_at(&word.to_le_bytes(), at).unwrap();
        use_all(&segment);
    }
    assert!(segment.health().corrupt > 0, "nothing was noticed");
}

#[test]
fn a_forged_descriptor_is_found_to_be_the_same_if_nothing_was_changed() {
    let mut image = Image(image::<All>());
    image.forge(|_| ());
    image.open().unwrap();
}

#[test]
fn p6_a_capacity_that_does_not_fit_the_table_is_refused() {
    for capacity in [8_u64, 1, 1 << 20] {
        let mut image = Image(image::<More>());
        image.forge(|json| json["entries"][0]["capacity"][0] = capacity.into());
        let text = image.refused();
        assert!(
            text.starts_with("segment has a damaged descriptor: `events` is a Queue<")
                && text.contains(" bytes, and the table gives it "),
            "{text}"
        );
    }
}

#[test]
fn p6_an_element_of_another_size_is_refused() {
    for size in [8, 16, 32, 1_u64 << 24] {
        let mut image = Image(image::<More>());
        image.forge(|json| {
            let element = &mut json["entries"][0]["element"];
            element["size"] = size.into();
            element["fields"] = Json::Array(Vec::new());
        });
        let text = image.refused();
        assert!(text.contains("and the table gives it"), "{text}");
    }
}

#[test]
fn p6_a_field_outside_of_its_element_is_refused() {
    for offset in [17_u64, 24, 1 << 40, u64::MAX] {
        let mut image = Image(image::<More>());
        image.forge(|json| json["entries"][0]["element"]["fields"][3]["offset"] = offset.into());
        let text = image.refused();
        assert!(text.contains("field `events`: field `codes` ("), "{text}");
    }
}

#[test]
fn what_does_not_belong_together_is_told() {
    let refused = |change: fn(&mut Json)| {
        let mut image = Image(image::<More>());
        image.forge(change);
        image.refused()
    };
    let why = |text: &str| format!("segment has a damaged descriptor: {text}; create it again");
    assert_eq!(
        refused(|json| json["entries"].as_array_mut().unwrap().swap(0, 1)),
        why("field `audio` comes where the table has `events`")
    );
    assert_eq!(
        refused(|json| json["lanes"] = 3.into()),
        why("field `events`: it has 4 lanes where 3 are right")
    );
    assert_eq!(
        refused(|json| json["entries"][0]["lanes"] = 0.into()),
        why("field `events`: it has 0 lanes where 4 are right")
    );
    assert_eq!(
        refused(|json| json["entries"][10]["shape"] = serde_json::json!([7])),
        why("field `grid`: its shape [7] does not have as many elements as it")
    );
    assert_eq!(
        refused(|json| json["descriptor"] = 2.into()),
        why("its version is 2, and this library reads 1")
    );
    let text = refused(|json| _ = json["entries"].as_array_mut().unwrap().pop());
    assert!(
        text.contains("it has 11 fields, and the control block counts"),
        "{text}"
    );
    let text = refused(|json| json["entries"][7]["element"]["fields"][1]["offset"] = 4.into());
    assert!(text.contains("laid out as C does"), "{text}");
    let text = refused(|json| json["entries"][4]["kind"] = "Mutex".into());
    assert!(
        text.contains("field `pose`: it has 4 lanes where 0 are right"),
        "{text}"
    );
}

#[test]
fn a_kind_that_is_not_known_is_listed_and_not_touched() {
    let mut image = Image(image::<More>());
    image.forge(|json| json["entries"][3]["kind"] = "Heap".into());
    let name = unique("dyn-heap");
    let _cleanup = Cleanup(name.clone());
    fs::write(path(&name), &image.0).unwrap();
    let segment = Segment::open(&name);
    // the file's mode is the umask's here
    let segment = segment
        .or_else(|_| Segment::options().mode(0o666).open(&name))
        .unwrap();
    let heap = segment.field("tasks").unwrap();
    assert_eq!((heap.kind().name(), heap.capacities()), ("Heap", &[3][..]));
    let text = segment.pool("tasks").unwrap_err().to_string();
    assert!(
        text.ends_with("is a `Heap`, not a `Pool`; ask for what it is"),
        "{text}"
    );
}

#[test]
fn foreign_and_broken_files_are_named_as_such() {
    let whole = image::<More>();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        Image(bytes).refused()
    };
    let control = Image(whole.clone()).control();
    assert_eq!(
        changed(&|bytes| bytes[..4].copy_from_slice(b"\x7fELF")),
        "segment begins with 0x464c457f, not with a segment's magic number; the file is something else"
    );
    assert_eq!(
        changed(&|bytes| bytes.clear()),
        "segment is an empty file, not a segment; remove it"
    );
    assert_eq!(
        changed(&|bytes| bytes.truncate(9)),
        "segment has 9 bytes, fewer than the 16 of a table header; it is no segment, remove it"
    );
    let text = changed(&|bytes| bytes.truncate(8192));
    assert!(
        text.starts_with("segment was truncated: 8192 of "),
        "{text}"
    );
    assert!(text.ends_with(" bytes are left; create it again"), "{text}");
    assert_eq!(
        changed(&|bytes| bytes[control] = 2),
        "segment has format version 0x2, and this library reads 1; use the library that created it"
    );
    assert_eq!(
        changed(&|bytes| bytes[4] = 3),
        "segment has format version 0x3, and this library reads 1; use the library that created it"
    );
    let start = Image(whole.clone()).descriptor().start;
    let text = changed(&|bytes| bytes[start] = b'?');
    assert!(
        text.starts_with("segment has a damaged descriptor: it is no JSON: "),
        "{text}"
    );
    let text = changed(&|bytes| bytes[control + FINGERPRINT] ^= 1);
    assert!(text.contains("its fingerprint would be 0x"), "{text}");
}

/// Changes some bytes of a range: one bit, one byte, a word, or a piece of the rest of the file.
fn disturb(bytes: &mut [u8], range: std::ops::Range<usize>, random: &mut Random) {
    let below = |random: &mut Random, n: usize| random.below(n as u64) as usize;
    for _ in 0..1 + random.below(3) {
        let at = range.start + below(random, range.len());
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            2 => bytes[at] = b"0123456789{}[],:\"\\"[below(random, 18)],
            3 => {
                let word = random.below(u64::MAX).to_le_bytes();
                let len = bytes.len().min(at + 8) - at;
                bytes[at..at + len].copy_from_slice(&word[..len]);
            }
            _ => {
                let len = 1 + below(random, 40);
                let from = below(random, bytes.len() - len);
                let to = at.min(bytes.len() - len);
                bytes.copy_within(from..from + len, to);
            }
        }
    }
}

#[test]
fn p6_random_tables_and_descriptors_are_refused_or_harmless() {
    let mut random = Random::new("dynamic images");
    let (mut refused, mut opened) = (0, 0);
    let whole = Image(image::<More>());
    let (control, descriptor) = (whole.control(), whole.descriptor());
    for round in 0..rounds(1500) {
        let mut image = Image(whole.0.clone());
        let range = match round % 4 {
            0 => 0..1024,
            1 => control..control + 128,
            2 => descriptor.clone(),
            _ => 0..whole.0.len(),
        };
        disturb(&mut image.0, range, &mut random);
        match image.open() {
            Ok(()) => opened += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        refused > 0 && opened > 0,
        "{refused} refused, {opened} opened"
    );
}

/// A number, text or list somewhere in JSON.
fn somewhere<'a>(json: &'a mut Json, random: &mut Random) -> &'a mut Json {
    let len = match json {
        Json::Object(object) => object.len(),
        Json::Array(list) => list.len(),
        _ => 0,
    };
    if len == 0 || random.below(6) == 0 {
        return json;
    }
    let which = random.below(len as u64) as usize;
    match json {
        Json::Object(object) => somewhere(object.values_mut().nth(which).unwrap(), random),
        json => somewhere(&mut json[which], random),
    }
}

#[test]
fn p6_random_descriptions_are_refused_or_harmless() {
    let mut random = Random::new("dynamic descriptions");
    let (mut refused, mut opened) = (0, 0);
    let whole = Image(image::<More>());
    let is_forgeable = |json: &Json| {
        let entries = json["entries"].as_array();
        entries.is_some_and(|entries| entries.iter().all(|entry| entry["name"].is_string()))
    };
    for _ in 0..rounds(1500) {
        let mut image = Image(whole.0.clone());
        let mut json = image.json();
        let place = somewhere(&mut json, &mut random);
        *place = match random.below(8) {
            0 => Json::Null,
            1 => 0.into(),
            2 => 1.into(),
            3 => (1_u64 << random.below(64)).into(),
            4 => random.below(64).into(),
            5 => u64::MAX.into(),
            6 => ["Queue", "Map", "u8", "u64", "str9", "", "key", "Heap"][random.below(8) as usize]
                .into(),
            _ => Json::Array(Vec::new()),
        };
        if is_forgeable(&json) && std::panic::catch_unwind(|| canonical_all(&json)).is_ok() {
            image.forge(|whole| *whole = json);
        } else {
            image.set_descriptor(json.to_string().as_bytes());
        }
        match image.open() {
            Ok(()) => opened += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        refused > 0 && opened > 0,
        "{refused} refused, {opened} opened"
    );
}

/// Whether every field's canonical text can be made.
fn canonical_all(json: &Json) {
    for entry in json["entries"].as_array().unwrap() {
        let _ = (
            entry["capacity"].as_array().unwrap(),
            entry["kind"].as_str().unwrap(),
        );
        canonical(&entry["element"]);
    }
}

#[test]
fn p6_any_text_is_a_description_or_none() {
    let mut random = Random::new("dynamic texts");
    let text = dynamic::Schema::of::<More>().unwrap().to_json();
    for _ in 0..rounds(2000) {
        let mut bytes = text.clone().into_bytes();
        let all = 0..bytes.len();
        disturb(&mut bytes, all, &mut random);
        if let Ok(schema) = dynamic::Schema::from_json(&String::from_utf8_lossy(&bytes)) {
            assert!(schema.to_json().len() > 100);
        }
    }
    let deep = "[".repeat(100_000);
    assert!(dynamic::Schema::from_json(&deep).is_err());
    assert!(ElementType::of::<Event>().from_json(&Json::Null).is_err());
}
