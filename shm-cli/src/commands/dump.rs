//! `shm dump` and `shm restore`: a segment as a stream of bytes, and back.
//!
//! ```text
//! shm dump 1\n
//! {"name":…,"size":…,"mode":…,…}\n            one line of JSON
//! offset u64, length u64, bytes               for each run of pages that were ever written, in order
//! u64::MAX, checksum u64                      of all runs: their offsets, lengths and bytes
//! ```
//!
//! All numbers are little-endian. A segment that changes while it is copied has no single moment that the copy shows, so
//! it is copied until two copies agree; where they never do, the fields are named that changed.

use crate::args::{Dump, Restore};
use crate::failure::{Code, Failure};
use crate::files;
use crate::out::{self, Out};
use rustix::fs::SeekFrom;
use serde_json::{Value as Json, json};
use shm_runtime::dynamic::Schema;
use shm_runtime::memory::control::{ControlData, FLAG_PERSIST};
use shm_runtime::posix::file as posix;
use shm_runtime::segment::{DIRECTORY, Survey};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;

const MAGIC: &str = "shm dump 1";
/// Most bytes of a run, so that neither side needs room for a segment.
const RUN: u64 = 1 << 20;
/// How often a segment is copied that changes.
const COPIES: usize = 10;
/// Longest line that a dump may begin with.
const MAX_HEADER: u64 = 1 << 16;

/// A sum that a change of any one word changes.
struct Checksum(u64);

impl Checksum {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            let mixed = (self.0 ^ u64::from_le_bytes(padded)).wrapping_mul(0x0000_0100_0000_01b3);
            self.0 = mixed ^ mixed >> 29; // both steps can be undone, so no change is forgotten
        }
    }
}

/// The runs of pages that were ever written, as (offset, length).
fn runs(file: &File, size: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < size {
        let data = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(data))?.min(size);
        let mut first = data;
        while first < end {
            let len = (end - first).min(RUN);
            runs.push((first, len));
            first += len;
        }
        at = end.max(data + 1);
    }
    Ok(runs)
}

/// A checksum for each run: what a second copy is compared with.
fn sums(file: &File, runs: &[(u64, u64)]) -> io::Result<Vec<u64>> {
    let mut bytes = Vec::new();
    let mut sum = |&(offset, len): &(u64, u64)| {
        bytes.resize(len as usize, 0); // at most `RUN`
        file.read_exact_at(&mut bytes, offset)?;
        let mut sum = Checksum::new();
        sum.add(&bytes);
        Ok(sum.0)
    };
    runs.iter().map(&mut sum).collect()
}

pub(crate) fn dump(args: &Dump, out: &mut Out) -> Result<Code, Failure> {
    use std::io::IsTerminal;
    if io::stdout().is_terminal() {
        let hint = format!("`shm dump {} > {}.dump`", args.name, args.name);
        return Err(Failure::usage("a dump is no text: send it to a file").hint(hint));
    }
    let survey = Survey::look(&args.name)?;
    let (file, control) = (survey.file(), survey.control());
    // Copied into memory first where it must be of one moment: what was written out cannot be taken back.
    if args.torn || !survey.is_held() {
        write(&survey, &read_all(file, control.total_size)?, out)?;
        return Ok(Code::Ok);
    }
    let mut changed = Vec::new();
    for _ in 0..COPIES {
        let copy = read_all(file, control.total_size)?;
        let again = runs(file, control.total_size)?;
        let is_same_runs = again.iter().eq(copy
            .iter()
            .map(|(offset, bytes)| (*offset, bytes.len() as u64))
            .collect::<Vec<_>>()
            .iter());
        let now = sums(file, &again)?;
        let before = copy.iter().map(|(_, bytes)| {
            let mut sum = Checksum::new();
            sum.add(bytes);
            sum.0
        });
        let before: Vec<u64> = before.collect();
        if is_same_runs && before == now {
            write(&survey, &copy, out)?;
            return Ok(Code::Ok);
        }
        changed = differing(file, &copy)?;
    }
    let fields = names_of(&survey, &changed);
    Err(Failure::no(format!(
        "segment `{}` changes all the time: {fields}",
        args.name
    ))
    .hint("stop who writes to it (`kill -STOP`), or take a copy of no single moment with `--torn`"))
}

type Copy = Vec<(u64, Vec<u8>)>;

