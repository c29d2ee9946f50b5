//! Simulated processes: coroutines that yield before every shared access.

#![allow(unsafe_code)] // hands the running coroutine's yielder to the hook of `memory::atomic`

use crate::memory::atomic::set_hook;
use core::cell::{Cell, RefCell};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::collections::BTreeMap;

thread_local! {
    static YIELDER: Cell<*const Yielder<(), ()>> = const { Cell::new(core::ptr::null()) };
    static CLOCK: Cell<u64> = const { Cell::new(0) };
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static INTERRUPTS: RefCell<BTreeMap<usize, (usize, Handler)>> = const { RefCell::new(BTreeMap::new()) };
}

/// A simulated signal handler.
type Handler = Box<dyn FnOnce()>;

/// Runs `handler` inside the running process, at its `steps`th shared access from now.
pub fn interrupt_after(steps: usize, handler: impl FnOnce() + 'static) {
    let process = YIELDER.get().addr();
    INTERRUPTS.with_borrow_mut(|all| all.insert(process, (steps, Box::new(handler))));
}

/// Takes the running process's handler back.
pub fn clear_interrupt() {
    let process = YIELDER.get().addr();
    drop(INTERRUPTS.with_borrow_mut(|all| all.remove(&process)));
}

fn due_interrupt() -> Option<Handler> {
    let process = YIELDER.get().addr();
    INTERRUPTS.with_borrow_mut(|all| {
        let (steps, _) = all.get_mut(&process)?;
        if let Some(rest) = steps.checked_sub(1) {
            *steps = rest;
            return None;
        }
        all.remove(&process).map(|(_, handler)| handler)
    })
}

/// Steps so far, over all processes.
pub fn now() -> u64 {
    CLOCK.get()
}

/// Runs `look` without yielding: what the checker reads costs no step.
pub fn quietly<R>(look: impl FnOnce() -> R) -> R {
    let before = QUIET.replace(true);
    let result = look();
    QUIET.set(before);
    result
}

/// Gives the scheduler a chance to run another process.
pub fn pause() {
    CLOCK.set(CLOCK.get() + 1);
    let yielder = YIELDER.get();
    if !yielder.is_null() && !QUIET.get() {
        // SAFETY: the scheduler sets the pointer to the running coroutine's yielder before each resume and
        // clears it afterwards; the yielder lives on that coroutine's stack.
        unsafe { &*yielder }.suspend(());
        if let Some(handler) = due_interrupt() {
            handler();
        }
    }
}

/// A deterministic random sequence (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// True once in `1 / p` calls.
    pub fn chance(&mut self, p: f64) -> bool {
        ((self.next() >> 11) as f64) < p * (1u64 << 53) as f64
    }
}

/// A simulated process.
pub struct Process {
    body: Coroutine<(), (), (), DefaultStack>,
    yielder: *const Yielder<(), ()>,
}

thread_local! {
    static STACKS: Cell<Vec<DefaultStack>> = const { Cell::new(Vec::new()) };
}

impl Process {
    pub fn new(body: impl FnOnce() + 'static) -> Self {
        let mut stacks = STACKS.take();
        let stack = stacks
            .pop()
            .unwrap_or_else(|| DefaultStack::new(256 * 1024).expect("room for a small stack"));
        STACKS.set(stacks);
        let body = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            YIELDER.set(core::ptr::from_ref(yielder));
            yielder.suspend(());
            body();
        });
        let mut process = Self {
            body,
            yielder: core::ptr::null(),
        };
        let _ = process.body.resume(());
        process.yielder = YIELDER.replace(core::ptr::null());
        process
    }

    /// Runs the process up to its next shared access; true when it has ended.
    pub fn step(&mut self) -> bool {
        YIELDER.set(self.yielder);
        set_hook(Some(pause));
        let result = self.body.resume(());
        set_hook(None);
        YIELDER.set(core::ptr::null());
        matches!(result, CoroutineResult::Return(()))
    }

    /// Ends the process where it stands: nothing of it runs any more but the release of its own memory.
    pub fn kill(mut self) {
        drop(INTERRUPTS.with_borrow_mut(|all| all.remove(&self.yielder.addr())));
        quietly(|| self.body.force_unwind());
        self.recycle();
    }

    /// Gives the stack of an ended process back.
    pub fn recycle(self) {
        if self.body.done() {
            let mut stacks = STACKS.take();
            stacks.push(self.body.into_stack());
            STACKS.set(stacks);
        }
    }
}
