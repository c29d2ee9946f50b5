//! `shm inspect`: what is in a segment.

use crate::args::Inspect;
use crate::failure::{Code, Failure};
use crate::files;
use crate::out::{self, Out, Style};
use crate::processes::{Process, printable};
use crate::show::{self, Fill, Pages};
use serde_json::{Value as Json, json};
use shm_runtime::OpenError;
use shm_runtime::dynamic::{ElementType, Field, FieldType, Kind, Schema, Segment};
use shm_runtime::segment::Survey;
use shm_runtime::table::Entry;
use std::os::unix::fs::MetadataExt;

/// What is found of a segment.
struct Found {
    survey: Survey,
    schema: Schema,
    fields: Vec<(Field, Fill)>,
    /// Entries of the table that are not the schema's: the library's own, and those registered at run time.
    internal: Vec<Entry>,
    registered: Vec<Entry>,
}

pub(crate) fn run(args: &Inspect, out: &mut Out) -> Result<Code, Failure> {
    let survey = Survey::look(&args.name)?;
    let (schema, fields) = Schema::surveyed(&survey)?;
    // A leftover is looked at from outside: to be attached to it would be to bring it back.
    let segment = match show::open(&args.name) {
        Ok(segment) => Some(segment),
        Err(OpenError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let pages = segment.as_deref().map(Pages::of);
    let fill = |field: &Field| match (&segment, &pages) {
        (Some(segment), Some(pages)) => show::fill(segment, field, pages),
        _ => Ok(Fill::Unknown),
    };
    let fields = fields
        .into_iter()
        .map(|field| Ok((field.clone(), fill(&field)?)));
    let fields = fields.collect::<Result<Vec<_>, Failure>>()?;
    let known = survey.control().schema_entries as usize;
    let (own, registered) = survey.entries().split_at(known.min(survey.entries().len()));
    let internal = own.iter().filter(|entry| entry.name.starts_with('@'));
    let found = Found {
        fields,
        internal: internal.cloned().collect(),
        registered: registered.to_vec(),
        schema,
        survey,
    };
    if out.json {
        out.value(&found.to_json())?;
    } else {
        found.print(segment.as_deref(), args.all, out)?;
    }
    Ok(Code::Ok)
}

impl Found {
    fn state(&self) -> &'static str {
        match (self.survey.is_held(), self.survey.is_persistent()) {
            (true, _) => "live",
            (false, true) => "persistent",
            (false, false) => "stale",
        }
    }

    fn processes(&self) -> impl Iterator<Item = Process> {
        let participants = self.survey.participants().iter();
        participants.map(|participant| Process::named(participant.pid))
    }

    fn to_json(&self) -> Json {
        let control = self.survey.control();
        let data = self.survey.file().metadata().ok();
        let entry = |entry: &Entry| json!({ "name": entry.name, "offset": entry.offset, "size": entry.size });
        json!({
            "name": self.survey.name(),
            "state": self.state(),
            "size": control.total_size,
            "resident": data.as_ref().map(|data| data.blocks() * 512),
            "uid": data.as_ref().map(MetadataExt::uid),
            "mode": data.as_ref().map(|data| format!("{:04o}", data.mode() & 0o7777)),
            "persistent": self.survey.is_persistent(),
            "created_ns": control.created,
            "id": hexadecimal(&control.segment_id),
            "schema": {
                "name": self.schema.name(),
                "doc": self.schema.doc(),
                "lanes": self.schema.lanes(),
                "fingerprint": format!("{:032x}", self.schema.fingerprint()),
            },
            "processes": self.processes().map(|process| process.to_json()).collect::<Vec<_>>(),
            "fields": self.fields.iter().map(|(field, fill)| field_json(field, fill)).collect::<Vec<_>>(),
            "registered": self.registered.iter().map(entry).collect::<Vec<_>>(),
            "internal": self.internal.iter().map(entry).collect::<Vec<_>>(),
        })
    }

    fn print(&self, segment: Option<&Segment>, all: bool, out: &mut Out) -> Result<(), Failure> {
        self.head(out)?;
        if segment.is_none() {
            out.line(
                "  nobody is attached: fill levels are not known, and `shm prune` removes it",
            )?;
        }
        if let Some(health) = segment
            .map(Segment::health)
            .filter(|health| health.corrupt > 0)
        {
            let place = health.structure.unwrap_or_default();
            let text = format!("  damaged: a word of `{place}` makes no sense");
            out.line(&out.styled(Style::Bad, &printable(&text)))?;
        }
        out.line("")?;
        let head = ["FIELD", "TYPE", "HOLDS", "OFFSET", "SIZE", ""];
        let mut rows = vec![head.map(|title| out.styled(Style::Dim, title)).to_vec()];
        for (field, fill) in &self.fields {
            rows.push(vec![
                out.styled(Style::Strong, &printable(field.name())),
                type_of(field),
                holds(field, fill),
                field.offset().to_string(),
                out::bytes(field.size() as u64),
                remark(field, out),
            ]);
            let of = field.element();
            if of.only().is_none() {
                parts(of, "", &mut rows);
            }
        }
        let mut others = |entries: &[Entry], what: &str| {
            for entry in entries {
                let size = out::bytes(entry.size);
                let what = out.styled(Style::Dim, what);
                let offset = entry.offset.to_string();
                rows.push(vec![
                    printable(&entry.name),
                    what,
                    String::new(),
                    offset,
                    size,
                ]);
            }
        };
        others(&self.registered, "registered at run time");
        if all {
            others(&self.internal, "the library's own");
        }
        out.table(&rows, &[3, 4])
    }

    /// What there is to say of the whole.
    fn head(&self, out: &mut Out) -> Result<(), Failure> {
        let control = self.survey.control();
        let data = self.survey.file().metadata()?;
        out.line(&format!(
            "{}  {}, {} ({} in memory), schema {}, room for {} participants",
            out.styled(Style::Strong, self.survey.name()),
            self.state(),
            out::bytes(control.total_size),
            out::bytes(data.blocks() * 512),
            printable(self.schema.name()),
            self.schema.lanes(),
        ))?;
        if !self.schema.doc().is_empty() {
            let doc = printable(&self.schema.doc().replace('\n', " "));
            out.line(&format!("  {}", out.styled(Style::Dim, doc.trim())))?;
        }
        out.line(&format!(
            "  created {} ago by {}, mode {:04o}{}, fingerprint {:032x}",
            out::age(files::since(control.created / 1_000_000_000)),
            files::user(data.uid()),
            data.mode() & 0o7777,
            if self.survey.is_persistent() {
                ", persistent"
            } else {
                ""
            },
            self.schema.fingerprint(),
        ))?;
        for process in self.processes() {
            let Process { pid, command } = process;
            let command = if command.is_empty() {
                "(unknown here)"
            } else {
                &command
            };
            out.line(&format!("  attached: {pid} {command}"))?;
        }
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The field's type, as its program wrote it.
fn type_of(field: &Field) -> String {
    if field.source().is_empty() {
        format!("{}<{}>", field.kind(), show::element(field.element()))
    } else {
        printable(field.source())
    }
}

/// What it holds; how much that is where its type may say it by the name of a constant alone.
fn holds(field: &Field, fill: &Fill) -> String {
    match field.kind() {
        Kind::Array => format!("{} elements", out::count(field.capacity() as u64)),
        _ => fill.text(),
    }
}

/// Unit, shape and doc comment.
fn remark(field: &Field, out: &Out) -> String {
    let mut parts = Vec::new();
    if !field.unit().is_empty() {
        parts.push(format!("[{}]", field.unit()));
    }
    if !field.shape().is_empty() {
        let sides: Vec<_> = field.shape().iter().map(usize::to_string).collect();
        parts.push(sides.join("×"));
    }
    if !field.doc().is_empty() {
        parts.push(field.doc().trim().replace('\n', " "));
    }
    out.styled(Style::Dim, &printable(&parts.join(" ")))
}

/// Adds a row for each part of an element, as a tree.
fn parts(of: &ElementType, indent: &str, rows: &mut Vec<Vec<String>>) {
    let last = of.fields().len().saturating_sub(1);
    for (i, field) in of.fields().iter().enumerate() {
        let (branch, below) = if i == last {
            ("└ ", "  ")
        } else {
            ("├ ", "│ ")
        };
        rows.push(vec![
            format!("{indent}{branch}{}", printable(&field.name)),
            show::field_type(field),
            String::new(),
            format!("+{}", field.offset),
            out::bytes(field.size() as u64),
        ]);
        if let FieldType::Struct(of) = &field.of {
            parts(of, &format!("{indent}{below}"), rows);
        }
    }
}

fn field_json(field: &Field, fill: &Fill) -> Json {
    json!({
        "name": field.name(),
        "kind": field.kind().name(),
        "type": field.source(),
        "capacities": field.capacities(),
        "offset": field.offset(),
        "size": field.size(),
        "element": show::element_json(field.element()),
        "doc": field.doc(),
        "unit": field.unit(),
        "shape": field.shape(),
        "holds": fill.to_json(),
    })
}
