//! Scripts: what is done to a segment, and what must be seen.

use super::wire::{Answer, Step};
use serde_json::Value as Json;
use shm_runtime::dynamic::{ElementType, FieldSchema, Kind, Schema};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file of cases on segments of one schema.
#[derive(Clone, Debug)]
pub struct Script {
    /// Of the file, and so of the schema's header in C++.
    pub name: String,
    pub schema: Schema,
    /// What an implementation has to have for all of it.
    pub needs: Vec<String>,
    pub cases: Vec<Case>,
}

/// Steps on a new segment.
#[derive(Clone, Debug)]
pub struct Case {
    pub about: String,
    pub steps: Vec<Expected>,
    /// The bytes of a segment that is there already.
    pub file: Option<Vec<u8>>,
}

/// A step, with what it must answer.
#[derive(Clone, Debug)]
pub struct Expected {
    pub step: Step,
    pub answer: Answer,
    /// What an implementation has to have for it.
    pub needs: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// The files of a folder of the kit, in the order of their names.
pub fn files(of: &str) -> Vec<(String, Json)> {
    let entries = std::fs::read_dir(folder().join(of)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let json = serde_json::from_str(&text);
        let json = json.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, json)
    };
    paths.iter().map(read).collect()
}

/// Where a file of the kit is.
pub fn path(of: &str) -> PathBuf {
    folder().join(of)
}

/// All scripts.
pub fn all() -> Vec<Script> {
    let files = files("scripts");
    files.iter().map(|(name, json)| read(name, json)).collect()
}

pub fn read(name: &str, json: &Json) -> Script {
    let schema = Schema::from_json(&json["description"].to_string());
    let schema = schema.unwrap_or_else(|why| panic!("{name}: {why}"));
    let cases = json["cases"].as_array().expect("a list `cases`");
    let cases = cases.iter().map(|case| read_case(name, &schema, case));
    Script {
        name: name.to_owned(),
        cases: cases.collect(),
        needs: needs(json),
        schema,
    }
}

pub fn read_case(script: &str, schema: &Schema, json: &Json) -> Case {
    let about = json["about"].as_str().expect("a text `about`").to_owned();
    let mut held = BTreeMap::new();
    let steps = json["steps"].as_array().expect("a list `steps`");
    let steps = steps.iter().map(|step| {
        read_step(schema, &mut held, step)
            .unwrap_or_else(|why| panic!("{script}, {about}: {step}: {why}"))
    });
    Case {
        steps: steps.collect(),
        about,
        file: None,
    }
}

/// What has to be there, of a script or of a step.
fn needs(json: &Json) -> Vec<String> {
    let needs = json["needs"].as_array().into_iter().flatten();
    needs.filter_map(Json::as_str).map(str::to_owned).collect()
}

/// The types of what a step says.
struct Types<'a> {
    key: Option<&'a ElementType>,
    value: Option<&'a ElementType>,
}

fn types(field: Option<&FieldSchema>) -> Types<'_> {
    let Some(field) = field else {
        let (key, value) = (None, None);
        return Types { key, value };
    };
    match (field.pair(), field.kind()) {
        (Some(pair), _) => Types {
            key: Some(&pair.key),
            value: Some(&pair.value),
        },
        (None, Kind::Set) => Types {
            key: Some(field.element()),
            value: None,
        },
        _ => Types {
            key: None,
            value: Some(field.element()),
        },
    }
}

/// The bytes of a value, as hexadecimal digits.
fn encode(of: Option<&ElementType>, value: &Json) -> Result<String, String> {
    let of = of.ok_or("the field has no such values")?;
    let value = of.from_json(value).map_err(|why| why.to_string())?;
    let bytes = of.encode(&value).map_err(|why| why.to_string())?;
    Ok(hex(&bytes))
}

fn encode_all(of: Option<&ElementType>, values: &Json) -> Result<String, String> {
    let values = values.as_array().ok_or("no list of values")?;
    values.iter().map(|value| encode(of, value)).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// One part of a step or of an answer.
fn token(types: &Types<'_>, name: &str, json: &Json) -> Result<String, String> {
    match (name, json) {
        ("key", _) => encode(types.key, json),
        ("keys", _) => encode_all(types.key, json),
        ("value" | "current" | "new", _) => encode(types.value, json),
        ("values", _) => encode_all(types.value.or(types.key), json),
        (_, Json::String(text)) => Ok(text.clone()),
        (_, Json::Number(number)) => Ok(number.to_string()),
        (_, Json::Bool(is_so)) => Ok(u8::from(*is_so).to_string()),
        _ => Err(format!("`{name}` is neither text nor number")),
    }
}

fn read_step(
    schema: &Schema,
    held: &mut BTreeMap<String, String>,
    json: &Json,
) -> Result<Expected, String> {
    let object = json.as_object().ok_or("no object")?;
    let text = |name: &str| object.get(name).and_then(Json::as_str);
    let op = text("op").ok_or("no `op`")?;
    let name = match text("on") {
        Some(on) => Some(
            held.get(on)
                .ok_or(format!("nothing is called `{on}`"))?
                .clone(),
        ),
        None => text("field").map(str::to_owned),
    };
    if let (Some(held_as), Some(name)) = (text("as"), &name) {
        held.insert(held_as.to_owned(), name.clone());
    }
    let field = name.and_then(|name| schema.fields().iter().find(|field| field.name() == name));
    let types = types(field);
    let mut step = Step::new(op);
    let mut refused = None;
    for (name, json) in object {
        if !["op", "expect", "needs"].contains(&name.as_str()) {
            match token(&types, name, json) {
                Ok(token) => drop(step.args.insert(name.clone(), token)),
                Err(why) => refused = Some(why),
            }
        }
    }
    let expect = object.get("expect").ok_or("no `expect`")?;
    let answer = read_answer(&types, expect)?;
    // A value of another type never leaves a program that knows the type.
    if let Some(why) = refused {
        if answer.word != "error value" {
            return Err(why);
        }
        step = Step::new("nothing");
        step.args.insert("why".to_owned(), "value".to_owned());
    }
    Ok(Expected {
        step,
        answer,
        needs: needs(json),
    })
}

fn read_answer(types: &Types<'_>, json: &Json) -> Result<Answer, String> {
    if let Json::String(word) = json {
        return Ok(Answer::new(word));
    }
    let object = json
        .as_object()
        .ok_or("`expect` is neither text nor object")?;
    let mut answer = Answer::new(object.get("is").and_then(Json::as_str).unwrap_or("ok"));
    for (name, json) in object.iter().filter(|(name, _)| *name != "is") {
        if name == "entries" {
            let entries = json.as_array().ok_or("no list of entries")?;
            let pairs = entries.iter().map(|entry| {
                Ok((
                    encode(types.key, &entry[0])?,
                    encode(types.value, &entry[1])?,
                ))
            });
            let mut pairs: Vec<(String, String)> = pairs.collect::<Result<_, String>>()?;
            pairs.sort();
            answer.set(
                "keys",
                pairs
                    .iter()
                    .map(|(key, _)| key.as_str())
                    .collect::<String>(),
            );
            answer.set(
                "values",
                pairs
                    .iter()
                    .map(|(_, value)| value.as_str())
                    .collect::<String>(),
            );
        } else {
            answer.set(name, token(types, name, json)?);
        }
    }
    Ok(answer)
}
