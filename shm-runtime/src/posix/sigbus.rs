//! Surviving a file that a peer made shorter: zero pages instead of a signal that kills.
//!
//! The kernel sends SIGBUS to who touches a mapped page that its file no longer has. The handler here is
//! process-wide, so it is installed only where a program asks for it. It puts a private zero page under
//! an address inside a guarded mapping, and hands every other signal to the handler that was there before.

#![allow(unsafe_code)] // system calls, a signal handler

use super::check;
use super::map::Mapping;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::io;
use std::sync::Once;

/// Most mappings that one process guards.
const MAX: usize = 256;

/// A guarded range; free where `start` is zero.
struct Watch {
    /// First address; 1 while it is being set up.
    start: AtomicUsize,
    /// Address behind the last.
    end: AtomicUsize,
    /// Whether a page of it is gone.
    hit: AtomicBool,
}

static WATCHES: [Watch; MAX] = [const {
    Watch {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        hit: AtomicBool::new(false),
    }
}; MAX];
/// What handled the signal before; leaked once. Null until the handler is installed.
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(core::ptr::null_mut());
/// Bytes of a page.
static PAGE: AtomicUsize = AtomicUsize::new(0);

/// Keeps the pages of a mapping readable whatever becomes of its file, until dropped.
#[derive(Debug)]
pub struct Guard(usize);

impl Guard {
    /// Guards a mapping; drop the guard before it.
    ///
    /// # Errors
    ///
    /// Of `sigaction`, or [`io::ErrorKind::QuotaExceeded`] where 256 mappings are guarded already.
    pub fn new(mapping: &Mapping) -> io::Result<Self> {
        install()?;
        let start = mapping.start().as_ptr().addr();
        let free = |watch: &Watch| {
            let claimed = watch
                .start
                .compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
            claimed.is_ok()
        };
        let index = WATCHES
            .iter()
            .position(free)
            .ok_or(io::ErrorKind::QuotaExceeded)?;
        let watch = &WATCHES[index];
        watch.hit.store(false, Ordering::Relaxed); // published with `start`
        watch.end.store(start + mapping.len(), Ordering::Relaxed); // the same
        watch.start.store(start, Ordering::Release); // (A) publishes the range to the handler
        Ok(Self(index))
    }

    /// Whether a page was gone when somebody touched it: what was read there since is zero, and what
    /// was written there nobody else sees.
    pub fn is_hit(&self) -> bool {
        WATCHES[self.0].hit.load(Ordering::Relaxed) // only a hint for the program
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        WATCHES[self.0].start.store(0, Ordering::Release); // nobody touches the range any more
    }
}

/// Installs the handler, once.
fn install() -> io::Result<()> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| result = install_now());
    result?;
    if BEFORE.load(Ordering::Acquire).is_null() {
        return Err(io::ErrorKind::Other.into()); // an earlier attempt failed
    }
    Ok(())
}

fn install_now() -> io::Result<()> {
    // SAFETY: takes a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    PAGE.store(page.unsigned_abs() as usize, Ordering::Relaxed); // read by the handler, installed below
    let mut before = Box::new(MaybeUninit::<libc::sigaction>::zeroed());
    // SAFETY: the pointers are null or valid for a `sigaction`, which is integers and a function
    // address for which zero is valid.
    check(unsafe { libc::sigaction(libc::SIGBUS, core::ptr::null(), before.as_mut_ptr()) })?;
    BEFORE.store(Box::leak(before).as_mut_ptr(), Ordering::Release);
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zeroed is a valid `sigaction`: no handler, no flags, an empty mask.
    let mine = unsafe { action.assume_init_mut() };
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = handle;
    mine.sa_sigaction = handler as libc::sighandler_t;
    mine.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: `mine` is a whole `sigaction` whose handler makes async-signal-safe calls only.
    let installed = check(unsafe { libc::sigaction(libc::SIGBUS, mine, core::ptr::null_mut()) });
    if installed.is_err() {
        BEFORE.store(core::ptr::null_mut(), Ordering::Release);
    }
    installed.map(drop)
}

/// The handler: reads atomics, maps a page, or passes the signal on.
extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid `siginfo_t`.
    let about = unsafe { &*info };
    // SAFETY: a SIGBUS comes with an address; one that a process sent has other bytes there, which are
    // compared with addresses and nothing more.
    let address = unsafe { about.si_addr() }.addr();
    let inside = |watch: &&Watch| {
        let start = watch.start.load(Ordering::Acquire); // (A)
        start > 1 && start <= address && address < watch.end.load(Ordering::Relaxed)
    };
    if let Some(watch) = WATCHES.iter().find(inside)
        && put_zero_page(address)
    {
        watch.hit.store(true, Ordering::Relaxed); // only a hint
        return;
    }
    pass_on(signal, info, context);
}

/// Puts a private zero page under an address of a guarded mapping.
fn put_zero_page(address: usize) -> bool {
    let page = PAGE.load(Ordering::Relaxed);
    let start = core::ptr::without_provenance_mut(address & !(page - 1));
    // SAFETY: takes nothing; the address of this thread's `errno` is valid as long as the thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above; the interrupted code must find its value again.
    let before = unsafe { *errno };
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: replaces one page of a guarded mapping, which its guard's owner keeps mapped and whose
    // bytes may change at any time for every reader; the fault says that the page has no file.
    let mapped = unsafe { libc::mmap(start, page, protection, flags, -1, 0) };
    // SAFETY: as above.
    unsafe { *errno = before };
    mapped != libc::MAP_FAILED
}

/// Does what would have been done without this handler.
fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let before = BEFORE.load(Ordering::Acquire);
    // SAFETY: set before the handler was installed, to a leaked and initialised `sigaction`.
    let before = unsafe { &*before };
    match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {
            // The instruction faults again, and the default ends the process as it would have.
            let mut action = *before;
            action.sa_sigaction = libc::SIG_DFL;
            // SAFETY: a whole `sigaction`.
            unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
        }
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: the kernel had this address as a handler of three arguments.
            let handler: Handler = unsafe { core::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: the kernel had this address as a handler of one argument.
            let handler: extern "C" fn(libc::c_int) = unsafe { core::mem::transmute(handler) };
            handler(signal);
        }
    }
}
