//! Vectors of the hash of keys and of fingerprints: in Rust here, in C++ by a program that is written for them, in Python
//! by its own tests, and by FORMAT.md.

use super::c::{folder, root, succeed};
use super::cpp_compilers::compilers;
use super::script::{files, from_hex};
use serde_json::Value as Json;
use shm_runtime::dynamic::Schema;
use std::process::Command;

fn vectors(of: &str) -> Vec<Json> {
    let files = files("vectors");
    let (_, json) = files.iter().find(|(name, _)| name == of).unwrap();
    json["vectors"].as_array().unwrap().clone()
}

/// The bytes and the hash of each vector.
fn hashes() -> Vec<(Vec<u8>, u64)> {
    let vectors = vectors("hash");
    let vectors = vectors.iter().map(|vector| {
        let text = |name: &str| vector[name].as_str().unwrap();
        (
            from_hex(text("bytes")),
            u64::from_str_radix(text("hash"), 16).unwrap(),
        )
    });
    vectors.collect()
}

#[test]
fn the_hash_has_its_vectors() {
    let format = std::fs::read_to_string(root().join("FORMAT.md")).unwrap();
    let mut documented = 0;
    for (bytes, hash) in hashes() {
        assert_eq!(
            shm_runtime::memory::hash::hash(&bytes),
            hash,
            "{bytes:02x?}"
        );
        documented += usize::from(format.contains(&format!(" is {hash:#018x}")));
    }
    assert!(documented >= 9, "FORMAT.md has {documented} of them");
}

#[test]
fn fingerprints_have_their_vectors() {
    for vector in vectors("fingerprint") {
        let schema = Schema::from_json(&vector["description"].to_string()).unwrap();
        let text: String = schema
            .fields()
            .iter()
            .map(|field| format!("{}:{}\n", field.name(), field.canonical()))
            .collect();
        let text = format!("shm 1 lanes {}\n{text}", schema.lanes());
        assert_eq!(Json::from(text), vector["text"]);
        assert_eq!(
            Json::from(format!("{:032x}", schema.fingerprint())),
            vector["fingerprint"]
        );
    }
}

#[test]
fn the_hash_has_its_vectors_in_cpp() {
    let Some(compiler) = compilers().first() else {
        return;
    };
    let checks: String = hashes()
        .iter()
        .map(|(bytes, hash)| {
            let bytes: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
            let len = bytes.len() / 4;
            format!("    wrong += hash(std::string_view(\"{bytes}\", {len})) != {hash:#x}u;\n")
        })
        .collect();
    let text = format!(
        "#include <shm/shm.hpp>\nstatic shm::u64 hash(std::string_view bytes) {{\n    return \
         shm::memory::hash(std::as_bytes(std::span(bytes.data(), bytes.size())));\n}}\nint main() {{\n    int wrong = \
         0;\n{checks}    return wrong;\n}}\n"
    );
    std::fs::create_dir_all(folder()).unwrap();
    let source = folder().join(format!("hash-{}.cpp", std::process::id()));
    std::fs::write(&source, text).unwrap();
    let made = source.with_extension("");
    let mut command = Command::new(compiler.name);
    command.args(["-std=c++20", "-O0", "-pthread", "-I"]);
    command
        .arg(root().join("bindings/cpp/include"))
        .arg(&source);
    succeed(command.arg("-o").arg(&made));
    succeed(&mut Command::new(&made));
    std::fs::remove_file(source).unwrap();
    std::fs::remove_file(made).unwrap();
}
