//! From one process to another, both of which look all the time: there and back, and on a schedule.
//!
//! "One way" is half of the mean round trip, timed over all of them, as the line transfer is. The percentiles
//! of the round trip are timed one by one, so the clock is in them (some 20 ns, for all alike). "Open loop"
//! sends on a schedule and counts from the time at which a message *was to be* sent, so that a stall counts
//! for all who wait behind it.

use crate::iceoryx;
#[cfg(feature = "iceoryx2")]
use crate::iceoryx::Topics;
use crate::machine::line_transfer_between;
use crate::measure::{Bench, Goal, PERCENTILES, percentiles};
use crate::process::{Board, SAMPLES, Slot, beside, now, spin_until};
use core::hint::spin_loop;
#[cfg(boost)]
use core::marker::PhantomData;
use core::sync::atomic::Ordering::*;
use shm_runtime::structures::{Consumer, Producer};
use shm_runtime::{Element, Queue, Segment, ShmLayout, structures::Spsc};

const CAPACITY: usize = 64;

/// A message of some size: all of it is written by one side and read by the other.
pub trait Message: Element + iceoryx::Payload + Send + Sync + 'static {
    fn of(number: u64) -> Self;
    /// The number, after a look at every word.
    fn number(&self) -> u64;
}

impl Message for u64 {
    #[inline]
    fn of(number: u64) -> Self {
        number
    }
    #[inline]
    fn number(&self) -> u64 {
        *self
    }
}

/// 8 KiB.
pub type Large = [u64; 1024];

impl Message for Large {
    #[inline]
    fn of(number: u64) -> Self {
        [number; 1024]
    }
    #[inline]
    fn number(&self) -> u64 {
        let all = self.iter().fold(0, |all, word| all | word);
        assert_eq!(all, self[0], "whole");
        all
    }
}

/// One side's two ends: what it sends to the other, and what comes from there.
pub trait Link<T> {
    fn send(&mut self, number: u64);
    /// `None` while there is nothing.
    fn receive(&mut self) -> Option<u64>;
}

/// Two links between two processes, made by each side for itself; the first side's is made first.
pub trait Pair<T> {
    type Link: Link<T>;
    fn new() -> Self;
    fn first(&self) -> Self::Link;
    fn second(&self) -> Self::Link;
}

fn receive<T>(link: &mut impl Link<T>) -> u64 {
    loop {
        match link.receive() {
            Some(number) => return number,
            None => spin_loop(),
        }
    }
}

/// Round trips that are not timed: at the first ones, peers connect and pages are touched.
const WARM_UP: u64 = 100;

/// The child sends back what it gets; `each` is called around the round trips that are timed.
fn ping_pong<T, P: Pair<T>, R>(
    board: &'static Board,
    n: u64,
    each: impl FnOnce(&mut dyn FnMut(u64)) -> R,
) -> R {
    let pair = P::new();
    let mut first = pair.first();
    board.reset();
    beside(
        || {
            let mut second = pair.second();
            board.ready();
            for _ in 0..n + WARM_UP {
                let number = receive(&mut second);
                second.send(number);
            }
            board.done();
            board.linger(); // what it holds may not go before the other side has read it
        },
        || {
            board.go();
            let mut round = |number| {
                first.send(number);
                assert_eq!(receive(&mut first), number, "it comes back");
            };
            (0..WARM_UP).for_each(&mut round);
            let result = each(&mut round);
            board.wait_done();
            board.release();
            result
        },
    )
}

fn one_way<T, P: Pair<T>>(board: &'static Board) -> impl FnMut(u64) -> f64 {
    move |n| {
        ping_pong::<T, P, _>(board, n, |round| {
            let start = now();
            (1..=n).for_each(round);
            (now() - start) as f64 / (2 * n) as f64
        })
    }
}

fn round_trips<T, P: Pair<T>>(board: &'static Board) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        ping_pong::<T, P, _>(board, n, |round| {
            let timed = |number| {
                let start = now();
                round(number);
                (now() - start) as f64
            };
            percentiles((1..=n).map(timed).collect())
        })
    }
}

/// A message every `every` nanoseconds, which bears the time at which it was to be sent.
fn open_loop<T, P: Pair<T>>(board: &'static Board, every: u64) -> impl FnMut(u64) -> [f64; 4] {
    move |n| {
        let n = n.min(SAMPLES as u64);
        let pair = P::new();
        let mut first = pair.first();
        board.reset();
        beside(
            || {
                let mut second = pair.second();
                board.ready();
                for _ in 0..WARM_UP {
                    let number = receive(&mut second);
                    second.send(number);
                }
                for sample in &board.samples[..n as usize] {
                    let meant = receive(&mut second);
                    sample.store(now().saturating_sub(meant), Relaxed);
                }
                board.done();
                board.linger();
            },
            || {
                board.go();
                for number in 0..WARM_UP {
                    first.send(number);
                    assert_eq!(receive(&mut first), number, "it comes back");
                }
                let start = now() + 100_000;
                for number in 0..n {
                    let meant = start + number * every;
                    spin_until(meant);
                    first.send(meant);
                }
                board.wait_done();
                board.release();
            },
        );
        let samples = &board.samples[..n as usize];
        percentiles(
            samples
                .iter()
                .map(|sample| sample.load(Relaxed) as f64)
                .collect(),
        )
    }
}

