//! Structures that come and go at run time. Promises P3, P6, P8.

#![allow(unsafe_code, dead_code)] // a lock; fields that only describe

mod common;

use common::{Cleanup, Random, exists, path, unique};
use shm_runtime::{Array, Pod, Queue, RegisterError, Segment, ShmLayout, ShmType, Zeroable};
use std::os::unix::fs::FileExt;

#[derive(Debug, ShmLayout)]
struct Base {
    ticks: Array<u64, 4>,
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 8)]
struct EightLanes {
    ticks: Array<u64, 4>,
}

#[derive(Clone, Copy, Debug, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    cell: u32,
    kind: u32,
}

fn create(name: &str) -> Segment<Base> {
    Base::options().spare(4, 1 << 20).create(name).unwrap()
}

type Small = Array<u32, 100>;

#[test]
fn a_registered_structure_is_found_by_others() {
    let name = unique("register");
    let base = create(&name);
    let jobs: Queue<u64, 64> = Segment::register(&base, "jobs").unwrap();
    let events: Array<Event, 10> = Segment::register_described(&base, "events").unwrap();
    jobs.push(7).unwrap();
    events.set(
        9,
        Event {
            t: 1.5,
            cell: 2,
            kind: 3,
        },
    );
    let other = Base::open(&name).unwrap();
    let names: Vec<_> = Segment::registered(&other)
        .unwrap()
        .into_iter()
        .map(|f| f.name)
        .collect();
    assert_eq!(names, ["jobs", "events"]);
    let jobs: Queue<u64, 64> = Segment::find(&other, "jobs").unwrap();
    assert_eq!(jobs.pop(), Some(7));
    let events: Array<Event, 10> = Segment::find(&other, "events").unwrap();
    assert_eq!(events.get(9).t, 1.5);
    // A field of the schema is found as well.
    let ticks: Array<u64, 4> = Segment::find(&other, "ticks").unwrap();
    base.ticks.set(3, 33);
    assert_eq!(ticks.get(3), 33);
}

#[test]
fn what_does_not_fit_is_refused() {
    let name = unique("refused");
    let base = create(&name);
    let _: Small = Segment::register(&base, "small").unwrap();
    let register = |name: &str| {
        Segment::register::<Small>(&base, name)
            .map(drop)
            .unwrap_err()
    };
    assert!(matches!(register("small"), RegisterError::Taken { .. }));
    assert!(matches!(register("ticks"), RegisterError::Taken { .. }));
    for bad in ["", "@x", "a.b", "a[1]", &"x".repeat(32)] {
        assert!(
            matches!(register(bad), RegisterError::BadName { .. }),
            "{bad}"
        );
    }
    let find = |name: &str| {
        Segment::find::<Array<u32, 99>>(&base, name)
            .map(drop)
            .unwrap_err()
    };
    assert!(matches!(find("small"), RegisterError::Mismatch { .. }));
    assert!(matches!(find("none"), RegisterError::NotFound { .. }));
    let error = Segment::register::<Array<u64, 1_000_000>>(&base, "big").unwrap_err();
    assert!(matches!(error, RegisterError::NoRoom { .. }), "{error}");
    assert!(error.to_string().contains(".spare("), "{error}");
    let erase = |name: &str| Segment::erase(&base, name).unwrap_err();
    assert!(matches!(erase("ticks"), RegisterError::Permanent { .. }));
    assert!(matches!(erase("@control"), RegisterError::Permanent { .. }));
    let reader = Base::options().read_only().open(&name).unwrap();
    let error = Segment::register::<Small>(&reader, "more").unwrap_err();
    assert!(matches!(error, RegisterError::ReadOnly { .. }));
    assert!(Segment::find::<Small>(&reader, "small").is_ok());
    let fewer = EightLanes::options().subset().open(&name).unwrap();
    let error = Segment::register::<Queue<u64, 8>>(&fewer, "queue").unwrap_err();
    assert!(
        matches!(
            error,
            RegisterError::Lanes {
                here: 8,
                there: 64,
                ..
            }
        ),
        "{error}"
    );
    assert!(Segment::register::<Small>(&fewer, "array").is_ok());
}

