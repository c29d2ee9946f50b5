//! Where there is room between what the table's entries cover.
//!
//! What is free follows from what is taken, so there is no list of it that a kill could damage, and free
//! neighbours are one by themselves.

/// Bytes of the file, from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extent {
    /// First byte.
    pub start: u64,
    /// Byte behind the last.
    pub end: u64,
}

/// The free extents of `room`, in order.
pub fn gaps(room: Extent, taken: &[Extent]) -> Vec<Extent> {
    let mut taken = taken.to_vec();
    taken.sort_unstable();
    let mut gaps = Vec::new();
    let mut start = room.start;
    for extent in taken {
        let end = extent.start.min(room.end);
        if end > start {
            gaps.push(Extent { start, end });
        }
        start = start.max(extent.end);
    }
    if room.end > start {
        gaps.push(Extent {
            start,
            end: room.end,
        });
    }
    gaps
}

/// The first place for `size` bytes at a multiple of `align`, with `lead` bytes before them.
pub fn place(gaps: &[Extent], lead: u64, size: u64, align: u64) -> Option<u64> {
    gaps.iter().find_map(|gap| {
        let start = gap
            .start
            .checked_add(lead)?
            .checked_next_multiple_of(align)?;
        let end = start.checked_add(size)?;
        (end <= gap.end).then_some(start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(start: u64, end: u64) -> Extent {
        Extent { start, end }
    }

    #[test]
    fn free_neighbours_are_one() {
        let room = extent(1000, 2000);
        assert_eq!(gaps(room, &[]), [room]);
        let taken = [extent(1500, 1600), extent(1000, 1100)];
        assert_eq!(gaps(room, &taken), [extent(1100, 1500), extent(1600, 2000)]);
        assert_eq!(
            gaps(room, &taken[..1]),
            [extent(1000, 1500), extent(1600, 2000)]
        );
        assert_eq!(gaps(room, &[extent(0, 5000)]), []);
        assert_eq!(gaps(room, &[extent(3000, 5000)]), [room]);
        assert_eq!(
            gaps(room, &[extent(900, 1800), extent(1100, 1200)]),
            [extent(1800, 2000)]
        );
    }

    #[test]
    fn a_place_has_its_lead_before_it() {
        let gaps = [extent(1024, 1200), extent(4000, 9000)];
        assert_eq!(place(&gaps, 64, 100, 64), Some(1088));
        assert_eq!(place(&gaps, 64, 200, 64), Some(4096));
        assert_eq!(place(&gaps, 64, 200, 4096), Some(4096));
        assert_eq!(place(&gaps, 128, 200, 4096), Some(8192));
        assert_eq!(place(&gaps, 64, 9000, 64), None);
        assert_eq!(place(&gaps, 64, u64::MAX, 64), None);
    }
}
