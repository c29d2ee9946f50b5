//! What `shm record` writes and `shm replay` reads: elements and when they came, a line of JSON for each.
//!
//! ```text
//! {"shm_recording":1,"segment":"sim","field":"events","kind":"Queue","type":"Event","element":"16/8(t:f64@0,…)",…}
//! {"t":0.000000,"value":{"t":0.5,"cell":7,"kind":1}}     seconds since the start, and the element
//! {"t":0.100213,"missed":12}                             messages that came and went before they were read
//! {"t":0.100214,"bytes":"000000000000f87f…"}             an element that JSON cannot tell: a NaN of many, no UTF-8
//! ```
//!
//! An element comes back byte for byte: where the JSON of it would not say all of its bits, the bits are written.
//! Readers ignore keys that they do not know. Time does not run backwards, and a line that does not end was cut off.

use crate::failure::{Code, Failure};
use crate::show;
use serde_json::Value as Json;
use shm_runtime::dynamic::{ElementType, Field, Segment, Value};
use std::io::BufRead;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The version of the format.
const VERSION: u64 = 1;
/// Most bytes of a line: an element of many megabytes, as JSON.
const LONGEST: u64 = 1 << 28;

/// What a recording says of itself.
#[derive(Debug)]
pub(crate) struct Header {
    /// The field that it is of, with its segment: for people.
    pub(crate) place: String,
    /// The canonical text of its elements.
    pub(crate) element: String,
}

/// The first line of a recording that begins now.
pub(crate) fn header(segment: &Segment, field: &Field) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let parts: [(&str, Json); 9] = [
        ("shm_recording", VERSION.into()),
        ("segment", segment.name().into()),
        ("field", field.name().into()),
        ("kind", field.kind().name().into()),
        ("type", show::element(field.element()).into()),
        ("element", field.element().canonical().into()),
        (
            "fingerprint",
            format!("{:032x}", segment.schema().fingerprint()).into(),
        ),
        ("started", utc(now.as_secs()).into()),
        ("started_ns", (now.as_nanos() as u64).into()), // until 2554
    ];
    let parts = parts.map(|(key, value)| format!("\"{key}\":{value}"));
    format!("{{{}}}", parts.join(","))
}

/// A second since 1970 as a date and a time of day.
fn utc(second: u64) -> String {
    let (mut day, time) = (second / 86_400, second % 86_400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!(
        "{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        day + 1
    )
}

/// The line of an element.
pub(crate) fn element(time: Duration, of: &ElementType, bytes: &[u8]) -> Result<String, Failure> {
    let value = Json::from(&of.decode(bytes)?);
    let says_all = of
        .from_json(&value)
        .and_then(|value| of.encode(&value))
        .is_ok_and(|again| again == bytes);
    Ok(if says_all {
        format!("{{\"t\":{},\"value\":{value}}}", seconds(time))
    } else {
        let bits = Json::from(&Value::Bytes(bytes.to_vec()));
        format!("{{\"t\":{},\"bytes\":{bits}}}", seconds(time))
    })
}

/// The line of messages that were missed.
pub(crate) fn missed(time: Duration, count: u64) -> String {
    format!("{{\"t\":{},\"missed\":{count}}}", seconds(time))
}

fn seconds(time: Duration) -> String {
    format!("{}.{:06}", time.as_secs(), time.subsec_micros())
}

/// What a line says, and of when.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) time: Duration,
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, PartialEq)]
pub(crate) enum What {
    /// An element came: its bytes.
    Element(Vec<u8>),
    /// So many messages were missed.
    Missed(u64),
}

