//! Two processes, or threads, on two processors, and a clock that both can read.

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};
use std::sync::OnceLock;

/// The two processors that are used, once they were chosen.
static PROCESSORS: OnceLock<[usize; 2]> = OnceLock::new();

/// Uses these two: on machines where 0 and 1 are one core with two threads, it matters.
pub fn use_processors(processors: [usize; 2]) {
    PROCESSORS
        .set(processors)
        .expect("chosen once, at the start");
}

/// Which processor is the first one that is used, and which the second; for C++ too.
// SAFETY: nothing else is called so.
#[unsafe(no_mangle)]
extern "C" fn bench_processor(which: usize) -> usize {
    PROCESSORS.get_or_init(|| [0, 1])[which]
}

/// Runs the calling thread on one of the two processors only.
pub fn pin(processor: usize) {
    let processor = bench_processor(processor);
    // SAFETY: all-zero is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: a live set; the number is below its size.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: reads a live set of the size given; a refusal only costs precision.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

/// Nanoseconds on a clock that all processes share.
#[inline]
pub fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a live value; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Passes the time without sleeping.
pub fn spin_until(time: u64) {
    while now() < time {
        spin_loop();
    }
}

/// A value alone on 128 bytes.
#[derive(Debug)]
#[repr(align(128))]
pub struct Alone<T>(pub T);

/// A slot for one value and a flag, by hand: all that two who take turns need, and the least that it costs.
pub struct Slot<T> {
    flag: Alone<AtomicU64>,
    value: Alone<UnsafeCell<T>>,
}

// SAFETY: the flag says whose turn it is with the value: `put` and `look`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T: bytemuck::Pod> Slot<T> {
    /// A new one, all zero, for ever.
    pub fn new() -> &'static Self {
        // SAFETY: page-aligned zeros of this size; a zero flag, and a value that is `Pod`; never unmapped.
        unsafe { &*shared_zeros::<Self>() }
    }

    /// Writes a value; the other one has read the last.
    pub fn put(&self, number: u64, value: &T) {
        // SAFETY: who writes has got an answer to the value before, so nobody else looks; the flag publishes it.
        unsafe { self.value.0.get().write(*value) };
        self.flag.0.store(number, Release);
    }

    /// Looks at the value in place, if there is one behind number `last`.
    pub fn look<R>(&self, last: u64, look: impl FnOnce(&T) -> R) -> Option<R> {
        if self.flag.0.load(Acquire) == last {
            return None;
        }
        // SAFETY: the flag published it, and the writer waits for an answer before the next one.
        Some(look(unsafe { &*self.value.0.get() }))
    }
}

/// Zeros that a process shares with the children it forks.
fn shared_zeros<T>() -> *const T {
    let (read_write, shared) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
    );
    // SAFETY: a new mapping, of a size above zero.
    let memory = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            size_of::<T>(),
            read_write,
            shared,
            -1,
            0,
        )
    };
    assert_ne!(memory, libc::MAP_FAILED, "no memory");
    memory.cast()
}

/// Memory that a process shares with the children it forks.
#[derive(Debug)]
#[repr(C)]
pub struct Board {
    /// How far they are: 1: the child is ready; 2: go; 3: the child is done; 4: it may leave.
    phase: Alone<AtomicU64>,
    pub there: Alone<AtomicU64>,
    pub back: Alone<AtomicU64>,
    /// A word to sleep on.
    pub futex: Alone<AtomicU32>,
    /// What the child found.
    pub samples: [AtomicU64; SAMPLES],
}

/// Room for what a child found.
pub const SAMPLES: usize = 1 << 16;

impl Board {
    /// A new one, all zero, for ever.
    pub fn new() -> &'static Self {
        // SAFETY: page-aligned zeros of this size, which is a valid board; never unmapped; all of it is
        // atomic.
        unsafe { &*shared_zeros::<Self>() }
    }

    pub fn reset(&self) {
        self.phase.0.store(0, Release);
        self.there.0.store(0, Release);
        self.back.0.store(0, Release);
        self.futex.0.store(0, Release);
    }

    /// The child is ready: waits for the other's go.
    pub fn ready(&self) {
        self.phase.0.store(1, Release);
        self.reach(2);
    }

    /// Waits for the child to be ready and lets it go.
    pub fn go(&self) {
        self.reach(1);
        self.phase.0.store(2, Release);
    }

    pub fn done(&self) {
        self.phase.0.store(3, Release);
    }

    pub fn wait_done(&self) {
        self.reach(3);
    }

    /// What the child holds stays until the other side releases it.
    pub fn linger(&self) {
        self.reach(4);
    }

    pub fn release(&self) {
        self.phase.0.store(4, Release);
    }

    fn reach(&self, phase: u64) {
        while self.phase.0.load(Acquire) < phase {
            spin_loop();
        }
    }
}

/// Forks a child that runs `theirs` on processor 1 and ends, while this process runs `ours` on processor 0.
pub fn beside<R>(theirs: impl FnOnce(), ours: impl FnOnce() -> R) -> R {
    let child = fork(1, || {
        theirs();
    });
    pin(0);
    let result = ours();
    assert_eq!(child.wait(), 0, "the child did its part");
    result
}

/// A child of this process.
#[derive(Debug)]
pub struct Child(pub libc::pid_t);

impl Child {
    /// Kills it, and does not wait.
    pub fn kill(&self) {
        // SAFETY: a child of this process that was not reaped.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }

    /// Waits for its end, and gives how it ended.
    pub fn wait(self) -> i32 {
        let mut status = 0;
        // SAFETY: a child of this process, and a live integer.
        let waited = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        assert_eq!(waited, self.0);
        status
    }

    /// Waits until it stopped itself.
    pub fn wait_stopped(&self) {
        let mut status = 0;
        // SAFETY: a child of this process, and a live integer.
        unsafe { libc::waitpid(self.0, &raw mut status, libc::WUNTRACED) };
        assert!(libc::WIFSTOPPED(status), "it holds what it should");
    }
}

/// Forks a child that runs on the processor given, and ends; it dies with this process, which is left on the
/// same processor.
pub fn fork(processor: usize, theirs: impl FnOnce()) -> Child {
    pin(processor); // the child begins there, so that it does not have to wait for us
    // SAFETY: no other thread of this program runs now; the child ends without returning.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no more processes");
    if pid == 0 {
        // SAFETY: no pointers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        theirs();
        // SAFETY: ends this process.
        unsafe { libc::_exit(0) };
    }
    Child(pid)
}

/// Stops the calling process until it is killed.
pub fn stop() {
    // SAFETY: a signal to this thread.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// A futex call on a word that processes share; `None` where it may wait for ever.
pub fn futex_wait(word: &AtomicU32, value: u32) {
    let word: *const AtomicU32 = word;
    let no_limit: *const libc::timespec = core::ptr::null();
    // SAFETY: a live, aligned word; no time.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, value, no_limit) };
}

pub fn futex_wake(word: &AtomicU32) {
    let word: *const AtomicU32 = word;
    // SAFETY: a live, aligned word.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, i32::MAX) };
}
