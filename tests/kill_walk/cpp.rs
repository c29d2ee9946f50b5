//! The machine code that a C++ compiler makes of `bindings/cpp`, walked as that of Rust is.
//!
//! `bindings/cpp/tests/walked.cpp` becomes a shared object with a function for each operation. A child calls one of them on
//! an attachment that C++ made, in the states, under the eyes and with the expectations of the Rust scenarios; who recovers
//! it, and dies in that, is C++ too. In pairs, C++ and Rust are let loose on each other.
//!
//! Needs g++ 11 or clang++ 14, or later; without one a line says so, and with `CI=true` the tests fail. `SHM_WALK=full`
//! walks what each of the two makes, `SHM_CPP_SEEDS=all` plants every bug, `SHM_CPP_SEEDED=torn_exchange` that one in all.

use super::family::{Family, Operation, Pair};
use super::scenario::{Scenario, World};
use super::tracee::Turn;
use super::{alone, compile, each, is_full, pairs, pin, scenarios, walk};
use compile::{Compiler, compilers, program};
use shm_runtime::Segment;
use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The library that is walked.
static LIBRARY: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Opens a segment, and says whether more is done there than to recover.
type Open = extern "C" fn(*const c_char, bool) -> *mut c_void;
/// An operation, and what it works on.
type Run = extern "C" fn(*mut c_void) -> u64;

/// One test at a time: a library is loaded and walked before the next one is.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads what a compiler makes of the operations, with a bug in it or none; it stays, as children are forked from here.
fn load(compiler: &Compiler, bug: Option<&str>) {
    let asked = std::env::var("SHM_CPP_SEEDED").ok();
    let planted = bug.or(asked.as_deref());
    let planted = planted.map(|bug| format!("-DSHM_SEEDED={bug}"));
    let flags: Vec<_> = ["-O2", "-shared", "-fPIC"]
        .into_iter()
        .chain(planted.as_deref())
        .collect();
    let path = program(compiler, "walked", &flags);
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a library of our own, whose initialisers do nothing but fill in tables; all is bound now, so that no step
    // is the loader's.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!library.is_null(), "{path:?} is loaded");
    LIBRARY.store(library, Relaxed);
}

/// Where a function of the library is; null where it has none of that name.
fn find(name: &str) -> *mut c_void {
    let name = CString::new(name).unwrap();
    // SAFETY: the handle of a library that is never unloaded, and a name that ends.
    unsafe { libc::dlsym(LIBRARY.load(Relaxed), name.as_ptr()) }
}

/// Does one operation of C++ in turns, on an attachment of its own, in place of the one that Rust made.
fn run(world: &Segment<World>, turn: &Turn, name: &str) {
    let open = find("walk_open");
    assert!(!open.is_null());
    // SAFETY: the library's own function, which is declared so.
    let open: Open = unsafe { core::mem::transmute(open) };
    let segment = CString::new(Segment::name(world)).unwrap();
    let own = open(segment.as_ptr(), name != "recover");
    let operation = find(name);
    assert!(!operation.is_null(), "walked.cpp has `{name}`");
    // SAFETY: all other functions are declared so.
    let operation: Run = unsafe { core::mem::transmute(operation) };
    // SAFETY: a child's own (see `Stage`), which does not drop it; and nobody uses it any more, as a child does not come
    // back from its turns.
    drop(unsafe { core::ptr::read(world) });
    turn.run(|| turn.note(operation(own)));
}

/// A structure, what Rust calls an operation on it, and the same in C++.
type Walked = (&'static str, &'static str, walk::Operation);

macro_rules! walked {
    ($($structure:literal: $($verb:literal $name:ident),+;)+) => {
        /// The Rust operations that C++ has as well, by what a scenario or a family calls them.
        const OPERATIONS: &[Walked] = &[$($((
            $structure,
            $verb,
            |world, turn| run(world, turn, stringify!($name)),
        ),)+)+];
    };
}

