//! Stacks of elements as bytes.

use super::element::ElementType;
use super::place::Place;
use super::words::{assert_size, cells, whole};
use crate::error::{FieldError, Full, Timeout};
use crate::memory::atomic::AtomicU64;
use crate::memory::attachment::Attachment;
use crate::memory::exchange::{Line, Words};
use crate::memory::kernel::Linux;
use crate::memory::lane;
use crate::memory::signals::wait_until;
use crate::memory::site::Site;
use crate::memory::strided::{Lent, Run};
use crate::memory::two_lists::{Link, Stop, TwoLists, Way};
use crate::structures::stack::lifo::Lifo;
use core::cell::Cell;
use core::time::Duration;

/// The handle of a [`Stack`](crate::Stack): elements as bytes, by the algorithm of the typed handle.
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Only the `…_wait` forms block.
#[derive(Clone, Debug)]
pub struct Stack {
    head: Site<Words<1>>,
    lines: Site<[Line]>,
    rows: Site<[AtomicU64]>,
    links: Site<[Link]>,
    nodes: Run,
    place: lane::Place,
    capacity: usize,
    element: ElementType,
}

impl Stack {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let (element, lanes) = (place.field.element().clone(), place.lanes());
        let head = place.at::<Words<1>>(0)?;
        Ok(Self {
            place: lane::Place::new(head.offset(), 1),
            head,
            lines: place.slice(place.extent.lines, lanes)?,
            rows: place.slice(place.extent.rows, lanes * lanes)?,
            links: place.slice(place.extent.links, place.extent.count)?,
            nodes: place.run(0, element.size())?,
            capacity: place.field.capacity(),
            element,
        })
    }

    fn attachment(&self) -> &Attachment {
        self.head.attachment()
    }

    fn lists(&self) -> TwoLists<'_> {
        TwoLists {
            heads: &self.head.words[0],
            signals: &self.head.signals,
            lines: &self.lines,
            rows: &self.rows,
            links: &self.links,
            records: self.attachment().lanes(),
            place: self.place,
        }
    }

    /// What an operation returned that stores `from` or loads into `to`.
    fn with<R>(
        &self,
        from: &[u8],
        to: &[Cell<u8>],
        run: impl FnOnce(&Lifo<'_, Lent<'_>, Linux>) -> R,
    ) -> R {
        let run_nodes = &self.nodes;
        run(&Lifo {
            lists: self.lists(),
            cells: &Lent {
                run: run_nodes,
                from,
                to,
            },
            kernel: Linux,
        })
    }

    /// Runs an operation on a lane.
    fn run(
        &self,
        from: &[u8],
        to: &[Cell<u8>],
        run: impl FnOnce(&Lifo<'_, Lent<'_>, Linux>, usize) -> Result<(), Stop>,
    ) -> bool {
        let done = match self.attachment().enter() {
            Some(lane) => self
                .with(from, to, |lifo| run(lifo, lane.index()))
                .map_err(Some),
            None => Err(None),
        };
        if let Err(stop) = done {
            self.head.assert_writable();
            if stop == Some(Stop::Corrupt) {
                self.attachment().local().note_corrupt(self.place.offset());
            }
        }
        done.is_ok()
    }

    #[track_caller]
    fn assert_element(&self, bytes: usize) {
        assert_size(self.head.name(), "element", bytes, self.element.size());
    }

    /// Elements that there is room for.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// What the elements are.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// How many elements there were at some moment during the call.
    pub fn len(&self) -> usize {
        self.lists().len().unwrap_or(0)
    }

    /// So many elements were popped and pushed since the stack is there.
    pub fn positions(&self) -> (u64, u64) {
        self.lists().positions().unwrap_or((0, 0))
    }

    /// Whether there was no element at some moment during the call.
    pub fn is_empty(&self) -> bool {
        self.lists().is_blocked(Way::Pop)
    }

    /// Pushes an element.
    ///
    /// # Errors
    ///
    /// [`Full`] where all places were taken at some moment during the call.
    ///
    /// # Panics
    ///
    /// Where `value` has another size than an element, or the segment is open read-only.
    #[track_caller]
    pub fn push(&self, value: &[u8]) -> Result<(), Full<()>> {
        self.assert_element(value.len());
        let pushed = self.run(value, &[], |lifo, lane| lifo.push(lane, ()));
        pushed.then_some(()).ok_or(Full(()))
    }

    /// Pops the element that was pushed last into `out`; false where there was none.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an element, or the segment is open read-only.
    #[track_caller]
    pub fn pop(&self, out: &mut [u8]) -> bool {
        self.assert_element(out.len());
        self.run(&[], cells(out), |lifo, lane| lifo.pop(lane))
    }

    /// Copies the element that was pushed last, which stays, into `out`; false where there was none. Works on
    /// read-only attachments.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an element.
    #[track_caller]
    pub fn peek(&self, out: &mut [u8]) -> bool {
        self.assert_element(out.len());
        self.with(&[], cells(out), |lifo| lifo.peek().is_ok())
    }

    /// Pushes a prefix of the elements in `values`, one after the other, and says how many.
    ///
    /// # Panics
    ///
    /// Where `values` are not whole elements, or the segment is open read-only.
    #[track_caller]
    pub fn push_slice(&self, values: &[u8]) -> usize {
        whole(self.head.name(), values.len(), self.element.size());
        let values = values.chunks_exact(self.element.size());
        values
            .map(|value| self.push(value))
            .take_while(Result::is_ok)
            .count()
    }

    /// Pops elements into `out` from its start, the one that was pushed last first, and says how many.
    ///
    /// # Panics
    ///
    /// Where `out` does not have room for whole elements, or the segment is open read-only.
    #[track_caller]
    pub fn pop_slice(&self, out: &mut [u8]) -> usize {
        whole(self.head.name(), out.len(), self.element.size());
        let places = out.chunks_exact_mut(self.element.size());
        places
            .map(|place| self.pop(place))
            .take_while(|popped| *popped)
            .count()
    }

    /// Pushes an element, and waits up to `timeout` for room.
    ///
    /// # Errors
    ///
    /// [`Full`] where there was none in time.
    ///
    /// # Panics
    ///
    /// As [`push`](Self::push).
    ///
    /// # Progress
    ///
    /// Blocking, until there is room. A process killed while it makes room loses no wake-up.
    #[track_caller]
    pub fn push_wait(&self, value: &[u8], timeout: Duration) -> Result<(), Full<()>> {
        let pushed = self.wait(Way::Push, timeout, || self.push(value).is_ok());
        pushed.then_some(()).ok_or(Full(()))
    }

    /// Pops the element that was pushed last into `out`, and waits up to `timeout` for one.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where there was none in time.
    ///
    /// # Panics
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Progress
    ///
    /// Blocking, until there is an element. A process killed while it pushes loses no wake-up.
    #[track_caller]
    pub fn pop_wait(&self, out: &mut [u8], timeout: Duration) -> Result<(), Timeout> {
        let popped = self.wait(Way::Pop, timeout, || self.pop(out));
        popped.then_some(()).ok_or(Timeout)
    }

    /// Tries until it succeeds or the time is up, and sleeps in between. No lane is held meanwhile.
    fn wait(&self, way: Way, timeout: Duration, mut attempt: impl FnMut() -> bool) -> bool {
        let signals = &self.head.signals;
        let (event, other) = match way {
            Way::Pop => (&signals.filled, Way::Push),
            Way::Push => (&signals.emptied, Way::Pop),
        };
        let attempt = || attempt().then_some(());
        let done = wait_until(timeout, attempt, |left| {
            let lists = self.lists();
            event.wait_round(
                &Linux,
                left,
                || _ = self.attachment().recover(),
                || lists.announced(other),
                || lists.is_blocked(way),
            );
            true
        });
        done.is_some()
    }
}
