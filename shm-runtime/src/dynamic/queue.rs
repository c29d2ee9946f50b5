//! Queues of elements as bytes.

use super::element::ElementType;
use super::place::Place;
use super::words::{Words, assert_size, cells, whole};
use crate::error::{FieldError, Full, NoLane, Timeout};
use crate::memory::atomic::AtomicU64;
use crate::memory::audit::Audit;
use crate::memory::exchange::{Dynamic, Exchange};
use crate::memory::kernel::Linux;
use crate::memory::lanes::GuardLane;
use crate::memory::signals::{Kernel, wait_until};
use crate::memory::site::Site;
use crate::memory::strided::{Lent, Run};
use crate::structures::queue::ring::{Parts, Ring, Stop};
use core::cell::Cell;
use core::time::Duration;

/// Where head and tail lie.
const HEAD: usize = 0;
const TAIL: usize = 128;

/// The handle of a [`Queue`](crate::Queue): elements as bytes, by the algorithm of the typed handle.
///
/// ```
/// use shm_runtime::{dynamic, prelude::*};
///
/// #[derive(ShmLayout)]
/// struct Jobs {
///     pending: Queue<u64, 8>,
/// }
///
/// # let name = format!("doc-dynamic-queue-{}", std::process::id());
/// let jobs = Jobs::create(&name)?;
/// let pending = dynamic::Segment::open(&name)?.queue("pending")?;
/// pending.push(&7_u64.to_le_bytes())?;
/// assert_eq!(jobs.pending.pop(), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Only the `…_wait` forms block.
#[derive(Clone, Debug)]
pub struct Queue {
    head: Site<AtomicU64>,
    tail: Site<AtomicU64>,
    words: Words,
    nodes: Run,
    element: ElementType,
}

/// One operation: the queue, and the bytes that it moves.
#[derive(Debug)]
struct Operation<'a> {
    queue: &'a Queue,
    nodes: Lent<'a>,
}

impl<'a> Parts for Operation<'a> {
    type Element = ();
    type Cells = Lent<'a>;
    type Capacity = Dynamic;

    fn exchange(&self) -> Exchange<'_, Dynamic> {
        self.queue.words.exchange()
    }
    fn cells(&self) -> &Lent<'a> {
        &self.nodes
    }
    fn head(&self) -> &AtomicU64 {
        &self.queue.head
    }
    fn tail(&self) -> &AtomicU64 {
        &self.queue.tail
    }
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

