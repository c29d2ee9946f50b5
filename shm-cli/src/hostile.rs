//! P6 for `shm check` and `shm inspect`: whatever is in a file, they come to an end with an exit code.
//!
//! The commands themselves run, in this process and with nobody to read what they write, so that there can be many:
//! `SHM_HOSTILE_IMAGES` says how many of each family, `SHM_HOSTILE_SEED` repeats a run. The real binary, with every
//! command, gets a few in `tests/hostile.rs`.

use crate::args::{Inspect, Name};
use crate::commands::{check, inspect};
use crate::failure::{Code, Failure};
use crate::files;
use crate::out::Out;
use serde_json::Value as Json;
use shm_runtime::dynamic::Schema;
use shm_runtime::segment::Survey;
use shm_runtime::{
    Array, Atomic, Broadcast, LargeMap, Map, Pod, Pool, Queue, Set, ShmLayout, ShmStr, ShmType,
    Spsc, Stack, Versioned, VersionedArray, Zeroable, sync,
};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

/// Images of a family in the quick form.
const QUICK: u64 = 500;
/// Where the control block has the fingerprint, and where the descriptor's length: see FORMAT.md.
const FINGERPRINT: usize = 0x20;
const DESCRIPTOR_LEN: usize = 0x60;

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Gauge {
    level: f32,
    at: [u16; 2],
    name: ShmStr<8>,
}

/// One structure of each kind, small, so that damage is seldom without an effect.
#[derive(ShmLayout)]
#[shm(lanes = 4)]
struct All {
    step: Atomic<u64>,
    grid: Array<f32, 20>,
    events: Queue<Gauge, 4>,
    log: Spsc<u64, 4>,
    rain: Broadcast<f32, 4>,
    undo: Stack<u32, 4>,
    gauges: Map<u32, Gauge, 8>,
    many: LargeMap<ShmStr<8>, u64, 8, 4>,
    wet: Set<u32, 8>,
    buffers: Pool<[u8; 16], 4>,
    forecast: Versioned<Gauge>,
    frame: VersionedArray<f32, 10>,
    report: sync::Mutex<u64>,
    permits: sync::Semaphore<3>,
    loaded: sync::Once,
    told: sync::Signal,
}

/// Puts something into every structure.
fn fill(all: &All) {
    let gauge = |i: u16| Gauge {
        level: f32::from(i),
        at: [i, i + 1],
        name: "gauge".parse().unwrap(),
    };
    for i in 0..3 {
        all.events.push(gauge(i)).unwrap();
        all.rain.send(f32::from(i)).unwrap();
        all.undo.push(u32::from(i)).unwrap();
        all.gauges.insert(u32::from(i), gauge(i)).unwrap();
        all.wet.insert(u32::from(i)).unwrap();
        all.forecast.store(gauge(i)).unwrap();
    }
    all.many.insert("outlet".parse().unwrap(), 7).unwrap();
    all.log.producer().unwrap().push(7).unwrap();
    all.frame.writer().unwrap().edit(|frame| frame.set(3, 0.5));
    all.step.store(3);
    all.grid.set(7, 0.5);
    all.buffers.acquire().unwrap().write([7; 16]);
    all.report.lock().unwrap().set(7);
    drop(all.permits.acquire());
    all.loaded.call_once(|_| {});
    all.told.raise();
}

/// A small generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// A sound segment, and the file that is damaged and repaired again.
struct Image {
    name: String,
    file: File,
    whole: Vec<u8>,
    /// The table, and each of its entries.
    parts: Vec<Range<usize>>,
    descriptor: Range<usize>,
    control: usize,
}

/// Bytes to be written at an offset.
type Patch = (usize, Vec<u8>);

impl Image {
    fn of(name: &str) -> Self {
        let survey = Survey::look(name).unwrap();
        let range = |offset: u64, size: u64| offset as usize..(offset + size) as usize;
        let entries = survey.entries().iter();
        let table = 0..16 + 40 * survey.entries().len();
        let parts = entries.map(|entry| range(entry.offset, entry.size));
        let (offset, len) = (
            survey.control().descriptor_offset,
            survey.control().descriptor_len,
        );
        Self {
            parts: [table].into_iter().chain(parts).collect(),
            descriptor: range(offset, len),
            control: survey.entries()[0].offset as usize,
            whole: std::fs::read(files::path(name)).unwrap(),
            file: open(name),
            name: name.to_owned(),
        }
    }

