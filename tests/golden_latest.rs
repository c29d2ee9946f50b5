//! The bytes that FORMAT.md documents, of the structures that everybody reads in full. Promises P4, P8.

mod common;

use common::{path, unique};
use shm_runtime::{Broadcast, Segment, ShmLayout, Versioned, VersionedArray};
use std::fs;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 2)]
struct Golden {
    pose: Versioned<[u32; 3]>,
    quotes: Broadcast<u64, 4>,
    depth: VersionedArray<u16, 5>,
}

/// A field's bytes in the file.
fn bytes(golden: &Segment<Golden>, name: &str, field: &str) -> Vec<u8> {
    let file = fs::read(path(name)).unwrap();
    let table = Segment::table(golden).unwrap();
    let entry = table.iter().find(|entry| entry.name == field).unwrap();
    file[entry.offset..entry.offset + entry.size].to_vec()
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn a_new_segment_is_zeros() {
    let name = unique("golden-latest");
    let golden = Golden::create(&name).unwrap();
    for field in ["pose", "quotes", "depth"] {
        let bytes = bytes(&golden, &name, field);
        assert!(bytes.iter().all(|&byte| byte == 0), "{field}");
    }
}

#[test]
fn a_versioned_value_is_the_documented_bytes() {
    let name = unique("golden-latest");
    let golden = Golden::create(&name).unwrap();
    golden.pose.store([1, 2, 3]).unwrap();
    golden.pose.store([4, 5, 6]).unwrap();
    let stored = bytes(&golden, &name, "pose");
    let nodes = 0x100 + 2 * 128;
    assert_eq!(stored.len(), nodes + 3 * 64);
    // {version, updated, node ^ home}: 12 bits for the node, as 1 + 2 × 1024 nodes need
    let now = word(&stored, 0x80);
    assert_eq!((now >> 13, now >> 12 & 1), (2, 0), "version 2, by a store");
    let node = nodes + 64 * (now & 0xfff) as usize;
    assert_eq!(word(&stored, node), 2, "the stamp");
    let value = [8, 12, 16].map(|at| half(&stored, node + at));
    assert_eq!(value, [4, 5, 6]);

    golden.pose.update(|pose| pose[0] = 9).unwrap();
    let updated = bytes(&golden, &name, "pose");
    let now = word(&updated, 0x80);
    assert_eq!(
        (now >> 13, now >> 12 & 1),
        (3, 1),
        "version 3, by an update"
    );
    let node = nodes + 64 * (now & 0xfff) as usize;
    assert_eq!((word(&updated, node), half(&updated, node + 8)), (3, 9));
}

#[test]
fn a_broadcast_is_the_documented_bytes() {
    let name = unique("golden-latest");
    let golden = Golden::create(&name).unwrap();
    for quote in 10..16 {
        golden.quotes.send(quote).unwrap();
    }
    let sent = bytes(&golden, &name, "quotes");
    let nodes = (0x100 + 4 * 8_usize).next_multiple_of(128) + 2 * 128;
    assert_eq!(sent.len(), nodes + (4 + 2) * 8);
    assert_eq!(word(&sent, 0), 6, "the tail");
    // {lap, 0, node ^ home}: 12 bits for the node
    for (i, (lap, quote)) in [(2, 14), (2, 15), (1, 12), (1, 13)].into_iter().enumerate() {
        let now = word(&sent, 0x100 + 8 * i);
        assert_eq!(now >> 12, lap << 1, "word {i}");
        let node = (now & 0xfff) as usize ^ i;
        assert_eq!(word(&sent, nodes + 8 * node), quote, "word {i}");
    }
}

#[test]
fn frames_are_the_documented_bytes() {
    let name = unique("golden-latest");
    let golden = Golden::create(&name).unwrap();
    let mut writer = golden.depth.writer().unwrap();
    for value in 1..=4 {
        writer.publish(&[value; 5]).unwrap();
    }
    let published = bytes(&golden, &name, "depth");
    let stride = 128 + 128; // 10 bytes of elements
    assert_eq!(published.len(), 0x180 + 3 * stride);
    assert_eq!(word(&published, 0), 4, "the latest frame's number");
    assert_ne!(word(&published, 0x80), 0, "the writer's role");
    assert_eq!(half(&published, 0x88), 0, "nothing is announced");
    for (buffer, frame) in [3_u8, 4, 2].into_iter().enumerate() {
        let at = 0x180 + buffer * stride;
        assert_eq!(word(&published, at), u64::from(frame), "the stamp");
        assert_eq!(published[at + 128..at + 138], [frame, 0].repeat(5));
    }
    drop(writer);
    let left = bytes(&golden, &name, "depth");
    assert_eq!(word(&left, 0x80), 0, "the role was given back");
}