#[test]
fn erased_room_is_used_again_and_is_zero() {
    let name = unique("erase");
    let base = create(&name);
    let table = |segment: &Segment<Base>| Segment::registered(segment).unwrap();
    for round in 0..200 {
        let a: Array<u64, 40_000> = Segment::register(&base, "a").unwrap();
        let b: Array<u64, 40_000> = Segment::register(&base, "b").unwrap();
        assert_eq!((a.get(39_999), b.get(0)), (0, 0), "round {round}");
        a.fill(u64::MAX);
        b.fill(u64::MAX);
        // Neighbours become one piece: together they have room for a larger one.
        Segment::erase(&base, if round % 2 == 0 { "a" } else { "b" }).unwrap();
        Segment::erase(&base, if round % 2 == 0 { "b" } else { "a" }).unwrap();
        assert!(table(&base).is_empty());
        let c: Array<u64, 90_000> = Segment::register(&base, "c").unwrap();
        assert!(c.iter().all(|value| value == 0));
        c.fill(1);
        Segment::erase(&base, "c").unwrap();
    }
}

#[test]
fn the_table_can_be_full() {
    let name = unique("table");
    let base = create(&name);
    let mut count = 0;
    let error = loop {
        match Segment::register::<Array<u8, 1>>(&base, &format!("entry-{count}")) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, RegisterError::TableFull { capacity: 102, .. }),
        "{error}"
    );
    assert_eq!(count, 102 - 6); // ours, `ticks`, the descriptor
    Base::open(&name).unwrap();
    Segment::erase(&base, "entry-50").unwrap();
    Segment::register::<Array<u8, 1>>(&base, "another").unwrap();
    assert_eq!(Segment::registered(&base).unwrap().len(), count);
}

#[test]
fn random_changes_keep_every_structure_in_its_place() {
    let name = unique("random");
    let base = create(&name);
    let mut random = Random::new("random_changes");
    let mut live: Vec<(String, Array<u64, 1000>, u64)> = Vec::new();
    for step in 1..2000 {
        if random.below(2) == 0 {
            let name = format!("s{step}");
            match Segment::register::<Array<u64, 1000>>(&base, &name) {
                Ok(array) => {
                    assert!(array.iter().all(|value| value == 0));
                    array.fill(step);
                    live.push((name, array, step));
                }
                Err(error) => assert!(
                    matches!(
                        error,
                        RegisterError::NoRoom { .. } | RegisterError::TableFull { .. }
                    ),
                    "{error}"
                ),
            }
        } else if !live.is_empty() {
            let victim = random.below(live.len() as u64) as usize;
            let (name, ..) = live.swap_remove(victim);
            Segment::erase(&base, &name).unwrap();
        }
        for (_, array, value) in &live {
            assert_eq!((array.get(0), array.get(999)), (*value, *value));
        }
    }
}

#[test]
fn a_stopped_registrar_is_not_waited_for_for_ever() {
    let name = unique("busy");
    let base = create(&name);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path(&name))
        .unwrap();
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: (1 << 40) + 8192,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the command reads one `flock`, which lives through the call.
    let locked = unsafe {
        libc::fcntl(
            std::os::fd::AsRawFd::as_raw_fd(&file),
            libc::F_OFD_SETLK,
            &raw mut lock,
        )
    };
    assert_eq!(locked, 0);
    assert!(matches!(
        Segment::register::<Small>(&base, "x"),
        Err(RegisterError::Busy { .. })
    ));
    assert!(matches!(
        Segment::erase(&base, "x"),
        Err(RegisterError::Busy { .. })
    ));
    assert!(matches!(
        Segment::find::<Small>(&base, "x"),
        Err(RegisterError::NotFound { .. })
    ));
    drop(file);
    Segment::register::<Small>(&base, "x").unwrap();
}

