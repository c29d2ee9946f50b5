//! Birth, opening, leaving: what one process sees. Promises P4, P5, P7.

#![allow(unsafe_code, dead_code)] // umask; fields that only describe

mod common;

use common::{Cleanup, exists, path, unique};
use shm_runtime::error::{Change, Holder};
use shm_runtime::{Array, CreateError, OpenError, Segment, ShmLayout, prune};
use std::os::unix::fs::PermissionsExt;

#[derive(Debug, ShmLayout)]
struct Sim {
    grid: Array<f32, 1000>,
    counts: Array<u64, 10>,
}

#[derive(Debug, ShmLayout)]
struct Counts {
    counts: Array<u64, 10>,
}

#[derive(Debug, ShmLayout)]
struct Longer {
    grid: Array<f32, 2000>,
    counts: Array<u64, 10>,
    depth: Array<f64, 5>,
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 8)]
struct FewLanes {
    grid: Array<f32, 1000>,
    counts: Array<u64, 10>,
}

#[test]
fn a_segment_is_there_until_the_last_one_leaves() {
    let name = unique("life");
    let first = Sim::create(&name).unwrap();
    assert!(exists(&name));
    let second = Sim::open(&name).unwrap();
    assert_eq!(Segment::id(&first), Segment::id(&second));
    assert_eq!(Segment::participants(&first).unwrap().len(), 2);
    drop(first);
    assert!(exists(&name));
    assert_eq!(second.grid.get(999), 0.0);
    drop(second);
    assert!(!exists(&name));
    assert!(matches!(Sim::open(&name), Err(OpenError::NotFound { .. })));
}

#[test]
fn create_takes_no_name_that_is_in_use() {
    let name = unique("taken");
    let first = Sim::create(&name).unwrap();
    let error = Sim::create(&name).unwrap_err();
    assert!(matches!(
        error,
        CreateError::AlreadyExists {
            holder: Holder::Segment,
            ..
        }
    ));
    assert!(error.to_string().contains(&name), "{error}");
    let joined = Sim::open_or_create(&name).unwrap();
    assert_eq!(Segment::id(&first), Segment::id(&joined));
}

#[test]
fn a_persistent_segment_stays_until_it_is_unlinked() {
    let name = unique("persist");
    let _cleanup = Cleanup(name.clone());
    let id = Segment::id(&Sim::options().persist().create(&name).unwrap());
    assert!(exists(&name));
    let error = Sim::create(&name).unwrap_err();
    assert!(matches!(
        error,
        CreateError::AlreadyExists {
            holder: Holder::Persistent,
            ..
        }
    ));
    assert!(!prune().unwrap().contains(&name));
    assert_eq!(Segment::id(&Sim::open_or_create(&name).unwrap()), id);
    Sim::unlink(&name).unwrap();
    assert!(matches!(
        Sim::unlink(&name),
        Err(OpenError::NotFound { .. })
    ));
}

#[test]
fn a_handle_keeps_the_segment() {
    let name = unique("handle");
    let counts = {
        let segment = Sim::create(&name).unwrap();
        segment.counts.clone()
    };
    assert!(exists(&name));
    assert_eq!(counts.get(9), 0);
    drop(counts);
    assert!(!exists(&name));
}

#[test]
fn an_unlinked_segment_lives_on_beside_its_successor() {
    let name = unique("unlink");
    let old = Sim::create(&name).unwrap();
    assert!(Segment::is_current(&old));
    Segment::unlink(&old).unwrap();
    assert!(!Segment::is_current(&old));
    let new = Sim::create(&name).unwrap();
    assert_ne!(Segment::id(&old), Segment::id(&new));
    assert!(Segment::unlink(&old).is_err());
    drop(old);
    assert!(
        exists(&name),
        "the old one's end must not hit the successor's name"
    );
}

#[test]
fn mode_is_as_asked_whatever_the_umask() {
    let name = unique("mode");
    // SAFETY: a process-wide number; the other tests here set their modes explicitly.
    let old = unsafe { libc::umask(0o077) };
    let private = Sim::create(&name).unwrap();
    let mode = || path(&name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(), 0o600);
    drop(private);
    let shared = Sim::options().mode(0o660).create(&name).unwrap();
    assert_eq!(mode(), 0o660);
    // SAFETY: as above.
    unsafe { libc::umask(old) };
    let error = Sim::open(&name).unwrap_err();
    assert!(
        matches!(error, OpenError::WritableByOthers { found: 0o660, .. }),
        "{error}"
    );
    Sim::options().mode(0o660).open(&name).unwrap();
    drop(shared);
}

