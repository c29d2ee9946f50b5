//! The two roles: claimed, used by one thread at a time, given back when dropped.

use super::Spsc;
use super::chunk::{ReadChunk, WriteChunk};
use super::ring::{Memo, Side, Trust};
use crate::error::{Full, Timeout};
use crate::layout::Element;
use crate::memory::signals::wait_until;
use crate::structures::role::{Role, RoleTaken};
use core::time::Duration;

/// A role, and the queue that it is about.
#[derive(Debug)]
struct Held<T: Element, const N: usize> {
    queue: Spsc<T, N>,
    filling: bool,
    role: Role,
}

impl<T: Element, const N: usize> Held<T, N> {
    fn claim(queue: &Spsc<T, N>, filling: bool) -> Result<Self, RoleTaken> {
        let role = if filling {
            Role::claim(queue.head.map(|head| &head.producer.role), "producer")?
        } else {
            Role::claim(queue.head.map(|head| &head.consumer.role), "consumer")?
        };
        queue.ring().welcome();
        Ok(Self {
            queue: queue.clone(),
            filling,
            role,
        })
    }

    /// Whether this process still holds the role: not in a forked child, whose parent has it.
    #[inline(always)]
    fn is_held(&self) -> bool {
        self.role.is_held()
    }

    /// Tries until it succeeds or the time is up, and sleeps in between.
    fn wait<R>(
        &self,
        trust: &mut Trust,
        timeout: Duration,
        attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        wait_until(timeout, attempt, |left| {
            let ring = self.queue.ring();
            ring.wait_round(self.filling, trust, left, || self.does_other_live());
            self.is_held()
        })
    }

    /// Whether the holder of the other role lives.
    fn does_other_live(&self) -> bool {
        let other = side(&self.queue, !self.filling);
        Role::is_taken(&other.role, self.queue.attachment())
    }
}

fn side<T: Element, const N: usize>(queue: &Spsc<T, N>, filling: bool) -> &Side {
    if filling {
        &queue.head.producer
    } else {
        &queue.head.consumer
    }
}

/// The producer's role: see [`Spsc::producer`].
///
/// In a forked child the parent's roles are void: [`Full`] is what they say.
#[derive(Debug)]
pub struct Producer<T: Element, const N: usize> {
    role: Held<T, N>,
    memo: Memo,
    trust: Trust,
}

impl<T: Element, const N: usize> Producer<T, N> {
    pub(super) fn claim(queue: &Spsc<T, N>) -> Result<Self, RoleTaken> {
        let role = Held::claim(queue, true)?;
        Ok(Self {
            role,
            memo: queue.ring().producer_memo(),
            trust: Trust::default(),
        })
    }

    /// Pushes `value`.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the value back where there was no room.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Full<T>> {
        if self.role.is_held() && self.role.queue.ring().push(&mut self.memo, value) {
            Ok(())
        } else {
            Err(Full(value))
        }
    }

    /// Pushes a prefix of `values` at once, and says how many: as many as there is room for when it looks. Room that
    /// the consumer makes while it copies is for the next call.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn push_slice(&mut self, values: &[T]) -> usize {
        if !self.role.is_held() {
            return 0;
        }
        self.role.queue.ring().push_slice(&mut self.memo, values)
    }

    /// Pushes `value`, and waits up to `timeout` for room.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the value back where there was none in time.
    ///
    /// # Progress
    ///
    /// Blocking, until there is room.
    pub fn push_wait(&mut self, value: T, timeout: Duration) -> Result<(), Full<T>> {
        let (role, memo, trust) = (&self.role, &mut self.memo, &mut self.trust);
        let push = || (role.is_held() && role.queue.ring().push(memo, value)).then_some(());
        role.wait(trust, timeout, push).ok_or(Full(value))
    }

    /// Places to write up to `count` elements in, which one store then publishes; as many as are free.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn write_chunk(&mut self, count: usize) -> WriteChunk<'_, T, N> {
        let count = count.min(N);
        let room = if self.role.is_held() {
            self.role.queue.ring().room(&mut self.memo, count)
        } else {
            0
        };
        WriteChunk::new(&self.role.queue, &mut self.memo, count.min(room))
    }
}

/// The consumer's role: see [`Spsc::consumer`].
///
/// In a forked child the parent's roles are void: it gets `None`.
#[derive(Debug)]
pub struct Consumer<T: Element, const N: usize> {
    role: Held<T, N>,
    memo: Memo,
    trust: Trust,
}

impl<T: Element, const N: usize> Consumer<T, N> {
    pub(super) fn claim(queue: &Spsc<T, N>) -> Result<Self, RoleTaken> {
        let role = Held::claim(queue, false)?;
        Ok(Self {
            role,
            memo: queue.ring().consumer_memo(),
            trust: Trust::default(),
        })
    }

    /// Pops the oldest element.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if !self.role.is_held() {
            return None;
        }
        self.role.queue.ring().pop(&mut self.memo)
    }

    /// Pops into a prefix of `out` at once, and says how many: as many as there are when it looks. What the producer
    /// publishes while it copies is for the next call.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn pop_slice(&mut self, out: &mut [T]) -> usize {
        if !self.role.is_held() {
            return 0;
        }
        self.role.queue.ring().pop_slice(&mut self.memo, out)
    }

    /// Pops the oldest element, and waits up to `timeout` for one.
    ///
    /// # Errors
    ///
    /// [`Timeout`] where there was none in time.
    ///
    /// # Progress
    ///
    /// Blocking, until there is an element.
    pub fn pop_wait(&mut self, timeout: Duration) -> Result<T, Timeout> {
        let (role, memo, trust) = (&self.role, &mut self.memo, &mut self.trust);
        let pop = || {
            if role.is_held() {
                role.queue.ring().pop(memo)
            } else {
                None
            }
        };
        role.wait(trust, timeout, pop).ok_or(Timeout)
    }

    /// Up to `count` elements to read, which one store then gives back; as many as are there.
    ///
    /// # Progress
    ///
    /// Wait-free.
    pub fn read_chunk(&mut self, count: usize) -> ReadChunk<'_, T, N> {
        let count = count.min(N);
        let filled = if self.role.is_held() {
            self.role.queue.ring().filled(&mut self.memo, count)
        } else {
            0
        };
        ReadChunk::new(&self.role.queue, &mut self.memo, count.min(filled))
    }
}
