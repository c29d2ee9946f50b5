//! Against a plain variable, on memory of this process; across processes: `tests/latest/`.

use super::Repr;
use super::latest::{Latest, Parts, Stop};
use crate::layout::Represent;
use crate::memory::exchange::{Exchange, Fixed};
use crate::memory::kernel::Linux;
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::nodes::StampedNode;
use crate::memory::signals::Kernel;
use proptest::prelude::*;
use zerocopy::FromZeros;

const LANES: usize = 3;
type Value = [u16; 5];

struct Memory {
    repr: Box<Repr<Value, LANES>>,
    records: Box<[LaneRecord; LANES]>,
}

impl Memory {
    fn new() -> Self {
        Self {
            repr: Repr::new_box_zeroed().expect("room for a small value"),
            records: Box::new(FromZeros::new_zeroed()),
        }
    }

    fn latest(&self) -> Latest<'_, Self> {
        Latest(self)
    }
}

impl Parts for Memory {
    type Element = Value;

    fn exchange(&self) -> Exchange<'_, Fixed<1>> {
        Exchange {
            words: &self.repr.exchange.words,
            signals: &self.repr.exchange.signals,
            lines: &self.repr.lines,
            records: &*self.records,
            place: Place::new(0, 1),
        }
    }
    fn node(&self, index: usize) -> Option<impl StampedNode<Value = Value>> {
        self.repr.nodes.as_slice().get(index)
    }
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

#[test]
fn zeroed_is_empty() {
    let memory = Memory::new();
    let seen = memory.latest().try_load().expect("nobody writes");
    assert_eq!((seen.version, seen.value), (0, [0; 5]));
    assert_eq!(memory.latest().version(), 0);
    assert!(!memory.latest().is_announced());
}

#[test]
fn layout_is_the_documented_one() {
    type Small = Repr<Value, LANES>;
    assert_eq!(core::mem::offset_of!(Small, exchange.signals), 0);
    assert_eq!(core::mem::offset_of!(Small, exchange.words), 0x80);
    assert_eq!(core::mem::offset_of!(Small, lines), 0x100);
    assert_eq!(core::mem::offset_of!(Small, nodes), 0x100 + 128 * LANES);
    assert_eq!(Small::SIZE, 0x100 + 128 * LANES + 64 * (1 + LANES));
}

/// A value that writers replace in the middle of a copy is not given out.
#[test]
fn p1_an_overtaken_copy_is_outrun() {
    use crate::memory::atomic::set_hook;
    use core::cell::{Cell, RefCell};
    use std::rc::Rc;
    thread_local! {
        static MEMORY: RefCell<Option<Rc<Memory>>> = const { RefCell::new(None) };
        static LEFT: Cell<u32> = const { Cell::new(0) };
    }
    let memory = Rc::new(Memory::new());
    MEMORY.set(Some(Rc::clone(&memory)));
    LEFT.set(3); // in the middle of the copy
    set_hook(Some(|| {
        LEFT.set(LEFT.get().wrapping_sub(1));
        if LEFT.get() == 0 {
            set_hook(None);
            MEMORY.with_borrow(|memory| {
                let latest = memory.as_ref().expect("it is set").latest();
                for value in 1..=2 {
                    latest.store(1, &[value; 5]).expect("it stores");
                }
            });
        }
    }));
    assert_eq!(memory.latest().try_load(), Err(Stop::Outrun));
    assert_eq!(memory.latest().load().map(|seen| seen.value), Ok([2; 5]));
    MEMORY.set(None);
}

#[derive(Clone, Debug)]
enum Op {
    Store(u16),
    Load,
    Update(u16),
    /// Replaces what was seen so many operations ago.
    ReplaceStale(usize, u16),
}

fn op() -> impl Strategy<Value = (Op, usize)> {
    let op = prop_oneof![
        any::<u16>().prop_map(Op::Store),
        Just(Op::Load),
        any::<u16>().prop_map(Op::Update),
        (0_usize..5, any::<u16>()).prop_map(|(ago, value)| Op::ReplaceStale(ago, value)),
    ];
    (op, 0..LANES)
}

proptest! {
    #[test]
    fn behaves_like_a_variable(ops in proptest::collection::vec(op(), 0..200)) {
        let memory = Memory::new();
        let latest = memory.latest();
        let (mut value, mut version) = ([0; 5], 0);
        let mut words = vec![(0, 0)];
        for (op, lane) in ops {
            match op {
                Op::Store(new) => {
                    prop_assert_eq!(latest.store(lane, &[new; 5]), Ok(()));
                    (value, version) = ([new; 5], version + 1);
                }
                Op::Load => {}
                Op::Update(by) => {
                    let seen = latest.load().expect("nobody else writes");
                    let new = seen.value.map(|half| half.wrapping_add(by));
                    prop_assert_eq!(latest.replace(lane, seen.word, &new), Ok(true));
                    (value, version) = (new, version + 1);
                }
                Op::ReplaceStale(ago, new) => {
                    let (word, of) = words[words.len().saturating_sub(1 + ago)];
                    prop_assert_eq!(latest.replace(lane, word, &[new; 5]), Ok(of == version));
                    if of == version {
                        (value, version) = ([new; 5], version + 1);
                    }
                }
            }
            let seen = latest.try_load().expect("nobody else writes");
            prop_assert_eq!((seen.value, seen.version), (value, version));
            let mut copy = [0; 5];
            prop_assert_eq!((latest.load_into(&mut copy), copy), (Ok(version), value));
            words.push((seen.word, version));
        }
    }
}