#[test]
fn group_is_as_asked() {
    let name = unique("group");
    match Sim::options().group(12_345).mode(0o640).create(&name) {
        Ok(_sim) => {
            use std::os::unix::fs::MetadataExt;
            let found = path(&name).metadata().unwrap();
            assert_eq!((found.gid(), found.mode() & 0o777), (12_345, 0o640));
        }
        // Only root may give a file to a group that it is not in.
        Err(CreateError::System { doing, source, .. }) => {
            assert_eq!(doing, "setting the group");
            assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn who_removes_the_name_and_stops_is_not_waited_for_for_ever() {
    let name = unique("closing");
    let _cleanup = Cleanup(name.clone());
    drop(Sim::options().persist().create(&name).unwrap());
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path(&name))
        .unwrap();
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 1 << 40,
        l_len: 1025,
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
    let error = Sim::open(&name).unwrap_err();
    assert!(matches!(error, OpenError::Closing { .. }), "{error}");
    let error = Sim::options().read_only().open(&name).unwrap_err();
    assert!(matches!(error, OpenError::Closing { .. }), "{error}");
    drop(file);
    Sim::open(&name).unwrap();
}

#[test]
fn init_runs_before_the_segment_has_its_name() {
    let name = unique("init");
    let filled = Sim::options()
        .init(|sim| {
            assert!(!exists(&name));
            sim.counts.set(3, 42);
        })
        .create(&name)
        .unwrap();
    assert_eq!(Sim::open(&name).unwrap().counts.get(3), 42);
    drop(filled);
    let unwound = std::panic::catch_unwind(|| {
        let _ = Sim::options().init(|_| panic!("in init")).create(&name);
    });
    assert!(unwound.is_err());
    assert!(!exists(&name));
}

#[test]
fn a_read_only_attachment_reads_and_holds_no_slot() {
    let name = unique("read");
    let writer = Sim::create(&name).unwrap();
    writer.counts.set(0, 7);
    let reader = Sim::options().read_only().open(&name).unwrap();
    assert_eq!(reader.counts.get(0), 7);
    assert_eq!(Segment::participants(&reader).unwrap().len(), 1);
    let why = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reader.counts.set(0, 8)));
    let text = why.unwrap_err().downcast::<String>().unwrap();
    assert!(
        text.contains("counts") && text.contains("read-only"),
        "{text}"
    );
    drop(writer);
    assert!(exists(&name), "a reader keeps the segment");
    assert_eq!(reader.counts.get(0), 7);
    drop(reader);
    // A read-only last one may not remove the name; it leads nowhere and makes way.
    assert!(matches!(Sim::open(&name), Err(OpenError::NotFound { .. })));
    drop(Sim::create(&name).unwrap());
    assert!(!exists(&name));
}

#[test]
fn another_schema_is_refused_with_a_list_of_differences() {
    let name = unique("schema");
    let _sim = Sim::create(&name).unwrap();
    let OpenError::Schema(mismatch) = Longer::open(&name).unwrap_err() else {
        panic!("expected a schema mismatch");
    };
    let change = |name: &str| {
        let field = mismatch.fields.iter().find(|field| field.name == name);
        field.map(|field| field.change.clone())
    };
    assert!(matches!(change("grid"), Some(Change::Changed { .. })));
    assert!(matches!(change("counts"), Some(Change::Same { .. })));
    assert!(matches!(change("depth"), Some(Change::Missing { .. })));
    let text = mismatch.to_string();
    assert!(
        text.contains("changed  grid: here Array<f32, 2000>, there Array<f32, 1000>"),
        "{text}"
    );
    assert!(text.contains("missing  depth"), "{text}");
    let fewer = FewLanes::open(&name).unwrap_err().to_string();
    assert!(fewer.contains("#[shm(lanes)]: here 8, there 64"), "{fewer}");
}

