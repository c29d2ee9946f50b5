//! What is private to a stopped child, taken and put back: so that many ways on from one instruction cost one
//! way to it.
//!
//! That is its registers and the memory that an operation stores to outside of the segment: the stack from the
//! operation's frame on, the thread's locals, the small pages that an attachment keeps for its process, and the
//! pages of the heap that an operation stores to: [`super::sight`] watches every store of the stepped runs.

use std::ops::Range;
use std::rc::Rc;

/// Bytes above the stack pointer at a turn's first instruction that belong to the turn.
const FRAME: u64 = 4096;
/// Bytes below it that may be in use without a move of it.
const RED_ZONE: u64 = 128;
/// Bytes below the thread pointer.
const LOCALS: u64 = 4096;
/// Largest anonymous mapping that is taken whole.
const SMALL: u64 = 1 << 16;
/// Room for the largest set of extended registers.
const EXTENDED: usize = 1 << 14;

/// Where the private memory of a turn lies.
#[derive(Debug)]
pub struct Private {
    /// The stack, from its lowest byte to the end of the turn's frame.
    stack: Range<u64>,
    pages: Vec<Range<u64>>,
    /// The page that child and tracer share.
    shared: Range<u64>,
}

/// A moment inside a turn.
#[derive(Debug)]
pub struct Checkpoint {
    /// What was noted so far.
    pub notes: [u64; 2],
    registers: libc::user_regs_struct,
    extended: Rc<[u8]>,
    /// What is as it was at the moment before is shared with that.
    memory: Vec<(u64, Rc<[u8]>)>,
}

/// A line of a process's map: bytes, permissions, path.
pub fn mappings(pid: libc::pid_t) -> Vec<(Range<u64>, String, String)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    text.lines()
        .map(|line| {
            let mut fields = line.split_whitespace();
            let (start, end) = fields.next().unwrap().split_once('-').unwrap();
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            let permissions = fields.next().unwrap().to_owned();
            let path = fields.nth(3).unwrap_or("").to_owned();
            (number(start)..number(end), permissions, path)
        })
        .collect()
}

/// The registers of a stopped child.
pub fn registers(pid: libc::pid_t) -> libc::user_regs_struct {
    // SAFETY: all zero is a valid set of numbers.
    let mut registers: libc::user_regs_struct = unsafe { core::mem::zeroed() };
    // SAFETY: fills the live set from a stopped child.
    let got = unsafe { libc::ptrace(libc::PTRACE_GETREGS, pid, 0, &raw mut registers) };
    assert_eq!(got, 0);
    registers
}

impl Private {
    /// Of a child that is at the first instruction of a turn.
    pub fn of(pid: libc::pid_t, shared: Range<u64>) -> Self {
        let libc::user_regs_struct { rsp, fs_base, .. } = registers(pid);
        let mut stack = None;
        let mut pages = Vec::new();
        for (range, permissions, path) in mappings(pid) {
            if permissions != "rw-p" {
                continue;
            }
            if range.contains(&rsp) {
                stack = Some(range.start..(rsp + FRAME).min(range.end));
            }
            if range.contains(&fs_base) {
                let locals = fs_base.saturating_sub(LOCALS).max(range.start);
                pages.push(locals..fs_base);
            } else if path.is_empty() && range.end - range.start <= SMALL {
                pages.push(range);
            }
        }
        Self {
            stack: stack.expect("a stack"),
            pages,
            shared,
        }
    }

    /// Whether a store to that place is taken back by a checkpoint, or is a note for the tracer.
    pub fn covers(&self, address: u64) -> bool {
        let mut known = self.pages.iter().chain([&self.stack, &self.shared]);
        known.any(|range| range.contains(&address))
    }

    /// Takes back stores to the page of that place too, from now on.
    pub fn cover(&mut self, address: u64) {
        let page = address & !4095;
        self.pages.push(page..page + 4096);
    }

    /// Takes a moment, which may follow another.
    pub fn checkpoint(
        &self,
        pid: libc::pid_t,
        notes: [u64; 2],
        last: Option<&Checkpoint>,
    ) -> Checkpoint {
        let registers = registers(pid);
        let live = (registers.rsp - RED_ZONE).max(self.stack.start)..self.stack.end;
        let memory = self.pages.iter().chain([&live]).map(|range| {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            let (own, other) = vectors(bytes.as_mut_ptr(), range.start, bytes.len());
            // SAFETY: reads the child's memory into the live buffer of that length.
            let read =
                unsafe { libc::process_vm_readv(pid, &raw const own, 1, &raw const other, 1, 0) };
            assert_eq!(read, bytes.len() as isize);
            let same =
                |(start, before): &&(u64, Rc<[u8]>)| *start == range.start && **before == *bytes;
            let same = last.and_then(|last| last.memory.iter().find(same));
            let bytes = same.map_or_else(|| bytes.into(), |(_, before)| before.clone());
            (range.start, bytes)
        });
        let memory = memory.collect();
        let mut extended = vec![0; EXTENDED];
        let len = transfer(libc::PTRACE_GETREGSET, pid, &mut extended);
        let same = last
            .map(|last| &last.extended)
            .filter(|before| ***before == extended[..len]);
        Checkpoint {
            notes,
            registers,
            extended: same.map_or_else(|| extended[..len].into(), Rc::clone),
            memory,
        }
    }
}

impl Checkpoint {
    /// Puts it back.
    pub fn restore(&self, pid: libc::pid_t) {
        let places = self.memory.iter();
        let (own, other): (Vec<_>, Vec<_>) = places
            .map(|(start, bytes)| vectors(bytes.as_ptr().cast_mut(), *start, bytes.len()))
            .unzip();
        let count = own.len() as libc::c_ulong;
        // SAFETY: writes what was read there into the memory of a stopped child.
        let wrote =
            unsafe { libc::process_vm_writev(pid, own.as_ptr(), count, other.as_ptr(), count, 0) };
        let len: usize = self.memory.iter().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(wrote, len as isize);
        transfer(libc::PTRACE_SETREGSET, pid, &mut self.extended.to_vec());
        let mut registers = self.registers;
        registers.orig_rax = u64::MAX; // no system call is to be taken up again
        // SAFETY: gives a stopped child the registers that it had.
        let set = unsafe { libc::ptrace(libc::PTRACE_SETREGS, pid, 0, &raw const registers) };
        assert_eq!(set, 0);
    }
}

fn vectors(own: *mut u8, other: u64, len: usize) -> (libc::iovec, libc::iovec) {
    let vector = |base: *mut libc::c_void| libc::iovec {
        iov_base: base,
        iov_len: len,
    };
    (vector(own.cast()), vector(other as *mut libc::c_void))
}

/// Moves the vector registers, and says how many bytes they are.
fn transfer(request: libc::c_uint, pid: libc::pid_t, bytes: &mut [u8]) -> usize {
    const XSTATE: libc::c_int = 0x202;
    let mut vector = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: moves at most as many bytes as the live buffer has, from or to a stopped child.
    let done = unsafe { libc::ptrace(request, pid, XSTATE, &raw mut vector) };
    assert_eq!(done, 0);
    vector.iov_len
}