impl Queue {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let element = place.field.element().clone();
        Ok(Self {
            head: place.at(HEAD)?,
            tail: place.at(TAIL)?,
            words: Words::bind(&place, place.field.capacity())?,
            nodes: place.run(0, element.size())?,
            element,
        })
    }

    /// An operation that stores `from` or loads into `to`.
    fn operation<'a>(&'a self, from: &'a [u8], to: &'a [Cell<u8>]) -> Operation<'a> {
        let run = &self.nodes;
        Operation {
            queue: self,
            nodes: Lent { run, from, to },
        }
    }

    /// Runs an operation on a lane.
    fn run(
        &self,
        operation: &Operation<'_>,
        run: impl FnOnce(Ring<'_, Operation<'_>>, usize) -> Result<(), Stop>,
    ) -> bool {
        let done = match self.words.attachment().enter() {
            Some(lane) => run(Ring(operation), lane.index()).map_err(Some),
            None => Err(None),
        };
        done.map_err(|stop| self.refused(stop)).is_ok()
    }

    /// Counts what makes no sense; panics on a read-only attachment.
    #[cold]
    fn refused(&self, stop: Option<Stop>) {
        self.words.assert_writable();
        if stop == Some(Stop::Corrupt) {
            self.words.note_corrupt();
        }
    }

    #[track_caller]
    fn assert_element(&self, bytes: usize) {
        assert_size(self.words.name(), "element", bytes, self.element.size());
    }

    /// Elements that there is room for.
    pub fn capacity(&self) -> usize {
        self.words.capacity()
    }

    /// What the elements are.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// How many elements there are: see [`crate::Queue::len`].
    pub fn len(&self) -> usize {
        Ring(&self.operation(&[], &[])).len()
    }

    /// So many elements were popped and pushed since the queue is there, those that came back from the dead not counted
    /// again. Both wrap around.
    pub fn positions(&self) -> (u64, u64) {
        Ring(&self.operation(&[], &[])).positions()
    }

    /// Counts the owners of every node: see [`Audit`].
    pub fn audit(&self) -> Audit {
        self.words.exchange().audit()
    }

    /// Whether there was no element to pop at some moment during the call.
    pub fn is_empty(&self) -> bool {
        Ring(&self.operation(&[], &[])).is_blocked(false)
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
        let operation = self.operation(value, &[]);
        let pushed = self.run(&operation, |ring, lane| ring.push(lane, (), true));
        pushed.then_some(()).ok_or(Full(()))
    }

    /// Pops the oldest element into `out`; false where there was none, and `out` may then be overwritten.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an element, or the segment is open read-only.
    #[track_caller]
    pub fn pop(&self, out: &mut [u8]) -> bool {
        self.assert_element(out.len());
        let operation = self.operation(&[], cells(out));
        self.run(&operation, |ring, lane| ring.pop(lane, true))
    }

    /// Copies the oldest element, which stays, into `out`; false where there was none. Works on read-only
    /// attachments.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an element.
    #[track_caller]
    pub fn peek(&self, out: &mut [u8]) -> bool {
        self.assert_element(out.len());
        Ring(&self.operation(&[], cells(out))).peek().is_ok()
    }

    /// Pushes a prefix of the elements in `values`, one after the other, and says how many.
    ///
    /// # Panics
    ///
    /// Where `values` are not whole elements, or the segment is open read-only.
    #[track_caller]
    pub fn push_slice(&self, values: &[u8]) -> usize {
        let count = whole(self.words.name(), values.len(), self.element.size());
        let values = values.chunks_exact(self.element.size());
        values
            .map(|value| self.push(value))
            .take_while(Result::is_ok)
            .count()
            .min(count)
    }

    /// Pops elements into `out` from its start, and says how many.
    ///
    /// # Panics
    ///
    /// Where `out` does not have room for whole elements, or the segment is open read-only.
    #[track_caller]
    pub fn pop_slice(&self, out: &mut [u8]) -> usize {
        whole(self.words.name(), out.len(), self.element.size());
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
        let pushed = self.wait(true, timeout, || self.push(value).ok());
        pushed.ok_or(Full(()))
    }

    /// Pops the oldest element into `out`, and waits up to `timeout` for one.
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
        let popped = self.wait(false, timeout, || self.pop(out).then_some(()));
        popped.ok_or(Timeout)
    }

    /// Tries until it succeeds or the time is up, and sleeps in between. No lane is held meanwhile.
    fn wait<R>(
        &self,
        filling: bool,
        timeout: Duration,
        attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let signals = self.words.signals();
        let event = match filling {
            true => &signals.emptied,
            false => &signals.filled,
        };
        wait_until(timeout, attempt, |left| {
            let looking = self.operation(&[], &[]);
            event.wait_round(
                &Linux,
                left,
                || _ = self.words.attachment().recover(),
                || looking.exchange().announced(!filling),
                || Ring(&looking).is_blocked(filling),
            );
            true
        })
    }

    /// A place to write an element in: see [`crate::Queue::loan`].
    ///
    /// # Errors
    ///
    /// [`NoLane`] where the segment has no lane left.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn loan(&self) -> Result<Loan<'_>, NoLane> {
        self.words.assert_writable();
        let lane = self.words.attachment().lease().ok_or(NoLane)?;
        Ok(Loan { queue: self, lane })
    }

    /// Takes the oldest element, which comes back unless [`Taken::done`] acknowledges it: see
    /// [`crate::Queue::take`].
    ///
    /// # Errors
    ///
    /// [`NoLane`] where the segment has no lane left.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn take(&self) -> Result<Option<Taken<'_>>, NoLane> {
        self.words.assert_writable();
        let lane = self.words.attachment().lease().ok_or(NoLane)?;
        let index = lane.index().ok_or(NoLane)?;
        match Ring(&self.operation(&[], &[])).take(index) {
            Ok(()) => Ok(Some(Taken {
                queue: self,
                lane,
                acknowledged: false,
            })),
            Err(stop) => {
                self.refused(Some(stop));
                Ok(None)
            }
        }
    }

    /// Takes the oldest element as [`take`](Self::take) does, and waits up to `timeout` for one; `None` where there was
    /// none in time.
    ///
    /// # Errors
    ///
    /// [`NoLane`] where the segment has no lane left.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    ///
    /// # Progress
    ///
    /// As [`pop_wait`](Self::pop_wait).
    pub fn take_wait(&self, timeout: Duration) -> Result<Option<Taken<'_>>, NoLane> {
        let taken = self.wait(false, timeout, || self.take().transpose());
        taken.transpose()
    }

    /// Copies what the spare of a guard's lane holds; zeros in a forked child.
    #[track_caller]
    fn spare_into(&self, lane: &GuardLane<'_>, out: &mut [u8]) {
        self.assert_element(out.len());
        out.fill(0);
        if let Some(lane) = lane.index() {
            // what makes no sense is zeros, too
            let _ = Ring(&self.operation(&[], cells(out))).spare_value(lane);
        }
    }
}

