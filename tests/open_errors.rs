//! Each bad file under a segment's name has its own error, at once. Promises P6, P7.

#![allow(unsafe_code, dead_code)] // mkfifo, chown; fields that only describe

mod common;

use common::{Cleanup, path, unique};
use shm_runtime::error::Holder;
use shm_runtime::{Array, CreateError, OpenError, Owner, Queue, Segment, ShmLayout, prune};
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

#[derive(Debug, ShmLayout)]
struct Sim {
    grid: Array<f32, 1000>,
    counts: Array<u64, 10>,
}

/// A bad file: makes it, checks the error of `open`, and that nobody removes or replaces it.
fn refused(test: &str, make: impl FnOnce(&str), expected: impl Fn(&OpenError) -> bool) {
    let name = unique(test);
    let _cleanup = Cleanup(name.clone());
    make(&name);
    let start = Instant::now();
    let error = Sim::open(&name).unwrap_err();
    assert!(expected(&error), "{error:?}");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "an error, not a hang"
    );
    let text = error.to_string();
    assert!(text.starts_with(&format!("segment `{name}` ")), "{text}");
    assert!(!text.ends_with('.'), "{text}");
    assert_eq!(error.segment(), name);
    assert!(!prune().unwrap().contains(&name));
    let error = Sim::create(&name).unwrap_err();
    assert!(
        matches!(
            error,
            CreateError::AlreadyExists {
                holder: Holder::Foreign,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        path(&name).symlink_metadata().is_ok(),
        "a foreign file must stay"
    );
}

/// A whole segment's bytes, as a file that nobody is attached to.
fn segment_file(name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let model = unique("model");
    let segment = Sim::options().persist().create(&model).unwrap();
    let mut bytes = fs::read(path(&model)).unwrap();
    Sim::unlink(&model).unwrap();
    drop(segment);
    change(&mut bytes);
    fs::write(path(name), bytes).unwrap();
    let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path(name), only_owner).unwrap();
}

#[test]
fn fifo() {
    let make = |name: &str| {
        let path = CString::new(path(name).to_str().unwrap()).unwrap();
        // SAFETY: a NUL-terminated string.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    };
    refused("fifo", make, |error| {
        matches!(
            error,
            OpenError::NotRegular {
                found: "a FIFO",
                ..
            }
        )
    });
}

#[test]
fn directory() {
    let make = |name: &str| fs::create_dir(path(name)).unwrap();
    let expected = |error: &OpenError| {
        matches!(
            error,
            OpenError::NotRegular {
                found: "a directory",
                ..
            }
        )
    };
    refused("directory", make, expected);
}

#[test]
fn symbolic_link() {
    let make = |name: &str| std::os::unix::fs::symlink("/etc/passwd", path(name)).unwrap();
    let expected = |error: &OpenError| {
        matches!(
            error,
            OpenError::NotRegular {
                found: "a symbolic link",
                ..
            }
        )
    };
    refused("symlink", make, expected);
}

#[test]
fn socket() {
    let make = |name: &str| drop(std::os::unix::net::UnixListener::bind(path(name)).unwrap());
    refused("sock", make, |error| {
        matches!(
            error,
            OpenError::NotRegular {
                found: "a socket",
                ..
            }
        )
    });
}

fn file(bytes: &'static [u8]) -> impl FnOnce(&str) {
    move |name| {
        fs::write(path(name), bytes).unwrap();
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path(name), only_owner).unwrap();
    }
}

#[test]
fn empty() {
    refused("empty", file(b""), |error| {
        matches!(error, OpenError::Empty { .. })
    });
}

#[test]
fn short() {
    refused("short", file(b"MPIZ"), |error| {
        matches!(error, OpenError::Short { size: 4, .. })
    });
}

#[test]
fn other_magic() {
    let expected = |error: &OpenError| matches!(error, OpenError::Magic { found, .. } if *found == u32::from_le_bytes(*b"#!/b"));
    refused(
        "magic",
        file(b"#!/bin/sh\necho this is no segment\n"),
        expected,
    );
}

