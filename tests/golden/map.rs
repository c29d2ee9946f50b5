//! The bytes of `Map`, `Set` and `LargeMap`.

use super::common::{path, unique};
use super::{find, half, word};
use shm_runtime::{LargeMap, Map, Set, ShmLayout};
use std::fs;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 2)]
struct Tables {
    ages: Map<u32, u64, 8>,
    seen: Set<[u8; 3], 4>,
    tiles: LargeMap<u8, u16, 8, 3>,
}

/// FORMAT.md's function, by hand.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let mut x = hash ^ u64::from_le_bytes(word);
        x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        hash = x ^ x >> 31;
    }
    hash
}

#[test]
fn maps_are_the_documented_bytes() {
    let name = unique("golden-map");
    let tables = Tables::create(&name).unwrap();
    let empty = fs::read(path(&name)).unwrap();
    let (ages, ages_len) = find(&empty, "ages");
    let (seen, seen_len) = find(&empty, "seen");
    // signals, words to a multiple of 128, lines, bounds; entries at a multiple of 64
    assert_eq!(ages_len, 128 + 128 + 2 * 128 + 64 + 16 * (8 + 2));
    assert_eq!(seen_len, 128 + 128 + 2 * 128 + 64 + 3 * (4 + 2));
    let (tiles, tiles_len) = find(&empty, "tiles");
    assert_eq!(tiles_len, 128 + 128 + 2 * 128 + 64 + 4 * (3 + 2 * 2));
    for range in [
        ages..ages + ages_len,
        seen..seen + seen_len,
        tiles..tiles + tiles_len,
    ] {
        assert!(empty[range].iter().all(|&byte| byte == 0), "empty is zero");
    }
    let descriptor = find(&empty, "@descriptor");
    let json: serde_json::Value =
        serde_json::from_slice(&empty[descriptor.0..descriptor.0 + descriptor.1]).unwrap();
    assert_eq!(
        json["entries"][0]["canonical"],
        "Map<8,2>:{16/8(key:u32@0,value:u64@8)}"
    );
    assert_eq!(json["entries"][1]["canonical"], "Set<4,2>:{3/1(:u8*3@0)}");

    assert_eq!(tables.ages.insert(77, 5), Ok(None));
    assert_eq!(tables.ages.insert(77, 6), Ok(Some(5)));
    assert_eq!(tables.seen.insert([1, 2, 3]), Ok(true));
    assert!(tables.seen.remove([1, 2, 3]));
    let file = fs::read(path(&name)).unwrap();

    // {version, fingerprint, state, node ^ home}: 12 bits for the node, as 8 + 2 × 1024 nodes need
    let hash_of_key = hash(&77_u32.to_le_bytes());
    let home = hash_of_key as usize % 8;
    let bucket = word(&file, ages + 128 + 8 * home);
    assert_eq!(bucket >> 12 & 3, 2, "a member");
    let print = (hash_of_key >> 59) << 3 | hash_of_key & 7;
    assert_eq!(bucket >> 14 & 0xff, print, "its fingerprint");
    assert_eq!(bucket >> 22, 3, "inserted, decided, replaced");
    let node = (bucket & 0xfff) as usize ^ home;
    let entry = ages + 128 + 128 + 256 + 64 + 16 * node;
    assert_eq!((half(&file, entry), word(&file, entry + 8)), (77, 6));

    let home = hash(&[1, 2, 3]) as usize % 4;
    let bucket = word(&file, seen + 128 + 8 * home);
    assert_eq!(
        (bucket >> 12 & 3, bucket >> 22),
        (0, 3),
        "inserted, decided, removed"
    );
    let node = (bucket & 0xfff) as usize ^ home;
    let entry = seen + 128 + 128 + 256 + 64 + 3 * node;
    assert_eq!(file[entry..entry + 3], [1, 2, 3]);

    large(&name);
}

/// A bucket without a node of its own: its entry is one of the lane's, and the lane trades what it got for another.
fn large(name: &str) {
    let tables = Tables::open(name).unwrap();
    let key = (0..).find(|key: &u8| hash(&[*key]) % 8 == 5).unwrap();
    assert_eq!(tables.tiles.insert(key, 0xabcd), Ok(None));
    assert_eq!(tables.tiles.get(key), Some(0xabcd));
    let file = fs::read(path(name)).unwrap();
    let (tiles, _) = find(&file, "tiles");
    let bucket = word(&file, tiles + 128 + 8 * 5);
    assert_eq!(
        (bucket >> 12 & 3, bucket >> 22),
        (2, 2),
        "inserted and decided"
    );
    // numbers: 3 nodes, 5 blanks, a spare for each of two lanes, one on each shelf
    let number = (bucket & 0xfff) as usize ^ 5;
    assert!(number >= 8, "one of the lane's own");
    let entry = tiles + 128 + 128 + 256 + 64 + 4 * (number - 8 + 3);
    assert_eq!((file[entry], half(&file, entry) >> 16), (key, 0xabcd));
    let lines = tiles + 256;
    let blanks = (0..2).map(|lane| word(&file, lines + 128 * lane) as usize ^ (8 + lane));
    assert_eq!(
        blanks.filter(|blank| *blank == 5).count(),
        1,
        "the bucket's blank is a lane's spare"
    );
}
