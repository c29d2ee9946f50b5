//! `shm gen`: a segment's description, its layout for programs in C and Python, and its schema for programs in C++.
//!
//! What is generated says where the bytes are and what they mean, and checks at compile time or on import that the other
//! language sees them so. Arrays may be read by it as they are; the other structures are lock-free algorithms, for which
//! the bytes are not enough.

use crate::args::{Gen, Language};
use crate::failure::{Code, Failure};
use crate::out::Out;
use serde_json::Value as Json;
use shm_runtime::dynamic::{ElementField, ElementType, Field, FieldType, Primitive, Schema};
use shm_runtime::segment::Survey;
use std::fmt::Write as _;

pub(crate) fn run(args: &Gen, out: &mut Out) -> Result<Code, Failure> {
    let survey = Survey::look(&args.name)?;
    let (schema, fields) = Schema::surveyed(&survey)?;
    let source = Source {
        segment: survey.name(),
        size: survey.control().total_size,
        schema: &schema,
        fields: &fields,
        structs: structs(&fields),
    };
    let text = match args.what {
        Language::Json => {
            let json: Json = serde_json::from_str(&schema.to_json()).unwrap_or_default(); // our own writing
            format!("{json:#}\n")
        }
        Language::C => source.c(),
        Language::Py => source.python(),
        Language::Go => super::go::write(&source),
        Language::Cpp => source.cpp()?,
    };
    out.bytes(text.as_bytes())?;
    Ok(Code::Ok)
}

/// What is written down.
pub(super) struct Source<'a> {
    pub(super) segment: &'a str,
    size: u64,
    pub(super) schema: &'a Schema,
    pub(super) fields: &'a [Field],
    /// Every struct, behind those that it has inside.
    pub(super) structs: Vec<(String, ElementType)>,
}

/// A name that C and Python take: letters, digits and `_`.
fn identifier(name: &str) -> String {
    const RESERVED: [&str; 24] = [
        "int", "float", "double", "char", "long", "short", "signed", "unsigned", "struct", "union",
        "enum", "for", "if", "else", "while", "return", "class", "def", "from", "import", "in",
        "is", "lambda", "pass",
    ];
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let text: String = name.chars().map(plain).collect();
    let text = text.trim_end_matches('_').to_owned();
    let starts_wrong = text.starts_with(|c: char| c.is_ascii_digit()) || text.is_empty();
    match (starts_wrong, RESERVED.contains(&text.as_str())) {
        (true, _) => format!("_{text}"),
        (_, true) => format!("{text}_"),
        _ => text,
    }
}

/// The structs of all elements, each once, with a name that no other has.
fn structs(fields: &[Field]) -> Vec<(String, ElementType)> {
    let mut found = Vec::new();
    for field in fields {
        if field.element().only().is_none() {
            collect(
                field.element(),
                &format!("{}_entry", field.name()),
                &mut found,
            );
        }
    }
    found
}

fn collect(of: &ElementType, otherwise: &str, found: &mut Vec<(String, ElementType)>) {
    if of.fields().is_empty() || found.iter().any(|(_, known)| known == of) {
        return;
    }
    for field in of.fields() {
        if let FieldType::Struct(inner) = &field.of {
            collect(inner, &format!("{otherwise}_{}", field.name), found);
        }
    }
    let name = identifier(if of.name().is_empty() {
        otherwise
    } else {
        of.name()
    });
    let taken = |name: &str| found.iter().any(|(known, _)| known == name);
    let mut unique = name.clone();
    let mut number = 2;
    while taken(&unique) {
        unique = format!("{name}_{number}");
        number += 1;
    }
    found.push((unique, of.clone()));
}