/// A place in a queue's memory to write an element in: see [`crate::Loan`].
#[derive(Debug)]
pub struct Loan<'a> {
    queue: &'a Queue,
    lane: GuardLane<'a>,
}

impl Loan<'_> {
    /// Writes the element. What an earlier use left there is overwritten.
    ///
    /// # Panics
    ///
    /// Where `value` has another size than an element.
    #[track_caller]
    pub fn write(&mut self, value: &[u8]) {
        self.queue.assert_element(value.len());
        if let Some(lane) = self.lane.index() {
            // what cannot be written shows when the loan is committed
            let _ = Ring(&self.queue.operation(value, &[])).fill(lane, ());
        }
    }

    /// Copies what is there now into `out`: zeros, or what was written last.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an element.
    #[track_caller]
    pub fn read_into(&self, out: &mut [u8]) {
        self.queue.spare_into(&self.lane, out);
    }

    /// Pushes the element.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the loan back where the queue was full, or where the loan is a parent's.
    pub fn commit(self) -> Result<(), Full<Self>> {
        let operation = self.queue.operation(&[], &[]);
        let pushed = self
            .lane
            .index()
            .map(|lane| Ring(&operation).push_filled(lane));
        match pushed {
            Some(Ok(())) => Ok(()),
            _ => Err(Full(self)),
        }
    }
}

/// An element that was taken, and comes back unless it is acknowledged: see [`crate::Taken`].
#[derive(Debug)]
#[must_use = "an element that is dropped without `done` goes back"]
pub struct Taken<'a> {
    queue: &'a Queue,
    lane: GuardLane<'a>,
    acknowledged: bool,
}

impl Taken<'_> {
    /// Copies the element into `out`; zeros in a forked child.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an element.
    #[track_caller]
    pub fn read_into(&self, out: &mut [u8]) {
        self.queue.spare_into(&self.lane, out);
    }

    /// Acknowledges the element: it does not come back.
    pub fn done(mut self) {
        if let Some(lane) = self.lane.index() {
            Ring(&self.queue.operation(&[], &[])).done(lane);
        }
        self.acknowledged = true;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.acknowledged {
            return;
        }
        if let Some(lane) = self.lane.index() {
            Ring(&self.queue.operation(&[], &[])).put_back(lane);
        }
    }
}