    /// What is to be written over the sound bytes, and how long the file is to be.
    fn damage(&self, random: &mut Random) -> (Vec<Patch>, usize) {
        let len = match random.below(40) {
            0 => random.below(self.whole.len()),
            _ => self.whole.len(),
        };
        let described = match random.below(20) {
            0 => self.described(random),
            _ => None,
        };
        let patches = described.unwrap_or_else(|| {
            let count = 1 + random.below(4).min(random.below(4));
            (0..count).map(|_| self.word(random)).collect()
        });
        (patches, len)
    }

    /// A word, and what may stand in its place.
    fn word(&self, random: &mut Random) -> Patch {
        // Every part as likely as the others, so that a large one does not hide a small one.
        let part = self.parts[random.below(self.parts.len())].clone();
        let size = [8, 4, 1][random.below(3)].min(part.len());
        let at = part.start + random.below(part.len() / size) * size;
        let bytes = |at: usize| {
            let mut word = [0; 8];
            word[..size].copy_from_slice(&self.whole[at..at + size]);
            u64::from_le_bytes(word)
        };
        let now = bytes(at);
        let value = match random.below(9) {
            0..2 => now ^ 1 << random.below(8 * size),
            2 => u64::MAX,
            3 => 0,
            4 => random.below(40) as u64,
            5 => now.wrapping_add(random.below(7) as u64).wrapping_sub(3),
            6 => random.next(),
            7 => bytes(random.below(self.whole.len() - 8) & !7),
            _ => now ^ 0xff << (8 * random.below(size)),
        };
        (at, value.to_le_bytes()[..size].to_vec())
    }

    /// Another description that agrees with itself, its fingerprint and at times the table, so that what it says of
    /// the structures is not refused at the first look.
    fn described(&self, random: &mut Random) -> Option<Vec<Patch>> {
        let text = &self.whole[self.descriptor.clone()];
        let mut json: Json = serde_json::from_slice(text).unwrap();
        for entry in json["entries"].as_array_mut().unwrap() {
            entry.as_object_mut().unwrap().remove("canonical");
        }
        for _ in 0..1 + random.below(2) {
            change(&mut json["entries"], random);
        }
        let schema = Schema::from_json(&json.to_string()).ok()?;
        let text = schema.to_json().into_bytes();
        let room = self.whole.len() - self.descriptor.start;
        if text.len() > room {
            return None;
        }
        let mut patches = vec![
            (
                self.control + FINGERPRINT,
                schema.fingerprint().to_le_bytes().to_vec(),
            ),
            (
                self.control + DESCRIPTOR_LEN,
                (text.len() as u64).to_le_bytes().to_vec(),
            ),
        ];
        if random.below(2) == 0 {
            let layout = schema.layout().ok()?;
            // The first part is the table, which has no entry; neither has the descriptor, if it grew, its old size.
            for (i, (_, _, size)) in layout.parts.iter().enumerate().skip(1) {
                patches.push((
                    16 + 40 * (i - 1) + 36,
                    (*size as u32).to_le_bytes().to_vec(),
                ));
            }
        }
        patches.push((self.descriptor.start, text));
        Some(patches)
    }

    fn write(&self, patches: &[Patch], len: usize) {
        for (at, bytes) in patches {
            self.file.write_all_at(bytes, *at as u64).unwrap();
        }
        if len < self.whole.len() {
            self.file.set_len(len as u64).unwrap();
        }
    }

    /// Makes it sound again; the commands themselves may have removed what says that it is a leftover.
    fn repair(&mut self, patches: &[Patch], len: usize) {
        if !files::path(&self.name).exists() {
            std::fs::write(files::path(&self.name), &self.whole).unwrap();
            self.file = open(&self.name);
            return;
        }
        let whole = &self.whole;
        if len < whole.len() {
            self.file.write_all_at(&whole[len..], len as u64).unwrap();
        }
        for (at, bytes) in patches {
            let sound = &whole[*at..at + bytes.len()];
            self.file.write_all_at(sound, *at as u64).unwrap();
        }
    }
}