impl Source<'_> {
    pub(super) fn named(&self, of: &ElementType) -> Option<&str> {
        let found = self.structs.iter().find(|(_, known)| known == of);
        found.map(|(name, _)| name.as_str())
    }

    /// The type of a part in C: what stands before its name, and how many there are of it.
    fn c_type(&self, field: &ElementField) -> (String, usize) {
        match &field.of {
            FieldType::Number(number) => (c_number(*number).to_owned(), field.count),
            FieldType::Text(bytes) => ("char".to_owned(), bytes * field.count),
            FieldType::Struct(of) => match self.named(of) {
                Some(name) => (name.to_owned(), field.count),
                None => ("uint8_t".to_owned(), of.size() * field.count),
            },
        }
    }

    /// As the library writes it, and with a word on fields that lie elsewhere.
    fn cpp(&self) -> Result<String, Failure> {
        let text = self
            .schema
            .to_cpp()
            .map_err(|why| Failure::new(Code::Usage, why.to_string()))?;
        let parts = self
            .schema
            .layout()
            .map(|layout| layout.parts)
            .unwrap_or_default();
        let is_elsewhere = |field: &&Field| {
            let found = parts.iter().find(|(name, ..)| name == field.name());
            found.is_none_or(|&(_, offset, _)| offset != field.offset() as u64)
        };
        let elsewhere: Vec<_> = self
            .fields
            .iter()
            .filter(is_elsewhere)
            .map(|field| field.name())
            .collect();
        if elsewhere.is_empty() {
            return Ok(text);
        }
        Ok(format!(
            "// In segment `{}` these lie elsewhere than the assertions say, because of options or raised alignments; an \
             open segment is\n// read where its own table says: {}.\n{text}",
            self.segment,
            elsewhere.join(", ")
        ))
    }

    fn c(&self) -> String {
        let schema = identifier(self.schema.name());
        let upper = schema.to_uppercase();
        let mut text = format!(
            "/* Layout of segment `{}`, schema {}: written by `shm gen c`.\n\
             \x20* Arrays are their elements; the other structures are lock-free and have algorithms of their own: shm.h. */\n\
             #ifndef SHM_{upper}_H\n#define SHM_{upper}_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n\
             #define {upper}_SIZE UINT64_C({})\n#define {upper}_FINGERPRINT \"{:032x}\"\n",
            self.segment,
            schema,
            self.size,
            self.schema.fingerprint()
        );
        for (name, of) in &self.structs {
            self.c_struct(name, of, &mut text);
        }
        for field in self.fields {
            let name = format!("{upper}_{}", identifier(field.name()).to_uppercase());
            let _ = writeln!(
                text,
                "\n/* {} {} */",
                field.kind(),
                identifier(field.name())
            );
            let _ = writeln!(text, "#define {name}_OFFSET UINT64_C({})", field.offset());
            let _ = writeln!(text, "#define {name}_BYTES UINT64_C({})", field.size());
            let _ = writeln!(
                text,
                "#define {name}_CAPACITY UINT64_C({})",
                field.capacity()
            );
            let _ = writeln!(text, "#define {name}_NAME {}", Json::from(field.name())); // with its quotes
            match field.pair() {
                Some(pair) => {
                    self.c_typedef(&schema, field, "key", &pair.key, &mut text);
                    self.c_typedef(&schema, field, "value", &pair.value, &mut text);
                }
                None if field.element().size() > 0 => {
                    self.c_typedef(&schema, field, "element", field.element(), &mut text);
                }
                None => {}
            }
        }
        text + "\n#endif\n"
    }

    /// The type of what a field takes and gives.
    fn c_typedef(
        &self,
        schema: &str,
        field: &Field,
        part: &str,
        of: &ElementType,
        text: &mut String,
    ) {
        let typedef = format!("{schema}_{}_{part}", identifier(field.name()));
        let _ = match self.c_element(of) {
            (kind, 1) => writeln!(text, "typedef {kind} {typedef};"),
            (kind, count) => writeln!(text, "typedef {kind} {typedef}[{count}];"),
        };
    }

    fn c_struct(&self, name: &str, of: &ElementType, text: &mut String) {
        let _ = writeln!(text, "\ntypedef struct {name} {{");
        for field in of.fields() {
            let (kind, count) = self.c_type(field);
            let array = if count == 1 {
                String::new()
            } else {
                format!("[{count}]")
            };
            let _ = writeln!(text, "    {kind} {}{array};", identifier(&field.name));
        }
        let _ = writeln!(text, "}} {name};");
        let _ = writeln!(
            text,
            "_Static_assert(sizeof({name}) == {}, \"size of {name}\");",
            of.size()
        );
        for field in of.fields() {
            let (part, offset) = (identifier(&field.name), field.offset);
            let _ = writeln!(
                text,
                "_Static_assert(offsetof({name}, {part}) == {offset}, \"{name}.{part}\");"
            );
        }
    }

    fn c_element(&self, of: &ElementType) -> (String, usize) {
        match (of.only(), self.named(of)) {
            (Some(only), _) => self.c_type(only),
            (None, Some(name)) => (name.to_owned(), 1),
            (None, None) => ("uint8_t".to_owned(), of.size()),
        }
    }

    /// The type of a part in Python's ctypes.
    fn python_type(&self, field: &ElementField) -> String {
        let times = |one: String| match field.count {
            1 => one,
            count => format!("{one} * {count}"),
        };
        match &field.of {
            FieldType::Number(number) => times(python_number(*number).to_owned()),
            FieldType::Text(bytes) => times(format!("(c_char * {bytes})")),
            FieldType::Struct(of) => times(match self.named(of) {
                Some(name) => name.to_owned(),
                None => format!("(c_uint8 * {})", of.size()),
            }),
        }
    }

    fn python(&self) -> String {
        let mut text = format!(
            "\"\"\"Layout of segment `{}`, schema {}: written by `shm gen py`.\n\n\
             Arrays are their elements; the other structures are lock-free and have algorithms of their own.\n\"\"\"\n\n\
             from ctypes import (  # noqa: F401\n    Structure, c_char, c_double, c_float, c_int8, c_int16, c_int32, c_int64,\n    \
             c_uint8, c_uint16, c_uint32, c_uint64, sizeof,\n)\n\nSIZE = {}\nFINGERPRINT = \"{:032x}\"\n",
            self.segment,
            identifier(self.schema.name()),
            self.size,
            self.schema.fingerprint()
        );
        for (name, of) in &self.structs {
            let _ = writeln!(text, "\n\nclass {name}(Structure):\n    _fields_ = [");
            for field in of.fields() {
                let _ = writeln!(
                    text,
                    "        (\"{}\", {}),",
                    identifier(&field.name),
                    self.python_type(field)
                );
            }
            let _ = writeln!(text, "    ]\n\n\nassert sizeof({name}) == {}", of.size());
            for field in of.fields() {
                let (part, offset) = (identifier(&field.name), field.offset);
                let _ = writeln!(text, "assert {name}.{part}.offset == {offset}");
            }
        }
        text += "\n# name: (kind, offset, bytes, capacity, type of an element)\nFIELDS = {\n";
        for field in self.fields {
            let of = field.element();
            let element = match (of.only(), self.named(of)) {
                (Some(only), _) => self.python_type(only),
                (None, Some(name)) => name.to_owned(),
                (None, None) => format!("c_uint8 * {}", of.size()),
            };
            let name = Json::from(field.name()); // with its quotes
            let kind = Json::from(field.kind().name());
            let _ = writeln!(
                text,
                "    {name}: ({kind}, {}, {}, {}, {element}),",
                field.offset(),
                field.size(),
                field.capacity()
            );
        }
        text + "}\n"
    }
}

const fn c_number(number: Primitive) -> &'static str {
    match number {
        Primitive::U8 => "uint8_t",
        Primitive::I8 => "int8_t",
        Primitive::U16 => "uint16_t",
        Primitive::I16 => "int16_t",
        Primitive::U32 => "uint32_t",
        Primitive::I32 => "int32_t",
        Primitive::U64 => "uint64_t",
        Primitive::I64 => "int64_t",
        Primitive::U128 => "unsigned __int128",
        Primitive::I128 => "__int128",
        Primitive::F32 => "float",
        Primitive::F64 => "double",
    }
}

const fn python_number(number: Primitive) -> &'static str {
    match number {
        Primitive::U8 => "c_uint8",
        Primitive::I8 => "c_int8",
        Primitive::U16 => "c_uint16",
        Primitive::I16 => "c_int16",
        Primitive::U32 => "c_uint32",
        Primitive::I32 => "c_int32",
        Primitive::U64 => "c_uint64",
        Primitive::I64 => "c_int64",
        Primitive::U128 | Primitive::I128 => "(c_uint64 * 2)",
        Primitive::F32 => "c_float",
        Primitive::F64 => "c_double",
    }
}
