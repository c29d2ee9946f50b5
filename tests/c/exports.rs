//! The library exports the functions that the header declares, and nothing else: read from its own symbol table.

use super::compile;
use std::collections::BTreeSet;

fn library() -> Vec<u8> {
    let file = compile::library().join("libshm_c.so");
    std::fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

fn number(bytes: &[u8], at: usize, size: usize) -> usize {
    let mut number = [0; 8];
    number[..size].copy_from_slice(&bytes[at..at + size]);
    usize::from_le_bytes(number)
}

/// The names that a 64-bit ELF file defines for others.
fn exported(file: &[u8]) -> BTreeSet<String> {
    let (table, size, count) = (
        number(file, 40, 8),
        number(file, 58, 2),
        number(file, 60, 2),
    );
    let section = |i: usize| table + size * i;
    let (kind, offset, len) = (4, 24, 32);
    let is_dynamic = |i: &usize| number(file, section(*i) + kind, 4) == 11; // SHT_DYNSYM
    let symbols = section((0..count).find(is_dynamic).expect("dynamic symbols"));
    let names = number(file, section(number(file, symbols + 40, 4)) + offset, 8);
    let (first, bytes) = (
        number(file, symbols + offset, 8),
        number(file, symbols + len, 8),
    );
    let entries = (first..first + bytes).step_by(24);
    let defined = entries.filter(|&at| number(file, at + 6, 2) != 0);
    let name = |at: usize| {
        let name = &file[names + number(file, at, 4)..];
        let end = name.iter().position(|&byte| byte == 0).unwrap();
        String::from_utf8_lossy(&name[..end]).into_owned()
    };
    defined.map(name).filter(|name| !name.is_empty()).collect()
}

/// The functions of the header: what stands before a parenthesis at the end of a declaration's head.
fn declared() -> BTreeSet<String> {
    let header = include_str!("../../bindings/c/include/shm.h");
    let heads = header
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let heads = heads.filter(|line| !line.starts_with("typedef"));
    let names = heads.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_library_exports_what_the_header_declares() {
    let (declared, exported) = (declared(), exported(&library()));
    assert!(
        declared.len() > 100,
        "{} functions are found",
        declared.len()
    );
    let missing: Vec<_> = declared.difference(&exported).collect();
    let extra: Vec<_> = exported.difference(&declared).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "missing {missing:?}, extra {extra:?}"
    );
}
