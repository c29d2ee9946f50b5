//! What this process met in a segment that no program of ours leaves there.

use super::Segment;

/// The state of a segment as this process has seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Operations that ended early because a word in the segment made no sense.
    pub corrupt: u64,
    /// The structure that the last of them was on.
    pub structure: Option<String>,
    /// Whether a page of the segment was gone: see [`Segment::is_truncated`].
    pub truncated: bool,
}

impl<S> Segment<S> {
    /// What this process met that no program of ours leaves: all zero where the segment is sound.
    ///
    /// Another process may overwrite any byte. Operations then return `Full`, `None` or a wrong value, and are
    /// counted here where they could tell.
    pub fn health(segment: &Self) -> Health {
        let seen = segment.attachment.local().corrupt();
        let structure = seen.and_then(|(_, offset)| {
            let offset = usize::try_from(offset).ok()?;
            let mut entries = Self::table(segment).ok()?.into_iter();
            let found =
                entries.find(|entry| (entry.offset..entry.offset + entry.size).contains(&offset));
            found.map(|entry| entry.name)
        });
        Health {
            corrupt: seen.map_or(0, |(count, _)| count),
            structure,
            truncated: Self::is_truncated(segment),
        }
    }
}