/// What nobody can be faster than: each value is written into one slot, and looked at there.
struct Slots<T: 'static>([&'static Slot<T>; 2]);

struct SlotEnds<T: 'static> {
    out: &'static Slot<T>,
    into: &'static Slot<T>,
    last: u64,
}

impl<T: Message> Pair<T> for Slots<T> {
    type Link = SlotEnds<T>;

    fn new() -> Self {
        Self([Slot::new(), Slot::new()])
    }

    fn first(&self) -> SlotEnds<T> {
        let [out, into] = self.0;
        let last = 0;
        SlotEnds { out, into, last }
    }

    fn second(&self) -> SlotEnds<T> {
        let [into, out] = self.0;
        let last = 0;
        SlotEnds { out, into, last }
    }
}

impl<T: Message> Link<T> for SlotEnds<T> {
    #[inline]
    fn send(&mut self, number: u64) {
        self.out.put(number + 1, &T::of(number)); // zero is none
    }

    #[inline]
    fn receive(&mut self) -> Option<u64> {
        let number = self.into.look(self.last, T::number)?;
        self.last = number + 1;
        Some(number)
    }
}

/// Ours: two queues, `push` and `pop`.
struct Queues<T>(Segment<Both<T>>)
where
    T: Element;

#[derive(ShmLayout)]
struct Both<T: Element> {
    there: Queue<T, CAPACITY>,
    back: Queue<T, CAPACITY>,
    ring_there: Spsc<T, CAPACITY>,
    ring_back: Spsc<T, CAPACITY>,
}

fn create<T: Element>() -> Segment<Both<T>> {
    let name = format!("bench-latency-{}", std::process::id());
    let options = Both::options().prefault(true);
    options.create(&name).expect("a segment")
}

fn open<T: Element>(ours: &Segment<Both<T>>) -> Segment<Both<T>> {
    let options = Both::options().prefault(true);
    options.open(Segment::name(ours)).expect("the segment")
}

/// What one side sends into and receives from, and the attachment that both belong to.
struct Ends<T: 'static> {
    out: Queue<T, CAPACITY>,
    into: Queue<T, CAPACITY>,
}

impl<T: Message> Pair<T> for Queues<T> {
    type Link = Ends<T>;

    fn new() -> Self {
        Self(create())
    }

    fn first(&self) -> Ends<T> {
        Ends {
            out: self.0.there.clone(),
            into: self.0.back.clone(),
        }
    }

    fn second(&self) -> Ends<T> {
        let theirs = open(&self.0);
        Ends {
            out: theirs.back.clone(),
            into: theirs.there.clone(),
        }
    }
}

impl<T: Message> Link<T> for Ends<T> {
    #[inline]
    fn send(&mut self, number: u64) {
        while self.out.push(T::of(number)).is_err() {
            spin_loop();
        }
    }

    #[inline]
    fn receive(&mut self) -> Option<u64> {
        self.into.pop().map(|message| message.number())
    }
}

/// Ours, written and read in place: `loan` and `take`.
struct Loans<T: Element>(Queues<T>);

struct LoanEnds<T: 'static>(Ends<T>);

impl<T: Message> Pair<T> for Loans<T> {
    type Link = LoanEnds<T>;

    fn new() -> Self {
        Self(Queues::new())
    }

    fn first(&self) -> LoanEnds<T> {
        LoanEnds(self.0.first())
    }

    fn second(&self) -> LoanEnds<T> {
        LoanEnds(self.0.second())
    }
}

impl<T: Message> Link<T> for LoanEnds<T> {
    #[inline]
    fn send(&mut self, number: u64) {
        let mut loan = self.0.out.loan().expect("a lane");
        loan.write(T::of(number));
        while let Err(full) = loan.commit() {
            loan = full.0;
            spin_loop();
        }
    }

    #[inline]
    fn receive(&mut self) -> Option<u64> {
        let taken = self.0.into.take().expect("a lane")?;
        let number = taken.get().number();
        taken.done();
        Some(number)
    }
}

/// Ours, for one producer and one consumer.
struct Rings<T: Element>(Segment<Both<T>>);

struct RingEnds<T: Element> {
    out: Producer<T, CAPACITY>,
    into: Consumer<T, CAPACITY>,
}

impl<T: Message> Pair<T> for Rings<T> {
    type Link = RingEnds<T>;

    fn new() -> Self {
        Self(create())
    }

    fn first(&self) -> RingEnds<T> {
        RingEnds {
            out: self.0.ring_there.producer().expect("free"),
            into: self.0.ring_back.consumer().expect("free"),
        }
    }

    fn second(&self) -> RingEnds<T> {
        let theirs = open(&self.0);
        RingEnds {
            out: theirs.ring_back.producer().expect("free"),
            into: theirs.ring_there.consumer().expect("free"),
        }
    }
}

