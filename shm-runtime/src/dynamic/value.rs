//! Values that know what they are: elements decoded, and JSON.
//!
//! Every byte sequence of an element's size decodes, because every bit pattern is a value; encoding what was
//! decoded gives the same bytes back, but for padding, which becomes zero.

use super::element::{ElementField, ElementType, FieldType, Primitive, short};
use crate::error::ValueError;
use serde_json::{Map, Number, Value as Json};

/// A value of an element or of a part of one.
///
/// There is no `bool`: not every byte is one, so it cannot be an element; programs keep a `u8`.
///
/// ```
/// use shm_runtime::dynamic::{ElementType, Value};
/// use shm_runtime::{Pod, ShmType, Zeroable};
///
/// #[derive(Clone, Copy, Pod, Zeroable, ShmType)]
/// #[repr(C)]
/// struct Event {
///     t: f64,
///     cells: [u32; 2],
/// }
///
/// let event = ElementType::of::<Event>();
/// let json: serde_json::Value = serde_json::from_str(r#"{"t": 0.5, "cells": [7, 8]}"#)?;
/// let bytes = event.encode(&event.from_json(&json)?)?;
/// assert_eq!(bytes.len(), 16);
/// assert_eq!(serde_json::Value::from(&event.decode(&bytes)?), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number of an unsigned type.
    Unsigned(u128),
    /// A number of a signed type.
    Signed(i128),
    /// A float of 32 bits.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A text.
    Text(String),
    /// An element that is not described, or a text that is no UTF-8.
    Bytes(Vec<u8>),
    /// An array.
    List(Vec<Self>),
    /// A struct: its fields in order.
    Struct(Vec<(String, Self)>),
}