fn open(name: &str) -> File {
    let options = File::options().read(true).write(true).clone();
    options.open(files::path(name)).unwrap()
}

/// Changes something, anywhere in a description.
fn change(json: &mut Json, random: &mut Random) {
    let numbers = [0_u64, 1, 2, 4, 7, 8, 16, 1 << 10, 1 << 20, 1 << 29, 1 << 35];
    let types = ["u8", "u16", "i32", "u64", "f64", "u128", "str3", "str24"];
    match json {
        Json::Array(items) if random.below(8) == 0 => items.reverse(),
        Json::Array(items) if !items.is_empty() => {
            let at = random.below(items.len());
            change(&mut items[at], random);
        }
        Json::Object(fields) => {
            let at = random.below(fields.len());
            if let Some(field) = fields.values_mut().nth(at) {
                change(field, random);
            }
        }
        Json::Number(_) => *json = numbers[random.below(numbers.len())].into(),
        Json::String(_) => *json = types[random.below(types.len())].into(),
        _ => {}
    }
}

/// What the two commands ended with.
fn run(name: &str, json: bool) -> [Result<Code, Failure>; 2] {
    let mut out = Out::nowhere(json);
    let checked = Name {
        name: name.to_owned(),
    };
    let looked = Inspect {
        name: name.to_owned(),
        all: true,
    };
    [
        check::run(&checked, &mut out),
        inspect::run(&looked, &mut out),
    ]
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(variable).ok();
    asked
        .and_then(|number| number.parse().ok())
        .unwrap_or(otherwise)
}

/// Damages a segment again and again, and has it looked at each time.
fn attack(family: &str, mut image: Image) {
    let images = number("SHM_HOSTILE_IMAGES", QUICK);
    let seed = number("SHM_HOSTILE_SEED", 1).max(1);
    let mut random = Random(seed);
    let mut noticed = 0_u64;
    let start = Instant::now();
    for number in 0..images {
        let (patches, len) = image.damage(&mut random);
        image.write(&patches, len);
        let results = catch_unwind(AssertUnwindSafe(|| run(&image.name, number % 2 == 0)));
        let results = results.unwrap_or_else(|why| {
            eprintln!("{family}: seed {seed}, image {number}: {patches:?}, {len} bytes");
            resume_unwind(why)
        });
        let is_well = |result: &Result<Code, Failure>| matches!(result, Ok(Code::Ok));
        noticed += u64::from(!results.iter().all(is_well));
        image.repair(&patches, len);
    }
    let results = run(&image.name, false);
    assert!(
        results.iter().all(|result| matches!(result, Ok(Code::Ok))),
        "seed {seed}: it is sound again: {results:?}"
    );
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "{family}: {images} images, {noticed} noticed, seed {seed}, {seconds:.1} s ({:.0}/s)",
        images as f64 / seconds
    );
    assert!(
        noticed > images / 20 && noticed < images,
        "{noticed} of {images} noticed: not what is meant is damaged"
    );
}

/// A name that is removed whatever a test does.
struct Named(String);

impl Named {
    fn new(family: &str) -> Self {
        Self(format!(
            "shm-test-cli-hostile-{family}-{}",
            std::process::id()
        ))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(files::path(&self.0));
    }
}

#[test]
fn p6_check_and_inspect_end_whatever_a_segment_in_use_holds() {
    let name = Named::new("live");
    let all = All::create(&name.0).unwrap();
    fill(&all);
    attack("live", Image::of(&name.0));
    drop(all);
    assert!(!files::path(&name.0).exists(), "it is left in order");
}

#[test]
fn p6_check_and_inspect_end_whatever_a_deserted_segment_holds() {
    let name = Named::new("deserted");
    fill(&All::options().persist().create(&name.0).unwrap());
    attack("deserted", Image::of(&name.0));
}
