//! Elements as values, and JSON.

use super::{Event, Place, bytes};
use proptest::prelude::*;
use serde_json::json;
use shm_runtime::dynamic::{ElementType, Value};
use shm_runtime::prelude::*;

/// One of everything.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Zoo {
    huge: u128,
    tiny: i128,
    a: u64,
    b: i64,
    f: f64,
    c: u32,
    d: i32,
    g: f32,
    e: u16,
    h: i16,
    i: u8,
    j: i8,
    name: ShmStr<6>,
    places: [Place; 2],
    rest: [u8; 16],
}

#[test]
fn an_element_decodes_to_its_fields() {
    let event = Event::new(7);
    let value = ElementType::of::<Event>().decode(bytes(&event)).unwrap();
    let expected = json!({
        "t": 7.5, "place": {"row": -7, "column": 7}, "kind": 7, "codes": [7, 1, 2, 3]
    });
    assert_eq!(serde_json::Value::from(&value), expected);
    let Value::Struct(fields) = value else {
        panic!("a struct")
    };
    assert_eq!(fields[0], ("t".to_owned(), Value::F64(7.5)));
}

#[test]
fn what_json_cannot_write_is_a_string() {
    let float = ElementType::of::<f32>();
    let show =
        |value: f32| serde_json::Value::from(&float.decode(bytes(&value)).unwrap()).to_string();
    assert_eq!(
        [0.1, f32::NAN, f32::INFINITY, -f32::INFINITY].map(show),
        ["0.1", "\"NaN\"", "\"inf\"", "\"-inf\""]
    );
    let huge = ElementType::of::<u128>();
    let json = serde_json::Value::from(&huge.decode(&[255; 16]).unwrap());
    assert_eq!(json, "340282366920938463463374607431768211455");
    assert_eq!(
        huge.encode(&huge.from_json(&json).unwrap()),
        Ok(vec![255; 16])
    );
}

#[test]
fn a_text_ends_with_its_last_byte_and_may_be_none() {
    let text = ElementType::of::<ShmStr<4>>();
    assert_eq!(text.decode(b"a\0b\0"), Ok(Value::Text("a\0b".into())));
    assert_eq!(text.decode(&[255, 0, 0, 0]), Ok(Value::Bytes(vec![255])));
    assert_eq!(
        text.encode(&Value::Text("äb".into())),
        Ok(vec![0xc3, 0xa4, b'b', 0])
    );
    assert_eq!(
        text.encode(&Value::Text("hello".into()))
            .unwrap_err()
            .to_string(),
        "expected a text of at most 4 bytes, found one of 5"
    );
}

#[test]
fn what_does_not_fit_is_told_with_its_path() {
    let event = ElementType::of::<Event>();
    let whole = json!({
        "t": 1, "place": {"row": 1, "column": 2}, "kind": 3, "codes": [1, 2, 3, 4]
    });
    assert!(event.from_json(&whole).is_ok());
    let wrong = |change: fn(&mut serde_json::Value)| {
        let mut json = whole.clone();
        change(&mut json);
        let value = event.from_json(&json);
        value
            .and_then(|value| event.encode(&value))
            .unwrap_err()
            .to_string()
    };
    let cases = [
        wrong(|json| json["kind"] = (-1).into()),
        wrong(|json| json["kind"] = (1_u64 << 32).into()),
        wrong(|json| json["place"]["row"] = "x".into()),
        wrong(|json| json["codes"][2] = 256.into()),
        wrong(|json| json["codes"] = json!([1])),
        wrong(|json| json["place"] = json!({"row": 1})),
        wrong(|json| json["colour"] = 1.into()),
        wrong(|json| *json = json!([1, 2])),
    ];
    assert_eq!(
        cases.each_ref().map(String::as_str),
        [
            "`kind`: expected a number of type u32, found -1",
            "`kind`: expected a number of type u32, found 4294967296",
            "`place.row`: expected a number of type i32, found \"x\"",
            "`codes[2]`: expected a number of type u8, found 256",
            "`codes`: expected a list of 4, found 1 of them",
            "`place`: expected a field `column`, found none",
            "expected a struct of t, place, kind, codes, found a field `colour`",
            "expected a struct of t, place, kind, codes, found [1,2]",
        ]
    );
    let text = event.decode(&[0; 3]).unwrap_err().to_string();
    assert_eq!(text, "expected 24 bytes, found 3 bytes");
}

proptest! {
    /// Any bytes are a value, which encodes to the same bytes, also by way of JSON.
    #[test]
    fn decoding_loses_nothing(raw in proptest::collection::vec(any::<u8>(), size_of::<Zoo>())) {
        let zoo = ElementType::of::<Zoo>();
        let value = zoo.decode(&raw).unwrap();
        prop_assert_eq!(&zoo.encode(&value).unwrap(), &raw);
        let has_text = std::str::from_utf8(&raw[std::mem::offset_of!(Zoo, name)..][..6]).is_ok();
        let is_nan = f64::from_le_bytes(raw[48..56].try_into().unwrap()).is_nan()
            || f32::from_le_bytes(raw[64..68].try_into().unwrap()).is_nan();
        if has_text && !is_nan {
            let json = serde_json::Value::from(&value).to_string();
            let json = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&zoo.encode(&zoo.from_json(&json).unwrap()).unwrap(), &raw);
        }
    }

    /// A number survives JSON.
    #[test]
    fn a_float_survives_json(bits in any::<u32>()) {
        let float = f32::from_bits(bits);
        prop_assume!(!float.is_nan());
        let element = ElementType::of::<f32>();
        let json = serde_json::Value::from(&Value::F32(float)).to_string();
        let value = element.from_json(&serde_json::from_str(&json).unwrap()).unwrap();
        prop_assert_eq!(element.encode(&value).unwrap(), float.to_le_bytes());
    }
}
