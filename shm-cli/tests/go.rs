//! `shm gen go`: what it writes compiles as it is, and a Go program reads with it what this one wrote.
//!
//! Skipped, with a line that says so, where there is no Go.

mod common;

use common::{ok, unique};
use shm_runtime::dynamic::{self, Schema, Value};
use shm_runtime::prelude::*;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every type that an element may have.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct All {
    wide: u128,
    /// Where it is.
    place: Place,
    float: f64,
    long: i64,
    int: i32,
    name: ShmStr<6>,
    short: i16,
    bytes: [u8; 3],
    tiny: i8,
    pair: [u16; 2],
    places: [Place; 2],
    r#type: u32,
    func: [u64; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Place {
    row: u32,
    column: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C, align(128))]
struct Aligned([u8; 128]);

#[derive(ShmLayout)]
struct Side {
    depth: Array<f32, 5>,
}

/// What Go reads.
#[expect(dead_code, reason = "some of it only Go looks at")]
#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct World {
    count: Atomic<u64>,
    ratio: Atomic<f32>,
    /// Heights.
    #[shm(unit = "m")]
    grid: Array<i16, 7>,
    all: Array<All, 3>,
    odd: Array<[u8; 5], 4>,
    opaque: Array<Aligned, 2>,
    names: Array<ShmStr<12>, 2>,
    latest: Versioned<All>,
    latest_aligned: Versioned<Aligned>,
    small: Versioned<u8>,
    frame: VersionedArray<Place, 5>,
    bytes: VersionedArray<[u8; 3], 7>,
    left: Side,
    shard: [Array<f32, 2>; 2],
    events: Queue<All, 4>,
    len: Atomic<u32>,
    frame_version: Atomic<u32>,
}

fn all(n: u8) -> All {
    let place = |row: u32| Place {
        row,
        column: -0.5 * row as f32,
    };
    All {
        wide: u128::from(n) << 64 | 7,
        place: place(1),
        float: -1.25,
        long: i64::MIN,
        int: -3,
        name: "straße".get(..6).unwrap().parse().unwrap(),
        short: -2,
        bytes: [1, 2, n],
        tiny: -1,
        pair: [65_535, 4],
        places: [place(2), place(3)],
        r#type: 9,
        func: [8, 9],
    }
}

const MAIN: &str = r#"package main

import (
	"errors"
	"fmt"
	"os"

	"test/world"
)

func check(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func main() {
	s, err := world.Open(os.Args[1])
	check(err)
	fmt.Println(s.Count(), s.Ratio(), s.Len(), s.FrameVersion2(), s.IsRemoved())
	fmt.Println(world.GridLen, s.Grid(0), s.Grid(6))
	fmt.Printf("%+v\n", s.All(2))
	fmt.Println(s.Odd(3), s.Opaque(1)[127], s.Names(1))
	latest, version, err := s.Latest()
	check(err)
	fmt.Printf("%d %d %+v\n", version, s.LatestVersion(), latest)
	aligned, version, err := s.LatestAligned()
	check(err)
	small, _, err := s.Small()
	check(err)
	fmt.Println(version, aligned[0], aligned[127], small)
	frame, number, err := s.Frame()
	check(err)
	bytes, none, err := s.Bytes()
	check(err)
	fmt.Println(number, s.FrameVersion(), frame, none, bytes)
	fmt.Println(s.LeftDepth(4), s.Shard0(0), s.Shard1(0))
	func() {
		defer func() { fmt.Println(recover()) }()
		s.Grid(7)
	}()
	check(s.Close())
	_, err = world.Open(os.Args[2])
	fmt.Println(errors.Is(err, world.ErrSchema), err)
	_, err = world.Open("shm-test-cli-none")
	fmt.Println(os.IsNotExist(err))
}
"#;

/// A folder that is removed again.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether there is Go; says so where there is none.
fn has_go(test: &str) -> bool {
    let found = Command::new("go").arg("version").output();
    let is_there = found.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("{test} is skipped: there is no `go` (Debian: `apt-get install golang-go`)");
    }
    is_there
}

/// What Go prints; it must succeed.
fn go(folder: &Path, program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"))
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off");
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{program} {args:?}: {out}{error}");
    out
}

