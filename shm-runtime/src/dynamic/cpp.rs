//! A header for `bindings/cpp`: a segment's schema as C++ structs, which the compiler checks against this library's
//! layout when it is included.
//!
//! Elements become structs with a description, nested schemas structs of their own, and arrays of structures
//! `std::array`s, so that the C++ library computes the same layout and the same fingerprint from them. Offsets, sizes
//! and the fingerprint are written down besides, as assertions.

use super::element::{ElementField, ElementType, FieldType, Primitive};
use super::kind::Kind;
use super::schema::{FieldSchema, Schema};
use crate::error::SchemaError;
use core::fmt::Write as _;

/// Words that are no names in C++, and names that the descriptions need.
const RESERVED: &str = " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t \
    char32_t class compl concept const consteval constexpr constinit const_cast continue co_await co_return co_yield \
    decltype default delete do double dynamic_cast else enum explicit export extern false float for friend goto if \
    inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public \
    register reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch \
    template this thread_local throw true try typedef typeid typename union unsigned using virtual void volatile \
    wchar_t while xor xor_eq shm shm_type shm_schema std ";

impl Schema {
    /// The text of a C++ header for `bindings/cpp`.
    ///
    /// ```
    /// use shm_runtime::dynamic::Schema;
    ///
    /// let schema = Schema::from_json(r#"{"schema": {"name": "Sim", "doc": ""}, "entries": [
    ///     {"name": "events", "kind": "Queue", "capacity": [8], "element": "u64"}
    /// ]}"#)?;
    /// assert!(schema.to_cpp()?.contains("shm::queue<shm::u64, 8> events;"));
    /// # Ok::<(), shm_runtime::error::SchemaError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where C++ has no such type: a map whose entries are not described, a struct that is packed, a kind that this
    /// library does not know.
    pub fn to_cpp(&self) -> Result<String, SchemaError> {
        let layout = self.layout()?;
        let mut header = Header {
            space: identifier(&self.name.to_lowercase()) + "_shm",
            structs: Vec::new(),
            text: String::new(),
        };
        let written = header.schema(self);
        written.map_err(|why| SchemaError { why })?;
        let body = layout.parts.iter().find(|(name, ..)| name == "@control");
        let body = body.map_or(0, |&(_, offset, _)| offset);
        let name = header.type_name(&self.name);
        let text = &mut header.text;
        for field in &self.fields {
            let part = layout.parts.iter().find(|(name, ..)| *name == field.name);
            let (_, offset, size) = part.cloned().unwrap_or_default();
            let (field, offset) = (&field.name, offset - body);
            let _ = writeln!(
                text,
                "static_assert(shm::plan_of<{name}>::offset(\"{field}\") == {offset});\n\
                 static_assert(shm::plan_of<{name}>::size(\"{field}\") == {size});"
            );
        }
        let print = self.fingerprint();
        let _ = writeln!(
            text,
            "static_assert(shm::plan_of<{name}>::fingerprint ==\n              \
             shm::fingerprint{{{:#018x}, {:#018x}}});\n\n}}  // namespace {}",
            print as u64,
            (print >> 64) as u64,
            header.space
        );
        Ok(format!(
            "// Schema `{}`, written by `shm gen cpp`. Offsets count from the start of the segment's body.\n\
             #pragma once\n\n#include <shm/shm.hpp>\n\n#include <cstddef>\n\nnamespace {} {{\n{}",
            self.name, header.space, header.text
        ))
    }
}

/// A name that C++ takes: letters, digits and `_`.
fn identifier(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let text: String = name.chars().map(plain).collect();
    let text = text.trim_matches('_');
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("part_{text}");
    }
    if RESERVED.contains(&format!(" {text} ")) {
        return format!("{text}_");
    }
    text.to_owned()
}

