//! The bytes that FORMAT.md documents, read from the file without the library. Promises P4, P7, P8.

mod common;
#[path = "golden/map.rs"]
mod map;

use common::{path, unique};
use shm_runtime::{Array, Atomic, Pod, Queue, ShmLayout, ShmStr, ShmType, Spsc, Stack, Zeroable};
use std::fs;

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    cell: u32,
    kind: u32,
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 2)]
struct Golden {
    grid: Array<u16, 3>,
    count: Atomic<u64>,
    events: Queue<Event, 4>,
    audio: Spsc<u32, 2>,
}

fn word(file: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(file[at..at + 8].try_into().unwrap())
}

fn half(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
}

fn find(file: &[u8], name: &str) -> (usize, usize) {
    let count = half(file, 8) as usize;
    let entry = (0..count).map(|i| 16 + 40 * i).find(|&at| {
        file[at..at + 32]
            .strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest[0] == 0)
    });
    let at = entry.unwrap();
    (half(file, at + 32) as usize, half(file, at + 36) as usize)
}

#[test]
fn table_and_control_block_are_the_documented_bytes() {
    let name = unique("golden");
    let _golden = Golden::create(&name).unwrap();
    let file = fs::read(path(&name)).unwrap();
    assert_eq!(
        &file[..8],
        b"\x4d\x50\x49\x5a\x01\0\0\0",
        "magic and version"
    );
    let names = [
        ("@control", 4096, 512),
        ("@registry", 4096 + 512, 3584),
        ("@participants", 8192, 2 * 64),
        ("@lanes", 8192 + 128, 2 * 128),
        ("grid", 8576, 6),
        ("count", 8640, 8),
        ("events", 8704, 384 + 4 * 8 + 96 + 2 * 128 + 16 * (4 + 4)),
        ("audio", 9600, 640 + 2 * 4),
    ];
    assert_eq!(
        half(&file, 8) as usize,
        names.len() + 1,
        "the descriptor comes last"
    );
    for (name, offset, size) in names {
        assert_eq!(find(&file, name), (offset, size), "{name}");
    }
    let (descriptor, len) = find(&file, "@descriptor");
    assert_eq!(
        half(&file, 12) as usize,
        (descriptor + len).next_multiple_of(64),
        "next_offset"
    );
    let control = &file[4096..];
    assert_eq!(
        (half(control, 0), half(control, 4)),
        (1, 0),
        "layout version, unit shift"
    );
    assert_eq!(word(control, 8), 4096, "body");
    assert_eq!(word(control, 16), file.len() as u64, "total size");
    assert_eq!(
        (half(control, 24), half(control, 28)),
        (2, 0),
        "lanes, flags"
    );
    assert_eq!(control[32..48], Golden::FINGERPRINT.to_le_bytes());
    assert_eq!(word(control, 88), descriptor as u64);
    assert_eq!(word(control, 96), len as u64);
    let json: serde_json::Value =
        serde_json::from_slice(&file[descriptor..descriptor + len]).unwrap();
    assert_eq!(json["entries"][2]["name"], "events");
    assert_eq!(
        json["entries"][2]["canonical"],
        "Queue<4,2>:{16/8(t:f64@0,cell:u32@8,kind:u32@12)}"
    );
}

/// FNV-1a-128 of the canonical text, computed here by hand.
#[test]
fn fingerprint_is_the_hash_of_the_canonical_text() {
    let text = "shm 1 lanes 2\n\
        grid:Array<3,0>:{2/2(:u16@0)}\n\
        count:Atomic<0>:{8/8(:u64@0)}\n\
        events:Queue<4,2>:{16/8(t:f64@0,cell:u32@8,kind:u32@12)}\n\
        audio:Spsc<2,0>:{4/4(:u32@0)}\n";
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in text.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    assert_eq!(Golden::FINGERPRINT, hash);
    let format = include_str!("../FORMAT.md");
    assert!(
        format.contains(&format!("`{hash:#034x}`")),
        "FORMAT.md has the vector"
    );
}

