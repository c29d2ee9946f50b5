//! Who is attached: one slot per attachment, named (slot, generation), never by PID.

use super::atomic::AtomicU32;
use super::shared::impl_shared;
use zerocopy::FromZeros;

/// A slot's bytes: 64.
///
/// All but `generation` is for people to read (`pid` may be of another namespace).
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct Participant {
    /// Bumped by whoever takes the slot over, while it holds the slot's lock byte.
    pub generation: AtomicU32,
    /// Bit 0: this participant could not register for expedited barriers and fences for itself.
    pub flags: AtomicU32,
    /// The process id, in its own namespace; information only.
    pub pid: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU32; 13],
}

impl_shared!(impl[] Participant { generation, flags, pid, reserved });
static_assertions::const_assert_eq!(size_of::<Participant>(), 64);

/// Bit of [`Participant::flags`]: this participant cannot be reached by expedited barriers.
pub const FLAG_FENCES: u32 = 1;

/// A participant, as [`super::attachment::Attachment::participants`] finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParticipantInfo {
    /// Its name.
    pub identity: Identity,
    /// Its process id in its own PID namespace; for people only, it may name somebody else here.
    pub pid: u32,
}

/// Names one attachment: the slot, and which of its successive holders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The slot.
    pub slot: u32,
    /// The slot's generation.
    pub generation: u32,
}

impl Identity {
    /// As a word: `generation << 32 | slot + 1`, so that zero is nobody.
    pub const fn word(self) -> u64 {
        (self.generation as u64) << 32 | (self.slot as u64 + 1)
    }

    /// From a word; `None` for nobody.
    pub const fn from_word(word: u64) -> Option<Self> {
        match (word as u32).checked_sub(1) {
            Some(slot) => Some(Self {
                slot,
                generation: (word >> 32) as u32,
            }),
            None => None,
        }
    }
}
