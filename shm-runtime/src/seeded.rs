//! Seeded bugs: each is a mistake that was made or nearly made here, kept so that the tests can prove that
//! they would catch it.
//!
//! In a program [`seeded`] is `false` at compile time and nothing of this remains. The crate's unit tests switch
//! a bug on for a thread ([`seed`]), or for the whole run by the variable `SHM_SEEDED`. A build with
//! `--cfg shm_seeded` asks that variable too, so that the tests with real processes can be run against every bug:
//! `cargo run -p proof -- matrix` does so, and prints which test catches which. It is a `cfg` and not a feature of
//! Cargo's, so that nothing that a user's program depends on can switch it on.

use core::sync::atomic::Ordering;
#[cfg(any(test, shm_seeded))]
use std::sync::OnceLock;

/// Declares the bugs, and lists each with its name and its description.
macro_rules! bugs {
    ($(#[$about:meta])* pub enum Bug { $($(#[doc = $what:literal])* $bug:ident,)* }) => {
        $(#[$about])*
        pub enum Bug { $($(#[doc = $what])* $bug,)* }

        impl Bug {
            #[cfg(any(test, shm_seeded))]
            const ALL: &[Self] = &[$(Self::$bug,)*];
        }

        /// Every bug that can be seeded: its name, and what is wrong.
        pub const BUGS: &[(&str, &str)] = &[$((stringify!($bug), concat!($($what),*)),)*];
    };
}

bugs! {
/// A mistake that a test switches on.
#[cfg_attr(
    not(any(test, shm_seeded)),
    expect(dead_code, reason = "some are seeded in the models' own code")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The compare-and-swap of an exchange is a load and a store.
    TornExchange,
    /// The other side's position is believed, however far away it is.
    TrustPosition,
    /// What the hint says is the end of the queue is taken for it.
    TrustHint,
    /// A walk over words that make no sense has no bound.
    NoLoopBound,
    /// A dead lane is free again although what became of its exchange is not known.
    FreeUnsettled,
    /// A recovery makes one pass, although a lane that it settled late may say what became of one before. (Made; the
    /// walk found it with two dead.)
    SweepOnce,
    /// Two processes settle one lane of the dead at a time.
    SweepWithoutRight,
    /// Who has not gone on for a millisecond is taken for dead.
    DeadByTimeOut,
    /// Who is alive is asked by process id.
    AliveByProcess,
    /// The next holder of a slot has the name of the one before.
    NoSlotGeneration,
    /// A slot gets its generation only once its byte is locked. (Made; found by reading.)
    GenerationBehindLock,
    /// A forked child gets the mapping that keeps its parent's byte locked.
    AnchorIsInherited,
    /// A forked child takes what is local to its parent for its own.
    LocalIsInherited,
    /// A forked child uses its parent's guards and roles.
    GuardOutlivesFork,
    /// A role is taken over from the living.
    RoleOfTheLiving,
    /// A capacity is taken from a descriptor that does not fit the table.
    TrustDescribedCapacity,
    /// A field of an element is taken for where a descriptor says that it is.
    TrustDescribedOffset,
    /// A number without a name is taken for its whole element where a descriptor says something else. (Made; found by
    /// hostile images.)
    TrustDescribedPart,
    /// A name is linked before the segment is whole.
    NameBeforeWhole,
    /// The last one out asks who is attached, and removes the name without a lock on all.
    LeaveWithoutLock,
    /// A registered structure is in the table before its block is written.
    EntryBeforeBlock,
    /// Edge (A) is missing: an exchange does not publish the node's content.
    RelaxedExchange,
    /// Edge (B) is missing: a spare is refilled before the word is seen to have moved on.
    RelaxedRefill,
    /// Edge (I) is missing: the phase is seen before the intent.
    RelaxedIntent,
    /// Edge (S) is missing: a phase is seen closed before the spare is settled.
    RelaxedClose,
    /// Edge (L) is missing: a lease is taken before what its last holder did is over.
    RelaxedLease,
    /// Edge (D) is missing: bytes of the next life are seen before the mark.
    RelaxedDirty,
    /// Edge (A) of two lists is missing: their word does not publish links, content and rows.
    RelaxedHeads,
    /// Edge (A) is missing where two lists are settled: the word is seen, and not the rows of who moved it on.
    RelaxedSettle,
    /// Edge (B) of two lists is missing: a spare is filled before the word is seen to have moved on.
    RelaxedBegin,
    /// Edge (W) is missing: a frame's number is seen before the frame.
    RelaxedFrame,
    /// Edge (W) is missing for who sleeps: a publication is seen withdrawn before it is seen.
    RelaxedWithdraw,
    /// Edge (R) is missing: a buffer's mark is seen before the number of the frame that replaced it.
    RelaxedBuffer,
    /// Edge (H) is missing: a role is taken over before what its last holder did is over.
    RelaxedRole,
    /// Edge (H) is missing: a hint is seen before the words that it tells of.
    RelaxedHint,
    /// Edge (L) is missing: a lock is free before what its owner did is over.
    RelaxedUnlock,
    /// Edge (L) is missing: what a dead owner had is free before what that did is over.
    RelaxedOrphan,
    /// A writer takes the lock's word outside of the one order (D).
    UnorderedWriter,
    /// A reader counts itself outside of the one order (D).
    UnorderedReader,
    /// A reader looks for a writer outside of the one order (D).
    UnorderedLookForWriter,
    /// A writer looks for readers outside of the one order (D).
    UnorderedLookForReaders,
    /// Edge (G) is missing: a gate opens before what was done before it is over.
    RelaxedGate,
    /// Edge (C) is missing: a count is seen before what was done before it was raised.
    RelaxedRaise,
    /// A claim of a bucket publishes, and has no place in the one order.
    UnorderedClaim,
    /// The looks at buckets, behind a claim or a mark, have no place in the one order.
    UnorderedLooks,
    /// The looks at a bound, behind a claim, have no place in the one order.
    UnorderedBound,
    /// A mark of a bound has no place in the one order.
    UnorderedMark,
    /// A raise of a bound has no place in the one order.
    UnorderedRaise,
    /// Edge (N) is missing: what a holder writes is seen before its lease.
    RelaxedGeneration,
    /// Edge (O) is missing: an owner's name is seen before its generation.
    RelaxedName,
    /// Edge (O) is missing where a lock is left: its word names an owner whose generation is not seen. (Made; the model
    /// found it.)
    RelaxedLeaving,
    /// Edge (V) is missing: a key can be inserted before what was done before its removal is over.
    RelaxedTurn,
    /// Edge (T) is missing: the tail is seen before the element.
    RelaxedTail,
    /// The waker reads the flag before its announcement can be seen.
    NoFenceBeforeFlag,
    /// The sleeper looks again before its flag can be seen.
    NoFenceBehindFlag,
    /// Recovery assumes that an open exchange did not happen.
    RecoverAsNotDone,
    /// Recovery assumes that an open exchange did happen.
    RecoverAsDone,
    /// Recovery believes the spare of a lane whose own exchange is open.
    StaleEvidence,
    /// The position hint is stored before the exchange that it announces.
    HintBeforeExchange,
    /// An empty word behind the head is taken for "empty" although a later lap is there.
    EmptyWithoutLap,
    /// The element is written after it was published.
    PublishBeforeWrite,
    /// The copy is taken from the node after the element was released.
    CopyAfterRelease,
    /// The lap is left out of the comparison: any full word will do.
    NoLap,
    /// A dead lane's held element is dropped instead of returned.
    DropHeld,
    /// The hint is cleared although a return is under way.
    IgnoreReturning,
    /// The hint is cleared without looking at its count.
    ClearHintBlindly,
    /// The waker looks for sleepers after it has published.
    WakeAfterPublish,
    /// The waker clears the flag before it bumps the event count.
    ClearFlagFirst,
    /// The waker wakes one sleeper only.
    WakeOne,
    /// Two event counts give the same stamp. (Made; the model found it in 1 of 20,000 runs.)
    StampsCollide,
    /// A sleeper that comes late overwrites the stamp of one who sleeps already. (Made; the model found it in
    /// 1 of 1,000,000 runs: it takes three parties.)
    OldStampWins,
    /// The sleeper does not look for operations that are announced.
    IgnoreAnnounced,
    /// A sleeper believes at once that operations on an exclusive queue are announced from now on.
    TrustAtOnce,
    /// The operation is not announced before it looks at the flag.
    NotAnnounced,
    /// An operation uses its lane although another operation of the process is in the middle of it.
    SharedLane,
    /// A slot's new holder is taken for the owner of what the dead one in the same slot left.
    IgnoreGeneration,
    /// A lease does not raise its word's generation, so that handles of earlier leases are valid again.
    NoLeaseGeneration,
    /// Leases of the dead do not come back.
    NoSweep,
    /// A lease is swept without a question whether its owner lives.
    SweepBlindly,
    /// A sweeper frees what the dead had and wakes nobody.
    SweepSilently,
    /// A reader does not look at the stamp, or at the word, behind its copy.
    ReadUnchecked,
    /// Bytes are written again although their stamp still says that they are whole.
    FillUnmarked,
    /// A store that lost to an update counts as overwritten, although the update read the value before it. (The
    /// model of the algorithm found it.)
    LostToUpdate,
    /// A store that was overtaken is compared with a word that was read before it began. (The model of the
    /// algorithm found it.)
    RememberedWord,
    /// A sender takes a ticket without having seen that the one before it is out.
    BlindTicket,
    /// A subscriber that was overtaken skips one message too many.
    SkipOne,
    /// A map's reader does not look at the word again behind its copy.
    NoSecondLook,
    /// A step of an iteration does not look at its bucket again behind its copy.
    StepUnchecked,
    /// A reader goes on to the next bucket where one changed while it looked.
    PassByChanged,
    /// An inserted entry is a member at once, whoever else inserts its key.
    NoRivals,
    /// Who has defeated a rival does not look at its bucket again: it may be a member by now.
    OnePass,
    /// A new entry does not raise the bound of its home.
    NoRaise,
    /// A bound is lowered without saying so first.
    LowerSilently,
    /// A bucket's version stays.
    NoVersion,
    /// Recovery leaves an undecided entry of the dead in its bucket.
    NoCleaning,
    /// An entry that lost against a rival frees its bucket at once, and its owner takes that for success.
    FreeLoser,
    /// "Full" after one look at all buckets.
    FullAfterOnePass,
    /// "Full" although the key came into the last bucket meanwhile. (Made; the walk found it.)
    FullBesideTheKey,
    /// The word of two lists has no count.
    NoCount,
    /// A lane that moves the word on does not note whose operation it was.
    NoRow,
    /// It notes it behind its exchange.
    RowAfterExchange,
    /// It notes what it read in the node, although the node may have left its list before.
    StampNotRechecked,
    /// A node does not say who gave it.
    NoStamp,
    /// The lock of a dead owner is freed as if that had unlocked it.
    ForgetDeath,
    /// The arrival of a dead party stays when its place is freed.
    KeepArrival,
    /// The bit of a dead party's place is cleared, whosever it is by now.
    WithdrawBlindly,
    /// A barrier opens without a question whether those who arrived live.
    CountTheDead,
    /// A reader leaves, and wakes no writer that waits for it.
    LeaveSilently,
    /// A reader looks for a writer before it counts itself, and not behind.
    LookBefore,
    /// A writer sleeps for a reader whose word it has not marked, and who will not wake it. (Made; the model
    /// found it in 1 of 400 runs.)
    SleepUnmarked,
    /// Whose time is up does not ask again whether the owner lives.
    BlindLastLook,
    /// A writer whose time is up while others read keeps the lock.
    KeepWriter,
    /// Who gives up a run of a `Once` without an end leaves no word of it to the next.
    ForgetRun,
    /// A lane takes a blank for its only node.
    GiveLastNode,
    /// A writer of frames writes the buffer that readers look at.
    CurrentBuffer,
}
}

/// Whether `bug` is seeded.
#[cfg(not(any(test, shm_seeded)))]
#[inline(always)]
pub(crate) const fn seeded(_: Bug) -> bool {
    false
}

/// The bug that the whole run is to have.
#[cfg(any(test, shm_seeded))]
fn chosen() -> Option<Bug> {
    static CHOICE: OnceLock<Option<Bug>> = OnceLock::new();
    *CHOICE.get_or_init(|| {
        let name = std::env::var("SHM_SEEDED").ok()?;
        let at = BUGS.iter().position(|(known, _)| *known == name);
        Some(Bug::ALL[at.unwrap_or_else(|| panic!("no bug is called `{name}`"))])
    })
}

#[cfg(all(shm_seeded, not(test)))]
pub(crate) fn seeded(bug: Bug) -> bool {
    chosen() == Some(bug)
}

#[cfg(test)]
thread_local! {
    static SEEDED: core::cell::Cell<Option<Bug>> = core::cell::Cell::new(chosen());
}

#[cfg(test)]
pub(crate) fn seeded(bug: Bug) -> bool {
    SEEDED.get() == Some(bug)
}

/// Switches a bug on for this thread.
#[cfg(all(test, not(loom)))]
pub(crate) fn seed(bug: Option<Bug>) {
    SEEDED.set(bug.or(chosen()));
}

/// The order of one end of an edge: `whole`, or none where `bug` is seeded.
#[inline(always)]
pub(crate) fn order(bug: Bug, whole: Ordering) -> Ordering {
    #[cfg(any(test, shm_seeded))]
    if seeded(bug) {
        return Ordering::Relaxed;
    }
    let _ = bug;
    whole
}

/// The order of one of several accesses that need a total order: `SeqCst`, or no more than `rest` where `bug` is seeded.
#[inline(always)]
pub(crate) fn total(bug: Bug, rest: Ordering) -> Ordering {
    if seeded(bug) { rest } else { Ordering::SeqCst }
}

/// Tells the model that an exchange took effect, in the same step; nothing outside of tests.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn linearized(_lane: usize, _word: usize, _old: u64, _new: u64) {}

/// What a model does with [`linearized`].
#[cfg(test)]
pub(crate) type Observer = Box<dyn Fn(usize, usize, u64, u64)>;

#[cfg(test)]
thread_local! {
    static OBSERVER: core::cell::RefCell<Option<Observer>> = const { core::cell::RefCell::new(None) };
}

#[cfg(test)]
pub(crate) fn linearized(lane: usize, word: usize, old: u64, new: u64) {
    OBSERVER.with_borrow(|observer| {
        if let Some(observer) = observer {
            observer(lane, word, old, new);
        }
    });
}

/// Installs the model that is told, or removes it.
#[cfg(all(test, not(loom)))]
pub(crate) fn observe(observer: Option<Observer>) {
    OBSERVER.set(observer);
}
