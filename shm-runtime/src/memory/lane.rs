//! Lanes: one record each, leased to an attachment; the intent of the operation that runs on it.

use super::atomic::AtomicU64;
use super::shared::impl_shared;
use zerocopy::FromZeros;

/// A lane's bytes: 128.
#[derive(Debug, FromZeros)]
#[repr(C, align(128))]
pub struct LaneRecord {
    /// [`super::participant::Identity::word`] of the attachment that has it on lease; zero: free.
    pub owner: AtomicU64,
    /// The state: a count, and the phase of the operation.
    pub state: AtomicU64,
    /// The intent's words.
    pub intent: [AtomicU64; 14],
}

impl_shared!(impl[] LaneRecord { owner, state, intent });
static_assertions::const_assert_eq!(size_of::<LaneRecord>(), 128);
