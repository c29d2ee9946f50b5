//! Where the parts of each structure lie, as a function of numbers: what rustc computes for the
//! representations of a typed schema, said once more for capacities that are known at run time only.
//! FORMAT.md has the pictures.
//!
//! The tests compare every rule with the compiled representations, for elements of many sizes and alignments.

use super::kind::Kind;
use crate::memory::bucket::Buckets;
use crate::memory::two_lists::MOST_NODES;
use crate::memory::word::NODES_PER_LANE;

/// What stands alone does so on this many bytes, and lines begin at multiples of it.
const LINE: u64 = 128;
/// Elements begin at multiples of this, at least, and so does every structure.
const CELLS: u64 = 64;
/// Most objects of a pool: what a handle can name.
const MOST_OBJECTS: u64 = 1 << 28;
/// Most parties of a barrier.
const MOST_PARTIES: u64 = 32;

/// The numbers of a structure.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a> {
    /// Its kind.
    pub kind: &'a Kind,
    /// Its capacities.
    pub capacity: &'a [usize],
    /// The lanes of its segment.
    pub lanes: usize,
    /// Bytes of an element.
    pub size: usize,
    /// An element's alignment.
    pub align: usize,
}

/// Where the parts of a structure lie, in bytes from its start; zero for a part that it does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes that its entry covers.
    pub size: usize,
    /// Bytes from one to the next in an array of structures: the size of the type.
    pub room: usize,
    /// Its alignment.
    pub align: usize,
    /// Bytes at its start that every operation touches.
    pub hot: usize,
    /// Signals, with the words behind them at 128.
    pub signals: usize,
    /// Lines, one for each lane.
    pub lines: usize,
    /// A map's bounds; a stack's rows.
    pub rows: usize,
    /// A stack's links.
    pub links: usize,
    /// The first node, element, object or buffer.
    pub cells: usize,
    /// How many of these there are.
    pub count: usize,
    /// From one of them to the next.
    pub stride: usize,
    /// From the start of a stamped node or buffer to its value.
    pub value: usize,
}

/// A place that is counted up, and none once it is further than a segment can be.
#[derive(Clone, Copy)]
struct Cursor(Option<u64>);

impl Cursor {
    const fn at(place: u64) -> Self {
        Self(Some(place))
    }

    fn aligned(self, align: u64) -> Self {
        Self(self.0.and_then(|at| at.checked_next_multiple_of(align)))
    }

    fn behind(self, count: u64, each: u64) -> Self {
        let bytes = count.checked_mul(each);
        Self(
            self.0
                .zip(bytes)
                .and_then(|(at, bytes)| at.checked_add(bytes)),
        )
    }

    fn place(self) -> Result<usize, String> {
        let at = self.0.filter(|&at| at <= crate::table::MAX_SEGMENT);
        at.map(|at| at as usize)
            .ok_or_else(|| "it is larger than any segment, 256 GiB".to_owned())
    }
}