#[test]
fn other_version() {
    let make = |name: &str| segment_file(name, |bytes| bytes[4] = 9);
    refused("version", make, |error| {
        matches!(error, OpenError::Version { found: 9, .. })
    });
}

#[test]
fn truncated() {
    for keep in [20, 4096, 5000, 9000] {
        let make = |name: &str| segment_file(name, |bytes| bytes.truncate(keep));
        let expected = |error: &OpenError| {
            matches!(error, OpenError::Truncated { size, expected, .. }
                if *size == keep as u64 && expected > size)
        };
        refused("truncated", make, expected);
    }
}

#[test]
fn grown() {
    let make = |name: &str| segment_file(name, |bytes| bytes.extend([0; 4096]));
    refused("grown", make, |error| {
        matches!(error, OpenError::Size { .. })
    });
}

#[test]
fn damaged_table() {
    let make = |name: &str| segment_file(name, |bytes| bytes[16 + 40 * 4 + 32] ^= 1);
    refused("table", make, |error| {
        matches!(error, OpenError::Table { .. })
    });
    let make = |name: &str| segment_file(name, |bytes| bytes[16] = 0xff);
    refused("table", make, |error| {
        matches!(error, OpenError::Table { .. })
    });
}

#[test]
fn damaged_control_block() {
    // Its unit, body, lanes; the name of its entry.
    for (at, flip) in [
        (4096 + 4, 0xff),
        (4096 + 8, 0xff),
        (4096 + 24, 0xff),
        (17, 8),
    ] {
        let make = |name: &str| segment_file(name, |bytes| bytes[at] ^= flip);
        refused("control", make, |error| {
            matches!(error, OpenError::Control { .. })
        });
    }
}

#[test]
fn a_moved_entry_is_seen_although_the_fingerprint_fits() {
    let name = unique("moved");
    let _cleanup = Cleanup(name.clone());
    // `counts` and `grid` change places in the table.
    segment_file(&name, |bytes| {
        for at in 0..40 {
            bytes.swap(16 + 40 * 4 + at, 16 + 40 * 5 + at);
        }
    });
    let error = Sim::open(&name).unwrap_err();
    assert!(matches!(error, OpenError::Table { .. }), "{error}");
}

#[test]
fn other_user() {
    let name = unique("user");
    let sim = Sim::create(&name).unwrap();
    let expect = Owner::User(12_345);
    let error = Sim::options().owner(expect).open(&name).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Owner {
                expected: 12_345,
                ..
            }
        ),
        "{error}"
    );
    Sim::options().owner(Owner::Any).open(&name).unwrap();
    if std::os::unix::fs::chown(path(&name), Some(12_345), None).is_ok() {
        // Only root gets here.
        let error = Sim::open(&name).unwrap_err();
        assert!(
            matches!(error, OpenError::Owner { found: 12_345, .. }),
            "{error}"
        );
        assert!(error.to_string().contains(".owner(12345)"), "{error}");
        Sim::options().owner(12_345).open(&name).unwrap();
        drop(sim);
    }
}

#[test]
fn truncated_while_open() {
    let name = unique("truncate");
    let sim = Sim::create(&name).unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(path(&name))
        .unwrap();
    let whole = file.metadata().unwrap().len();
    file.set_len(whole - 4096).unwrap();
    let error = Sim::open(&name).unwrap_err();
    assert!(
        matches!(error, OpenError::Truncated { size, .. } if size == whole - 4096),
        "{error}"
    );
    file.set_len(whole).unwrap();
    drop(sim);
    assert!(!path(&name).exists());
}