#[test]
fn go_reads_what_was_generated() {
    if !has_go("go_reads_what_was_generated") {
        return;
    }
    let (name, other) = (unique("go"), unique("go-other"));
    let world = World::create(&name).unwrap();
    let _other = Side::create(&other).unwrap();
    world.count.store(u64::MAX);
    world.ratio.store(0.25);
    world.len.store(4);
    world.frame_version.store(5);
    world.grid.set(0, -7);
    world.grid.set(6, 1000);
    world.all.set(2, all(5));
    world.odd.set(3, [1, 2, 3, 4, 5]);
    world.opaque.set(1, Aligned([6; 128]));
    world.names.set(1, "outlet".parse().unwrap());
    for n in 0..5 {
        world.latest.store(all(n)).unwrap();
        world.latest_aligned.store(Aligned([n; 128])).unwrap();
    }
    world.small.store(200).unwrap();
    let mut writer = world.frame.writer().unwrap();
    for row in 0..4 {
        writer.edit(|frame| frame.set(4, Place { row, column: 0.5 }));
    }
    world.left.depth.set(4, 0.5);
    world.shard[1].set(0, 1.5);

    let folder = Folder(std::env::temp_dir().join(unique("go")));
    let package = folder.0.join("world");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(folder.0.join("go.mod"), "module test\n\ngo 1.19\n").unwrap();
    std::fs::write(folder.0.join("main.go"), MAIN).unwrap();
    std::fs::write(package.join("world.go"), ok(&["gen", "go", &name])).unwrap();
    assert_eq!(
        go(&folder.0, "gofmt", &["-d", "."]),
        "",
        "as gofmt writes it"
    );
    go(&folder.0, "go", &["vet", "./..."]);
    let printed = go(&folder.0, "go", &["run", ".", &name, &other]);
    let all = |n: u8| {
        format!(
            "{{Wide:[7 {n}] Place:{{Row:1 Column:-0.5}} Float:-1.25 Long:-9223372036854775808 Int:-3 Name:straß \
             Short:-2 Bytes:[1 2 {n}] Tiny:-1 Pair:[65535 4] Places:[{{Row:2 Column:-1}} {{Row:3 Column:-1.5}}] Type:9 Func:[8 9]}}"
        )
    };
    let zero = "{0 0}";
    let expected = [
        "18446744073709551615 0.25 4 5 false".to_owned(),
        "7 -7 1000".to_owned(),
        all(5),
        "[1 2 3 4 5] 6 outlet".to_owned(),
        format!("5 5 {}", all(4)),
        "5 4 4 200".to_owned(),
        format!(
            "4 4 [{zero} {zero} {zero} {zero} {{3 0.5}}] 0 [{}]",
            ["[0 0 0]"; 7].join(" ")
        ),
        "0.5 0 1.5".to_owned(),
        "Grid: index out of range".to_owned(),
    ];
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[..expected.len()], expected);
    assert!(
        lines[expected.len()].starts_with("true segment"),
        "{printed}"
    );
    assert_eq!(lines[expected.len() + 1], "true");
}

/// The example is of the segment that shm-cli's own example makes.
#[test]
fn the_go_example_reads_the_demo() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/go");
    let name = unique("go-demo");
    let description = std::fs::read_to_string(folder.join("demo.json")).unwrap();
    let schema = Schema::from_json(&description).unwrap();
    let demo = dynamic::Segment::create(&name, &schema).unwrap();
    let generated = ok(&["gen", "go", &name]).replace(&name, "demo");
    if std::env::var_os("GOLDEN").is_some_and(|what| what == "overwrite") {
        std::fs::write(folder.join("demo/demo.go"), &generated).unwrap();
    }
    let written = std::fs::read_to_string(folder.join("demo/demo.go")).unwrap();
    assert!(
        written == generated,
        "bindings/go/demo/demo.go is not what `shm gen go` writes: GOLDEN=overwrite does"
    );
    if !has_go("the_go_example_reads_the_demo") {
        return;
    }
    demo.atomic("step")
        .unwrap()
        .store(&Value::Unsigned(41))
        .unwrap();
    demo.array("grid")
        .unwrap()
        .write_from(7, &1.5_f32.to_le_bytes());
    let frames = demo.versioned_array("frame").unwrap();
    let mut writer = frames.writer().unwrap();
    writer.edit(|frame| frame[..4].copy_from_slice(&2.5_f32.to_le_bytes()));
    assert_eq!(go(&folder, "gofmt", &["-d", "."]), "", "as gofmt writes it");
    go(&folder, "go", &["vet", "./..."]);
    assert_eq!(
        go(&folder, "go", &["run", ".", &name]),
        "step 41\ndeepest 1.5\nforecast 0: {Level:0 Peak:0 At:[0 0]}\n\
         frame 1: 10000 elements, the first 2.5\n"
    );
}
