//! The control block: what the segment says of itself, written once before it has a name.
//!
//! Readers take a copy ([`Control::read`]), check it, and never look at the bytes again.

use super::atomic::{AtomicU64, Ordering};
use super::shared::impl_shared;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The control block's layout version.
pub const LAYOUT_VERSION: u32 = 1;
/// Flag: the segment stays when nobody is attached.
pub const FLAG_PERSIST: u32 = 1;
/// Flag: all memory was allocated at create and stays, also that of room which is freed.
pub const FLAG_RESERVE: u32 = 2;

const WORDS: usize = 64;

/// The control block's bytes: 512, as words.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct Control([AtomicU64; WORDS]);

impl_shared!(impl[] Control { 0 });

/// The control block's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ControlData {
    /// [`LAYOUT_VERSION`].
    pub layout_version: u32,
    /// Offsets and sizes in the table count in units of `1 << unit_shift` bytes: 0 or 6.
    pub unit_shift: u32,
    /// Where the body begins, in bytes.
    pub body: u64,
    /// Bytes of the whole file.
    pub total_size: u64,
    /// Lanes, and so participants.
    pub lanes: u32,
    /// [`FLAG_PERSIST`], [`FLAG_RESERVE`].
    pub flags: u32,
    /// Hash of the schema's shape, little-endian.
    pub fingerprint: [u8; 16],
    /// Random, to tell a segment from its successor of the same name.
    pub segment_id: [u8; 16],
    /// The boot it was created in.
    pub boot_id: [u8; 16],
    /// Effective user id of the creator.
    pub owner: u32,
    /// Permission bits asked for.
    pub mode: u32,
    /// Where the descriptor begins, in bytes from the start of the file.
    pub descriptor_offset: u64,
    /// Its length in bytes.
    pub descriptor_len: u64,
    /// Where spare room begins, in bytes; it ends with the file.
    pub spare_offset: u64,
    /// Entries that the table has room for.
    pub table_capacity: u32,
    /// Entries of the schema and of ours: what was there at create.
    pub schema_entries: u32,
    /// Nanoseconds since 1970 at create.
    pub created: u64,
    /// Zero.
    pub reserved: [u64; 48],
}

static_assertions::const_assert_eq!(size_of::<ControlData>(), WORDS * 8);
static_assertions::const_assert_eq!(size_of::<Control>(), WORDS * 8);

impl ControlData {
    /// The bytes as words, as they are stored.
    fn words(&self) -> [u64; WORDS] {
        zerocopy::transmute!(*self)
    }

    /// Takes the contents from raw bytes: the first 512 of the block.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::read_from_prefix(bytes).ok().map(|(data, _)| data)
    }
}

impl Control {
    /// A copy of the contents.
    pub fn read(&self) -> ControlData {
        let mut words = [0; WORDS];
        for (to, from) in words.iter_mut().zip(&self.0) {
            *to = from.load(Ordering::Relaxed); // written before the segment had a name
        }
        zerocopy::transmute!(words)
    }

    /// Writes the contents; only the creator does, before the segment has a name.
    pub fn write(&self, data: &ControlData) {
        for (to, from) in self.0.iter().zip(data.words()) {
            to.store(from, Ordering::Relaxed); // published by the link, a kernel operation
        }
    }
}

/// Room for what registering at run time keeps: `segment::registry` gives it meaning.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct Registry(pub [AtomicU64; 448]);

impl_shared!(impl[] Registry { 0 });
static_assertions::const_assert_eq!(size_of::<Registry>() + size_of::<Control>(), 4096);
