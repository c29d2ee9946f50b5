//! The same targets without libFuzzer: files of the corpus, changed at random. No coverage guides it.
//!
//! `cargo run --release --no-default-features --bin plain -- 100000` after `cd fuzz`; `seed` instead of a number
//! writes the first files of the corpus.

use shm_fuzz::{Target, parse};
use std::path::Path;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map(|files| files.flatten().map(|file| file.path()).collect())
        .unwrap_or_default();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a readable file"))
        .collect()
}

fn seed() {
    let sound = Target::sound();
    let mut places = sound.windows(14);
    let start = places.rposition(|window| window == b"{\"descriptor\":");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in ["open", "descriptor"] {
        std::fs::create_dir_all(folder.join(target)).expect("a folder");
    }
    std::fs::write(folder.join("open/sound"), &sound).expect("a file");
    std::fs::write(folder.join("open/short"), &sound[..5000.min(sound.len())]).expect("a file");
    std::fs::write(folder.join("descriptor/table"), &sound[..4096]).expect("a file");
    if let Some(start) = start {
        let end = start
            + sound[start..]
                .iter()
                .rposition(|&byte| byte == b'}')
                .expect("JSON ends")
            + 1;
        std::fs::write(folder.join("descriptor/sound"), &sound[start..end]).expect("a file");
    }
}

fn main() {
    let argument = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "100000".to_owned());
    if argument == "seed" {
        return seed();
    }
    let runs: u64 = argument.parse().expect("a number of runs, or `seed`");
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % limit.max(1)
    };
    let (files, texts) = (corpus("open"), corpus("descriptor"));
    assert!(
        !files.is_empty() && !texts.is_empty(),
        "the corpus is empty"
    );
    let target = Target::new();
    for run in 0..runs {
        let from = if run % 2 == 0 { &files } else { &texts };
        let mut bytes = from[below(from.len())].clone();
        for _ in 0..1 + below(6) {
            let at = below(bytes.len());
            match below(5) {
                0 => bytes[at] ^= 1 << below(8),
                1 => bytes[at] = below(256) as u8,
                2 => bytes.truncate(at.max(1)),
                3 => {
                    let end = bytes.len().min(at + 8);
                    bytes[at..end].fill([0, 0xFF][below(2)]);
                }
                _ => {
                    let from = below(bytes.len());
                    let end = bytes.len().min(from + below(64));
                    let piece = bytes[from..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        if run % 2 == 0 {
            target.open(&bytes);
        } else {
            parse(&bytes);
        }
    }
    println!("{runs} runs");
}
