//! The structures in C++, of `bindings/cpp`, beside the same ones in Rust and beside Boost's, for elements of 8 bytes.
//!
//! Here ours is the C++, and the Rust is its first peer. The loops are in `cpp.cpp`, compiled as Boost's are. Boost's map is
//! that of Boost.Interprocess, under a lock in the same memory: there is none that needs no lock.

use crate::boost::{self, Make, Run};
use crate::measure::{Bench, Case, Goal};
use crate::{map, pool, queue, spsc, stack};

const RUST: &str = "the same in Rust";
const AS_RUST: Goal = Goal::AtLeast(0.95);
const AS_BOOST: Goal = Goal::AtLeast(1.5);
const QUEUE: &str = "Boost.Lockfree queue";
const SPSC: &str = "Boost.Lockfree spsc_queue";
const STACK: &str = "Boost.Lockfree stack";
const MAP: &str = "Boost.Interprocess map, in a lock";
const INDICES: &str = "Boost.Lockfree stack, of indices";

/// Whether there was a compiler that knows C++20.
pub const IS_THERE: bool = cfg!(cpp);

#[cfg(cpp)]
mod compiled {
    // SAFETY: as in `cpp.cpp`.
    unsafe extern "C" {
        pub safe fn cpp_run(what: i32, n: u64) -> f64;
    }
}

#[cfg(not(cpp))]
mod compiled {
    pub fn cpp_run(_: i32, _: u64) -> f64 {
        f64::NAN // not called: see `run`
    }
}

fn in_cpp(what: i32) -> impl FnMut(u64) -> f64 {
    move |n| compiled::cpp_run(what, n)
}

pub fn run(bench: &mut Bench) {
    if !IS_THERE {
        return;
    }
    let mut row = |what, case: &str, rust: Run, peer: &str, boost: Option<Make>| {
        let case: Case<'_, '_> = bench.case("cpp", case, "ns");
        case.ours(|| in_cpp(what))
            .peer(RUST, AS_RUST, || rust)
            .peer_if(peer, AS_BOOST, boost)
            .run();
    };
    let size = size_of::<u64>();
    row(
        0,
        "queue, 1p1c 8 B",
        Box::new(queue::threads::<u64>),
        QUEUE,
        boost::queue_one_to_one(size),
    );
    row(
        1,
        "queue, push + pop, one thread, 8 B",
        Box::new(queue::alone::<u64>),
        QUEUE,
        boost::queue_pair(size),
    );
    row(
        2,
        "spsc, 1p1c 8 B",
        Box::new(spsc::one_to_one::<u64>),
        SPSC,
        boost::spsc_one_to_one(size),
    );
    row(
        3,
        "spsc, push + pop, one thread, 8 B",
        Box::new(spsc::pair::<u64>),
        SPSC,
        boost::spsc_pair(size),
    );
    row(
        4,
        "stack, push + pop, one thread, 8 B",
        Box::new(stack::pair::<u64>),
        STACK,
        boost::stack_pair(size),
    );
    row(
        5,
        "map, get, hit, 8 B, 50 % full",
        map::hits(),
        MAP,
        boost::map_hits(size),
    );
    row(
        6,
        "map, insert + remove, 8 B, 50 % full",
        map::pairs(),
        MAP,
        boost::map_pairs(size),
    );
    row(
        7,
        "pool, acquire + release, one thread",
        Box::new(pool::alone()),
        INDICES,
        boost::stack_pair(size),
    );
}
