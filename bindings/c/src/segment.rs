//! Segments: opened, created, described, closed.

use crate::border::{Given, Set, Size, Text, export, export_plain};
use crate::field::Field;
use crate::handle::{Put, Ref, handles};
use crate::status::{Answer, Failure, Status, last};
use core::ptr;
use core::time::Duration;
use shm_runtime::{Owner, Pod, Zeroable, dynamic};
use std::ffi::{CString, c_char};

/// A segment that is open in this process.
#[derive(Debug)]
pub struct Segment {
    pub inner: dynamic::Segment,
    name: CString,
    description: CString,
    fields: Vec<CString>,
}

handles! { Segment = "shm_segment"; }

/// How a segment is opened or created: `shm_options`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Options {
    /// Bytes that the caller's structure has: later versions have more.
    size: u64,
    wait_ns: u64,
    flags: u32,
    mode: u32,
}

#[cfg(test)]
impl Options {
    pub const fn read_only() -> Self {
        Self {
            size: size_of::<Self>() as u64,
            wait_ns: 0,
            flags: READ_ONLY,
            mode: 0,
        }
    }
}

/// The flags of `shm_options`, as the header has them.
const READ_ONLY: u32 = 1;
const PERSIST: u32 = 2;
const RESERVE: u32 = 4;
const ANY_OWNER: u32 = 8;
const GUARD_SIGBUS: u32 = 16;

/// What is wrong with a segment, as far as this process has seen: `shm_health`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Health {
    corrupt: u64,
    truncated: u32,
    reserved: u32,
}

fn options<'a>(given: Given<Options>) -> Result<dynamic::Options<'a>, Failure> {
    let mut options = dynamic::Segment::options();
    let Some(given) = given.get() else {
        return Ok(options);
    };
    if given.size != size_of::<Options>() as u64 {
        let why = format!(
            "`size` of the options is {}, not {}; begin them with SHM_OPTIONS_INIT",
            given.size,
            size_of::<Options>()
        );
        return Err(Failure::new(Status::Value, why));
    }
    let known = READ_ONLY | PERSIST | RESERVE | ANY_OWNER | GUARD_SIGBUS;
    if given.flags & !known != 0 {
        let why = format!(
            "the options have flags that this library does not know: {:#x}",
            given.flags & !known
        );
        return Err(Failure::new(Status::Value, why));
    }
    let has = |flag| given.flags & flag != 0;
    if has(READ_ONLY) {
        options = options.read_only();
    }
    if has(PERSIST) {
        options = options.persist();
    }
    if has(ANY_OWNER) {
        options = options.owner(Owner::Any);
    }
    if given.wait_ns > 0 {
        options = options.wait(Duration::from_nanos(given.wait_ns));
    }
    if given.mode != 0 {
        options = options.mode(given.mode);
    }
    Ok(options
        .reserve(has(RESERVE))
        .guard_sigbus(has(GUARD_SIGBUS)))
}

