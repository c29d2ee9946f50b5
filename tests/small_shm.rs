//! No room, no /dev/shm, and far more address space than room. Promises P4, P6.

#![allow(unsafe_code, dead_code)] // namespaces; fields that only describe

mod common;

use common::{exists, path, role, role_command, unique};
use shm_runtime::{Array, CreateError, OpenError, Segment, ShmLayout};
use std::ffi::CStr;
use std::os::unix::process::CommandExt;

#[derive(Debug, ShmLayout)]
struct Small {
    counts: Array<u64, 100>,
}

/// 8 MiB.
#[derive(Debug, ShmLayout)]
struct Large {
    counts: Array<u64, 0x10_0000>,
}

/// More than 6 GiB: counts in units of 64 bytes.
#[derive(Debug, ShmLayout)]
struct Huge {
    bytes: Array<u8, 0x1_4000_0003>,
    words: Array<u64, 0x800_0000>,
    last: Array<u32, 5>,
}

/// What the children do in a mount namespace of their own: nothing unless this is one of them.
#[test]
fn child() {
    let Some((role, name)) = role() else { return };
    match role.as_str() {
        "small" => in_one_mebibyte(&name),
        "none" => without_shared_memory(&name),
        other => panic!("no role {other}"),
    }
}

fn in_one_mebibyte(name: &str) {
    let no_room = |error: CreateError| {
        assert!(matches!(error, CreateError::NoRoom { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("--shm-size") && text.contains(".sparse()"),
            "{text}"
        );
        assert!(!exists(name));
    };
    no_room(Large::create(name).unwrap_err());
    no_room(
        Large::options()
            .sparse()
            .reserve(true)
            .create(name)
            .unwrap_err(),
    );
    no_room(
        Large::options()
            .sparse()
            .prefault(true)
            .create(name)
            .unwrap_err(),
    );
    let sparse = Large::options().sparse().create(name).unwrap();
    sparse.counts.set(0, 1);
    drop(sparse);
    let small = Small::options().reserve(true).create(name).unwrap();
    small.counts.set(99, 2);
    // What is left now is too little for another one's table and heads.
    let mut file = std::fs::File::create(path("fill")).unwrap();
    let filled = std::io::copy(&mut std::io::repeat(1), &mut file);
    assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let error = Small::options().sparse().create("another").unwrap_err();
    assert!(matches!(error, CreateError::NoRoom { .. }), "{error}");
    assert_eq!(Small::open(name).unwrap().counts.get(99), 2);
}

fn without_shared_memory(name: &str) {
    let error = Small::create(name).unwrap_err();
    assert!(
        matches!(error, CreateError::NoSharedMemory { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("/dev/shm"), "{error}");
    let error = Small::open(name).unwrap_err();
    assert!(matches!(error, OpenError::NoSharedMemory { .. }), "{error}");
    let error = Small::open_or_create(name).unwrap_err();
    assert!(error.to_string().contains("/dev/shm"), "{error}");
}

/// Runs a role where `target` is a new tmpfs of 1 MiB. Says so and does nothing where this process
/// may not make mount namespaces.
fn in_namespace(role: &str, target: &'static CStr) {
    let mut command = role_command("child", role, &unique(role));
    let mount = move || {
        // SAFETY: a number, between fork and exec, where there is one thread.
        let apart = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0
            // SAFETY: as above.
            || unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) } == 0;
        let null = core::ptr::null();
        let private = libc::MS_REC | libc::MS_PRIVATE;
        // SAFETY: NUL-terminated strings or null, as mount(2) allows for a change of propagation.
        let quiet = unsafe { libc::mount(null, c"/".as_ptr(), null, private, null.cast()) } == 0;
        let (kind, size) = (c"tmpfs".as_ptr(), c"size=1m".as_ptr().cast());
        // SAFETY: NUL-terminated strings.
        let mounted = unsafe { libc::mount(kind, target.as_ptr(), kind, 0, size) } == 0;
        if apart && quiet && mounted {
            Ok(())
        } else {
            Err(std::io::Error::last_os_error())
        }
    };
    // SAFETY: the closure makes system calls only.
    unsafe { command.pre_exec(mount) };
    match command.status() {
        Ok(status) => assert!(status.success(), "{status}"),
        Err(error) => eprintln!("not tested: no mount namespace: {error}"),
    }
}

#[test]
fn a_full_file_system_is_an_error_that_names_the_remedy() {
    in_namespace("small", c"/dev/shm");
}

#[test]
fn a_missing_directory_is_an_error_of_its_own() {
    in_namespace("none", c"/dev");
}

#[test]
fn six_gibibytes_are_created_and_opened_in_units_of_64() {
    let name = unique("huge");
    let huge = Huge::options().sparse().create(&name).unwrap();
    huge.bytes.set(0x1_4000_0002, 7);
    huge.words.set(0x7ff_ffff, u64::MAX);
    huge.last.set(4, 5);
    let other = Huge::open(&name).unwrap();
    assert_eq!(other.bytes.get(0x1_4000_0002), 7);
    assert_eq!(other.words.get(0x7ff_ffff), u64::MAX);
    assert_eq!(other.last.get(4), 5);
    let mut head = [0; 16];
    let file = std::fs::File::open(path(&name)).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut head, 0).unwrap();
    assert_eq!(head[4..8], [1, 0, 6, 0]);
    assert!(file.metadata().unwrap().len() > 6 << 30);
    let table = Segment::table(&other).unwrap();
    let bytes = table.iter().find(|entry| entry.name == "bytes").unwrap();
    assert_eq!(bytes.size, 0x1_4000_0003_usize.next_multiple_of(64));
    let last = table.iter().find(|entry| entry.name == "last").unwrap();
    assert!(last.offset > 6 << 30 && last.offset.is_multiple_of(64));
}
