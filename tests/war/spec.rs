//! What a structure does, one operation at a time: the interface between histories and the checker.
//!
//! A structure joins the war with one file in `fields/`, which says
//!
//! 1. what its operations are, as numbers and words, and what they do to a sequential state: [`Spec`];
//! 2. what a process does with it, and how the referee empties it in the end: [`super::battle::Field`].
//!
//! `fields/atomic.rs` is the shortest. A specification may be nondeterministic: [`Spec::step`] gives every
//! state that a call may lead to, and none where its answer is impossible there.

use core::fmt::Debug;
use core::hash::Hash;

/// One operation of one process, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The process: another number for each successor in a seat.
    pub who: u32,
    /// Which of the field's objects it is on; histories of different objects are checked apart.
    pub object: u32,
    /// The operation; numbers from [`DIED`] on are the referee's.
    pub what: u32,
    /// Its arguments.
    pub with: [u64; 2],
    /// What it returned; `None` where the process died first: then it took effect once or never.
    pub got: Option<[u64; 2]>,
    /// When it began, in the order of the history.
    pub began: u64,
    /// When it was over, or when the process was known to be dead.
    pub ended: u64,
}

/// The referee's call: the process `with[0]` is dead, and what it held is to come back.
pub const DIED: u32 = 1 << 16;
/// The referee's call: all that the dead left has been settled.
pub const SETTLED: u32 = DIED + 1;

/// A sequential specification.
pub trait Spec {
    /// The structure's state between operations.
    type State: Clone + Eq + Hash + Debug;

    /// The state at the start of a history.
    fn start(&self) -> Self::State;

    /// Adds to `next` the states that `call` may leave where it finds `state`: none where it cannot have been
    /// answered so.
    ///
    /// Where the answer is unknown it adds what the operation may do; that it may have done nothing is added
    /// by the checker. [`DIED`] and [`SETTLED`] come to every object.
    fn step(&self, state: &Self::State, call: &Call, next: &mut Vec<Self::State>);

    /// The operation's name, for messages.
    fn name(&self, what: u32) -> &'static str;
}