/// A text as a C++ literal.
fn literal(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// What is written so far.
struct Header {
    /// The namespace.
    space: String,
    /// Every struct's name; of an element's, with what it is.
    structs: Vec<(String, Option<ElementType>)>,
    text: String,
}

/// A member of a schema's struct.
struct Member {
    /// What it is called in the table, as far as the struct's own name goes.
    name: String,
    kind: String,
}

impl Header {
    /// The name of the struct for a schema.
    fn type_name(&self, schema: &str) -> String {
        identifier(if schema.is_empty() { "Schema" } else { schema })
    }

    /// A name that no struct has.
    fn unique(&self, wanted: &str) -> String {
        let is_taken = |name: &str| self.structs.iter().any(|(known, _)| known == name);
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let mut names = core::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| !is_taken(name)).unwrap_or_default()
    }

    fn schema(&mut self, schema: &Schema) -> Result<(), String> {
        let name = self.type_name(&schema.name);
        self.structs.push((name.clone(), None)); // no element may have it
        let lanes = format!("shm::lanes({}), ", schema.lanes);
        self.fields(&name, (&schema.name, &lanes), &schema.fields, 0)
    }

    /// The struct of fields whose names agree in their first `prefix` bytes.
    fn fields(
        &mut self,
        name: &str,
        (title, lanes): (&str, &str),
        fields: &[FieldSchema],
        prefix: usize,
    ) -> Result<(), String> {
        let mut members = Vec::new();
        let mut rest = fields;
        while let Some(first) = rest.first() {
            let tail = &first.name[prefix..];
            let head = &tail[..tail.find(['.', '[']).unwrap_or(tail.len())];
            let outer = prefix + head.len();
            let belongs = |field: &&FieldSchema| {
                field.name.get(..outer) == first.name.get(..outer)
                    && field.name.as_bytes().get(outer) == first.name.as_bytes().get(outer)
            };
            let count = rest.iter().take_while(belongs).count();
            let kind = match first.name.as_bytes().get(outer) {
                None => self.structure(first)?,
                Some(b'[') => format!("std::array<{}, {count}>", self.structure(first)?),
                Some(_) => {
                    let nested = self.unique(&format!("{name}_{}", identifier(head)));
                    self.structs.push((nested.clone(), None));
                    self.fields(&nested, (head, ""), &rest[..count], outer + 1)?;
                    nested
                }
            };
            members.push(Member {
                name: head.to_owned(),
                kind,
            });
            rest = &rest[count..];
        }
        self.struct_of(name, &members);
        let listed: Vec<_> = members
            .iter()
            .map(|member| {
                let own = Self::member(name, &member.name);
                format!("shm::field({}, &{name}::{own})", literal(&member.name))
            })
            .collect();
        let list = listed.join(",\n                    ");
        let title = literal(title);
        let _ = writeln!(
            self.text,
            "\n    static constexpr auto shm_schema =\n        shm::schema({title}, {lanes}{list});\n}};\n"
        );
        Ok(())
    }

    /// A member's name, which is not that of its struct.
    fn member(of: &str, name: &str) -> String {
        let own = identifier(name);
        if own == of { format!("{own}_") } else { own }
    }

    fn struct_of(&mut self, name: &str, members: &[Member]) {
        let _ = writeln!(self.text, "\nstruct {name} {{");
        for member in members {
            let own = Self::member(name, &member.name);
            let _ = writeln!(self.text, "    {} {own};", member.kind);
        }
    }

    /// The type of a structure's handle.
    fn structure(&mut self, field: &FieldSchema) -> Result<String, String> {
        let kind = match &field.kind {
            Kind::Array => "array",
            Kind::Atomic => "atomic",
            Kind::Queue => "queue",
            Kind::Spsc => "spsc",
            Kind::Broadcast => "broadcast",
            Kind::Stack => "stack",
            Kind::Map => "map",
            Kind::Set => "set",
            Kind::LargeMap => "large_map",
            Kind::Pool => "pool",
            Kind::Versioned => "versioned",
            Kind::VersionedArray => "versioned_array",
            Kind::Mutex => "mutex",
            Kind::RwLock => "rwlock",
            Kind::Semaphore => "semaphore",
            Kind::Barrier => "barrier",
            Kind::Once => return Ok("shm::once".to_owned()),
            Kind::Signal => return Ok("shm::signal".to_owned()),
            Kind::Other(other) => return Err(format!("this library knows no `{other}`")),
        };
        let mut inside = Vec::new();
        let wrong = |why| format!("field `{}`: {why}", field.name);
        if field.kind.is_map() {
            let pair = field.pair.as_ref().ok_or_else(|| {
                wrong("its keys and values are not described; derive `ShmType` for them".to_owned())
            })?;
            inside.push(self.element(&pair.key, &field.name).map_err(wrong)?);
            inside.push(self.element(&pair.value, &field.name).map_err(wrong)?);
        } else if !field.kind.is_without_element() {
            inside.push(self.element(&field.element, &field.name).map_err(wrong)?);
        }
        inside.extend(field.capacity.iter().map(usize::to_string));
        Ok(format!("shm::{kind}<{}>", inside.join(", ")))
    }

    /// The type of an element; its struct is written first.
    fn element(&mut self, of: &ElementType, otherwise: &str) -> Result<String, String> {
        if of.fields().is_empty() {
            return Ok(format!("shm::opaque<{}, {}>", of.size(), of.align()));
        }
        if let Some(only) = of.only() {
            let one = self.part(only, otherwise)?;
            return Ok(match only.count {
                1 => one,
                count => format!("std::array<{one}, {count}>"),
            });
        }
        let known = self
            .structs
            .iter()
            .find(|(_, known)| known.as_ref() == Some(of));
        if let Some((name, _)) = known {
            return Ok(format!("::{}::{name}", self.space));
        }
        let wanted = if of.name().is_empty() {
            otherwise
        } else {
            of.name()
        };
        let mut members = Vec::new();
        for field in of.fields() {
            let inner = format!("{otherwise}_{}", field.name);
            members.push((field, self.part(field, &inner)?));
        }
        let name = self.unique(&identifier(wanted));
        self.structs.push((name.clone(), Some(of.clone())));
        self.record(&name, of, &members)?;
        Ok(format!("::{}::{name}", self.space))
    }

    /// The struct of an element, its description, and what is to be true of it.
    fn record(
        &mut self,
        name: &str,
        of: &ElementType,
        members: &[(&ElementField, String)],
    ) -> Result<(), String> {
        let natural = of.fields().iter().map(|field| field.of.align()).max();
        let natural = natural.unwrap_or(1);
        if of.align() < natural {
            return Err(format!("`{}` is packed, which C++ cannot say", of.name()));
        }
        let align = match of.align() {
            align if align > natural => format!("alignas({align}) "),
            _ => String::new(),
        };
        let _ = writeln!(self.text, "\nstruct {align}{name} {{");
        let mut parts = Vec::new();
        for (field, kind) in members {
            let own = Self::member(name, &field.name);
            let many = match field.count {
                1 => String::new(),
                count => format!("[{count}]"),
            };
            let _ = writeln!(self.text, "    {kind} {own}{many};");
            parts.push(format!(
                "shm::part({}, &{name}::{own})",
                literal(&field.name)
            ));
        }
        let _ = writeln!(
            self.text,
            "\n    static constexpr auto shm_type =\n        shm::type({}, {});\n}};",
            literal(of.name()),
            parts.join(",\n                  ")
        );
        let _ = writeln!(
            self.text,
            "static_assert(sizeof({name}) == {} && alignof({name}) == {});",
            of.size(),
            of.align()
        );
        for (field, _) in members {
            let own = Self::member(name, &field.name);
            let _ = writeln!(
                self.text,
                "static_assert(offsetof({name}, {own}) == {});",
                field.offset
            );
        }
        Ok(())
    }

    /// The type of one of a part's items.
    fn part(&mut self, field: &ElementField, otherwise: &str) -> Result<String, String> {
        match &field.of {
            FieldType::Number(number) => Ok(number_name(*number).to_owned()),
            FieldType::Text(bytes) => Ok(format!("shm::text<{bytes}>")),
            FieldType::Struct(of) => self.element(of, otherwise),
        }
    }
}

const fn number_name(number: Primitive) -> &'static str {
    match number {
        Primitive::U8 => "shm::u8",
        Primitive::I8 => "shm::i8",
        Primitive::U16 => "shm::u16",
        Primitive::I16 => "shm::i16",
        Primitive::U32 => "shm::u32",
        Primitive::I32 => "shm::i32",
        Primitive::U64 => "shm::u64",
        Primitive::I64 => "shm::i64",
        Primitive::U128 => "shm::wide",
        Primitive::I128 => "shm::signed_wide",
        Primitive::F32 => "float",
        Primitive::F64 => "double",
    }
}
