//! Messages as bytes.

use super::element::ElementType;
use super::place::Place;
use super::words::{Words, assert_size, cells};
use crate::error::{FieldError, NoLane, Timeout};
use crate::memory::atomic::AtomicU64;
use crate::memory::audit::Audit;
use crate::memory::exchange::{Corrupt, Dynamic, Exchange};
use crate::memory::kernel::Linux;
use crate::memory::pace::Pace;
use crate::memory::signals::{Kernel, wait_until};
use crate::memory::site::Site;
use crate::memory::strided::{Lent, Run};
use crate::structures::broadcast::ring::{Got, Parts, Ring};
use crate::structures::{Missed, RecvError, Start};
use core::cell::Cell;
use core::time::Duration;

/// The handle of a [`Broadcast`](crate::Broadcast): messages as bytes, by the algorithm of the typed handle.
///
/// # Progress
///
/// Lock-free, whoever is killed or stopped. Only [`Subscriber::recv_wait`] blocks.
#[derive(Clone, Debug)]
pub struct Broadcast {
    tail: Site<AtomicU64>,
    words: Words,
    nodes: Run,
    element: ElementType,
}

/// One operation: the ring, and the bytes that it moves.
#[derive(Debug)]
struct Operation<'a> {
    broadcast: &'a Broadcast,
    nodes: Lent<'a>,
}

impl<'a> Parts for Operation<'a> {
    type Element = ();
    type Cells = Lent<'a>;
    type Capacity = Dynamic;

    fn exchange(&self) -> Exchange<'_, Dynamic> {
        self.broadcast.words.exchange()
    }
    fn cells(&self) -> &Lent<'a> {
        &self.nodes
    }
    fn tail(&self) -> &AtomicU64 {
        &self.broadcast.tail
    }
    fn kernel(&self) -> impl Kernel {
        Linux
    }
}

impl Broadcast {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let element = place.field.element().clone();
        Ok(Self {
            tail: place.at(0)?,
            words: Words::bind(&place, place.field.capacity())?,
            nodes: place.run(0, element.size())?,
            element,
        })
    }

    fn operation<'a>(&'a self, from: &'a [u8], to: &'a [Cell<u8>]) -> Operation<'a> {
        let run = &self.nodes;
        Operation {
            broadcast: self,
            nodes: Lent { run, from, to },
        }
    }

    #[track_caller]
    fn assert_message(&self, bytes: usize) {
        assert_size(self.words.name(), "message", bytes, self.element.size());
    }

    /// Messages that the ring keeps.
    pub fn capacity(&self) -> usize {
        self.words.capacity()
    }

    /// Counts the owners of every node: see [`Audit`].
    pub fn audit(&self) -> Audit {
        self.words.exchange().audit()
    }

    /// What the messages are.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// How many messages were sent so far.
    pub fn sent(&self) -> u64 {
        Ring(&self.operation(&[], &[])).sent()
    }

    /// Sends a message: it takes the place of the oldest one.
    ///
    /// # Errors
    ///
    /// [`NoLane`] where nothing was sent: see [`crate::Broadcast::send`].
    ///
    /// # Panics
    ///
    /// Where `message` has another size than one, or the segment is open read-only.
    #[track_caller]
    pub fn send(&self, message: &[u8]) -> Result<(), NoLane> {
        self.assert_message(message.len());
        let operation = self.operation(message, &[]);
        let sent = match self.words.attachment().enter() {
            Some(lane) => Ring(&operation).send(lane.index(), ()).map_err(Some),
            None => Err(None),
        };
        sent.map_err(|corrupt| {
            self.words.assert_writable();
            if corrupt.is_some() {
                self.words.note_corrupt();
            }
            NoLane
        })
    }

    /// A subscriber that begins as it says. Works on read-only attachments.
    pub fn subscribe(&self, start: Start) -> Subscriber {
        let sent = self.sent();
        let cursor = match start {
            Start::Newest => sent,
            Start::Oldest => sent.saturating_sub(self.capacity() as u64),
        };
        Subscriber {
            broadcast: self.clone(),
            cursor,
            missed: 0,
            pace: Pace::default(),
        }
    }

    /// Whether a message was received.
    fn message(&self, got: Result<Got<()>, Corrupt>) -> Result<bool, Missed> {
        match got {
            Ok(Got::Message(())) => Ok(true),
            Ok(Got::Nothing) => Ok(false),
            Ok(Got::Missed(count)) => Err(Missed(count)),
            Err(_) => {
                self.words.note_corrupt();
                Ok(false)
            }
        }
    }
}

/// Receives messages, each once and in order: see [`crate::Subscriber`].
#[derive(Clone, Debug)]
pub struct Subscriber {
    broadcast: Broadcast,
    /// The ticket of the next message.
    cursor: u64,
    missed: u64,
    /// How long to pause where there is nothing.
    pace: Pace,
}

impl Subscriber {
    /// Copies the next message into `out`; false where none was sent since the last one.
    ///
    /// # Errors
    ///
    /// [`Missed`] where it was overwritten. The next call goes on with the oldest message that is left.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than a message.
    #[track_caller]
    pub fn recv(&mut self, out: &mut [u8]) -> Result<bool, Missed> {
        self.broadcast.assert_message(out.len());
        let operation = self.broadcast.operation(&[], cells(out));
        let got = Ring(&operation).recv_at_pace(&mut self.cursor, &mut self.pace);
        let got = self.broadcast.message(got);
        if let Err(Missed(count)) = got {
            self.missed = self.missed.saturating_add(count);
        }
        got
    }

    /// Copies the next message into `out`, and waits up to `timeout` for it.
    ///
    /// # Errors
    ///
    /// [`RecvError::Missed`] as [`recv`](Self::recv), [`RecvError::Timeout`] where none came in time.
    ///
    /// # Panics
    ///
    /// Where `out` has another size than a message.
    ///
    /// # Progress
    ///
    /// Blocking, until somebody sends. A process killed while it sends loses no wake-up.
    #[track_caller]
    pub fn recv_wait(&mut self, out: &mut [u8], timeout: Duration) -> Result<(), RecvError> {
        self.broadcast.assert_message(out.len());
        let (broadcast, cursor) = (&self.broadcast, Cell::new(self.cursor));
        let attempt = || {
            let mut at = cursor.get();
            let operation = broadcast.operation(&[], cells(out));
            let got = broadcast.message(Ring(&operation).recv(&mut at));
            cursor.set(at);
            match got {
                Ok(false) => None,
                got => Some(got),
            }
        };
        let got = wait_until(timeout, attempt, |left| {
            let looking = broadcast.operation(&[], &[]);
            broadcast.words.attachment().wait_round(
                &broadcast.words.signals().filled,
                left,
                || looking.exchange().announced(true),
                || Ring(&looking).is_empty(cursor.get()),
            );
            true
        });
        self.cursor = cursor.get();
        let got = got.ok_or(Timeout)?;
        if let Err(Missed(count)) = got {
            self.missed = self.missed.saturating_add(count);
        }
        got?;
        Ok(())
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
