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
    use proptest::prelude::*;

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

    proptest! {
        /// Whatever comes and goes, in whatever order: nothing overlaps, what is refused did not fit, and all of
        /// the room is one piece again in the end.
        #[test]
        fn blocks_never_overlap_and_neighbours_become_one(
            steps in proptest::collection::vec((6..13_u32, 1..40_u64, any::<usize>(), 0..3_u8), 1..80),
        ) {
            const LEAD: u64 = 64;
            let room = extent(4160, 4160 + 64 * 200);
            let mut taken: Vec<Extent> = Vec::new();
            let apart = |taken: &[Extent], block: &Extent| {
                taken.iter().all(|other| other.end <= block.start || block.end <= other.start)
            };
            for (align, lines, which, kind) in steps {
                if kind == 0 && !taken.is_empty() {
                    taken.swap_remove(which % taken.len());
                    continue;
                }
                let (align, size) = (1 << align, 64 * lines);
                let block = |start: u64| extent(start - LEAD, start + size);
                if let Some(start) = place(&gaps(room, &taken), LEAD, size, align) {
                    let block = block(start);
                    prop_assert!(start.is_multiple_of(align));
                    prop_assert!(room.start <= block.start && block.end <= room.end);
                    prop_assert!(apart(&taken, &block));
                    taken.push(block);
                } else {
                    let first = (room.start + LEAD).next_multiple_of(align);
                    for start in (first..room.end - size + 1).step_by(align as usize) {
                        prop_assert!(!apart(&taken, &block(start)), "there was room at {start}");
                    }
                }
            }
            taken.clear();
            prop_assert_eq!(gaps(room, &taken), vec![room]);
        }

        /// Extents that somebody else wrote may say anything.
        #[test]
        fn gaps_lie_inside_the_room_whatever_is_taken(
            ends in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..8),
        ) {
            let room = extent(4160, 9000);
            let taken: Vec<_> = ends.into_iter().map(|(start, end)| extent(start, end)).collect();
            for gap in gaps(room, &taken) {
                prop_assert!(room.start <= gap.start && gap.start < gap.end && gap.end <= room.end);
            }
        }
    }
}