impl<T: Message> Link<T> for RingEnds<T> {
    #[inline]
    fn send(&mut self, number: u64) {
        while self.out.push(T::of(number)).is_err() {
            spin_loop();
        }
    }

    #[inline]
    fn receive(&mut self) -> Option<u64> {
        self.into.pop().map(|message| message.number())
    }
}

/// A message queue of Boost.Interprocess for each direction.
#[cfg(boost)]
struct Mailboxes<T>([(String, crate::boost::Messages); 2], PhantomData<T>);

#[cfg(boost)]
struct MailboxEnds {
    out: crate::boost::Messages,
    into: crate::boost::Messages,
}

#[cfg(boost)]
impl<T: Message> Pair<T> for Mailboxes<T> {
    type Link = MailboxEnds;

    fn new() -> Self {
        let queues = ["there", "back"].map(|way| {
            let name = format!("bench-{way}-{}", std::process::id());
            let queue = crate::boost::Messages::create(&name, size_of::<T>());
            (name, queue)
        });
        Self(queues, PhantomData)
    }

    fn first(&self) -> MailboxEnds {
        let [there, back] = &self.0;
        MailboxEnds {
            out: crate::boost::Messages::open(&there.0),
            into: crate::boost::Messages::open(&back.0),
        }
    }

    fn second(&self) -> MailboxEnds {
        let MailboxEnds { out, into } = self.first();
        MailboxEnds {
            out: into,
            into: out,
        }
    }
}

#[cfg(boost)]
impl<T: Message> Link<T> for MailboxEnds {
    fn send(&mut self, number: u64) {
        self.out.send(&T::of(number));
    }

    fn receive(&mut self) -> Option<u64> {
        self.into.try_receive::<T>().map(|message| message.number())
    }
}

const BY_HAND: &str = "one slot and a flag, by hand (the limit)";
#[cfg(feature = "iceoryx2")]
const ICEORYX2: &str = "iceoryx2 publish/subscribe";
#[cfg(boost)]
const BOOST: &str = "Boost.Interprocess message_queue, polled";

pub fn run(bench: &mut Bench) {
    let board = Board::new();
    transfers(bench, board);
    compare::<u64, Queues<u64>>(bench, board, "8 B, Queue");
    compare::<u64, Rings<u64>>(bench, board, "8 B, Spsc");
    compare::<Large, Loans<Large>>(bench, board, "8 KiB, Queue, loan and take");
    compare::<Large, Rings<Large>>(bench, board, "8 KiB, Spsc");
}

/// Beside what the machine needs to move a line.
fn transfers(bench: &mut Bench, board: &'static Board) {
    const LIMIT: &str = "line transfer between processes";
    let near = Goal::Within {
        times: 2.0,
        more: 0.0,
    };
    bench
        .case("latency", "one way, 8 B, Queue, beside the limit", "ns")
        .at_least(1000)
        .ours(|| one_way::<u64, Queues<u64>>(board))
        .peer(LIMIT, near, || line_transfer_between(board))
        .run();
    bench
        .case("latency", "one way, 8 B, Spsc, beside the limit", "ns")
        .at_least(1000)
        .ours(|| one_way::<u64, Rings<u64>>(board))
        .peer(LIMIT, near, || line_transfer_between(board))
        .run();
}

/// Beside the peers that can send between processes.
fn compare<T: Message, P: Pair<T>>(bench: &mut Bench, board: &'static Board, what: &str) {
    let case = bench
        .case("latency", &format!("one way, {what}"), "ns")
        .at_least(1000)
        .ours(|| one_way::<T, P>(board))
        .peer(BY_HAND, Goal::None, || one_way::<T, Slots<T>>(board));
    #[cfg(feature = "iceoryx2")]
    let case = case.peer(ICEORYX2, Goal::AtLeast(2.0), || {
        one_way::<T, Topics<T>>(board)
    });
    #[cfg(boost)]
    let case = case.peer(BOOST, Goal::None, || one_way::<T, Mailboxes<T>>(board));
    case.run();

    let case = bench
        .case("latency", &format!("round trip, {what}"), "ns")
        .statistics(PERCENTILES)
        .at_least(1000)
        .ours(|| round_trips::<T, P>(board));
    #[cfg(feature = "iceoryx2")]
    let case = case.peer(ICEORYX2, Goal::None, || round_trips::<T, Topics<T>>(board));
    #[cfg(boost)]
    let case = case.peer(BOOST, Goal::None, || round_trips::<T, Mailboxes<T>>(board));
    case.run();

    for (every, rate) in [(10_000, "100 000"), (2_000, "500 000")] {
        let case = bench
            .case(
                "latency",
                &format!("open loop, {rate} a second, {what}"),
                "ns",
            )
            .statistics(PERCENTILES)
            .at_least(1000)
            .ours(|| open_loop::<T, P>(board, every));
        #[cfg(feature = "iceoryx2")]
        let case = case.peer(ICEORYX2, Goal::None, || {
            open_loop::<T, Topics<T>>(board, every)
        });
        #[cfg(boost)]
        let case = case.peer(BOOST, Goal::None, || {
            open_loop::<T, Mailboxes<T>>(board, every)
        });
        case.run();
    }
}