fn read_all(file: &File, size: u64) -> io::Result<Copy> {
    let runs = runs(file, size)?.into_iter();
    runs.map(|(offset, len)| {
        let mut bytes = vec![0; len as usize]; // at most `RUN`
        file.read_exact_at(&mut bytes, offset)?;
        Ok((offset, bytes))
    })
    .collect()
}

/// Where bytes of the file are no longer those of the copy.
fn differing(file: &File, copy: &Copy) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    let mut bytes = Vec::new();
    for (offset, before) in copy {
        bytes.resize(before.len(), 0);
        file.read_exact_at(&mut bytes, *offset)?;
        let lines = before.chunks(64).zip(bytes.chunks(64)).enumerate();
        found.extend(
            lines
                .filter(|(_, (a, b))| a != b)
                .map(|(i, _)| offset + 64 * i as u64),
        );
    }
    Ok(found)
}

/// The names of the fields that these bytes belong to.
fn names_of(survey: &Survey, offsets: &[u64]) -> String {
    let holds = |offset: &u64| {
        let mut entries = survey.entries().iter();
        entries.find(|entry| (entry.offset..entry.offset + entry.size).contains(offset))
    };
    let mut names: Vec<_> = offsets
        .iter()
        .filter_map(holds)
        .map(|entry| entry.name.as_str())
        .collect();
    names.dedup();
    match &names[..] {
        [] => "where is not known".to_owned(),
        names => format!("`{}`", names.join("`, `")),
    }
}

fn write(survey: &Survey, copy: &Copy, out: &mut Out) -> Result<(), Failure> {
    let control = survey.control();
    let mode = survey.file().metadata()?.mode() & 0o7777;
    let schema = Schema::surveyed(survey)?.0;
    let header = json!({
        "name": survey.name(),
        "size": control.total_size,
        "mode": format!("{mode:04o}"),
        "persistent": survey.is_persistent(),
        "schema": schema.name(),
        "fingerprint": format!("{:032x}", schema.fingerprint()),
    });
    out.line(MAGIC)?;
    out.value(&header)?;
    let mut sum = Checksum::new();
    let mut bytes = 0;
    for (offset, run) in copy {
        for part in [
            &offset.to_le_bytes()[..],
            &(run.len() as u64).to_le_bytes(),
            run,
        ] {
            sum.add(part);
            out.bytes(part)?;
        }
        bytes += run.len() as u64;
    }
    out.bytes(&u64::MAX.to_le_bytes())?;
    out.bytes(&sum.0.to_le_bytes())?;
    out.flush()?;
    let (bytes, size) = (out::bytes(bytes), out::bytes(control.total_size));
    note(&format!(
        "{bytes} of {size} were ever written, and are copied"
    ));
    Ok(())
}

/// Tells a person something, where standard output is taken.
fn note(text: &str) {
    use std::io::IsTerminal;
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "{text}"); // a remark: nobody is to stop for it
    }
}

fn cut_short(why: io::Error) -> Failure {
    match why.kind() {
        io::ErrorKind::UnexpectedEof => Failure::new(Code::Damaged, "the dump was cut short"),
        _ => why.into(),
    }
}

pub(crate) fn restore(args: &Restore, out: &mut Out) -> Result<Code, Failure> {
    let path = files::path(&args.name);
    if let Err(error @ shm_runtime::OpenError::BadName { .. }) = Survey::look(&args.name) {
        return Err(error.into());
    }
    let mut from = BufReader::new(io::stdin().lock());
    let header = read_header(&mut from)?;
    let size = header["size"]
        .as_u64()
        .filter(|&size| size <= shm_runtime::table::MAX_SEGMENT);
    let size = size.ok_or_else(|| {
        Failure::new(
            Code::Damaged,
            "the dump does not say how large its segment is",
        )
    })?;
    // Without a name until it is whole: nobody finds half a segment, and nothing is left where this process dies.
    let file = posix::create_unnamed(Path::new(DIRECTORY))?;
    file.set_len(size)?;
    read_runs(&mut from, &file, size)?;
    if !args.exact {
        persist(&file)?;
    }
    let mode = header["mode"]
        .as_str()
        .and_then(|mode| u32::from_str_radix(mode, 8).ok());
    file.set_permissions(std::fs::Permissions::from_mode(
        mode.unwrap_or(0o600) & 0o777,
    ))?;
    posix::link(&file, &path).map_err(|why| match why.kind() {
        io::ErrorKind::AlreadyExists => {
            let what = format!("`{}` is there already", args.name);
            Failure::no(what).hint(format!("`shm rm {}`, or choose another name", args.name))
        }
        _ => why.into(),
    })?;
    let checked = Survey::look(&args.name)
        .and_then(|survey| Schema::surveyed(&survey).map(|_| survey.is_persistent()));
    let persistent = checked.map_err(|error| {
        let _ = std::fs::remove_file(&path); // what is wrong with it matters more
        Failure::new(
            Code::Damaged,
            format!("what was dumped is no sound segment: {error}"),
        )
    })?;
    if out.json {
        out.value(&json!({ "restored": args.name, "size": size, "persistent": persistent }))?;
    } else if persistent {
        note(&format!(
            "segment `{0}` stays until `shm rm {0}`",
            args.name
        ));
    } else {
        note(&format!(
            "nobody is attached to `{}`: it is a leftover, which `shm prune` removes",
            args.name
        ));
    }
    Ok(Code::Ok)
}

