//! Functions' texts in the assembly.

/// What never returns, by what its name contains: the standard library's, and ours.
const PANICS: &[&str] = &[
    "panic",
    "out_of_range",
    "unwrap_failed",
    "expect_failed",
    "slice_index_fail",
];

/// How many places in the function with this mangled name call what panics; `None` where there is none.
pub fn panics(assembly: &str, function: &str) -> Option<u64> {
    let mut lines = assembly.lines();
    lines.find(|line| line.strip_suffix(':') == Some(function))?;
    let body = lines.take_while(|line| !line.contains(".cfi_endproc"));
    let calls = body.filter(|line| {
        let is_call = line.trim_start().starts_with("call");
        is_call && PANICS.iter().any(|name| line.contains(name))
    });
    Some(calls.count() as u64)
}

#[test]
fn a_check_is_found_in_its_function_only() {
    let assembly = "\
one:
\tcallq\t*_ZN4core9panicking18panic_bounds_check17hE@GOTPCREL(%rip)
\t.cfi_endproc
two:
\tretq
\t.cfi_endproc
";
    assert_eq!(panics(assembly, "one"), Some(1));
    assert_eq!(panics(assembly, "two"), Some(0));
    assert_eq!(panics(assembly, "three"), None);
}