#[test]
fn a_subset_opens_what_it_knows() {
    let name = unique("subset");
    let sim = Sim::create(&name).unwrap();
    sim.counts.set(5, 55);
    let error = Counts::open(&name).unwrap_err().to_string();
    assert!(
        error.contains("extra    grid") && error.contains(".subset()"),
        "{error}"
    );
    let counts = Counts::options().subset().open(&name).unwrap();
    assert_eq!(counts.counts.get(5), 55);
    assert!(matches!(
        Longer::options().subset().open(&name),
        Err(OpenError::Schema(_))
    ));
}

#[test]
fn a_full_segment_says_how_to_admit_more() {
    let name = unique("full");
    let all: Vec<_> = (0..64)
        .map(|_| Sim::open_or_create(&name).unwrap())
        .collect();
    let error = Sim::open(&name).unwrap_err();
    assert!(
        matches!(error, OpenError::TooManyParticipants { limit: 64, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("#[shm(lanes = 256)]"), "{error}");
    drop(all);
    assert!(!exists(&name));
}

#[test]
fn slots_are_taken_over_with_a_new_generation() {
    let name = unique("slots");
    let first = Sim::create(&name).unwrap();
    let second = Sim::open(&name).unwrap();
    let gone = Segment::attachment(&second).identity().unwrap();
    let me = Segment::attachment(&first);
    assert!(me.alive(gone) && me.alive(me.identity().unwrap()));
    drop(second);
    assert!(!me.alive(gone));
    let third = Sim::open(&name).unwrap();
    let next = Segment::attachment(&third).identity().unwrap();
    assert_eq!(
        (next.slot, next.generation),
        (gone.slot, gone.generation + 1)
    );
    assert!(me.alive(next) && !me.alive(gone));
}

#[test]
fn sizes_are_limited_on_both_sides() {
    let name = unique("limit");
    let error = Sim::options().max_size(4096).create(&name).unwrap_err();
    assert!(
        matches!(error, CreateError::TooLarge { limit: 4096, .. }),
        "{error}"
    );
    let _sim = Sim::create(&name).unwrap();
    let error = Sim::options().max_size(4096).open(&name).unwrap_err();
    assert!(
        matches!(error, OpenError::TooLarge { limit: 4096, .. }),
        "{error}"
    );
}

#[test]
fn spare_room_moves_the_body_and_is_opened_like_any_other() {
    let name = unique("spare");
    let sim = Sim::options()
        .spare(200, 100_000)
        .reserve(true)
        .prefault(true)
        .create(&name)
        .unwrap();
    let table = Segment::table(&sim).unwrap();
    let control = table.iter().find(|entry| entry.name == "@control").unwrap();
    assert_eq!(control.offset, 12288);
    assert!(path(&name).metadata().unwrap().len() > 100_000);
    sim.grid.set(1, 2.5);
    assert_eq!(
        Sim::options()
            .prefault(true)
            .open(&name)
            .unwrap()
            .grid
            .get(1),
        2.5
    );
}

#[test]
fn an_opener_waits_for_its_creator() {
    let name = unique("wait");
    let other = name.clone();
    let opener = std::thread::spawn(move || {
        Sim::options()
            .wait(std::time::Duration::from_secs(20))
            .open(&other)
            .map(|sim| Segment::id(&sim))
    });
    let sim = Sim::create(&name).unwrap();
    assert_eq!(opener.join().unwrap().unwrap(), Segment::id(&sim));
    let none = unique("none");
    let error = Sim::options()
        .wait(std::time::Duration::from_millis(5))
        .open(&none)
        .unwrap_err();
    assert!(matches!(error, OpenError::NotFound { .. }));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for bad in ["", "a/b", ".hidden", "../etc/passwd", "a b"] {
        assert!(
            matches!(Sim::create(bad), Err(CreateError::BadName { .. })),
            "{bad}"
        );
        assert!(
            matches!(Sim::open(bad), Err(OpenError::BadName { .. })),
            "{bad}"
        );
        assert!(
            matches!(Sim::unlink(bad), Err(OpenError::BadName { .. })),
            "{bad}"
        );
    }
    let name = unique("slash");
    let with_slash = format!("/{name}");
    let sim = Sim::create(&with_slash).unwrap();
    assert_eq!(Segment::name(&sim), name);
    assert!(exists(&name));
}
