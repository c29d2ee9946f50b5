//! Against a list of all messages, on memory of this process; across processes: `tests/latest/`.

use super::ring::{Got, Parts, Ring};
use super::{Head, Repr};
use crate::layout::Represent;
use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::memory::cell::Cells;
use crate::memory::exchange::{Exchange, Fixed};
use crate::memory::kernel::Linux;
use crate::memory::lane::{LaneRecord, Place};
use crate::memory::signals::Kernel;
use proptest::prelude::*;
use zerocopy::FromZeros;

const LANES: usize = 3;

struct Memory<const N: usize> {
    repr: Box<Repr<u64, N, LANES>>,
    records: Box<[LaneRecord; LANES]>,
}

impl<const N: usize> Memory<N> {
    fn new() -> Self {
        Self {
            repr: Repr::new_box_zeroed().expect("room for a small ring"),
            records: Box::new(FromZeros::new_zeroed()),
        }
    }

    fn ring(&self) -> Ring<'_, Self> {
        Ring(self)
    }
}

impl<const N: usize> Parts for Memory<N> {
    type Element = u64;
    type Cells = Cells<u64>;
    type Capacity = Fixed<N>;

    fn exchange(&self) -> Exchange<'_, Fixed<N>> {
        Exchange {
            words: &self.repr.head.exchange.words,
            signals: &self.repr.head.exchange.signals,
            lines: &self.repr.lines,
            records: &*self.records,
            place: Place::new(0, N),
        }
    }
    fn cells(&self) -> &Cells<u64> {
        self.repr.cells.cells()
    }
    fn tail(&self) -> &AtomicU64 {
        &self.repr.head.tail.0
    }
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

#[test]
fn zeroed_is_empty() {
    let memory = Memory::<8>::new();
    let mut cursor = 0;
    assert_eq!(memory.ring().sent(), 0);
    assert_eq!(memory.ring().recv(&mut cursor), Ok(Got::Nothing));
    assert!(memory.ring().is_empty(cursor));
    assert_eq!(cursor, 0);
}

#[test]
fn layout_is_the_documented_one() {
    assert_eq!(core::mem::offset_of!(Head<8>, exchange.signals), 0x80);
    assert_eq!(core::mem::offset_of!(Head<8>, exchange.words), 0x100);
    type Small = Repr<[u8; 24], 8, LANES>;
    assert_eq!(core::mem::offset_of!(Small, lines), 0x180);
    assert_eq!(Small::SIZE, 0x180 + 128 * LANES + 24 * (8 + LANES));
}

/// A hint may be anything: its writer was stopped for a billion messages, or is hostile.
#[test]
fn p2_p6_a_wrong_hint_is_mended_in_log_n() {
    use crate::memory::atomic::set_hook;
    use core::cell::Cell;
    thread_local! {
        static ACCESSES: Cell<usize> = const { Cell::new(0) };
    }
    const N: usize = 65_536;
    let memory = Memory::<N>::new();
    let ring = memory.ring();
    let before = 2 * N as u64 + 40_000;
    for value in 0..before {
        ring.send(0, value).expect("sound");
    }
    let stale = [0, 1, 17, N as u64, before - 2 * N as u64, before - 7];
    let ahead = [before + 2 * N as u64, 1 << 40, u64::MAX, u64::MAX - 5];
    for (more, hint) in (0..).zip(stale.into_iter().chain(ahead)) {
        memory.repr.head.tail.store(hint, Relaxed);
        ACCESSES.set(0);
        set_hook(Some(|| ACCESSES.set(ACCESSES.get() + 1)));
        let sent = ring.send(1, hint);
        set_hook(None);
        assert_eq!(sent, Ok(()));
        assert!(ACCESSES.get() < 100, "{} accesses", ACCESSES.get());
        let mut cursor = before + more;
        assert_eq!(ring.recv(&mut cursor), Ok(Got::Message(hint)));
        assert_eq!(ring.sent(), cursor);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Send(usize),
    Recv(usize),
    Join(usize, bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..LANES).prop_map(Op::Send),
        4 => (0_usize..3).prop_map(Op::Recv),
        1 => (0_usize..3, any::<bool>()).prop_map(|(who, oldest)| Op::Join(who, oldest)),
    ]
}

fn run<const N: usize>(ops: &[Op]) {
    let memory = Memory::<N>::new();
    let ring = memory.ring();
    let mut sent = Vec::new();
    let mut cursors = [0_u64; 3];
    for op in ops {
        match *op {
            Op::Send(lane) => {
                let value = 1000 + sent.len() as u64;
                assert_eq!(ring.send(lane, value), Ok(()));
                sent.push(value);
            }
            Op::Join(who, oldest) => {
                cursors[who] = ring.sent() - if oldest { ring.sent().min(N as u64) } else { 0 };
            }
            Op::Recv(who) => {
                let cursor = &mut cursors[who];
                let at = *cursor as usize;
                let got = ring.recv(cursor).expect("sound");
                if at == sent.len() {
                    assert_eq!((got, *cursor), (Got::Nothing, at as u64));
                } else if sent.len() <= at + N {
                    assert_eq!((got, *cursor), (Got::Message(sent[at]), at as u64 + 1));
                } else {
                    let Got::Missed(missed) = got else {
                        panic!("{got:?}, and message {at} is gone")
                    };
                    assert_eq!(*cursor, at as u64 + missed);
                    assert!(
                        missed > 0 && *cursor as usize + N <= sent.len(),
                        "none was there"
                    );
                    assert!(
                        *cursor as usize + 2 * N > sent.len(),
                        "further than it need be"
                    );
                }
            }
        }
        assert_eq!(ring.sent(), sent.len() as u64);
    }
}

proptest! {
    #[test]
    fn behaves_like_a_list_that_is_read_in_full(ops in proptest::collection::vec(op(), 0..300)) {
        run::<1>(&ops);
        run::<2>(&ops);
        run::<8>(&ops);
    }
}
