//! Every mistake has a message: `tests/ui/<category>/<mistake>.rs`, its text beside it.
//!
//! The texts are those of one compiler, the pinned one. To renew them: `TRYBUILD=overwrite cargo test
//! --test ui`, and read each as a beginner would.

use std::process::Command;

const PINNED: &str = "1.95.0";

#[test]
fn mistakes_have_messages() {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match version.as_deref().unwrap_or("").split(' ').nth(1) {
        Some(PINNED) => {}
        other => {
            println!(
                "skipped: messages are compared with those of rustc {PINNED}, this is {other:?}"
            );
            return;
        }
    }
    let cases = trybuild::TestCases::new();
    for category in ["container", "field-type", "element", "attribute", "limit"] {
        cases.compile_fail(format!("tests/ui/{category}/*.rs"));
    }
    cases.pass("tests/ui/accept/*.rs");
}