impl Numbers<'_> {
    /// Where everything lies; says which number breaks a rule.
    pub fn extent(&self) -> Result<Extent, String> {
        self.check()?;
        let (size, align) = (self.size as u64, self.align as u64);
        let (cells_align, lanes) = (CELLS.max(align), self.lanes as u64);
        let n = self.capacity.first().map_or(1, |&n| n as u64);
        match self.kind {
            Kind::Array | Kind::Atomic => {
                let mut extent = dense(Cursor::at(0), cells_align, n, size, cells_align)?;
                extent.hot = match self.kind {
                    Kind::Atomic => self.size,
                    _ => 0,
                };
                Ok(extent)
            }
            Kind::Queue => self.exchanging(2 * LINE, n, n, NODES_PER_LANE as u64, false),
            Kind::Broadcast => self.exchanging(LINE, n, n, 1, false),
            Kind::Map | Kind::Set => self.exchanging(0, n, n, 1, true),
            Kind::LargeMap => self.exchanging(0, n, self.capacity[1] as u64, 2, true),
            Kind::Stack => self.lists(n),
            Kind::Spsc => dense(Cursor::at(5 * LINE), cells_align, n, size, LINE.max(align)),
            Kind::Pool => {
                let words = Cursor::at(CELLS).behind(n, 8).aligned(CELLS);
                dense(words, cells_align, n, size, cells_align)
            }
            Kind::Versioned => self.stamped(),
            Kind::VersionedArray => self.frames(n),
            Kind::Mutex => dense(Cursor::at(CELLS), cells_align, 1, size, cells_align),
            Kind::RwLock => {
                let readers = Cursor::at(LINE).behind(lanes, LINE);
                dense(readers, cells_align, 1, size, LINE.max(align))
            }
            Kind::Semaphore | Kind::Barrier => {
                let size = Cursor::at(CELLS).behind(n, 8);
                Ok(Extent {
                    size: size.place()?,
                    room: size.aligned(CELLS).place()?,
                    align: CELLS as usize,
                    hot: size.place()?,
                    ..Extent::default()
                })
            }
            Kind::Once | Kind::Signal => Ok(Extent {
                size: CELLS as usize,
                room: CELLS as usize,
                align: CELLS as usize,
                hot: CELLS as usize,
                ..Extent::default()
            }),
            Kind::Other(kind) => Err(format!("this library knows no `{kind}`")),
        }
    }

    /// `words` exchange words behind a head, a line for each lane, bounds if it is a map, and nodes.
    fn exchanging(
        &self,
        head: u64,
        words: u64,
        nodes: u64,
        nodes_per_lane: u64,
        bounded: bool,
    ) -> Result<Extent, String> {
        let (size, align, lanes) = (self.size as u64, self.align as u64, self.lanes as u64);
        let lines = Cursor::at(head + LINE).behind(words, 8).aligned(LINE);
        let rows = lines.behind(lanes, LINE);
        let behind = rows.behind(if bounded { words } else { 0 }, 8);
        let nodes = nodes.saturating_add(nodes_per_lane * lanes);
        Ok(Extent {
            signals: head as usize,
            lines: lines.place()?,
            rows: if bounded { rows.place()? } else { 0 },
            ..dense(behind, CELLS.max(align), nodes, size, LINE.max(align))?
        })
    }

    /// A word, a line for each lane, rows, links and `n` nodes.
    fn lists(&self, n: u64) -> Result<Extent, String> {
        let (size, align, lanes) = (self.size as u64, self.align as u64, self.lanes as u64);
        let lines = Cursor::at(2 * LINE);
        let rows = lines.behind(lanes, LINE);
        let links = rows.behind(lanes * lanes, 8);
        let nodes = links.behind(lanes + n, 16);
        Ok(Extent {
            lines: lines.place()?,
            rows: rows.place()?,
            links: links.place()?,
            ..dense(nodes, CELLS.max(align), lanes + n, size, LINE.max(align))?
        })
    }

    /// One node with a stamp, and one for each lane.
    fn stamped(&self) -> Result<Extent, String> {
        let (size, align, lanes) = (self.size as u64, self.align as u64, self.lanes as u64);
        let node_align = CELLS.max(align);
        let value = Cursor::at(8).aligned(align);
        let stride = value.behind(1, size).aligned(node_align).place()?;
        let lines = Cursor::at(2 * LINE);
        let nodes = lines.behind(lanes, LINE);
        Ok(Extent {
            lines: lines.place()?,
            value: value.place()?,
            ..dense(nodes, node_align, 1 + lanes, stride as u64, LINE.max(align))?
        })
    }

    /// Three buffers of `n` elements, each with a stamp.
    fn frames(&self, n: u64) -> Result<Extent, String> {
        let (size, align) = (self.size as u64, self.align as u64);
        let (cells_align, whole) = (CELLS.max(align), LINE.max(align));
        let value = Cursor::at(LINE).aligned(cells_align);
        let stride = value.behind(n, size).aligned(whole).place()?;
        let extent = dense(Cursor::at(3 * LINE), whole, 3, stride as u64, whole)?;
        Ok(Extent {
            value: value.place()?,
            ..extent
        })
    }

    /// Fails where a number breaks a rule.
    fn check(&self) -> Result<(), String> {
        let Self { kind, capacity, .. } = *self;
        if capacity.len() != kind.capacities() {
            let (expected, found) = (kind.capacities(), capacity.len());
            return Err(format!(
                "a `{kind}` has {expected} capacities, this one {found}"
            ));
        }
        if let Some(0) = capacity.iter().min() {
            return Err("a capacity of 0 can hold nothing: expected 1 or more".to_owned());
        }
        if let (true, Some(&n)) = (kind.is_power_of_two(), capacity.first())
            && !n.is_power_of_two()
        {
            return Err(format!(
                "the capacity of a `{kind}` is a power of two, {n} is not"
            ));
        }
        if kind.has_elements() && self.size == 0 {
            return Err("its element has no bytes".to_owned());
        }
        let most = match kind {
            Kind::Stack => MOST_NODES.saturating_sub(self.lanes) as u64,
            Kind::Map | Kind::Set | Kind::LargeMap => Buckets::MOST as u64,
            Kind::Pool => MOST_OBJECTS,
            Kind::Barrier => MOST_PARTIES,
            _ => u64::MAX,
        };
        match *capacity {
            [n, ..] if n as u64 > most => Err(format!(
                "a `{kind}` has at most {most} places, this one {n}"
            )),
            [buckets, entries] if entries > buckets => Err(format!(
                "a `{kind}` has at least as many buckets as entries, this one {buckets} for {entries}"
            )),
            _ => Ok(()),
        }
    }
}

