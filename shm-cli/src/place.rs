//! Where a value is: `sim.grid[10..20]`, `sim.gauges[17].level`, `sim.left.events`.
//!
//! Names of segments and of fields may themselves have dots, and those of fields brackets; the longest name that there
//! is counts.

use crate::failure::Failure;
use crate::files;
use shm_runtime::dynamic::{ElementType, Field, FieldType, Segment, Value};
use shm_runtime::error::FieldError;
use std::ops::Range;

/// A step into a field: to one of its elements, or to a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// What stands between brackets.
    Item(String),
    /// What stands behind a dot.
    Name(String),
}

/// The name of a segment and what follows it.
pub(crate) fn split(text: &str) -> Result<(&str, &str), Failure> {
    let text = text.strip_prefix('/').unwrap_or(text);
    let end = text.find('[').unwrap_or(text.len());
    let dots = text[..end].match_indices('.').map(|(at, _)| at);
    let ends: Vec<usize> = dots.chain([end]).filter(|&at| at > 0).collect();
    let is_there = |end: &&usize| files::path(&text[..**end]).symlink_metadata().is_ok();
    let end = ends.iter().rfind(is_there).or(ends.first());
    let Some(&end) = end else {
        return Err(
            Failure::usage("no segment is named").hint("write `sim.field`, or `sim.field[7]`")
        );
    };
    let rest = &text[end..];
    Ok((&text[..end], rest.strip_prefix('.').unwrap_or(rest)))
}

/// The field that is meant, and the steps into it.
pub(crate) fn resolve<'a>(
    segment: &'a Segment,
    text: &str,
) -> Result<(&'a Field, Vec<Step>), Failure> {
    let names = || segment.fields().map(|field| field.name().to_owned());
    if text.is_empty() {
        let fields: Vec<String> = names()
            .map(|name| format!("{}.{name}", segment.name()))
            .collect();
        let what = format!(
            "`{}` is a segment, and a field of it is wanted",
            segment.name()
        );
        return Err(Failure::usage(what).hint(format!("one of {}", fields.join(", "))));
    }
    let fits = |field: &&Field| {
        let rest = text.strip_prefix(field.name());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let field = segment
        .fields()
        .filter(fits)
        .max_by_key(|field| field.name().len());
    let field = field.ok_or_else(|| FieldError::Missing {
        segment: segment.name().to_owned(),
        field: text.split('[').next().unwrap_or(text).to_owned(),
        there: names().collect(),
    })?;
    Ok((field, steps(&text[field.name().len()..])?))
}

/// Takes `[17].level` apart.
fn steps(mut text: &str) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    while !text.is_empty() {
        if let Some(inside) = text.strip_prefix('[') {
            let end = closing(inside)
                .ok_or_else(|| Failure::usage(format!("`{text}` has no closing bracket")))?;
            steps.push(Step::Item(inside[..end].trim().to_owned()));
            text = &inside[end + 1..];
        } else if let Some(name) = text.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return Err(Failure::usage(format!("a name is missing in `{text}`")));
            }
            steps.push(Step::Name(name[..end].to_owned()));
            text = &name[end..];
        } else {
            return Err(Failure::usage(format!("expected `.` or `[` at `{text}`")));
        }
    }
    Ok(steps)
}

/// Where the bracket closes that was opened in front of the text; those in texts and in JSON do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '[' => depth += 1,
            ']' if depth == 0 => return Some(at),
            ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Which of `len` elements are meant: `7`, `10..20`, `10..`, `..`, and `3,4` in an array with a shape.
