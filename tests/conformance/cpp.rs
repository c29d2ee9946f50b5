//! The driver of `bindings/cpp`: `drivers/driver.hpp`, and for each script the structs of its schema and what leads from a
//! field's name to the member.

use super::c::{folder, root, succeed};
use super::cpp_compilers::compilers;
use super::drivers::Driver;
use super::script::{Script, path};
use shm_runtime::layout::fingerprint::fnv1a_128;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the binding has. It has no operations on mutexes and their like yet.
const HAS: &[&str] = &["loan"];

/// What a program in C++ needs for a script: its schema, and a way to each field.
fn part(script: &Script) -> String {
    let schema = script.schema.to_cpp().unwrap();
    let mut text = schema.replace("#pragma once\n", "");
    let (space, name) = (
        script.schema.name().to_lowercase() + "_shm",
        script.schema.name(),
    );
    let _ = writeln!(
        text,
        "template <> struct fields_of<{space}::{name}> {{\n    template <class Run>\n    \
         static std::string find({space}::{name}& in, const std::string& field, Run run) {{"
    );
    for field in script.schema.fields() {
        let name = field.name();
        let _ = writeln!(
            text,
            "        if (field == \"{name}\") return run(in.{name});"
        );
    }
    text + "        return \"error no_field\";\n    }\n};\n\n"
}

/// The program's text.
fn program(scripts: &[Script]) -> String {
    let driver = std::fs::read_to_string(path("drivers/driver.hpp")).unwrap();
    let mut text = driver.replace("#pragma once\n", "");
    let mut known: Vec<&str> = Vec::new();
    for script in scripts {
        if !known.contains(&script.schema.name()) {
            known.push(script.schema.name());
            text += &part(script);
        }
    }
    text += "static std::unique_ptr<segments> make(const std::string& schema) {\n";
    for script in scripts {
        let name = script.schema.name();
        let _ = writeln!(
            text,
            "    if (schema == \"{}\") return std::make_unique<segments_of<{}_shm::{name}>>();",
            script.name,
            name.to_lowercase()
        );
    }
    text + "    return nullptr;\n}\n\nint main() { return drive(make); }\n"
}

/// The texts of all headers below a folder.
fn headers(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let text = |path: &PathBuf| match path.is_dir() {
        true => headers(path),
        false => std::fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(text).collect()
}

/// Compiles the program, unless it is there and nothing that it is made of has changed: that takes half a minute.
fn compiled() -> Option<PathBuf> {
    let compiler = compilers().first()?;
    std::fs::create_dir_all(folder()).unwrap();
    let mut scripts = super::everything();
    scripts.retain(|script| script.needs.iter().all(|need| HAS.contains(&need.as_str())));
    let include = root().join("bindings/cpp/include");
    let text = program(&scripts);
    let of = fnv1a_128((text.clone() + compiler.name + &headers(&include)).as_bytes());
    let made = folder().join(format!("conformance-cpp-{of:032x}"));
    if made.exists() {
        return Some(made);
    }
    let source = folder().join(format!("conformance-{}.cpp", std::process::id()));
    std::fs::write(&source, text).unwrap();
    let fresh = source.with_extension("");
    let mut command = Command::new(compiler.name);
    command.args([
        "-std=c++20",
        "-O0",
        "-pthread",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I",
    ]);
    command.arg(include).arg(&source);
    succeed(command.arg("-o").arg(&fresh));
    std::fs::remove_file(source).unwrap();
    std::fs::rename(fresh, &made).unwrap();
    Some(made)
}

/// The driver; none without a compiler.
pub fn driver() -> Option<Driver> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = MADE.get_or_init(compiled).as_ref()?;
    Some(Driver::start(made, HAS))
}
