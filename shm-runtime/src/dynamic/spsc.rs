//! Queues for one producer and one consumer: elements as bytes.

use super::element::ElementType;
use super::place::Place;
use super::words::{assert_size, cells, whole};
use crate::error::{FieldError, Full, Timeout};
use crate::memory::kernel::Linux;
use crate::memory::signals::{Signals, wait_until};
use crate::memory::site::Site;
use crate::memory::strided::{Lent, Run};
use crate::structures::RoleTaken;
use crate::structures::role::Role;
use crate::structures::spsc::ring::{Memo, Ring, Side, Trust};
use core::cell::Cell;
use core::sync::atomic::Ordering::Acquire;
use core::time::Duration;

/// The handle of an [`Spsc`](crate::Spsc): elements as bytes, by the algorithm of the typed handle.
#[derive(Clone, Debug)]
pub struct Spsc {
    producer: Site<Side>,
    consumer: Site<Side>,
    signals: Site<Signals>,
    run: Run,
    element: ElementType,
}

impl Spsc {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let element = place.field.element().clone();
        let side = size_of::<Side>();
        Ok(Self {
            producer: place.at(0)?,
            consumer: place.at(side)?,
            signals: place.at(2 * side)?,
            run: place.run(0, element.size())?,
            element,
        })
    }

    /// What an operation returned that stores `from` or loads into `to`.
    fn with<R>(
        &self,
        from: &[u8],
        to: &[Cell<u8>],
        run: impl FnOnce(&Ring<'_, Lent<'_>, Linux>) -> R,
    ) -> R {
        let elements = &self.run;
        run(&Ring {
            producer: &self.producer,
            consumer: &self.consumer,
            signals: &self.signals,
            cells: &Lent {
                run: elements,
                from,
                to,
            },
            kernel: Linux,
        })
    }

    #[track_caller]
    fn assert_element(&self, bytes: usize) {
        assert_size(self.producer.name(), "element", bytes, self.element.size());
    }

    /// Elements that there is room for.
    pub const fn capacity(&self) -> usize {
        self.run.len()
    }

    /// What the elements are.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// How many elements there are, as far as that can be told while the others go on.
    pub fn len(&self) -> usize {
        self.with(&[], &[], |ring| ring.len())
    }

    /// So many elements were popped and pushed since the queue is there. Both wrap around.
    pub fn positions(&self) -> (u64, u64) {
        let position = |side: &Side| side.position.load(Acquire); // (H), (T): in this order, as `Ring::len`
        (position(&self.consumer), position(&self.producer))
    }

    /// Whether there is no element, as far as that can be told.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Claims the role of the producer.
    ///
    /// # Errors
    ///
    /// [`RoleTaken`] where somebody alive has it.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn producer(&self) -> Result<Producer, RoleTaken> {
        let held = Held::claim(self, true)?;
        let memo = self.with(&[], &[], |ring| ring.producer_memo());
        Ok(Producer(held.with_memo(memo)))
    }

    /// Claims the role of the consumer.
    ///
    /// # Errors
    ///
    /// [`RoleTaken`] where somebody alive has it.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn consumer(&self) -> Result<Consumer, RoleTaken> {
        let held = Held::claim(self, false)?;
        let memo = self.with(&[], &[], |ring| ring.consumer_memo());
        Ok(Consumer(held.with_memo(memo)))
    }

    fn side(&self, filling: bool) -> &Site<Side> {
        match filling {
            true => &self.producer,
            false => &self.consumer,
        }
    }
}

/// A role that was claimed.
#[derive(Debug)]
struct Held {
    queue: Spsc,
    filling: bool,
    role: Role,
}

/// A role with what it remembers.
#[derive(Debug)]
struct Working {
    held: Held,
    memo: Memo,
    trust: Trust,
}

impl Held {
    fn claim(queue: &Spsc, filling: bool) -> Result<Self, RoleTaken> {
        let name = if filling { "producer" } else { "consumer" };
        let role = Role::claim(queue.side(filling).map(|side| &side.role), name)?;
        queue.with(&[], &[], |ring| ring.welcome());
        Ok(Self {
            queue: queue.clone(),
            filling,
            role,
        })
    }

    fn with_memo(self, memo: Memo) -> Working {
        Working {
            held: self,
            memo,
            trust: Trust::default(),
        }
    }

    /// Whether the other role's holder lives.
    fn does_other_live(&self) -> bool {
        let other = self.queue.side(!self.filling);
        Role::is_taken(&other.role, other.attachment())
    }
}

impl Working {
    /// Tries until it succeeds or the time is up, and sleeps in between.
    fn wait(
        &mut self,
        timeout: Duration,
        mut attempt: impl FnMut(&Held, &mut Memo) -> bool,
    ) -> bool {
        let Self { held, memo, trust } = self;
        let attempt = || attempt(held, memo).then_some(());
        let done = wait_until(timeout, attempt, |left| {
            held.queue.with(&[], &[], |ring| {
                ring.wait_round(held.filling, trust, left, || held.does_other_live());
            });
            held.role.is_held()
        });
        done.is_some()
    }
}

