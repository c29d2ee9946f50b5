//! `shm check`: what can be told of a segment's soundness from outside.

use crate::args::Name;
use crate::failure::{Code, Failure};
use crate::out::{Out, Style};
use crate::processes::printable;
use crate::show::{self, Fill, Pages};
use serde_json::{Value as Json, json};
use shm_runtime::OpenError;
use shm_runtime::dynamic::{Field, Kind, Schema, Segment};
use shm_runtime::memory::audit::Audit;
use shm_runtime::segment::Survey;

/// Entries of a map that are looked up again at most.
const LOOKUPS: usize = 1 << 16;

/// One thing that was checked: what, and what is wrong with it.
struct Finding {
    what: String,
    wrong: Option<String>,
}

fn sound(what: impl Into<String>) -> Finding {
    Finding {
        what: what.into(),
        wrong: None,
    }
}

pub(crate) fn run(args: &Name, out: &mut Out) -> Result<Code, Failure> {
    // Each of these fails with a message of its own: nothing behind it can then be checked.
    let survey = Survey::look(&args.name)?;
    let mut findings = vec![sound("table, control block and size of the file agree")];
    let (schema, fields) = Schema::surveyed(&survey)?;
    findings.push(sound(format!(
        "descriptor, fingerprint and table agree on {} fields of schema {}",
        fields.len(),
        schema.name()
    )));
    findings.push(room(&survey));
    match show::open(&args.name) {
        Ok(segment) => structures(&segment, &mut findings),
        Err(OpenError::NotFound { .. }) => {
            findings.push(sound(
                "nobody is attached: its structures were not looked into",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let mut code = Code::Ok;
    for finding in &findings {
        if finding.wrong.is_some() {
            code = Code::Damaged;
        }
        print(finding, out)?;
    }
    Ok(code)
}

/// Whether all that the segment promises has room in the memory that there is.
fn room(survey: &Survey) -> Finding {
    use std::os::unix::fs::MetadataExt;
    let what = "the memory that it has yet to take is free".to_owned();
    let taken = survey
        .file()
        .metadata()
        .map_or(0, |data| data.blocks() * 512);
    let missing = survey.control().total_size.saturating_sub(taken);
    let wrong = match rustix::fs::fstatvfs(survey.file()) {
        Ok(room) if room.f_blocks > 0 && room.f_bavail * room.f_frsize < missing => Some(format!(
            "{} are yet to be taken, and {} are free: writing to it may end in SIGBUS",
            crate::out::bytes(missing),
            crate::out::bytes(room.f_bavail * room.f_frsize)
        )),
        _ => None,
    };
    Finding { what, wrong }
}

/// Looks into every structure, through the operations that programs use: what they find impossible is counted.
fn structures(segment: &Segment, findings: &mut Vec<Finding>) {
    let pages = Pages::of(segment);
    for field in segment.fields() {
        let before = segment.health().corrupt;
        let what = format!("{} `{}`", field.kind(), field.name());
        let mut wrong = structure(segment, field, &pages)
            .unwrap_or_else(|failure| Some(format!("{failure:?}")));
        let health = segment.health();
        if health.corrupt > before {
            wrong.get_or_insert_with(|| "a word of it makes no sense".to_owned());
        }
        if health.truncated {
            wrong = Some("the file was truncated".to_owned());
        }
        findings.push(Finding { what, wrong });
    }
}

/// What is wrong with a structure.
fn structure(segment: &Segment, field: &Field, pages: &Pages) -> Result<Option<String>, Failure> {
    let fill = show::fill(segment, field, pages)?;
    if let Fill::Of(used, capacity) = fill
        && used > capacity
    {
        return Ok(Some(format!(
            "it holds {used}, and has room for {capacity}"
        )));
    }
    if pages.is_hole(field.offset(), field.size()) {
        return Ok(None);
    }
    let size = field.element().size();
    let name = field.name();
    match field.kind() {
        Kind::Queue => {
            let queue = segment.queue(name)?;
            queue.peek(&mut vec![0; size]);
            return Ok(said(queue.audit()));
        }
        Kind::Broadcast => return Ok(said(segment.broadcast(name)?.audit())),
        Kind::Stack => {
            segment.stack(name)?.peek(&mut vec![0; size]);
        }
        Kind::Versioned => {
            let latest = segment.versioned(name)?;
            latest.load(&mut vec![0; size]);
            return Ok(said(latest.audit()));
        }
        Kind::Map | Kind::LargeMap if field.pair().is_some() => return lookups(segment, field),
        _ => {}
    }
    Ok(None)
}

/// What is wrong where the owners of a structure's nodes were counted.
fn said(audit: Audit) -> Option<String> {
    match audit {
        Audit::Sound | Audit::Busy => None,
        Audit::NoSuchNode => Some("a word names a node that does not exist".to_owned()),
        Audit::TwoOwners => Some("two words name the same node, so another is lost".to_owned()),
    }
}

/// Whether a map finds the keys that it lists; in a map that changes meanwhile, some may be gone again.
fn lookups(segment: &Segment, field: &Field) -> Result<Option<String>, Failure> {
    let map = segment.map(field.name())?;
    let mut keys = Vec::new();
    map.for_each(|key, _| {
        if keys.len() < LOOKUPS {
            keys.push(key.to_vec());
        }
    });
    let missing = keys.iter().filter(|key| !map.contains(key)).count();
    let listed = keys.len();
    keys.sort();
    keys.dedup();
    if keys.len() < listed && segment.participants()?.is_empty() {
        return Ok(Some("a key is in it twice".to_owned()));
    }
    Ok((missing > 0 && segment.participants()?.is_empty())
        .then(|| format!("{missing} of {listed} keys are listed and not found")))
}

fn print(finding: &Finding, out: &mut Out) -> Result<(), Failure> {
    if out.json {
        let wrong = finding
            .wrong
            .as_ref()
            .map_or(Json::Null, |wrong| wrong.clone().into());
        return out.value(&json!({ "checked": finding.what, "wrong": wrong }));
    }
    let what = printable(&finding.what);
    match &finding.wrong {
        None => out.line(&format!("{}  {what}", out.styled(Style::Good, "ok   "))),
        Some(wrong) => out.line(&format!(
            "{}  {what}: {}",
            out.styled(Style::Bad, "WRONG"),
            printable(wrong)
        )),
    }
}
