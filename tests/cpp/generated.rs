//! What the generator writes: compiled, its assertions hold, and a program works with it.
//!
//! The schemas have every structure there is, with alignments that leave gaps. So C++ computes from the generated structs
//! what rustc made of the Rust ones, or it does not compile.

#![allow(
    dead_code,
    non_snake_case,
    reason = "most fields are there to be laid out"
)]

use super::common::unique;
use super::compile::{Compiler, compiled, compilers, succeed};
use shm_runtime::dynamic::Schema;
use shm_runtime::{
    Array, Atomic, Broadcast, LargeMap, Map, Pod, Pool, Queue, Set, ShmLayout, ShmStr, ShmType,
    Spsc, Stack, Versioned, VersionedArray, Zeroable, sync,
};
use std::path::PathBuf;
use std::process::Command;

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Event {
    t: f64,
    cell: u32,
    kind: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Station {
    name: ShmStr<8>,
    class: [u32; 2],
    events: [Event; 2],
    big: [[i16; 2]; 4],
}

/// Larger than any line, and not described.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(256))]
struct Wide([u8; 256]);

#[derive(Debug, Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C, align(32))]
struct Raised {
    low: u128,
    high: i128,
}

#[derive(Debug, ShmLayout)]
struct Deep {
    map: Map<u8, u32, 2>,
    set: Set<u64, 1>,
}

#[derive(Debug, ShmLayout)]
struct Middle {
    a: Array<u8, 1>,
    wide: Queue<Wide, 2>,
    deep: Deep,
    z: Stack<u8, 1>,
}

#[derive(Debug, ShmLayout)]
#[shm(lanes = 5)]
struct Zoo {
    flag: Atomic<u8>,
    inner: Middle,
    dots: [Array<[u8; 3], 3>; 4],
    events: Queue<Event, 8>,
    stations: Queue<Station, 4>,
    raised: Array<Raised, 2>,
    news: Broadcast<Event, 4>,
    tasks: Pool<Wide, 3>,
    audio: Spsc<u16, 8>,
    pose: Versioned<Event>,
    frame: VersionedArray<[u16; 5], 7>,
    tiles: LargeMap<u64, Event, 8, 3>,
    names: Map<ShmStr<16>, u64, 16>,
    undo: Stack<Raised, 77>,
    bank: sync::Mutex<[i64; 2]>,
    limits: sync::RwLock<f32>,
    seats: sync::Semaphore<3>,
    gate: sync::Barrier<2>,
    ready: sync::Once,
    bell: sync::Signal,
    last: Atomic<f64>,
}

/// Writes the header of a schema, and a program that includes it; the program's path.
fn written(name: &str, header: &str, main: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/cpp-bindings");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |file: String, text: &str| {
        let file = folder.join(file);
        if std::fs::read_to_string(&file).ok().as_deref() != Some(text) {
            std::fs::write(&file, text).unwrap();
        }
        file
    };
    write(format!("{name}.hpp"), header);
    let main = format!("#include \"{name}.hpp\"\n{main}\n// {}\n", fnv(header));
    write(format!("{name}.cpp"), &main)
}

/// Tells one header from another, so that a program is as new as its header.
fn fnv(text: &str) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

const MAIN: &str = r#"
int main(int, char** arguments) {
    auto zoo = shm::segment<zoo_shm::Zoo>::open(arguments[1]);
    if (!zoo) {
        std::puts(zoo.error().message().c_str());
        return 1;
    }
    const auto popped = (*zoo)->events.pop();
    (*zoo)->events.push({popped->t * 2, popped->cell + 1, 9}).value();
    (*zoo)->inner.a.set(0, 7).value();
    (*zoo)->dots[3].set(2, {1, 2, 3}).value();
    (*zoo)->bank.lock().value().set({4, -4}).value();
    (*zoo)->limits.write().value().set(1.5F).value();
    (*zoo)->ready.call_once([&](shm::once_state) { (*zoo)->bell.raise().value(); }).value();
    return (*zoo)->gate.wait(std::chrono::milliseconds(1)).has_value() ? 2 : 0;
}
"#;

#[test]
fn p7_a_generated_header_is_the_schema() {
    let header = Schema::of::<Zoo>().unwrap().to_cpp().unwrap();
    let source = written("zoo", &header, MAIN);
    for compiler in compilers() {
        let name = unique("cpp-zoo");
        let zoo = Zoo::create(&name).unwrap();
        let event = |t, cell, kind| Event { t, cell, kind };
        zoo.events.push(event(0.25, 6, 1)).unwrap();
        let program = compiled(compiler, "zoo", &source, &[]);
        succeed(Command::new(program).arg(&name));
        assert_eq!(zoo.events.pop(), Some(event(0.5, 7, 9)));
        assert_eq!((zoo.inner.a.get(0), zoo.dots[3].get(2)), (7, [1, 2, 3]));
        assert_eq!(zoo.bank.lock().unwrap().get(), [4, -4]);
        assert_eq!(zoo.limits.read().unwrap().get(), 1.5);
        assert_eq!((zoo.ready.is_completed(), zoo.bell.count()), (true, 1));
    }
}

/// A name that is a word of C++, or that of a struct, is another one in C++, and the same in the table.
#[test]
fn names_that_cpp_cannot_have_are_changed() {
    #[derive(Debug, ShmLayout)]
    struct Odd {
        class: Atomic<u8>,
        Odd: Atomic<u8>,
    }
    let header = Schema::of::<Odd>().unwrap().to_cpp().unwrap();
    assert!(
        header.contains("shm::field(\"class\", &Odd::class_)"),
        "{header}"
    );
    let source = written("odd", &header, "int main() {}");
    for compiler in compilers().iter().take(1) {
        let compiler: &Compiler = compiler;
        compiled(compiler, "odd", &source, &["-fsyntax-only"]);
    }
}

#[test]
fn what_cpp_cannot_say_is_an_error() {
    #[derive(Debug, ShmLayout)]
    struct Opaque {
        map: Map<u32, Wide, 4>,
    }
    let why = Schema::of::<Opaque>()
        .unwrap()
        .to_cpp()
        .unwrap_err()
        .to_string();
    assert!(
        why.contains("its keys and values are not described"),
        "{why}"
    );
}