fn read_header(from: &mut impl BufRead) -> Result<Json, Failure> {
    let mut line = || {
        let mut bytes = Vec::new();
        from.take(MAX_HEADER)
            .read_until(b'\n', &mut bytes)
            .map(|_| bytes)
    };
    let magic = line()?;
    if magic.strip_suffix(b"\n") != Some(MAGIC.as_bytes()) {
        return Err(
            Failure::new(Code::Damaged, "standard input is no dump of a segment")
                .hint("`shm dump NAME > FILE` writes one"),
        );
    }
    serde_json::from_slice(&line()?)
        .map_err(|_| Failure::new(Code::Damaged, "the dump's second line is no JSON"))
}

fn read_runs(from: &mut impl Read, file: &File, size: u64) -> Result<(), Failure> {
    let mut sum = Checksum::new();
    loop {
        let mut word = [0; 8];
        from.read_exact(&mut word).map_err(cut_short)?;
        let offset = u64::from_le_bytes(word);
        if offset == u64::MAX {
            break;
        }
        sum.add(&word);
        from.read_exact(&mut word).map_err(cut_short)?;
        sum.add(&word);
        let len = u64::from_le_bytes(word);
        if len > RUN || offset.checked_add(len).is_none_or(|end| end > size) {
            return Err(Failure::new(
                Code::Damaged,
                "the dump has bytes that lie outside of its segment",
            ));
        }
        let mut bytes = vec![0; len as usize];
        from.read_exact(&mut bytes).map_err(cut_short)?;
        sum.add(&bytes);
        file.write_all_at(&bytes, offset)?;
    }
    let mut word = [0; 8];
    from.read_exact(&mut word).map_err(cut_short)?;
    if u64::from_le_bytes(word) != sum.0 {
        return Err(Failure::new(
            Code::Damaged,
            "the dump's checksum is wrong: it was changed on its way",
        ));
    }
    Ok(())
}

/// Makes the segment one that stays: nobody is attached to it yet.
fn persist(file: &File) -> Result<(), Failure> {
    // The table's first entry is `@control`, whose offset and size are its last words.
    let table = shm_runtime::table::parse(&first(file)?, file.metadata()?.len());
    let entries = table.map_err(|why| {
        Failure::new(
            Code::Damaged,
            format!("what was dumped has a damaged table: {why}"),
        )
    })?;
    let control = entries
        .entries
        .iter()
        .find(|entry| entry.name == "@control");
    let control = control
        .ok_or_else(|| Failure::new(Code::Damaged, "what was dumped has no control block"))?;
    let at = control.offset + core::mem::offset_of!(ControlData, flags) as u64;
    let mut word = [0; 4];
    file.read_exact_at(&mut word, at).map_err(cut_short)?;
    let flags = u32::from_le_bytes(word) | FLAG_PERSIST;
    Ok(file.write_all_at(&flags.to_le_bytes(), at)?)
}

/// The bytes of the table.
fn first(file: &File) -> Result<Vec<u8>, Failure> {
    let mut head = vec![0; shm_runtime::table::HEADER_SIZE];
    file.read_exact_at(&mut head, 0).map_err(cut_short)?;
    let header = shm_runtime::table::parse_header(&head, file.metadata()?.len());
    let header = header.map_err(|why| {
        Failure::new(
            Code::Damaged,
            format!("what was dumped is no segment: {why}"),
        )
    })?;
    let mut bytes = vec![0; shm_runtime::table::table_end(header.entry_count)];
    file.read_exact_at(&mut bytes, 0).map_err(cut_short)?;
    Ok(bytes)
}