#[test]
fn two_registrars_get_one_each() {
    let name = unique("threads");
    let base = Base::options().spare(500, 1 << 20).create(&name).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let name = &name;
            scope.spawn(move || {
                let mine = Base::open(name).unwrap();
                for round in 0..100 {
                    let label = format!("t{thread}-{}", round % 3);
                    let array: Small = Segment::register(&mine, &label).unwrap();
                    array.fill(thread);
                    let again: Small = Segment::find(&mine, &label).unwrap();
                    assert!(again.iter().all(|value| value == thread));
                    Segment::erase(&mine, &label).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..300 {
                // Whatever happens meanwhile, the table is whole.
                drop(Base::open(&name).unwrap());
            }
        });
    });
    assert!(Segment::registered(&base).unwrap().is_empty());
}

#[test]
fn damaged_blocks_are_errors() {
    let name = unique("damage");
    let _cleanup = Cleanup(name.clone());
    let base = create(&name);
    let _: Small = Segment::register(&base, "small").unwrap();
    let entry = Segment::registered(&base).unwrap().remove(0);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path(&name))
        .unwrap();
    for at in [8, 16] {
        for value in [u64::MAX, u64::MAX - 63, 1, 1 << 60] {
            file.write_all_at(&value.to_le_bytes(), entry.offset as u64 - 64 + at)
                .unwrap();
            let found = Segment::find::<Small>(&base, "small");
            assert!(
                matches!(found, Err(RegisterError::Corrupt { .. })),
                "{found:?}"
            );
        }
    }
    // A block that claims more than there is takes what it needs.
    file.write_all_at(&u64::MAX.to_le_bytes(), entry.offset as u64 - 64)
        .unwrap();
    let more: Small = Segment::register(&base, "more").unwrap();
    more.fill(1);
    Segment::erase(&base, "small").unwrap();
    file.write_all_at(&[0xff; 40], 16 + 40 * 7).unwrap();
    assert!(matches!(
        Segment::registered(&base),
        Err(RegisterError::Corrupt { .. })
    ));
    assert!(matches!(
        Segment::erase(&base, "more"),
        Err(RegisterError::Corrupt { .. })
    ));
    drop((base, more));
    assert!(!exists(&name));
}

#[test]
fn the_bytes_of_an_entry_and_its_block_are_the_documented_ones() {
    let name = unique("bytes");
    let base = create(&name);
    let small: Small = Segment::register(&base, "small").unwrap();
    small.set(0, 0x0403_0201);
    let bytes = std::fs::read(path(&name)).unwrap();
    let offset = Segment::registered(&base).unwrap()[0].offset;
    let entry = &bytes[16 + 40 * 6..16 + 40 * 7];
    assert_eq!(entry[..8], *b"small\0\0\0");
    assert_eq!(entry[8..32], [0; 24]);
    assert_eq!(entry[32..36], (offset as u32).to_le_bytes());
    assert_eq!(entry[36..], 400_u32.to_le_bytes());
    let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    let header: Vec<_> = (offset - 64..offset).step_by(8).map(word).collect();
    let [length, descriptor, len, generation, 0, 0, 0, 0] = header[..] else {
        panic!("{header:?}");
    };
    assert_eq!(descriptor, offset + 448, "at the next multiple of 64");
    assert_eq!(length, (64 + 448 + len).next_multiple_of(64));
    assert_eq!(generation, 1);
    assert_eq!(bytes[offset..offset + 8], [1, 2, 3, 4, 0, 0, 0, 0]);
    let text = std::str::from_utf8(&bytes[descriptor..descriptor + len]).unwrap();
    assert!(text.contains(r#""name":"small""#), "{text}");
    assert!(text.contains(r#""type":"Array<u32, 100>""#), "{text}");
    assert!(
        text.contains(r#""canonical":"Array<100,0>:{4/4}""#),
        "{text}"
    );
    assert_eq!(bytes[8..12], 7_u32.to_le_bytes(), "entry_count");
    assert_eq!(bytes[12..16], ((offset - 64 + length) as u32).to_le_bytes());
    assert_eq!(word(4096 + 512), 1, "registrations");
    assert_eq!(word(4096 + 520), std::process::id() as usize);
}