/// A recording that is read from its beginning.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    from: R,
    /// Of the line that was read last.
    number: u64,
    last: Duration,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    pub(crate) fn new(from: R) -> Result<(Self, Header), Failure> {
        let mut reader = Self {
            from,
            number: 0,
            last: Duration::ZERO,
        };
        let none = || {
            Failure::new(Code::Damaged, "standard input is no recording")
                .hint("`shm record SEGMENT.FIELD > FILE` writes one")
        };
        let line = reader.line()?.ok_or_else(none)?;
        let json: Json = serde_json::from_slice(&line).map_err(|_| none())?;
        let version = json.get("shm_recording").ok_or_else(none)?;
        if *version != VERSION {
            let what = format!(
                "the recording has version {version}, and this `shm` reads version {VERSION}"
            );
            return Err(Failure::new(Code::Damaged, what)
                .hint("use the `shm` of the version that recorded it"));
        }
        let text = |key: &str| {
            let text = json[key].as_str().map(str::to_owned);
            text.ok_or_else(|| {
                Failure::new(
                    Code::Damaged,
                    format!("the recording's first line has no text `{key}`"),
                )
            })
        };
        let header = Header {
            place: format!("{}.{}", text("segment")?, text("field")?),
            element: text("element")?,
        };
        Ok((reader, header))
    }

    /// The bytes of the next line, without its end; `None` behind the last one.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut bytes = Vec::new();
        let mut some = std::io::Read::take(&mut self.from, LONGEST);
        if some.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(bytes))
    }

    /// What the next line says; `None` behind the last one.
    pub(crate) fn next(&mut self, of: &ElementType) -> Result<Option<Line>, Failure> {
        let Some(bytes) = self.line()? else {
            return Ok(None);
        };
        let number = self.number;
        let json = match serde_json::from_slice::<Json>(&bytes) {
            Ok(json) => json,
            Err(_) if !bytes.ends_with(b"\n") => {
                let what = format!("the recording was cut off in line {number}");
                return Err(Failure::new(Code::Damaged, what)
                    .hint("the lines before it are whole: `head -n -1` leaves out the last one"));
            }
            Err(why) => return Err(self.damaged(&format!("is no JSON: {why}"))),
        };
        let time = json["t"]
            .as_f64()
            .and_then(|time| Duration::try_from_secs_f64(time).ok());
        let time = time.ok_or_else(|| self.damaged("has no time `t` in seconds"))?;
        if time < self.last {
            let (now, last) = (seconds(time), seconds(self.last));
            return Err(self.damaged(&format!("is of {now} s and the one before of {last} s")));
        }
        self.last = time;
        let what = match (json.get("value"), json.get("bytes"), json.get("missed")) {
            (Some(value), None, None) => {
                let value = of.from_json(value);
                let wrong = |why| Failure::usage(format!("line {number}: {why}"));
                What::Element(value.and_then(|value| of.encode(&value)).map_err(wrong)?)
            }
            (None, Some(bits), None) => {
                let bytes = bits.as_str().and_then(bits_of);
                let bytes = bytes.filter(|bytes| bytes.len() == of.size());
                What::Element(bytes.ok_or_else(|| {
                    self.damaged(&format!("has no {} hexadecimal bytes", of.size()))
                })?)
            }
            (None, None, Some(count)) => What::Missed(
                count
                    .as_u64()
                    .ok_or_else(|| self.damaged("has no count of what was missed"))?,
            ),
            _ => return Err(self.damaged("has not one of `value`, `bytes` and `missed`")),
        };
        Ok(Some(Line { time, what }))
    }

    /// What is wrong with the line that was read last.
    fn damaged(&self, why: &str) -> Failure {
        let number = self.number;
        Failure::new(
            Code::Damaged,
            format!("line {number} of the recording {why}"),
        )
    }
}

/// The bytes of hexadecimal digits.
fn bits_of(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::{What, element, missed, utc};
    use shm_runtime::dynamic::ElementType;
    use shm_runtime::{Pod, ShmStr, ShmType, Zeroable};
    use std::time::Duration;

    #[derive(Clone, Copy, Pod, Zeroable, ShmType)]
    #[repr(C)]
    struct All {
        wide: f64,
        big: u64,
        narrow: f32,
        name: ShmStr<4>,
    }

    /// What a line is read as.
    fn read(line: &str, of: &ElementType) -> Result<What, String> {
        let text = format!(
            "{{\"shm_recording\":1,\"segment\":\"s\",\"field\":\"f\",\"element\":\"e\"}}\n{line}\n"
        );
        let (mut reader, _) = super::Reader::new(text.as_bytes()).unwrap();
        let line = reader.next(of).map_err(|why| format!("{why:?}"))?;
        Ok(line.unwrap().what)
    }

    #[test]
    fn every_bit_comes_back() {
        let of = ElementType::of::<All>();
        let floats = [
            0.1,
            -0.0,
            f64::NAN,
            f64::from_bits(0x7ff8_0000_0000_0001),
            f64::INFINITY,
            f64::MIN_POSITIVE / 2.0,
        ];
        for wide in floats {
            for narrow in [
                0.1_f32,
                -0.0,
                f32::from_bits(0xffc0_1234),
                f32::NEG_INFINITY,
            ] {
                for name in [*b"ab\0\0", [0xff, 0, 0, 1], *b"\"\\\n\0"] {
                    let mut bytes = Vec::new();
                    bytes.extend(wide.to_bits().to_le_bytes());
                    bytes.extend(u64::MAX.to_le_bytes());
                    bytes.extend(narrow.to_bits().to_le_bytes());
                    bytes.extend(name);
                    let line = element(Duration::from_micros(1_500_001), &of, &bytes).unwrap();
                    assert!(line.starts_with("{\"t\":1.500001,\""), "{line}");
                    assert_eq!(read(&line, &of), Ok(What::Element(bytes)), "{line}");
                }
            }
        }
    }

    #[test]
    fn what_was_missed_is_a_line() {
        let of = ElementType::of::<u32>();
        let line = missed(Duration::ZERO, 7);
        assert_eq!(line, r#"{"t":0.000000,"missed":7}"#);
        assert_eq!(read(&line, &of), Ok(What::Missed(7)));
        for wrong in [
            "{}",
            "[]",
            r#"{"t":0}"#,
            r#"{"t":-1,"value":0}"#,
            r#"{"t":0,"value":1,"missed":2}"#,
            r#"{"t":0,"bytes":"00"}"#,
            r#"{"t":0,"bytes":"0x000000"}"#,
            r#"{"t":0,"missed":-1}"#,
            r#"{"t":0,"value":"x"}"#,
        ] {
            assert!(read(wrong, &of).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_are_counted_as_calendars_do() {
        let days = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (second, text) in days {
            assert_eq!(utc(second), text);
        }
    }
}
