//! The lines that a driver reads and writes: one for each step, and one for each answer.
//!
//! A line is a word and `name=value` pairs. Values are numbers, names, or bytes in hexadecimal digits; nothing has a space.

use super::script::{Case, Script, from_hex, hex};
use core::fmt;
use std::collections::BTreeMap;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub op: String,
    pub args: BTreeMap<String, String>,
}

impl Step {
    pub fn new(op: &str) -> Self {
        let (op, args) = (op.to_owned(), BTreeMap::new());
        Self { op, args }
    }

    /// A step from its line.
    pub fn parse(line: &str) -> Self {
        let Answer { word, args } = Answer::parse(line);
        Self { op: word, args }
    }

    /// Begins a case: leaves what there was, and creates the segment, or opens it where it is there.
    pub fn case(script: &Script, case: &Case, segment: &str) -> Self {
        let mut step = Self::new("case");
        let mut set = |name: &str, value: &str| step.args.insert(name.to_owned(), value.to_owned());
        set("segment", segment);
        set("schema", &script.name);
        set("description", &hex(script.schema.to_json().as_bytes()));
        set("open", if case.file.is_some() { "1" } else { "0" });
        step
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.args.get(name).map(String::as_str)
    }

    pub fn text(&self, name: &str) -> &str {
        let found = self.get(name);
        found.unwrap_or_else(|| panic!("`{self}` has no `{name}`"))
    }

    pub fn number(&self, name: &str) -> u64 {
        self.get(name).map_or(0, |text| text.parse().unwrap())
    }

    pub fn index(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        from_hex(self.text(name))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.op)?;
        let mut args = self.args.iter();
        args.try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// What was seen: a word, or two where it is an error, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub word: String,
    pub args: BTreeMap<String, String>,
}

impl Answer {
    pub fn new(word: &str) -> Self {
        let (word, args) = (word.to_owned(), BTreeMap::new());
        Self { word, args }
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.args.insert(name.to_owned(), value.into());
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    pub fn parse(line: &str) -> Self {
        let mut words: Vec<&str> = Vec::new();
        let mut args = BTreeMap::new();
        for part in line.split_whitespace() {
            match part.split_once('=') {
                Some((name, value)) => drop(args.insert(name.to_owned(), value.to_owned())),
                None => words.push(part),
            }
        }
        let word = words.join(" ");
        Self { word, args }
    }

    /// Whether this is what was expected: what the script does not ask for may be anything.
    pub fn meets(&self, expected: &Self) -> bool {
        self.word == expected.word
            && expected
                .args
                .iter()
                .all(|(name, value)| self.args.get(name) == Some(value))
    }

    /// Puts what has no order into one: the entries of a map, the keys of a set.
    pub fn sorted(mut self, key_size: usize, value_size: usize) -> Self {
        let parts = |text: &str, size: usize| -> Vec<String> {
            let parts = text.as_bytes().chunks((2 * size).max(1));
            parts
                .map(|part| String::from_utf8_lossy(part).into_owned())
                .collect()
        };
        let values = parts(
            self.args.get("values").map_or("", String::as_str),
            value_size,
        );
        if let Some(keys) = self.args.get("keys") {
            let mut pairs: Vec<_> = parts(keys, key_size).into_iter().zip(values).collect();
            pairs.sort();
            let (keys, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            self.set("keys", keys.concat());
            self.set("values", values.concat());
        } else {
            let mut values = values;
            values.sort();
            self.set("values", values.concat());
        }
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word)?;
        let mut args = self.args.iter();
        args.try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