/// Text that C is shown. There is no NUL in it: JSON and names have none.
fn shown(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

impl Segment {
    fn new(inner: dynamic::Segment) -> Self {
        Self {
            name: shown(inner.name()),
            description: shown(&inner.schema().to_json()),
            fields: inner.fields().map(|field| shown(field.name())).collect(),
            inner,
        }
    }

    /// Refuses what changes something where the segment is open read-only.
    fn writable(&self) -> Result<(), Failure> {
        if !self.inner.attachment().is_read_only() {
            return Ok(());
        }
        let name = self.inner.name();
        let why = format!(
            "segment `{name}` is open read-only; open it without SHM_READ_ONLY to change it"
        );
        Err(Failure::new(Status::ReadOnly, why))
    }
}

fn give(out: Put<Segment>, segment: dynamic::Segment) -> Answer {
    out.put(Segment::new(segment));
    Ok(Status::Ok)
}

export! {
    fn shm_segment_open(name: Text, with: Given<Options>, out: Put<Segment>) {
        let out = out.needed()?;
        give(out, options(with)?.open(name.get("the name")?)?)
    }

    fn shm_segment_create(name: Text, description: Text, with: Given<Options>, out: Put<Segment>) {
        let out = out.needed()?;
        let schema = dynamic::Schema::from_json(description.get("the description")?)?;
        give(out, options(with)?.create(name.get("the name")?, &schema)?)
    }

    fn shm_segment_open_or_create(name: Text, description: Text, with: Given<Options>, out: Put<Segment>) {
        let out = out.needed()?;
        let schema = dynamic::Schema::from_json(description.get("the description")?)?;
        give(out, options(with)?.open_or_create(name.get("the name")?, &schema)?)
    }

    fn shm_segment_close(segment: Ref<Segment>) {
        drop(segment.close()?);
        Ok(Status::Ok)
    }

    fn shm_segment_unlink(segment: Ref<Segment>) {
        segment.get()?.inner.unlink()?;
        Ok(Status::Ok)
    }

    fn shm_segment_recover(segment: Ref<Segment>, settled: Set<usize>, later: Set<usize>) {
        let segment = segment.get()?;
        segment.writable()?;
        let recovery = segment.inner.recover();
        settled.set(recovery.settled);
        later.set(recovery.later);
        Ok(Status::Ok)
    }

    fn shm_segment_reattach(segment: Ref<Segment>) {
        segment.get()?.inner.reattach()?;
        Ok(Status::Ok)
    }

    fn shm_segment_participants(segment: Ref<Segment>, count: Set<usize>) {
        let found = segment.get()?.inner.participants();
        let found = found.map_err(|why| Failure::new(Status::System, why))?;
        count.needed("the place for the count")?.set(found.len());
        Ok(Status::Ok)
    }

    fn shm_segment_health(segment: Ref<Segment>, out: Set<Health>) {
        let health = segment.get()?.inner.health();
        out.needed("the place for the health")?.set(Health {
            corrupt: health.corrupt,
            truncated: health.truncated.into(),
            reserved: 0,
        });
        Ok(Status::Ok)
    }

    fn shm_segments_prune(count: Set<usize>) {
        let removed = shm_runtime::prune();
        count.set(removed.map_err(|why| Failure::new(Status::System, why))?.len());
        Ok(Status::Ok)
    }

    fn shm_segments_unlink(name: Text) {
        shm_runtime::segment::unlink(name.get("the name")?)?;
        Ok(Status::Ok)
    }

    fn shm_field_open(segment: Ref<Segment>, name: Text, out: Put<Field>) {
        let out = out.needed()?;
        let field = Field::open(&segment.get()?.inner, name.get("the name")?)?;
        out.put(field);
        Ok(Status::Ok)
    }
}

export_plain! {
    fn shm_segment_name(segment: Ref<Segment>) -> *const c_char, ptr::null(), {
        segment.get()?.name.as_ptr()
    }

    fn shm_segment_description(segment: Ref<Segment>) -> *const c_char, ptr::null(), {
        segment.get()?.description.as_ptr()
    }

    fn shm_segment_size(segment: Ref<Segment>) -> usize, 0, {
        segment.get()?.inner.size()
    }

    fn shm_segment_field_count(segment: Ref<Segment>) -> usize, 0, {
        segment.get()?.fields.len()
    }

    fn shm_segment_field_name(segment: Ref<Segment>, index: Size) -> *const c_char, ptr::null(), {
        let fields = &segment.get()?.fields;
        let field = fields.get(index.get()).ok_or_else(|| {
            let why = format!("field {} of {}: they are counted from 0", index.get(), fields.len());
            Failure::new(Status::Range, why)
        })?;
        field.as_ptr()
    }

    fn shm_status_name(status: i32) -> *const c_char, c"SHM_?".as_ptr(), {
        let known = Status::NAMES.iter().find(|(_, value)| *value == status);
        known.map_or(c"SHM_?".as_ptr(), |(name, _)| name.as_ptr())
    }

    fn shm_last_error() -> *const c_char, c"".as_ptr(), {
        last()
    }

    fn shm_library_version() -> *const c_char, c"".as_ptr(), {
        const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
        VERSION.as_ptr().cast()
    }
}