/// `count` values side by side behind `head`, and nothing behind them.
fn dense(head: Cursor, align: u64, count: u64, size: u64, whole: u64) -> Result<Extent, String> {
    let cells = head.aligned(align);
    let end = cells.behind(count, size);
    Ok(Extent {
        size: end.place()?,
        room: end.aligned(align).aligned(whole).place()?,
        align: whole as usize,
        hot: cells.place()?,
        cells: cells.place()?,
        count: count as usize,
        stride: size as usize,
        ..Extent::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::node::{Node, StructureNode};
    use crate::layout::{Element, Field, Represent};
    use crate::{Array, Broadcast, LargeMap, Map, Pool, Queue, Set, Spsc, Stack};
    use crate::{Pod, Versioned, VersionedArray, Zeroable, sync};

    /// Compares the rule with what rustc made of a representation; `size` and `align` are an element's.
    fn compare(node: Node, size: usize, align: usize, expected: [usize; 4]) {
        let Node::Structure(StructureNode {
            kind,
            capacity,
            lanes,
        }) = node
        else {
            panic!("one structure")
        };
        let numbers = Numbers {
            kind: &Kind::named(kind),
            capacity,
            lanes,
            size,
            align,
        };
        let extent = numbers.extent().unwrap();
        let found = [extent.size, extent.room, extent.align, extent.hot];
        assert_eq!(found, expected, "{numbers:?}");
        assert!(
            extent.cells + extent.count * extent.stride <= extent.size,
            "{numbers:?}"
        );
        assert_eq!(lanes != 0, numbers.kind.has_lanes());
    }

    /// What rustc made of a representation. One call for each of many types: it is to be small.
    fn of<F: Field>(size: usize, align: usize) {
        const fn made<R: Represent>() -> (Node, [usize; 4]) {
            (R::NODE, [R::SIZE, size_of::<R>(), align_of::<R>(), R::HOT])
        }
        let all = const {
            &[
                made::<F::Repr<1>>(),
                made::<F::Repr<3>>(),
                made::<F::Repr<64>>(),
            ]
        };
        for &(node, expected) in all {
            compare(node, size, align, expected);
        }
    }

    /// Every structure of elements of one type.
    fn elements<T: Element>() {
        let (size, align) = (size_of::<T>(), align_of::<T>());
        of::<Array<T, 1>>(size, align);
        of::<Array<T, 1000>>(size, align);
        of::<Queue<T, 1>>(size, align);
        of::<Queue<T, 16>>(size, align);
        of::<Queue<T, 64>>(size, align);
        of::<Broadcast<T, 2>>(size, align);
        of::<Broadcast<T, 32>>(size, align);
        of::<Spsc<T, 1>>(size, align);
        of::<Spsc<T, 16>>(size, align);
        of::<Stack<T, 1>>(size, align);
        of::<Stack<T, 77>>(size, align);
        of::<Pool<T, 1>>(size, align);
        of::<Pool<T, 100>>(size, align);
        of::<Set<T, 1>>(size, align);
        of::<Set<T, 32>>(size, align);
        of::<Versioned<T>>(size, align);
        of::<VersionedArray<T, 1>>(size, align);
        of::<VersionedArray<T, 55>>(size, align);
        of::<sync::Mutex<T>>(size, align);
        of::<sync::RwLock<T>>(size, align);
        entries::<T, u8>();
        entries::<T, u64>();
        entries::<[u8; 3], T>();
        entries::<u32, T>();
    }

    /// Every map of one type of entries.
    fn entries<K: Element, V: Element>() {
        type Entry<K, V> = crate::memory::entries::Entry<K, V>;
        let (size, align) = (size_of::<Entry<K, V>>(), align_of::<Entry<K, V>>());
        of::<Map<K, V, 1>>(size, align);
        of::<Map<K, V, 64>>(size, align);
        of::<LargeMap<K, V, 32, 5>>(size, align);
    }

    macro_rules! aligned {
        ($($name:ident: $align:literal, $bytes:literal;)*) => {$(
            #[derive(Clone, Copy, Pod, Zeroable)]
            #[repr(C, align($align))]
            struct $name([u8; $bytes]);
        )*};
    }
    aligned! {
        Align16: 16, 16;
        Align32: 32, 96;
        Align64: 64, 64;
        Align128: 128, 128;
        Align256: 256, 512;
        Align4096: 4096, 4096;
    }

    #[test]
    fn every_rule_is_what_rustc_does() {
        elements::<u8>();
        elements::<[u8; 3]>();
        elements::<u16>();
        elements::<[u16; 5]>();
        elements::<f32>();
        elements::<[u32; 3]>();
        elements::<u64>();
        elements::<[u64; 7]>();
        elements::<[u8; 1000]>();
        elements::<u128>();
        elements::<Align16>();
        elements::<Align32>();
        elements::<Align64>();
        elements::<Align128>();
        elements::<Align256>();
        elements::<Align4096>();
        of::<crate::Atomic<u8>>(1, 1);
        of::<crate::Atomic<f64>>(8, 8);
        of::<sync::Semaphore<1>>(0, 1);
        of::<sync::Semaphore<9>>(0, 1);
        of::<sync::Barrier<32>>(0, 1);
        of::<sync::Once>(0, 1);
        of::<sync::Signal>(0, 1);
    }

    #[test]
    fn numbers_that_break_a_rule_are_refused() {
        let extent = |kind, capacity: &[usize], size, align| {
            let numbers = Numbers {
                kind: &kind,
                capacity,
                lanes: 64,
                size,
                align,
            };
            numbers.extent().unwrap_err()
        };
        let cases = [
            (
                extent(Kind::Queue, &[3], 8, 8),
                "is a power of two, 3 is not",
            ),
            (
                extent(Kind::Queue, &[], 8, 8),
                "has 1 capacities, this one 0",
            ),
            (extent(Kind::Array, &[0], 8, 8), "can hold nothing"),
            (extent(Kind::Array, &[1], 0, 1), "has no bytes"),
            (
                extent(Kind::Array, &[usize::MAX], 8, 8),
                "larger than any segment",
            ),
            (
                extent(Kind::Queue, &[1 << 63], 8, 8),
                "larger than any segment",
            ),
            (
                extent(Kind::Spsc, &[1 << 62], 1 << 37, 1),
                "larger than any segment",
            ),
            (
                extent(Kind::VersionedArray, &[usize::MAX], 1 << 37, 1),
                "larger than any segment",
            ),
            (
                extent(Kind::LargeMap, &[8, 9], 8, 8),
                "as many buckets as entries",
            ),
            (extent(Kind::Stack, &[32_704], 8, 8), "at most 32703 places"),
            (
                extent(Kind::Map, &[1 << 30], 8, 8),
                "at most 536870912 places",
            ),
            (extent(Kind::Barrier, &[33], 0, 1), "at most 32 places"),
            (
                extent(Kind::Other("Heap".into()), &[], 8, 8),
                "knows no `Heap`",
            ),
        ];
        for (why, expected) in cases {
            assert!(why.contains(expected), "{why}");
        }
    }
}
