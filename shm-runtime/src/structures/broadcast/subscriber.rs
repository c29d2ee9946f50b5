//! A subscriber: a cursor that belongs to this process alone.

use super::Broadcast;
use super::ring::Got;
use crate::error::Timeout;
use crate::layout::Element;
use crate::memory::exchange::Corrupt;
use crate::memory::pace::Pace;
use crate::memory::signals::wait_until;
use core::cell::Cell;
use core::fmt;
use core::time::Duration;

/// Where a subscriber begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message that is still there.
    Oldest,
    /// With the next one that is sent.
    Newest,
}

/// So many messages were overwritten before the subscriber came to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed(
    /// How many.
    pub u64,
);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages were overwritten before they were read",
            self.0
        )
    }
}

impl std::error::Error for Missed {}

/// Why [`Subscriber::recv_wait`] gave no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// So many messages were overwritten before the subscriber came to them; the next call gives the oldest that is left.
    Missed(u64),
    /// None came in time.
    Timeout,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Missed(count) => Missed(count).fmt(f),
            Self::Timeout => Timeout.fmt(f),
        }
    }
}

impl std::error::Error for RecvError {}

impl From<Missed> for RecvError {
    fn from(Missed(count): Missed) -> Self {
        Self::Missed(count)
    }
}

impl From<Timeout> for RecvError {
    fn from(_: Timeout) -> Self {
        Self::Timeout
    }
}

/// Receives the messages of a [`Broadcast`], each once and in order.
///
/// It is not known to anybody else: senders do not wait for it, and it leaves nothing behind. A clone goes on from the
/// same message; so does the one that a forked child inherits.
#[derive(Clone, Debug)]
pub struct Subscriber<T: Element, const N: usize> {
    broadcast: Broadcast<T, N>,
    /// The ticket of the next message.
    cursor: u64,
    missed: u64,
    /// How long to pause where there is nothing.
    pace: Pace,
}

impl<T: Element, const N: usize> Subscriber<T, N> {
    pub(super) fn new(broadcast: Broadcast<T, N>, start: Start) -> Self {
        let sent = broadcast.sent();
        let cursor = match start {
            Start::Newest => sent,
            Start::Oldest => sent.saturating_sub(N as u64),
        };
        Self {
            broadcast,
            cursor,
            missed: 0,
            pace: Pace::default(),
        }
    }

    /// The next message; `None` where none was sent since the last one.
    ///
    /// # Errors
    ///
    /// [`Missed`] where it was overwritten. The next call goes on with the oldest message that is left.
    ///
    /// # Progress
    ///
    /// Wait-free.
    #[inline]
    pub fn recv(&mut self) -> Result<Option<T>, Missed> {
        let ring = self.broadcast.ring();
        let got = ring.recv_at_pace(&mut self.cursor, &mut self.pace);
        let got = message(&self.broadcast, got);
        if let Err(Missed(count)) = got {
            self.missed = self.missed.saturating_add(count);
        }
        got
    }

    /// The next message, for which it waits up to `timeout`.
    ///
    /// On a read-only attachment it cannot be woken and looks every millisecond.
    ///
    /// # Errors
    ///
    /// [`RecvError::Missed`] as [`recv`](Self::recv), [`RecvError::Timeout`] where none came in time.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody sends. A process killed while it sends loses no wake-up.
    pub fn recv_wait(&mut self, timeout: Duration) -> Result<T, RecvError> {
        let (broadcast, cursor) = (&self.broadcast, Cell::new(self.cursor));
        let attempt = || {
            let mut at = cursor.get();
            let got = message(broadcast, broadcast.ring().recv(&mut at));
            cursor.set(at);
            got.transpose()
        };
        let got = wait_until(timeout, attempt, |left| {
            let ring = broadcast.ring();
            broadcast.attachment().wait_round(
                &broadcast.head.exchange.signals.filled,
                left,
                || ring.exchange().announced(true),
                || ring.is_empty(cursor.get()),
            );
            true
        });
        self.cursor = cursor.get();
        let got = got.ok_or(Timeout)?;
        if let Err(Missed(count)) = got {
            self.missed = self.missed.saturating_add(count);
        }
        Ok(got?)
    }

    /// How many messages this subscriber missed so far.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// How many messages were sent before the next one that this subscriber receives: the message's number.
    pub const fn position(&self) -> u64 {
        self.cursor
    }
}

/// The message that was received, if there was one.
#[inline]
fn message<T: Element, const N: usize>(
    broadcast: &Broadcast<T, N>,
    got: Result<Got<T>, Corrupt>,
) -> Result<Option<T>, Missed> {
    match got {
        Ok(Got::Message(message)) => Ok(Some(message)),
        Ok(Got::Nothing) => Ok(None),
        Ok(Got::Missed(count)) => Err(Missed(count)),
        Err(_) => {
            broadcast.note_corrupt();
            Ok(None)
        }
    }
}
