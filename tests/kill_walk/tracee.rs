//! A child that does its operation over and over, one instruction at a time.

use super::checkpoint::{Checkpoint, Private, registers};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Where a child is: written by it with plain stores, so that it costs an instruction and no system call.
#[derive(Debug)]
#[repr(C)]
struct Page {
    turn: AtomicU64,
    /// What the operation and what the handler noted of their results.
    notes: [AtomicU64; 2],
    /// What a handler is to do: see [`super::interrupt`].
    task: AtomicU64,
}

impl Page {
    const fn new() -> Self {
        Self {
            turn: AtomicU64::new(BETWEEN),
            notes: [const { AtomicU64::new(0) }; 2],
            task: AtomicU64::new(0),
        }
    }
}

/// The signal of a stop at a system call.
const CALL: libc::c_int = libc::SIGTRAP | 0x80;
/// Kinds of a debug register: what it stops at, and its being on.
const EXECUTE: u64 = 1;
const READ_OR_WRITE_OF_FOUR_BYTES: u64 = 0b1111 << 16 | 1;
/// CPU seconds after which a child is said to hang; one that works uses a few.
const PATIENCE: libc::rlim_t = 300;

const BETWEEN: u64 = 0;
const INSIDE: u64 = 1;
const FAILED: u64 = 2;

/// Has the tracer stop the child here.
#[inline(always)]
fn stop() {
    // SAFETY: a breakpoint: the tracer has the child stop here; nothing else happens.
    unsafe { core::arch::asm!("int3", options(nostack)) };
}

/// What the child's code calls with its operation.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    page: &'static Page,
    is_handler: bool,
}

impl Turn {
    /// Does `operation` each time that the tracer asks for a turn, and never returns; in a signal handler
    /// does it once.
    pub fn run(&self, mut operation: impl FnMut()) {
        if self.is_handler {
            return operation();
        }
        loop {
            self.begin();
            operation();
            self.page.turn.store(BETWEEN, Relaxed);
        }
    }

    /// Begins a turn that ends elsewhere, with [`Self::end`]: the child's only one.
    #[inline(always)]
    pub fn begin(&self) {
        stop();
        self.page.turn.store(INSIDE, Relaxed);
    }

    /// Ends the only turn.
    pub fn end(&self) -> ! {
        self.page.turn.store(BETWEEN, Relaxed);
        loop {
            stop();
        }
    }

    /// Notes the operation's result, for whoever compares it with what it may be.
    pub fn note(&self, result: u64) {
        self.page.notes[usize::from(self.is_handler)].store(result, Relaxed);
    }

    /// What it noted.
    pub fn noted(&self) -> u64 {
        self.page.notes[usize::from(self.is_handler)].load(Relaxed)
    }

    /// For operations of this very process: each is done once.
    pub fn local(which: usize) -> Self {
        static PAGES: [Page; 2] = [const { Page::new() }; 2];
        Self {
            page: &PAGES[which],
            is_handler: true,
        }
    }

    /// As a signal handler inside the turn sees it.
    pub fn in_handler(self) -> Self {
        Self {
            is_handler: true,
            ..self
        }
    }

    /// What the tracer asks the handler for.
    pub fn task(&self) -> u64 {
        self.page.task.load(Relaxed)
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Inside the operation.
    Inside,
    /// The operation is over.
    Over,
    /// The child panicked, or died of a signal: a violation.
    Failed,
}

/// What happened to a child that was let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is about to enter the kernel, or to leave it.
    Call,
    /// Its turn is over.
    Over,
    /// It touched what is watched.
    Trap,
    /// It panicked, or died of a signal.
    Failed,
}

/// A forked child that is traced; killed and reaped when dropped.
#[derive(Debug)]
pub struct Tracee {
    pid: libc::pid_t,
    page: &'static Page,
    dead: bool,
    private: Option<Private>,
}

