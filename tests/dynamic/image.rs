//! A segment's bytes, to be changed and opened.

#![allow(unreachable_pub)]

use crate::common::{Cleanup, path, unique};
use serde_json::Value as Json;
use shm_runtime::dynamic::Segment;
use shm_runtime::layout::fingerprint::fnv1a_128;
use shm_runtime::{OpenError, ShmLayout};
use std::fs;

/// The bytes of a segment that stays.
pub fn image<S: ShmLayout>() -> Vec<u8> {
    let name = unique("dyn-model");
    let segment = S::options().persist().spare(0, 4096).create(&name).unwrap();
    let bytes = fs::read(path(&name)).unwrap();
    S::unlink(&name).unwrap();
    drop(segment);
    bytes
}

/// Where the control block has numbers: FORMAT.md.
pub const FINGERPRINT: usize = 0x20;
const DESCRIPTOR_OFFSET: usize = 0x58;
const DESCRIPTOR_LEN: usize = 0x60;
const SPARE_OFFSET: usize = 0x68;

/// A segment's bytes, to be changed.
pub struct Image(pub Vec<u8>);

impl Image {
    fn number(&self, at: usize) -> usize {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap()) as usize
    }

    /// The control block is where its entry, the first, says.
    pub fn control(&self) -> usize {
        u32::from_le_bytes(self.0[48..52].try_into().unwrap()) as usize
    }

    pub fn descriptor(&self) -> std::ops::Range<usize> {
        let start = self.number(self.control() + DESCRIPTOR_OFFSET);
        start..start + self.number(self.control() + DESCRIPTOR_LEN)
    }

    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.0[self.descriptor()]).unwrap()
    }

    /// Puts another descriptor in the place of the old one, if there is room, and says how long it is.
    pub fn set_descriptor(&mut self, text: &[u8]) {
        let (at, control) = (self.descriptor().start, self.control());
        let text = &text[..text.len().min(self.0.len() - at)];
        self.0[at..at + text.len()].copy_from_slice(text);
        let numbers = [(DESCRIPTOR_LEN, text.len()), (SPARE_OFFSET, self.0.len())];
        for (place, number) in numbers {
            self.0[control + place..][..8].copy_from_slice(&(number as u64).to_le_bytes());
        }
    }

    /// Changes the descriptor, and makes all that depends on it agree: canonical texts and fingerprint.
    pub fn forge(&mut self, change: impl FnOnce(&mut Json)) {
        let mut json = self.json();
        change(&mut json);
        let mut lines = format!("shm 1 lanes {}\n", json["lanes"]);
        for entry in json["entries"].as_array_mut().unwrap() {
            let capacity = entry["capacity"].as_array().unwrap();
            let capacity: String = capacity.iter().map(|n| format!("{n},")).collect();
            let element = canonical(&entry["element"]);
            let (kind, lanes) = (entry["kind"].as_str().unwrap(), &entry["lanes"]);
            let text = format!("{kind}<{capacity}{lanes}>:{{{element}}}");
            lines += &format!("{}:{text}\n", entry["name"].as_str().unwrap());
            entry["canonical"] = text.into();
        }
        self.set_descriptor(json.to_string().as_bytes());
        let hash = fnv1a_128(lines.as_bytes()).to_le_bytes();
        let at = self.control() + FINGERPRINT;
        self.0[at..at + 16].copy_from_slice(&hash);
    }

    /// Opens it as a file, and works on whatever comes out.
    pub fn open(&self) -> Result<(), OpenError> {
        let name = unique("dyn-image");
        let _cleanup = Cleanup(name.clone());
        fs::write(path(&name), &self.0).unwrap();
        fs::set_permissions(
            path(&name),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        let segment = Segment::open(&name)?;
        super::hostile::use_all(&segment);
        Ok(())
    }

    /// The error of opening it, without the segment's name.
    pub fn refused(&self) -> String {
        let error = self.open().unwrap_err();
        let text = error.to_string();
        assert!(!text.ends_with('.'), "{text}");
        text.replacen(&format!("segment `{}`", error.segment()), "segment", 1)
    }
}

pub fn canonical(element: &Json) -> String {
    let mut text = format!("{}/{}", element["size"], element["align"]);
    let fields = element["fields"].as_array().unwrap();
    for (i, field) in fields.iter().enumerate() {
        text.push(if i == 0 { '(' } else { ',' });
        let of = match &field["element"] {
            Json::Null => field["type"].as_str().unwrap().to_owned(),
            nested => format!("{{{}}}", canonical(nested)),
        };
        let count = match &field["count"] {
            one if *one == 1 => String::new(),
            count => format!("*{count}"),
        };
        text += &format!(
            "{}:{of}{count}@{}",
            field["name"].as_str().unwrap(),
            field["offset"]
        );
    }
    if !fields.is_empty() {
        text.push(')');
    }
    text
}