#[test]
fn a_leftover_is_not_there() {
    let name = unique("leftover");
    let _cleanup = Cleanup(name.clone());
    // Not persistent: bit 0 of the flags.
    segment_file(&name, |bytes| bytes[4096 + 28] = 0);
    assert!(matches!(Sim::open(&name), Err(OpenError::NotFound { .. })));
    let sim = Sim::create(&name).unwrap();
    assert_eq!(sim.counts.get(0), 0);
    drop(sim);
    segment_file(&name, |bytes| bytes[4096 + 28] = 0);
    assert!(prune().unwrap().contains(&name));
    assert!(!path(&name).exists());
}

#[test]
fn hostile_bytes_are_an_error_or_a_segment() {
    let name = unique("hostile");
    let _cleanup = Cleanup(name.clone());
    segment_file(&name, |_| {});
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path(&name))
        .unwrap();
    let mut whole = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut whole, 0).unwrap();
    // Header and entries, control block, descriptor.
    let descriptor = u64::from_le_bytes(whole[4096 + 88..4096 + 96].try_into().unwrap()) as usize;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + round % 3 {
            let at = match random(3) {
                0 => random(16 + 40 * 7),
                1 => 4096 + random(512),
                _ => descriptor + random(200),
            };
            bytes[at] = random(256) as u8;
        }
        file.write_all_at(&bytes, 0).unwrap();
        if let Ok(sim) = Sim::options().max_size(1 << 20).open(&name) {
            sim.counts.set(9, 1);
        }
        let _ = Sim::options()
            .subset()
            .open(&name)
            .map(|sim| sim.grid.get(999));
    }
}

#[test]
fn bytes_that_change_all_the_time_are_errors_or_wrong_values() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let name = unique("mutating");
    let _cleanup = Cleanup(name.clone());
    let model = unique("model");
    let made = Sim::options()
        .persist()
        .spare(10, 100_000)
        .create(&model)
        .unwrap();
    let whole = fs::read(path(&model)).unwrap();
    Sim::unlink(&model).unwrap();
    drop(made);
    let refresh = || {
        fs::write(path(&name), &whole).unwrap();
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path(&name), only_owner).unwrap();
    };
    let mut random = common::Random::new("mutating");
    let descriptor = u64::from_le_bytes(whole[4096 + 88..4096 + 96].try_into().unwrap());
    let (mut opened, mut registered) = (0, 0);
    for _ in 0..40 {
        let _ = fs::remove_file(path(&name));
        refresh();
        let file = fs::OpenOptions::new()
            .write(true)
            .open(path(&name))
            .unwrap();
        let done = AtomicBool::new(false);
        let seed = random.below(u64::MAX);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = common::Random::from_seed(seed);
                while !done.load(Ordering::Relaxed) {
                    let at = match random.below(4) {
                        0 => random.below(16 + 40 * 10),
                        1 => 4096 + random.below(4096),
                        2 => 8192 + random.below(descriptor - 8192),
                        _ => descriptor + random.below(whole.len() as u64 - descriptor),
                    };
                    // Mostly put right again, so that opening gets far.
                    let byte = [whole[at as usize], random.below(256) as u8];
                    file.write_all_at(&byte[1..], at).unwrap();
                    file.write_all_at(&byte[..1], at).unwrap();
                }
            });
            for _ in 0..50 {
                let options = Sim::options().max_size(1 << 20);
                let Ok(sim) = options.open(&name) else {
                    continue;
                };
                opened += 1;
                sim.counts.set(9, 1);
                let _ = Segment::registered(&sim);
                if let Ok(queue) = Segment::register::<Queue<u64, 8>>(&sim, "queue") {
                    registered += 1;
                    let _ = queue.push(1);
                    let _ = queue.pop();
                }
                let _ = Segment::find::<Array<u64, 10>>(&sim, "counts");
                let _ = Segment::erase(&sim, "queue");
                let _ = Segment::participants(&sim);
                Segment::recover(&sim);
            }
            done.store(true, Ordering::Relaxed);
        });
    }
    eprintln!("{opened} opened, {registered} registered");
    assert!(opened > 0 && registered > 0);
}
