//! Whether a segment has the schema that this program was compiled with.

use super::inspect::Inspected;
use crate::error::{Change, FieldChange, OpenError, SchemaMismatch};
use crate::layout::body::Blueprint;
use crate::layout::descriptor::{Described, Descriptor, Likeness, compare};

/// Compares a whole schema; returns warnings.
///
/// `descriptor` reads the segment's descriptor; it is asked only where the fingerprints differ.
pub(crate) fn exact(
    segment: &str,
    blueprint: &Blueprint,
    found: &Inspected,
    descriptor: impl FnOnce() -> Result<Vec<u8>, OpenError>,
) -> Result<Vec<String>, OpenError> {
    let mut warnings = Vec::new();
    if u128::from_le_bytes(found.control.fingerprint) != blueprint.fingerprint {
        let there = parse(segment, &descriptor()?)?;
        let here = Descriptor::of(blueprint);
        let fields = differences(&here, &there, false);
        if fields
            .iter()
            .any(|field| !matches!(field.change, Change::Same { .. }))
        {
            return Err(mismatch(segment, fields, false));
        }
        warnings = undescribed(&here, &there);
        if warnings.is_empty() {
            return Err(OpenError::Control {
                segment: segment.to_owned(),
                why: "the fingerprint does not belong to the descriptor".to_owned(),
            });
        }
    }
    same_table(blueprint, found).map_err(|why| OpenError::Table {
        segment: segment.to_owned(),
        why,
    })?;
    Ok(warnings)
}

/// Compares the fields of a schema that may be part of the segment's; returns warnings.
pub(crate) fn subset(
    segment: &str,
    blueprint: &Blueprint,
    descriptor: &[u8],
) -> Result<Vec<String>, OpenError> {
    let there = parse(segment, descriptor)?;
    let here = Descriptor::of(blueprint);
    let fields = differences(&here, &there, true);
    if fields
        .iter()
        .any(|field| !matches!(field.change, Change::Same { .. }))
    {
        return Err(mismatch(segment, fields, true));
    }
    Ok(undescribed(&here, &there))
}

fn parse(segment: &str, descriptor: &[u8]) -> Result<Descriptor, OpenError> {
    Descriptor::parse(descriptor).ok_or_else(|| OpenError::Control {
        segment: segment.to_owned(),
        why: "the descriptor is no JSON of a version that this library reads".to_owned(),
    })
}

fn mismatch(segment: &str, fields: Vec<FieldChange>, subset: bool) -> OpenError {
    OpenError::Schema(Box::new(SchemaMismatch {
        segment: segment.to_owned(),
        fields,
        subset,
    }))
}

/// The table of equal schemas is equal but for where the body begins and what was registered later.
fn same_table(blueprint: &Blueprint, found: &Inspected) -> Result<(), String> {
    let entries = &found.table.entries;
    if entries.len() < blueprint.entries.len() {
        return Err("it has fewer entries than the schema".to_owned());
    }
    let unit = found.unit() as u64;
    for (here, there) in blueprint.entries.iter().zip(entries) {
        let offset = found.control.body + here.offset;
        let size = here.size.next_multiple_of(unit);
        if (here.name(), offset, size) != (&there.name, there.offset, there.size) {
            return Err(format!(
                "entry `{}` covers {} bytes at {}, where the schema has `{}` with {size} bytes at {offset}",
                there.name,
                there.size,
                there.offset,
                here.name(),
            ));
        }
    }
    Ok(())
}

fn find<'a>(descriptor: &'a Descriptor, name: &str) -> Option<&'a Described> {
    descriptor.entries.iter().find(|entry| entry.name == name)
}

/// All fields of both sides, ours first; for a subset without those that only the segment has.
fn differences(here: &Descriptor, there: &Descriptor, subset: bool) -> Vec<FieldChange> {
    let mut fields: Vec<_> = here
        .entries
        .iter()
        .map(|ours| change(ours, there))
        .collect();
    if subset {
        return fields;
    }
    for theirs in &there.entries {
        if find(here, &theirs.name).is_none() {
            let change = Change::Extra {
                there: theirs.source.clone(),
            };
            fields.push(FieldChange {
                name: theirs.name.clone(),
                change,
            });
        }
    }
    let whole = |name: &str, here: String, there: String| FieldChange {
        name: name.to_owned(),
        change: Change::Changed { here, there },
    };
    if here.lanes != there.lanes {
        let (here, there) = (here.lanes.to_string(), there.lanes.to_string());
        fields.push(whole("#[shm(lanes)]", here, there));
    }
    let order = |side: &Descriptor| {
        let names: Vec<_> = side
            .entries
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        names.join(", ")
    };
    let same = |field: &FieldChange| matches!(field.change, Change::Same { .. });
    if fields.iter().all(same) && order(here) != order(there) {
        fields.push(whole("(order of fields)", order(here), order(there)));
    }
    fields
}

fn change(ours: &Described, there: &Descriptor) -> FieldChange {
    let change = match find(there, &ours.name) {
        None => Change::Missing {
            here: ours.source.clone(),
        },
        Some(theirs) if compare(&ours.canonical, &theirs.canonical) != Likeness::Different => {
            Change::Same {
                shape: ours.source.clone(),
            }
        }
        // Equal source text of different shapes: an alias or an element type changed.
        Some(theirs) if ours.source == theirs.source => Change::Changed {
            here: ours.canonical.clone(),
            there: theirs.canonical.clone(),
        },
        Some(theirs) => Change::Changed {
            here: ours.source.clone(),
            there: theirs.source.clone(),
        },
    };
    FieldChange {
        name: ours.name.clone(),
        change,
    }
}

/// A warning for each field whose element only one side describes.
fn undescribed(here: &Descriptor, there: &Descriptor) -> Vec<String> {
    let pairs = here
        .entries
        .iter()
        .filter_map(|ours| Some((ours, find(there, &ours.name)?)));
    let unlike = pairs.filter(|(ours, theirs)| {
        compare(&ours.canonical, &theirs.canonical) == Likeness::Undescribed
    });
    let texts = unlike.map(|(ours, theirs)| {
        format!(
            "`{}` was accepted by size and alignment only, because one side does not describe its element: here {}, there {}",
            ours.name, ours.canonical, theirs.canonical
        )
    });
    texts.collect()
}
