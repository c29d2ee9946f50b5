//! Against a plain array, on memory of this process; across processes: `tests/latest/`.

use super::Repr;
use super::frames::{BUFFERS, Frames, Head, Parts, Stop};
use crate::layout::Represent;
use crate::memory::cell::Cells;
use crate::memory::kernel::Linux;
use crate::memory::signals::Kernel;
use crate::memory::stamp::Stamp;
use proptest::prelude::*;
use zerocopy::FromZeros;

const LEN: usize = 5;

impl Parts for Repr<u16, LEN> {
    type Element = u16;

    fn head(&self) -> &Head {
        &self.head
    }
    fn buffer(&self, index: usize) -> (&Stamp, &Cells<u16>) {
        (
            &self.buffers[index].stamp,
            self.buffers[index].cells.cells(),
        )
    }
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

fn new() -> Box<Repr<u16, LEN>> {
    Repr::new_box_zeroed().expect("room for small frames")
}

#[test]
fn zeroed_is_empty() {
    let repr = new();
    let mut out = [7; LEN];
    assert_eq!(Frames(&*repr).try_copy(&mut out), Ok(0));
    assert_eq!(out, [0; LEN]);
    assert!(Frames(&*repr).is_still(0));
}

#[test]
fn layout_is_the_documented_one() {
    type Small = Repr<u16, LEN>;
    assert_eq!(core::mem::offset_of!(Small, head.writer), 0x80);
    assert_eq!(core::mem::offset_of!(Small, head.signals), 0x100);
    assert_eq!(core::mem::offset_of!(Small, buffers), 0x180);
    assert_eq!(Small::SIZE, 0x180 + BUFFERS * 256);
    assert_eq!(Repr::<u64, 100>::SIZE, 0x180 + BUFFERS * (128 + 896));
}

#[test]
fn a_reader_is_outrun_by_two_frames_and_by_none_less() {
    let repr = new();
    let frames = Frames(&*repr);
    for latest in 0..10 {
        let mut out = [0; LEN];
        let begun = frames.version();
        frames.write(latest, &[1; LEN]);
        frames.begin(latest + 2); // the second, which is not out yet
        assert!(
            frames.copy(begun, 0, &mut out),
            "one frame came out, and one is written"
        );
        frames.publish(latest + 2);
        assert!(frames.is_still(begun));
        frames.begin(latest + 3);
        assert!(!frames.copy(begun, 0, &mut out) && !frames.is_still(begun));
        assert!(frames.copy(latest + 2, 0, &mut out));
        repr.head
            .frame
            .store(latest + 1, crate::memory::atomic::Ordering::Relaxed);
        frames.write(latest, &[0; LEN]); // the writer died, and the next begins there again
    }
}

#[test]
fn p6_stamps_that_make_no_sense_are_noticed() {
    let repr = new();
    let frames = Frames(&*repr);
    frames.write(0, &[1; LEN]);
    for wrong in [0, 2, 4, u64::MAX] {
        repr.buffers[1].stamp.set(wrong);
        let mut out = [0; LEN];
        assert_eq!(frames.try_copy(&mut out), Err(Stop::Corrupt));
        assert_eq!(frames.copy_latest(&mut out), Err(Stop::Corrupt));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Publish([u16; LEN]),
    Edit(usize, u16),
    /// Begun by a writer that died.
    Abandon(u16),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        any::<[u16; LEN]>().prop_map(Op::Publish),
        (0..LEN, any::<u16>()).prop_map(|(i, value)| Op::Edit(i, value)),
        any::<u16>().prop_map(Op::Abandon),
    ]
}

proptest! {
    #[test]
    fn behaves_like_an_array_that_is_replaced(ops in proptest::collection::vec(op(), 0..100)) {
        let repr = new();
        let frames = Frames(&*repr);
        let (mut latest, mut expected) = (frames.take_over(), [0; LEN]);
        for op in ops {
            match op {
                Op::Publish(values) => {
                    latest = frames.write(latest, &values);
                    expected = values;
                }
                Op::Edit(i, value) => {
                    let (next, cells) = frames.begin_copy(latest);
                    prop_assert!(cells.store(i, value));
                    frames.publish(next);
                    (latest, expected[i]) = (next, value);
                }
                Op::Abandon(value) => {
                    frames.begin(latest + 1).store(0, value);
                    prop_assert_eq!(frames.take_over(), latest);
                }
            }
            let mut out = [0; LEN];
            prop_assert_eq!(frames.try_copy(&mut out), Ok(latest));
            prop_assert_eq!(out, expected);
        }
    }
}