walked! {
    "queue": "push" queue_push, "pop" queue_pop, "peek" queue_peek, "push_slice" queue_push_slice,
        "pop_slice" queue_pop_slice, "loan and commit" queue_loan, "take and done" queue_take_done,
        "take and drop" queue_take_back;
    "stack": "push" stack_push, "pop" stack_pop, "peek" stack_peek, "push_slice" stack_push_slice,
        "pop_slice" stack_pop_slice;
    "spsc": "push" spsc_push, "push_slice" spsc_push_slice, "pop" spsc_pop, "pop_slice" spsc_pop_slice,
        "write_chunk" spsc_write_chunk, "read_chunk" spsc_read_chunk;
    "map": "insert" map_insert, "replace" map_replace, "get_or_insert" map_add, "update" map_update,
        "compare_exchange" map_compare_exchange, "remove" map_remove, "get" map_get;
    "large_map": "insert" large_insert, "replace" large_replace, "update" large_update, "remove" large_remove,
        "get" large_get;
    "set": "insert" set_insert, "remove" set_remove, "contains" set_contains;
    "pool": "acquire" pool_acquire, "acquire and release" pool_acquire_and_release, "get" pool_get;
    "versioned": "store" versioned_store, "update" versioned_update, "load" versioned_load;
    "broadcast": "send" broadcast_send, "recv" broadcast_recv, "sent" broadcast_sent;
    "versioned_array": "publish" frames_publish, "edit" frames_edit, "read_into" frames_read, "writer" frames_writer;
    "atomic": "fetch_add" counter_add;
    "mutex": "lock and set" mutex_lock, "try_lock and set" mutex_try_lock, "try_lock" mutex_look,
        "try_lock and look" mutex_look, "lock_wait and set" mutex_lock_wait;
    "rwlock": "write and set" rwlock_write, "try_write and set" rwlock_try_write, "write_wait" rwlock_write_wait,
        "write_wait and set" rwlock_write_wait, "read" rwlock_read, "try_read" rwlock_try_read,
        "read_wait" rwlock_read_wait;
    "semaphore": "acquire and release" permit_acquire, "try_acquire and release" permit_try;
    "barrier": "wait" barrier_wait;
    "once": "call_once" once_call, "call_once_wait" once_call_wait;
    "signal": "raise" signal_raise, "count" signal_count;
}

/// Settles what the dead left.
fn recover(world: &Segment<World>, turn: &Turn) {
    run(world, turn, "recover");
}

/// What a scenario is about: `structure.operation`, without its state.
fn verb(scenario: &Scenario) -> &str {
    match scenario.name {
        "map.insert, replacing" => "map.replace",
        // who also gave the others away; and what is another edit in the family
        "large_map.insert, by who has one node left" | "versioned_array.edit, wrapped" => "",
        name => name.split_once(", ").map_or(name, |(verb, _)| verb),
    }
}

/// What the quick form walks.
const QUICK: &[&str] = &[
    "queue.push, wrapped",
    "queue.pop, full",
    "stack.push, used",
    "spsc.push, one",
    "map.insert, one",
    "map.update, used",
    "pool.acquire, dead",
    "versioned.store, stored",
    "broadcast.send, wrapped",
    "mutex.lock and set, owner dead",
    "rwlock.write and set, reader dead",
    "semaphore.acquire and release, all the dead one's",
    "barrier.wait, dead party",
    "once.call_once, interrupted",
    "signal.raise, announced",
];

/// The scenarios of the operations that C++ has.
fn walks(full: bool) -> Vec<Scenario> {
    let all = scenarios::all(full);
    let mut walks = Vec::new();
    for &(structure, name, operation) in OPERATIONS {
        let own = all.iter().filter(|scenario| {
            let is_asked_for = full || QUICK.contains(&scenario.name);
            is_asked_for && verb(scenario) == format!("{structure}.{name}")
        });
        walks.extend(own.map(|scenario| Scenario {
            name: format!("C++ {}", scenario.name).leak(),
            operation,
            ..*scenario
        }));
    }
    assert!(walks.len() >= QUICK.len(), "each is there");
    walks
}

/// Walks all of them in C++, recovered by C++.
fn walk_all(layer: &str, full: bool) {
    let all = walks(full).into_iter();
    each(
        layer,
        all.map(|scenario| (scenario.name.to_owned(), scenario)),
        |scenario| walk::walk_with(scenario, recover, full),
    );
}

#[test]
fn p1_p2_p3_cpp_killed_or_stopped_at_every_instruction() {
    let _one = one_at_a_time();
    let all = compilers().iter();
    for compiler in all.take(if is_full() { usize::MAX } else { 1 }) {
        load(compiler, None);
        walk_all("kill_walk_cpp", is_full());
    }
}

