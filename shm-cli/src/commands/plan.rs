//! `shm plan`: what a segment will cost, before there is one.

use crate::args::Plan;
use crate::failure::{Code, Failure};
use crate::out::{self, Out, Style};
use crate::processes::printable;
use serde_json::json;
use shm_runtime::dynamic::Schema;

pub(crate) fn run(args: &Plan, out: &mut Out) -> Result<Code, Failure> {
    let text = match args.file.as_str() {
        "-" => std::io::read_to_string(std::io::stdin())?,
        path => std::fs::read_to_string(path)
            .map_err(|why| Failure::no(format!("`{path}` cannot be read: {why}")))?,
    };
    let schema = Schema::from_json(&text).map_err(|why| {
        Failure::from(why)
            .hint("`shm gen json NAME` writes the description of a segment that there is")
    })?;
    let layout = schema.layout()?;
    let part = |name: &str| schema.fields().iter().find(|field| field.name() == name);
    if out.json {
        let parts: Vec<_> = layout
            .parts
            .iter()
            .map(|(name, offset, size)| {
                let kind = part(name).map(|field| field.kind().name());
                json!({ "name": name, "kind": kind, "offset": offset, "size": size })
            })
            .collect();
        let fingerprint = format!("{:032x}", schema.fingerprint());
        let name = schema.name();
        out.value(&json!({ "schema": name, "fingerprint": fingerprint, "size": layout.size, "parts": parts }))?;
        return Ok(Code::Ok);
    }
    let head = ["PART", "KIND", "OFFSET", "BYTES", "", "ELEMENTS"];
    let mut rows = vec![head.map(|title| out.styled(Style::Dim, title)).to_vec()];
    for (name, offset, size) in &layout.parts {
        let field = part(name);
        let elements = field.map_or_else(String::new, |field| {
            let (count, bytes) = (field.capacity() as u64, field.element().size());
            if count == 0 {
                String::new()
            } else {
                format!("{} × {bytes} B", out::count(count))
            }
        });
        rows.push(vec![
            printable(name),
            field.map_or_else(String::new, |field| field.kind().to_string()),
            offset.to_string(),
            out::count(*size),
            out::bytes(*size),
            elements,
        ]);
    }
    out.table(&rows, &[2, 3, 4])?;
    let total = format!(
        "{} bytes, {}",
        out::count(layout.size),
        out::bytes(layout.size)
    );
    out.line(&format!(
        "schema {}: {}",
        printable(schema.name()),
        out.styled(Style::Strong, &total)
    ))?;
    Ok(Code::Ok)
}