#[test]
fn structures_are_the_documented_bytes() {
    let name = unique("golden");
    let golden = Golden::create(&name).unwrap();
    let empty = fs::read(path(&name)).unwrap();
    for field in ["grid", "count", "events", "audio"] {
        let (at, len) = find(&empty, field);
        assert!(
            empty[at..at + len].iter().all(|&byte| byte == 0),
            "{field} is zero"
        );
    }
    golden.grid.set(2, 0x1234);
    golden.count.store(7);
    let first = Event {
        t: 1.0,
        cell: 2,
        kind: 3,
    };
    golden.events.push(first).unwrap();
    golden.events.push(Event { cell: 9, ..first }).unwrap();
    assert_eq!(golden.events.pop(), Some(first));
    let mut producer = golden.audio.producer().unwrap();
    producer.push(0xabcd).unwrap();
    let file = fs::read(path(&name)).unwrap();

    let (grid, _) = find(&file, "grid");
    assert_eq!(file[grid..grid + 6], [0, 0, 0, 0, 0x34, 0x12]);
    assert_eq!(word(&file, find(&file, "count").0), 7);

    // {lap, full, node ^ home}: 12 bits for the node, as 4 + 2 × 1024 nodes need
    let (events, _) = find(&file, "events");
    assert_eq!(
        (word(&file, events), word(&file, events + 128)),
        (1, 2),
        "head and tail"
    );
    let words = events + 384;
    let node = |word: u64, home: u64| (word & 0xfff) ^ home;
    assert_eq!(word(&file, words) >> 12, 0b10, "word 0: lap 1, empty");
    assert_eq!(word(&file, words + 8) >> 12, 0b01, "word 1: lap 0, full");
    assert_eq!(word(&file, words + 16), 0, "word 2: untouched");
    let pushed = node(word(&file, words + 8), 1) as usize;
    let nodes = events + 512 + 2 * 128;
    assert_eq!(
        half(&file, nodes + 16 * pushed + 8),
        9,
        "the second event's cell"
    );

    let (audio, _) = find(&file, "audio");
    assert_eq!(
        (word(&file, audio), word(&file, audio + 256)),
        (1, 0),
        "tail and head"
    );
    assert_ne!(word(&file, audio + 128), 0, "the producer's role");
    assert_eq!(half(&file, audio + 640), 0xabcd);
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 2)]
struct Stacked {
    idle: Stack<u32, 3>,
}

#[test]
fn a_stack_is_the_documented_bytes() {
    let name = unique("golden-stack");
    let stacked = Stacked::create(&name).unwrap();
    let empty = fs::read(path(&name)).unwrap();
    let (at, len) = find(&empty, "idle");
    let (rows, links, nodes) = (512, 544, 640);
    assert_eq!(len, nodes + 4 * 5);
    assert!(empty[at..at + len].iter().all(|&byte| byte == 0));
    stacked.idle.push(7).unwrap();
    stacked.idle.push(8).unwrap();
    assert_eq!(stacked.idle.pop(), Some(8));
    let file = fs::read(path(&name)).unwrap();
    let file = &file[at..];

    // {count, last was a push, !first filled, first free ^ lanes}: lane 1 gave its node 1, then 2, then 3
    let heads = 3 << 31 | (1 ^ 0x7fff) << 15 | (3 ^ 2);
    assert_eq!(word(file, 128), heads, "three operations, the last no push");
    assert_eq!(word(file, 256 + 128), 2 ^ 1, "lane 1 has node 2");
    let link = |node: usize| {
        (
            word(file, links + 16 * node),
            word(file, links + 16 * node + 8),
        )
    };
    assert_eq!(
        link(1),
        (1 << 10 | 1, 1 << 32 | (0x7fff ^ 2)),
        "the only one"
    );
    assert_eq!(link(3), (3 << 10 | 1, 1 << 32), "in front of node 4");
    assert_eq!(link(4), (0, 0), "never given");
    assert_eq!(half(file, nodes + 4), 7);
    let past = |by: usize, whose: usize| word(file, rows + 8 * (2 * by + whose));
    assert_eq!((past(1, 0), past(1, 1)), (0, 0), "nobody else did anything");

    let other = Stacked::open(&name).unwrap();
    assert_eq!(other.idle.pop(), Some(7));
    let file = fs::read(path(&name)).unwrap();
    let row = word(&file[at..], rows + 8);
    assert_eq!(row, 3, "lane 0 went past operation 3, which was lane 1's");
}

#[derive(Debug, Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Labelled {
    name: ShmStr<6>,
    tags: [ShmStr<3>; 2],
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 2)]
struct Texts {
    plain: Array<ShmStr<5>, 2>,
    labels: Array<Labelled, 1>,
}

#[test]
fn a_text_is_the_documented_bytes_and_described_as_one() {
    let name = unique("golden-text");
    let texts = Texts::create(&name).unwrap();
    texts.plain.set(0, ShmStr::new("Grö"));
    texts.plain.set(1, ShmStr::truncated("five and more"));
    let label = Labelled {
        name: ShmStr::new("é"),
        tags: [ShmStr::EMPTY, ShmStr::new("b")],
    };
    texts.labels.set(0, label);
    let file = fs::read(path(&name)).unwrap();
    let (plain, _) = find(&file, "plain");
    assert_eq!(&file[plain..plain + 10], b"Gr\xc3\xb6\0five ");
    let (labels, _) = find(&file, "labels");
    assert_eq!(&file[labels..labels + 12], b"\xc3\xa9\0\0\0\0\0\0\0b\0\0");
    let (descriptor, len) = find(&file, "@descriptor");
    let json: serde_json::Value =
        serde_json::from_slice(&file[descriptor..descriptor + len]).unwrap();
    assert_eq!(json["entries"][0]["canonical"], "Array<2,0>:{5/1(:str5@0)}");
    assert_eq!(
        json["entries"][1]["canonical"],
        "Array<1,0>:{12/1(name:str6@0,tags:str3*2@6)}"
    );
    let tags = &json["entries"][1]["element"]["fields"][1];
    assert_eq!((&tags["type"], &tags["count"]), (&"str3".into(), &2.into()));
}