/// Pairs of which one is C++: C++ and C++, C++ and Rust, Rust and C++; of each structure all, or one of each kind of those that
/// do not wait.
fn mixed(full: bool) -> Vec<(String, Pair)> {
    let mut all = Vec::new();
    let mut known = Vec::new();
    for family in scenarios::FAMILIES {
        let in_rust = || family.operations.iter();
        let in_cpp: &[Operation] = in_rust()
            .filter_map(|own| in_cpp(family, own))
            .collect::<Vec<_>>()
            .leak();
        if in_cpp.is_empty() || known.contains(&family.structure) {
            continue;
        }
        known.push(family.structure);
        let kinds: [(&str, Vec<_>, Vec<_>); 3] = [
            (
                "C++ beside C++",
                in_cpp.iter().collect(),
                in_cpp.iter().collect(),
            ),
            (
                "C++ beside Rust",
                in_cpp.iter().collect(),
                in_rust().collect(),
            ),
            (
                "Rust beside C++",
                in_rust().collect(),
                in_cpp.iter().collect(),
            ),
        ];
        for (at, (kind, firsts, seconds)) in kinds.into_iter().enumerate() {
            let family: &'static Family = Box::leak(Box::new(Family {
                structure: format!("{kind}: {}", family.structure).leak(),
                ..*family
            }));
            let mut pairs = Vec::new();
            for state in family.states {
                for &first in &firsts {
                    pairs.extend(seconds.iter().map(|&second| Pair {
                        family,
                        state,
                        operations: [first, second],
                    }));
                }
            }
            let waits = |pair: &Pair| pair.operations.iter().any(|operation| operation.spins);
            pairs
                .retain(|pair| full || !waits(pair) && !pair.family.structure.ends_with("barrier"));
            let some = (known.len() * 7 + at * 5) % pairs.len().max(1);
            let (from, stride) = if full { (0, 1) } else { (some, usize::MAX) };
            all.extend(pairs.into_iter().skip(from).step_by(stride));
        }
    }
    all.into_iter().map(|pair| (pair.name(), pair)).collect()
}

/// An operation of Rust as that of C++, if it has it.
fn in_cpp(family: &Family, own: &Operation) -> Option<Operation> {
    let of = |&&(structure, verb, ..): &&Walked| structure == family.structure && verb == own.verb;
    let &(_, _, run) = OPERATIONS.iter().find(of)?;
    let model = Some(own.run);
    Some(Operation { run, model, ..*own })
}

#[test]
fn p1_p2_cpp_and_rust_in_every_order_with_two_preemptions() {
    let Some(compiler) = compilers().first() else {
        return;
    };
    let _one = one_at_a_time();
    load(compiler, None);
    each("kill_pairs_cpp", mixed(is_full()), pairs::duel);
}

/// Bugs that are planted in the headers, and where they are met: alone, or beside another operation.
const PLANTED: [(&str, &str); 8] = [
    ("publish_before_write", "C++ spsc.push, one"),
    ("torn_exchange", "C++ beside C++: queue.push | push, one"),
    ("forget_death", "C++ mutex.lock and set, owner dead"),
    ("no_rivals", "C++ beside C++: map.insert | insert, empty"),
    (
        "look_before_counting",
        "C++ beside C++: rwlock.try_read | try_write and set, free",
    ),
    (
        "sweep_blindly",
        "C++ beside C++: mutex.try_lock and set | try_lock and set, free",
    ),
    (
        "count_the_dead",
        "C++ beside C++: barrier.wait | wait, dead party",
    ),
    ("count_again", "C++ beside C++: signal.raise | raise, new"),
];

/// All of them with `SHM_CPP_SEEDS=all`, else two: each is compiled for itself.
#[test]
fn bugs_planted_in_cpp_are_caught() {
    let all = std::env::var("SHM_CPP_SEEDS").is_ok_and(|seeds| seeds == "all");
    let Some(compiler) = compilers().first() else {
        return;
    };
    let _one = one_at_a_time();
    for (bug, name) in PLANTED.iter().take(if all { PLANTED.len() } else { 2 }) {
        let _alone = alone();
        pin::pin();
        load(compiler, Some(bug));
        let pair = mixed(true).into_iter().find(|(pair, _)| pair == name);
        let caught = match pair {
            Some((_, pair)) => pairs::duel(&pair),
            None => {
                let walks = walks(false).into_iter();
                let scenario = { walks }.find(|walk| walk.name == *name).unwrap();
                walk::walk_with(&scenario, recover, false)
            }
        };
        assert!(caught.is_err(), "{bug} goes unnoticed: {caught:?}");
    }
}
