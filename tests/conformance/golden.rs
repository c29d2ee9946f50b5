//! Segments as bytes: files that are put into /dev/shm as they are, opened, and worked on.
//!
//! Each was made once, by the steps in it, and then left alone: an implementation reads what another one wrote, years
//! ago, and settles what that left behind when it was killed. `SHM_CONFORMANCE=overwrite` makes them anew, which is for
//! new files alone: what an old one has is what is out there.

use super::common::{Cleanup, path, unique};
use super::rust::Rust;
use super::script::{Case, Script, files, from_hex, hex, read_case};
use super::wire::Step;
use serde_json::{Value as Json, json};
use shm_runtime::dynamic::{Schema, Segment};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Bytes on a line.
const LINE: usize = 32;

/// A file as text: its size, and the lines that are not zeros, each with where it begins.
fn to_text(file: &[u8]) -> String {
    let mut text = format!("{}\n", file.len());
    for (i, line) in file.chunks(LINE).enumerate() {
        if line.iter().any(|&byte| byte != 0) {
            text += &format!("{} {}\n", i * LINE, hex(line));
        }
    }
    text
}

/// The file that a text is.
fn from_text(text: &str) -> Vec<u8> {
    let mut lines = text.lines();
    let mut file = vec![0; lines.next().unwrap().parse().unwrap()];
    for line in lines {
        let (at, bytes) = line.split_once(' ').unwrap();
        let (at, bytes): (usize, _) = (at.parse().unwrap(), from_hex(bytes));
        file[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    file
}

fn hex_path(name: &str) -> PathBuf {
    super::script::path(&format!("segments/{name}.hex"))
}

/// The file that a golden segment is.
fn file(name: &str) -> Vec<u8> {
    from_text(&std::fs::read_to_string(hex_path(name)).unwrap_or("0".to_owned()))
}

/// Puts a file under a name, as who created the segment did.
pub fn put(name: &str, file: &[u8]) {
    std::fs::write(path(name), file).unwrap();
    std::fs::set_permissions(path(name), PermissionsExt::from_mode(0o600)).unwrap();
}

fn schema(json: &Json) -> Schema {
    Schema::from_json(&json["description"].to_string()).unwrap()
}

/// The bytes that the steps `make` leave.
fn made(name: &str, json: &Json) -> Vec<u8> {
    let segment = unique("conformance-golden");
    let _cleanup = Cleanup(segment.clone());
    let schema = schema(json);
    drop(
        Segment::options()
            .persist()
            .create(&segment, &schema)
            .unwrap(),
    );
    let steps = json!({"about": "make", "steps": json["make"]});
    let mut case = read_case(name, &schema, &steps);
    case.file = Some(Vec::new()); // it is there
    let script = Script {
        name: name.to_owned(),
        schema,
        needs: Vec::new(),
        cases: Vec::new(),
    };
    let mut rust = Rust::default();
    assert_eq!(
        rust.answer(&Step::case(&script, &case, &segment)).word,
        "ok"
    );
    for expected in &case.steps {
        let seen = rust.answer(&expected.step);
        assert!(
            seen.meets(&expected.answer),
            "{name}: {}: {seen}",
            expected.step
        );
    }
    if json["end"] == "closed" {
        rust.answer(&Step::new("end"));
    }
    std::fs::read(path(&segment)).unwrap()
}

/// All of them, as scripts.
pub fn all() -> Vec<Script> {
    let read = |(name, json): &(String, Json)| {
        let schema = schema(json);
        let mut case: Case = read_case(name, &schema, json);
        case.file = Some(file(name));
        Script {
            name: name.clone(),
            schema,
            needs: Vec::new(),
            cases: vec![case],
        }
    };
    files("segments").iter().map(read).collect()
}

/// Where the fields of a segment of this schema lie: name, first byte, bytes.
fn fields(schema: &Schema) -> Vec<(String, usize, usize)> {
    let layout = schema.layout().unwrap();
    let parts = layout
        .parts
        .into_iter()
        .filter(|(name, ..)| !name.starts_with('@'));
    let number = |number| usize::try_from(number).unwrap();
    parts
        .map(|(name, at, size)| (name, number(at), number(size)))
        .collect()
}

#[test]
fn the_same_steps_leave_the_same_bytes() {
    let overwrite = std::env::var("SHM_CONFORMANCE").is_ok_and(|mode| mode == "overwrite");
    for (name, json) in files("segments") {
        let now = made(&name, &json);
        if overwrite {
            std::fs::write(hex_path(&name), to_text(&now)).unwrap();
            continue;
        }
        let then = file(&name);
        assert_eq!(now.len(), then.len(), "{name}: bytes of the file");
        for (field, at, size) in fields(&schema(&json)) {
            assert_eq!(
                hex(&now[at..at + size]),
                hex(&then[at..at + size]),
                "{name}: the bytes of `{field}`"
            );
        }
    }
}

#[test]
fn a_text_is_the_file() {
    let mut bytes = vec![0; 200];
    bytes[3] = 1;
    bytes[90..100].fill(7);
    bytes[199] = 9;
    let text = to_text(&bytes);
    assert_eq!(text.lines().count(), 5);
    assert_eq!(from_text(&text), bytes);
}