impl Tracee {
    /// A child that runs `body`, which ends in [`Turn::run`]; returns when it is there.
    pub fn start(body: impl FnOnce(&Turn)) -> Self {
        // SAFETY: asks for a fresh page that children share.
        let page = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(page, libc::MAP_FAILED);
        // SAFETY: a zeroed page, never unmapped while it is used, and aligned for the word.
        let page: &'static Page = unsafe { &*page.cast() };
        let turn = Turn {
            page,
            is_handler: false,
        };
        // SAFETY: the child runs `body` and exits without returning into the test harness.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let limit = libc::rlimit {
                rlim_cur: PATIENCE,
                rlim_max: PATIENCE,
            };
            // SAFETY: reads a live limit.
            unsafe { libc::setrlimit(libc::RLIMIT_CPU, &raw const limit) };
            // SAFETY: asks to be traced by the parent.
            unsafe { libc::ptrace(libc::PTRACE_TRACEME) };
            std::panic::set_hook(Box::new(|why| {
                let text = format!("in a child: {why}\n");
                // SAFETY: writes a live buffer; the harness's capture would swallow it otherwise.
                unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
            }));
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&turn)));
            page.turn.store(FAILED, Relaxed);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(101) };
        }
        let mut child = Self {
            pid,
            page,
            dead: false,
            private: None,
        };
        assert_eq!(
            child.wait(),
            Some(libc::SIGTRAP),
            "the child came to its first turn"
        );
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESYSGOOD;
        // SAFETY: options of a child that is stopped.
        let set = unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, 0, options) };
        assert_eq!(set, 0);
        child
    }

    /// The signal that it stopped with; `None` where it is no more.
    fn wait(&mut self) -> Option<libc::c_int> {
        let mut status = 0;
        // SAFETY: waits for a child of this process, into a live integer.
        let waited = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        assert_eq!(waited, self.pid);
        self.dead = !libc::WIFSTOPPED(status);
        (!self.dead).then(|| libc::WSTOPSIG(status))
    }

    fn resume(&mut self, how: libc::c_uint, signal: libc::c_int) -> Step {
        // SAFETY: lets a stopped child of ours go on.
        let resumed = unsafe { libc::ptrace(how, self.pid, 0, signal) };
        assert_eq!(resumed, 0, "the child is stopped");
        let stopped = self.wait();
        match self.page.turn.load(Relaxed) {
            INSIDE if stopped == Some(libc::SIGTRAP) => Step::Inside,
            BETWEEN if stopped == Some(libc::SIGTRAP) => Step::Over,
            _ => Step::Failed,
        }
    }

    /// Lets a turn begin: the child is at the first instruction of its operation.
    pub fn begin(&mut self) -> Step {
        for _ in 0..16 {
            match self.resume(libc::PTRACE_SINGLESTEP, 0) {
                Step::Over => {} // on the way into the operation
                step => return step,
            }
        }
        Step::Failed
    }

    /// One instruction.
    pub fn step(&mut self) -> Step {
        self.resume(libc::PTRACE_SINGLESTEP, 0)
    }

    /// The address of the instruction that comes next.
    pub fn instruction(&self) -> u64 {
        let offset = core::mem::offset_of!(libc::user, regs)
            + core::mem::offset_of!(libc::user_regs_struct, rip);
        // SAFETY: reads a register of a stopped child.
        let address = unsafe { libc::ptrace(libc::PTRACE_PEEKUSER, self.pid, offset, 0) };
        address.cast_unsigned()
    }

    /// From the first instruction of a path to the last, which is not executed, without a step for each: the
    /// processor stops the child wherever the last one is met. False where it does not come there.
    pub fn run_along(&mut self, path: &[u64]) -> bool {
        let (Some(&last), Some(before)) = (path.last(), path.len().checked_sub(1)) else {
            return false;
        };
        let met = path[..before]
            .iter()
            .filter(|&&address| address == last)
            .count();
        // where it begins it has met the first already
        let meetings = met + usize::from(before > 0) - usize::from(before > 0 && path[0] == last);
        self.debug(Some((last, EXECUTE)));
        let came = (0..meetings).all(|_| self.resume(libc::PTRACE_CONT, 0) == Step::Inside);
        self.debug(None);
        came && self.instruction() == last
    }

    /// From the end of one turn to where the next can begin.
    pub fn settle(&mut self) {
        let step = self.resume(libc::PTRACE_CONT, 0);
        assert_eq!(step, Step::Over, "nothing happens between turns");
    }

    /// A whole turn, or what is left of it, without steps; then the next can begin.
    pub fn run(&mut self) -> Step {
        self.run_with(0)
    }

    /// The same, interrupted by a signal now.
    pub fn interrupt(&mut self, signal: libc::c_int, task: u64) -> Step {
        self.page.task.store(task, Relaxed);
        self.run_with(signal)
    }

    fn run_with(&mut self, mut signal: libc::c_int) -> Step {
        loop {
            // SAFETY: lets a stopped child of ours go on.
            let resumed = unsafe { libc::ptrace(libc::PTRACE_CONT, self.pid, 0, signal) };
            assert_eq!(resumed, 0, "the child is stopped");
            match self.wait() {
                Some(libc::SIGCHLD) => signal = 0, // of a child of its own, which it waits for
                Some(libc::SIGTRAP) if self.page.turn.load(Relaxed) == BETWEEN => {
                    return Step::Over;
                }
                _ => return Step::Failed,
            }
        }
    }

    /// To behind the next system call.
    pub fn run_to_call(&mut self) -> Step {
        for _ in ["in", "out"] {
            self.go_to_call();
            match self.wait() {
                Some(CALL) => {}
                Some(libc::SIGTRAP) if self.page.turn.load(Relaxed) == BETWEEN => {
                    return Step::Over;
                }
                _ => return Step::Failed,
            }
        }
        Step::Inside
    }

    /// Lets it go on until it enters or leaves the kernel, or something else happens; see [`Self::poll`].
    pub fn go_to_call(&mut self) {
        // SAFETY: lets a stopped child of ours go on.
        let resumed = unsafe { libc::ptrace(libc::PTRACE_SYSCALL, self.pid, 0, 0) };
        assert_eq!(resumed, 0, "the child is stopped");
    }

    /// What happened since, if something did.
    pub fn poll(&mut self) -> Option<Event> {
        let mut status = 0;
        // SAFETY: asks about a child of this process, into a live integer.
        let waited = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
        if waited == 0 {
            return None;
        }
        self.dead = !libc::WIFSTOPPED(status);
        let turn = self.page.turn.load(Relaxed);
        Some(match libc::WSTOPSIG(status) {
            _ if self.dead => Event::Failed,
            CALL => Event::Call,
            libc::SIGTRAP if turn == BETWEEN => Event::Over,
            libc::SIGTRAP => Event::Trap,
            _ => Event::Failed,
        })
    }

    /// Whether it sleeps in the kernel.
    pub fn is_asleep(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let state = stat.rsplit(") ").next();
        state.is_some_and(|state| state.starts_with('S'))
    }

    /// The limit of the sleep that it is about to enter, if that is what its registers say.
    pub fn sleep(&self) -> Option<Duration> {
        let registers = self.registers();
        let call = match registers.orig_rax {
            u64::MAX => registers.rax, // stopped by a step, not by the call
            call => call,
        };
        if call != libc::SYS_futex as u64 || registers.rsi != libc::FUTEX_WAIT as u64 {
            return None;
        }
        let [seconds, nanoseconds] = [0, 8].map(|at| {
            // SAFETY: reads a word of a stopped child.
            let word =
                unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, self.pid, registers.r10 + at, 0) };
            word.cast_unsigned()
        });
        Some(Duration::new(seconds, nanoseconds as u32))
    }

    /// Has the processor stop it behind each access to the four bytes there, or no more.
    pub fn watch(&mut self, place: Option<u64>) {
        self.debug(place.map(|place| (place, READ_OR_WRITE_OF_FOUR_BYTES)));
    }

    /// Sets the first debug register, or clears it.
    fn debug(&mut self, place: Option<(u64, u64)>) {
        let (place, control) = place.unwrap_or((0, 0));
        // first off, so that the place is never checked under the kind of the one before
        for (register, value) in [(7, 0), (0, place), (7, control)] {
            let offset = core::mem::offset_of!(libc::user, u_debugreg) + 8 * register;
            // SAFETY: sets a debug register of a stopped child.
            let set = unsafe { libc::ptrace(libc::PTRACE_POKEUSER, self.pid, offset, value) };
            assert_eq!(set, 0, "the processor watches");
        }
    }

    pub fn pid(&self) -> libc::pid_t {
        self.pid
    }

    pub fn registers(&self) -> libc::user_regs_struct {
        registers(self.pid)
    }

    /// What the operation and the handler noted last.
    pub fn notes(&self) -> [u64; 2] {
        [0, 1].map(|of| self.page.notes[of].load(Relaxed))
    }

    /// Forgets what was noted.
    pub fn clear_notes(&self) {
        self.page
            .notes
            .iter()
            .for_each(|note| note.store(0, Relaxed));
    }

    /// Where what it stores privately lies; found at the beginning of its first turn.
    pub fn private(&mut self) -> &mut Private {
        let page = core::ptr::from_ref(self.page) as u64;
        self.private
            .get_or_insert_with(|| Private::of(self.pid, page..page + 4096))
    }

    /// All that is private to it, inside a turn, but for what the kernel knows.
    pub fn checkpoint(&mut self, last: Option<&Checkpoint>) -> Checkpoint {
        let pid = self.pid;
        let notes = self.notes();
        self.private().checkpoint(pid, notes, last)
    }

    /// Takes it back to a moment inside a turn.
    pub fn restore(&mut self, to: &Checkpoint) {
        to.restore(self.pid);
        self.page.turn.store(INSIDE, Relaxed);
        for (note, noted) in self.page.notes.iter().zip(to.notes) {
            note.store(noted, Relaxed);
        }
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if !self.dead {
            // SAFETY: a child of this process that was not reaped, so the id is its own.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            while self.wait().is_some() {
                // SAFETY: it was stopped by its tracer when the signal came; it goes on, and dies.
                unsafe { libc::ptrace(libc::PTRACE_CONT, self.pid, 0, 0) };
            }
        }
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        self.end();
        // SAFETY: the page of a child that is gone; nobody else has it.
        unsafe { libc::munmap(core::ptr::from_ref(self.page).cast_mut().cast(), 4096) };
    }
}