/// Pushes one element.
fn push(held: &Held, memo: &mut Memo, value: &[u8]) -> bool {
    held.role.is_held() && held.queue.with(value, &[], |ring| ring.push(memo, ()))
}

/// Pops one element.
fn pop(held: &Held, memo: &mut Memo, out: &mut [u8]) -> bool {
    held.role.is_held()
        && held
            .queue
            .with(&[], cells(out), |ring| ring.pop(memo))
            .is_some()
}

/// The one producer: see [`crate::Producer`].
#[derive(Debug)]
pub struct Producer(Working);

impl Producer {
    /// Pushes an element.
    ///
    /// # Errors
    ///
    /// [`Full`] where there is no room, or in a forked child, whose parent has the role.
    ///
    /// # Panics
    ///
    /// Where `value` has another size than an element.
    #[track_caller]
    pub fn push(&mut self, value: &[u8]) -> Result<(), Full<()>> {
        self.0.held.queue.assert_element(value.len());
        let pushed = push(&self.0.held, &mut self.0.memo, value);
        pushed.then_some(()).ok_or(Full(()))
    }

    /// Pushes a prefix of the elements in `values`, which become visible together, and says how many.
    ///
    /// # Panics
    ///
    /// Where `values` are not whole elements.
    #[track_caller]
    pub fn push_slice(&mut self, values: &[u8]) -> usize {
        let Working { held, memo, .. } = &mut self.0;
        let (queue, size) = (&held.queue, held.queue.element.size());
        let wanted = whole(queue.producer.name(), values.len(), size).min(queue.capacity());
        if !held.role.is_held() {
            return 0;
        }
        let count = queue
            .with(&[], &[], |ring| ring.room(memo, wanted))
            .min(wanted);
        for (i, value) in values.chunks_exact(size).take(count).enumerate() {
            queue.with(value, &[], |ring| ring.write(memo, i, ()));
        }
        if count > 0 {
            queue.with(&[], &[], |ring| ring.publish(memo, count));
        }
        count
    }

    /// Pushes an element, and waits up to `timeout` for room.
    ///
    /// # Errors
    ///
    /// [`Full`] where there was none in time, or in a forked child.
    ///
    /// # Panics
    ///
    /// Where `value` has another size than an element.
    ///
    /// # Progress
    ///
    /// Blocking, until there is room. A consumer killed while it makes room loses no wake-up.
    #[track_caller]
    pub fn push_wait(&mut self, value: &[u8], timeout: Duration) -> Result<(), Full<()>> {
        self.0.held.queue.assert_element(value.len());
        let pushed = self.0.wait(timeout, |held, memo| push(held, memo, value));
        pushed.then_some(()).ok_or(Full(()))
    }
}

/// The one consumer: see [`crate::Consumer`].
#[derive(Debug)]
pub struct Consumer(Working);

impl Consumer {
    /// Pops the oldest element into `out`; false where there is none.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an element.
    #[track_caller]
    pub fn pop(&mut self, out: &mut [u8]) -> bool {
        self.0.held.queue.assert_element(out.len());
        pop(&self.0.held, &mut self.0.memo, out)
    }

    /// Pops elements into `out` from its start, and says how many.
    ///
    /// # Panics
    ///
    /// Where `out` does not have room for whole elements.
    #[track_caller]
    pub fn pop_slice(&mut self, out: &mut [u8]) -> usize {
        let Working { held, memo, .. } = &mut self.0;
        let (queue, size) = (&held.queue, held.queue.element.size());
        let wanted = whole(queue.producer.name(), out.len(), size).min(queue.capacity());
        if !held.role.is_held() {
            return 0;
        }
        let count = queue
            .with(&[], &[], |ring| ring.filled(memo, wanted))
            .min(wanted);
        for (i, place) in out.chunks_exact_mut(size).take(count).enumerate() {
            // every position has a place
            queue.with(&[], cells(place), |ring| _ = ring.read(memo, i));
        }
        if count > 0 {
            queue.with(&[], &[], |ring| ring.release(memo, count));
        }
        count
    }

    /// Pops the oldest element into `out`, and waits up to `timeout` for one.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where there was none in time, or in a forked child.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than an element.
    ///
    /// # Progress
    ///
    /// Blocking, until there is an element. A producer killed while it pushes loses no wake-up.
    #[track_caller]
    pub fn pop_wait(&mut self, out: &mut [u8], timeout: Duration) -> Result<(), Timeout> {
        self.0.held.queue.assert_element(out.len());
        let popped = self.0.wait(timeout, |held, memo| pop(held, memo, out));
        popped.then_some(()).ok_or(Timeout)
    }
}