pub(crate) fn range(
    text: &str,
    len: usize,
    shape: &[usize],
) -> Result<(Range<usize>, bool), Failure> {
    let wrong = || {
        Failure::usage(format!("`[{text}]` is no index"))
            .hint("write `[7]`, `[10..20]`, `[10..]` or, in an array with a shape, `[3,4]`")
    };
    let number = |text: &str| {
        text.trim()
            .replace('_', "")
            .parse::<usize>()
            .map_err(|_| wrong())
    };
    let bound = |text: &str, default| {
        if text.trim().is_empty() {
            Ok(default)
        } else {
            number(text)
        }
    };
    let (range, is_one) = if let Some((first, end)) = text.split_once("..") {
        let end = match end.strip_prefix('=') {
            Some(last) => number(last)?.saturating_add(1),
            None => bound(end, len)?,
        };
        (bound(first, 0)?..end, false)
    } else if text.contains(',') {
        let sides: Vec<usize> = text.split(',').map(number).collect::<Result<_, _>>()?;
        if sides.len() != shape.len() || sides.iter().zip(shape).any(|(at, side)| at >= side) {
            let what = format!("`[{text}]` is no place in an array of shape {shape:?}");
            return Err(Failure::no(what));
        }
        let at = sides
            .iter()
            .zip(shape)
            .fold(0, |sum, (at, side)| sum * side + at);
        (at..at + 1, true)
    } else {
        let at = number(text)?;
        (at..at.saturating_add(1), true)
    };
    if range.start > range.end || range.end > len {
        return Err(Failure::no(format!(
            "`[{text}]` is out of range: there are {len} elements"
        )));
    }
    Ok((range, is_one))
}

/// The key of a map or set: JSON, or for a key that is a text also the text alone.
pub(crate) fn key(text: &str, of: &ElementType) -> Result<Vec<u8>, Failure> {
    let is_text = of
        .only()
        .is_some_and(|only| matches!(only.of, FieldType::Text(_)));
    let json = match serde_json::from_str(text) {
        Ok(json @ serde_json::Value::String(_)) if is_text => json,
        _ if is_text => text.into(),
        Ok(json) => json,
        Err(why) => {
            let what = format!("the key `{text}` is no JSON: {why}");
            return Err(
                Failure::usage(what).hint(format!("a key is a {}", crate::show::element(of)))
            );
        }
    };
    Ok(of.encode(&of.from_json(&json)?)?)
}

/// The part of a value that the steps lead to.
pub(crate) fn project(mut value: Value, steps: &[Step]) -> Result<Value, Failure> {
    for step in steps {
        value = match (step, value) {
            (Step::Name(name), Value::Struct(fields)) => {
                let names: Vec<_> = fields.iter().map(|(name, _)| name.clone()).collect();
                let found = fields.into_iter().find(|(field, _)| field == name);
                let missing = || {
                    Failure::no(format!(
                        "an element has no field `{name}`; it has {}",
                        names.join(", ")
                    ))
                };
                found.ok_or_else(missing)?.1
            }
            (Step::Item(text), Value::List(values)) => {
                let (range, is_one) = range(text, values.len(), &[])?;
                let mut items = values.into_iter().skip(range.start).take(range.len());
                match items.next() {
                    Some(item) if is_one => item,
                    first => Value::List(first.into_iter().chain(items).collect()),
                }
            }
            (Step::Name(name), _) => {
                return Err(Failure::no(format!(
                    "there is no `.{name}`: the element is no struct"
                )));
            }
            (Step::Item(text), _) => {
                return Err(Failure::no(format!(
                    "there is no `[{text}]`: the element is no list"
                )));
            }
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{Step, range, steps};

    #[test]
    fn steps_are_taken_apart() {
        let item = |text: &str| Step::Item(text.to_owned());
        let name = |text: &str| Step::Name(text.to_owned());
        let cases = [
            ("", vec![]),
            ("[17].level", vec![item("17"), name("level")]),
            (r#"["a]b"][2]"#, vec![item(r#""a]b""#), item("2")]),
            ("[[1, 2]]", vec![item("[1, 2]")]),
        ];
        for (text, expected) in cases {
            assert_eq!(steps(text).unwrap(), expected);
        }
        for wrong in ["[7", "..a", "x", "[7]x", "."] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranges_stay_inside() {
        let cases = [
            ("7", 7..8, true),
            ("2..5", 2..5, false),
            ("8..", 8..10, false),
            ("..", 0..10, false),
            ("..=3", 0..4, false),
            ("1,3", 8..9, true),
        ];
        for (text, expected, is_one) in cases {
            assert_eq!(range(text, 10, &[2, 5]).unwrap(), (expected, is_one));
        }
        for wrong in [
            "10",
            "5..2",
            "..11",
            "-1",
            "a",
            "2,0",
            "0,5",
            "1,1,1",
            "99999999999999999999",
        ] {
            assert!(range(wrong, 10, &[2, 5]).is_err(), "{wrong}");
        }
    }
}
