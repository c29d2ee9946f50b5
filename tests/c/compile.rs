//! The C compiler, and the library that programs are linked with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

/// What every program is compiled with: a warning is an error.
const FLAGS: [&str; 9] = [
    "-std=c99",
    "-O1",
    "-pthread",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Werror",
];

/// How a program is linked.
pub type Link = fn(&mut Command);

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where this test was built: the folder of the profile.
fn profile() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().to_owned() // target/debug/deps/c-…
}

/// Where programs are put.
pub fn folder() -> PathBuf {
    profile().join("c-bindings")
}

/// Runs a command; what it said, where it failed.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|why| format!("{command:?}: {why}"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if output.status.success() {
        Ok(text.into_owned())
    } else {
        Err(format!("{command:?}: {}\n{text}", output.status))
    }
}

/// Runs a command that has to succeed; what it said.
pub fn succeed(command: &mut Command) -> String {
    match run(command) {
        Ok(text) => text,
        Err(why) => panic!("{why}"),
    }
}

/// Says what is missing, and fails where nothing may be.
fn skip(why: &str) {
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!is_ci, "{why}");
    eprintln!("skipped, {why}");
}

/// Whether there is a C compiler; a line says so where there is none.
pub fn has_compiler() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        std::fs::create_dir_all(folder()).unwrap();
        let found = run(Command::new("cc").arg("--version")).is_ok();
        if !found {
            skip("the C binding cannot be tested: install a C compiler as `cc` (gcc or clang)");
        }
        found
    })
}

/// Whether there is a C++ compiler, for the header.
pub fn has_cpp_compiler() -> bool {
    let found = run(Command::new("c++").arg("--version")).is_ok();
    if !found {
        skip("whether C++ takes shm.h cannot be tested: install g++ or clang++ as `c++`");
    }
    found
}

/// When anything of these files and folders was last changed.
fn changed(paths: &[PathBuf]) -> SystemTime {
    let times = paths.iter().map(|path| {
        if path.is_dir() {
            let inside = std::fs::read_dir(path).unwrap();
            let inside: Vec<_> = inside.map(|entry| entry.unwrap().path()).collect();
            changed(&inside)
        } else {
            path.metadata().unwrap().modified().unwrap()
        }
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Sees to it that these files, which a package is built into, are there and no older than its sources. Tests do not
/// make cargo build a library that no test links.
fn built(package: &str, folder: &str, files: &[PathBuf]) {
    let sources = ["shm-runtime/src", "Cargo.lock", folder].map(|source| root().join(source));
    let is_new = |file: &PathBuf| {
        file.metadata()
            .is_ok_and(|made| made.modified().unwrap() > changed(&sources))
    };
    if files.iter().all(is_new) {
        return;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", package, "--target-dir"]);
    build.arg(profile().parent().unwrap()).current_dir(root());
    match profile().file_name().unwrap().to_str().unwrap() {
        "debug" => {}
        name => drop(build.args(["--profile", name])),
    }
    succeed(&mut build);
}

/// The folder of `libshm_c.so` and `libshm_c.a`, which are built in the profile of this test.
pub fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = profile().join("deps");
        let files = ["libshm_c.so", "libshm_c.a"].map(|name| folder.join(name));
        built("shm-c", "bindings/c/src", &files);
        folder
    })
}

/// The program `shm`, in the profile of this test.
pub fn shm() -> PathBuf {
    let program = profile().join("shm");
    built("shm-cli", "shm-cli/src", std::slice::from_ref(&program));
    program
}

/// What finds the header.
pub fn include() -> PathBuf {
    root().join("bindings/c/include")
}

/// How a program is linked with the shared library.
pub fn shared(command: &mut Command) {
    command.arg("-L").arg(library()).arg("-lshm_c");
    command.arg(format!("-Wl,-rpath,{}", library().display()));
}

/// How a program is linked with the static library.
pub fn archive(command: &mut Command) {
    command.arg(library().join("libshm_c.a"));
    command.args(["-lpthread", "-ldl", "-lm"]);
}

/// A program that is made of these sources. It appears at once, whole: another run may use the one before.
pub fn compiled(name: &str, sources: &[PathBuf], link: Link) -> PathBuf {
    let made = folder().join(format!("{name}-{}", std::process::id()));
    let mut command = Command::new("cc");
    command.args(FLAGS).arg("-I").arg(include()).args(sources);
    link(&mut command);
    succeed(command.arg("-o").arg(&made));
    let program = folder().join(name);
    std::fs::rename(made, &program).unwrap();
    program
}

/// The program of that name in `bindings/c/tests`.
pub fn program(name: &str, sources: &[&str], link: Link) -> PathBuf {
    let tests = root().join("bindings/c/tests");
    let sources: Vec<_> = sources.iter().map(|source| tests.join(source)).collect();
    compiled(name, &sources, link)
}