/// Where in an element something is.
#[derive(Clone, Copy)]
enum Path<'a> {
    Top,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn text(self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Field(outer, name) => match outer.text() {
                outer if outer.is_empty() => name.to_owned(),
                outer => format!("{outer}.{name}"),
            },
            Self::Item(outer, i) => format!("{}[{i}]", outer.text()),
        }
    }

    fn error(self, expected: impl Into<String>, found: impl Into<String>) -> ValueError {
        ValueError {
            path: self.text(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl ElementType {
    /// The value of an element's bytes.
    ///
    /// # Errors
    ///
    /// Where there are more or fewer bytes than an element has.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, ValueError> {
        if bytes.len() != self.size() {
            let found = format!("{} bytes", bytes.len());
            return Err(Path::Top.error(format!("{} bytes", self.size()), found));
        }
        Ok(decode_element(self, bytes))
    }

    /// The bytes of a value; padding is zero.
    ///
    /// # Errors
    ///
    /// Where the value has another structure than the element, or a number is out of its type's range.
    pub fn encode(&self, value: &Value) -> Result<Vec<u8>, ValueError> {
        let mut bytes = vec![0; self.size()];
        encode_element(self, value, &mut bytes, Path::Top)?;
        Ok(bytes)
    }

    /// The value that JSON means for this type.
    ///
    /// A struct is an object, an array a list, a text a string, and what is not described a string of
    /// hexadecimal digits. Numbers that JSON cannot write are strings: of 128 bits, `"NaN"`, `"inf"`,
    /// `"-inf"`.
    ///
    /// # Errors
    ///
    /// Where the JSON has another structure than the element, or a number is out of its type's range.
    pub fn from_json(&self, json: &Json) -> Result<Value, ValueError> {
        element_from_json(self, json, Path::Top)
    }
}

fn decode_element(element: &ElementType, bytes: &[u8]) -> Value {
    if let Some(only) = element.only() {
        return decode_field(only, bytes);
    }
    if element.fields().is_empty() {
        return Value::Bytes(bytes.to_vec());
    }
    let fields = element.fields().iter();
    let fields = fields.map(|field| (field.name.clone(), decode_field(field, bytes)));
    Value::Struct(fields.collect())
}

fn decode_field(field: &ElementField, bytes: &[u8]) -> Value {
    let bytes = &bytes[field.offset..field.offset + field.size()]; // in range: see `ElementType`
    let size = field.of.size();
    if field.count == 1 {
        return decode_one(&field.of, bytes);
    }
    let one = |i: usize| decode_one(&field.of, &bytes[i * size..(i + 1) * size]);
    Value::List((0..field.count).map(one).collect())
}

fn decode_one(of: &FieldType, bytes: &[u8]) -> Value {
    match of {
        FieldType::Number(primitive) => decode_number(*primitive, bytes),
        FieldType::Struct(element) => decode_element(element, bytes),
        FieldType::Text(_) => {
            let end = bytes.iter().rposition(|&byte| byte != 0);
            let text = &bytes[..end.map_or(0, |last| last + 1)];
            match core::str::from_utf8(text) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Bytes(text.to_vec()),
            }
        }
    }
}

fn decode_number(primitive: Primitive, bytes: &[u8]) -> Value {
    let mut low = [0; 16];
    low[..bytes.len()].copy_from_slice(bytes);
    let bits = u128::from_le_bytes(low);
    match primitive {
        Primitive::F32 => Value::F32(f32::from_bits(bits as u32)),
        Primitive::F64 => Value::F64(f64::from_bits(bits as u64)),
        signed if signed.is_signed() => {
            let unused = 128 - 8 * bytes.len() as u32;
            Value::Signed((bits << unused) as i128 >> unused)
        }
        _ => Value::Unsigned(bits),
    }
}

fn encode_element(
    element: &ElementType,
    value: &Value,
    into: &mut [u8],
    path: Path<'_>,
) -> Result<(), ValueError> {
    if let Some(only) = element.only() {
        return encode_field(only, value, into, path);
    }
    match value {
        Value::Bytes(bytes) if element.fields().is_empty() => {
            if bytes.len() != into.len() {
                let found = format!("{} bytes", bytes.len());
                return Err(path.error(format!("{} bytes", into.len()), found));
            }
            into.copy_from_slice(bytes);
            Ok(())
        }
        Value::Struct(fields) if !element.fields().is_empty() => {
            for (name, _) in fields {
                if element.fields().iter().all(|field| field.name != *name) {
                    return Err(path.error(fields_of(element), format!("a field `{name}`")));
                }
            }
            for field in element.fields() {
                let given = fields.iter().find(|(name, _)| *name == field.name);
                let (_, value) =
                    given.ok_or_else(|| path.error(format!("a field `{}`", field.name), "none"))?;
                encode_field(field, value, into, Path::Field(&path, &field.name))?;
            }
            Ok(())
        }
        other => Err(path.error(fields_of(element), other.what())),
    }
}

/// What an element is, as an error says it.
fn fields_of(element: &ElementType) -> String {
    match element.fields() {
        [] => format!("{} bytes", element.size()),
        fields => {
            let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            format!("a struct of {}", names.join(", "))
        }
    }
}

fn encode_field(
    field: &ElementField,
    value: &Value,
    into: &mut [u8],
    path: Path<'_>,
) -> Result<(), ValueError> {
    let into = &mut into[field.offset..field.offset + field.size()]; // in range: see `ElementType`
    if field.count == 1 {
        return encode_one(&field.of, value, into, path);
    }
    let values = match value {
        Value::List(values) if values.len() == field.count => values,
        Value::List(values) => {
            let found = format!("{} of them", values.len());
            return Err(path.error(format!("a list of {}", field.count), found));
        }
        other => return Err(path.error(format!("a list of {}", field.count), other.what())),
    };
    let size = field.of.size();
    for (i, value) in values.iter().enumerate() {
        let place = &mut into[i * size..(i + 1) * size];
        encode_one(&field.of, value, place, Path::Item(&path, i))?;
    }
    Ok(())
}

fn encode_one(
    of: &FieldType,
    value: &Value,
    into: &mut [u8],
    path: Path<'_>,
) -> Result<(), ValueError> {
    let bytes = match (of, value) {
        (FieldType::Struct(element), _) => return encode_element(element, value, into, path),
        (FieldType::Number(primitive), _) => return encode_number(*primitive, value, into, path),
        (FieldType::Text(_), Value::Text(text)) => text.as_bytes(),
        (FieldType::Text(_), Value::Bytes(bytes)) => bytes,
        (FieldType::Text(most), other) => {
            return Err(path.error(format!("a text of at most {most} bytes"), other.what()));
        }
    };
    if bytes.len() > into.len() {
        let found = format!("one of {}", bytes.len());
        return Err(path.error(format!("a text of at most {} bytes", into.len()), found));
    }
    into[..bytes.len()].copy_from_slice(bytes);
    Ok(())
}

fn encode_number(
    primitive: Primitive,
    value: &Value,
    into: &mut [u8],
    path: Path<'_>,
) -> Result<(), ValueError> {
    let wrong = || {
        path.error(
            format!("a number of type {}", primitive.name()),
            value.what(),
        )
    };
    let bits = match (primitive, value) {
        (Primitive::F32, Value::F32(float)) => float.to_bits().into(),
        (Primitive::F32, Value::F64(float)) => (*float as f32).to_bits().into(),
        (Primitive::F32, Value::Unsigned(int)) => (*int as f32).to_bits().into(),
        (Primitive::F32, Value::Signed(int)) => (*int as f32).to_bits().into(),
        (Primitive::F64, Value::F64(float)) => float.to_bits().into(),
        (Primitive::F64, Value::F32(float)) => f64::from(*float).to_bits().into(),
        (Primitive::F64, Value::Unsigned(int)) => (*int as f64).to_bits().into(),
        (Primitive::F64, Value::Signed(int)) => (*int as f64).to_bits().into(),
        (_, Value::Unsigned(int)) => {
            let most = u128::MAX >> (128 - primitive.value_bits());
            if *int > most {
                return Err(wrong());
            }
            *int
        }
        (_, Value::Signed(int)) => {
            let unused = 127 - primitive.value_bits().min(127);
            let fits = if primitive.is_signed() {
                (int << unused) >> unused == *int
            } else {
                u128::try_from(*int)
                    .is_ok_and(|int| int <= u128::MAX >> (128 - primitive.value_bits()))
            };
            if !fits {
                return Err(wrong());
            }
            *int as u128
        }
        _ => return Err(wrong()),
    };
    into.copy_from_slice(&bits.to_le_bytes()[..into.len()]);
    Ok(())
}

impl Primitive {
    const fn is_signed(self) -> bool {
        matches!(
            self,
            Self::I8 | Self::I16 | Self::I32 | Self::I64 | Self::I128
        )
    }

    /// Bits of the largest number that it can be, without a sign.
    const fn value_bits(self) -> u32 {
        8 * self.size() as u32 - self.is_signed() as u32
    }
}

impl Value {
    /// What it is, as an error says it.
    fn what(&self) -> String {
        match self {
            Self::Unsigned(int) => int.to_string(),
            Self::Signed(int) => int.to_string(),
            Self::F32(float) => float.to_string(),
            Self::F64(float) => float.to_string(),
            Self::Text(text) => format!("the text {text:?}"),
            Self::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Self::List(values) => format!("a list of {}", values.len()),
            Self::Struct(_) => "a struct".to_owned(),
        }
    }
}

fn element_from_json(
    element: &ElementType,
    json: &Json,
    path: Path<'_>,
) -> Result<Value, ValueError> {
    if let Some(only) = element.only() {
        return field_from_json(only, json, path);
    }
    if element.fields().is_empty() {
        return match json.as_str().and_then(from_hex) {
            Some(bytes) => Ok(Value::Bytes(bytes)),
            None => Err(path.error("a string of hexadecimal digits", short(json))),
        };
    }
    let Some(object) = json.as_object() else {
        return Err(path.error(fields_of(element), short(json)));
    };
    for name in object.keys() {
        if element.fields().iter().all(|field| field.name != *name) {
            return Err(path.error(fields_of(element), format!("a field `{name}`")));
        }
    }
    let field = |field: &ElementField| {
        let json = object.get(&field.name);
        let json = json.ok_or_else(|| path.error(format!("a field `{}`", field.name), "none"))?;
        let value = field_from_json(field, json, Path::Field(&path, &field.name))?;
        Ok((field.name.clone(), value))
    };
    let fields = element.fields().iter().map(field);
    fields.collect::<Result<_, _>>().map(Value::Struct)
}

fn field_from_json(field: &ElementField, json: &Json, path: Path<'_>) -> Result<Value, ValueError> {
    if field.count == 1 {
        return one_from_json(&field.of, json, path);
    }
    let Some(list) = json.as_array() else {
        return Err(path.error(format!("a list of {}", field.count), short(json)));
    };
    let items = list.iter().enumerate();
    let items = items.map(|(i, json)| one_from_json(&field.of, json, Path::Item(&path, i)));
    items.collect::<Result<_, _>>().map(Value::List)
}

fn one_from_json(of: &FieldType, json: &Json, path: Path<'_>) -> Result<Value, ValueError> {
    let wrong = |expected: String| path.error(expected, short(json));
    match of {
        FieldType::Struct(element) => element_from_json(element, json, path),
        FieldType::Text(most) => match json.as_str() {
            Some(text) => Ok(Value::Text(text.to_owned())),
            None => Err(wrong(format!("a text of at most {most} bytes"))),
        },
        FieldType::Number(primitive) => {
            let value = match primitive {
                Primitive::F32 | Primitive::F64 => float_from_json(json).map(Value::F64),
                signed if signed.is_signed() => int_from_json(json).map(Value::Signed),
                _ => int_from_json(json).map(Value::Unsigned),
            };
            value.ok_or_else(|| wrong(format!("a number of type {}", primitive.name())))
        }
    }
}

fn float_from_json(json: &Json) -> Option<f64> {
    match json.as_str() {
        None => json.as_f64(),
        Some("NaN") => Some(f64::NAN),
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        Some(_) => None,
    }
}

fn int_from_json<I: core::str::FromStr>(json: &Json) -> Option<I> {
    match json {
        Json::Number(number) => number.to_string().parse().ok(),
        Json::String(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

fn float_to_json(float: f64) -> Json {
    match Number::from_f64(float) {
        Some(number) => Json::Number(number),
        None if float.is_nan() => "NaN".into(),
        None if float > 0.0 => "inf".into(),
        None => "-inf".into(),
    }
}

/// See [`ElementType::from_json`], which is the reverse.
impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Unsigned(int) => {
                u64::try_from(*int).map_or_else(|_| int.to_string().into(), Self::from)
            }
            Value::Signed(int) => {
                i64::try_from(*int).map_or_else(|_| int.to_string().into(), Self::from)
            }
            // The shortest digits that mean this float, and not those of the next 64-bit one.
            Value::F32(float) => float_to_json(float.to_string().parse().unwrap_or(f64::NAN)),
            Value::F64(float) => float_to_json(*float),
            Value::Text(text) => text.clone().into(),
            Value::Bytes(bytes) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                digits.into()
            }
            Value::List(values) => values.iter().map(Self::from).collect(),
            Value::Struct(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), value.into()));
                Self::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}
