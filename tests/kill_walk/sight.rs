//! Which instructions others can notice: those that touch the segment, and system calls.
//!
//! Two processes that take turns at other instructions do the same as if they did not, so schedules switch at
//! these only. Each instruction is decoded once; where its operands lie follows from the registers.

use super::checkpoint::{Private, mappings};
use super::common::path;
use iced_x86::{
    Decoder, DecoderOptions, InstructionInfoFactory, Mnemonic, OpAccess, Register, UsedMemory,
};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// Longest instruction of the processor.
const LONGEST: usize = 15;

/// System calls that leave something in the kernel which a checkpoint does not take back.
const LASTING: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_clone,
];

/// An instruction, decoded.
#[derive(Debug)]
struct Known {
    enters_kernel: bool,
    memory: Vec<UsedMemory>,
}

/// What one child's instructions touch.
#[derive(Debug)]
pub struct Sight {
    segment: Vec<Range<u64>>,
    /// The kernel's own code in the process, which reads the clock.
    clock: Vec<Range<u64>>,
    known: HashMap<u64, Known>,
    /// Whether it still learns where the operation stores privately.
    pub learns: bool,
}

impl Sight {
    /// Of a child that has the segment mapped.
    pub fn of(pid: libc::pid_t, name: &str) -> Self {
        Self {
            segment: segments(pid, &path(name)),
            clock: segments(pid, Path::new("[vdso]")),
            known: HashMap::new(),
            learns: true,
        }
    }

    /// Whether the instruction that comes next is one of reading the clock. That begins again after each tick, so who
    /// takes long between its instructions never comes to its end.
    pub fn reads_clock(&self, next: &libc::user_regs_struct) -> bool {
        self.clock.iter().any(|range| range.contains(&next.rip))
    }

    /// Whether others can notice the instruction that comes next.
    pub fn sees(&mut self, next: &libc::user_regs_struct, private: &mut Private) -> bool {
        let known = self
            .known
            .entry(next.rip)
            .or_insert_with(|| decode(next.rip));
        let mut seen = known.enters_kernel;
        let call = next.rax as libc::c_long;
        assert!(
            self.learns || !seen || !LASTING.contains(&call),
            "system call {call} would outlive its checkpoint"
        );
        for memory in &known.memory {
            let place = memory.virtual_address(0, |register, _, _| value(next, register));
            let place =
                place.unwrap_or_else(|| panic!("no address of {memory:?} at {:#x}", next.rip));
            if self.segment.iter().any(|range| range.contains(&place)) {
                seen = true;
            } else if is_store(memory.access()) && !private.covers(place) {
                assert!(
                    self.learns,
                    "a store to {place:#x} at {:#x} would outlive its checkpoint",
                    next.rip
                );
                private.cover(place);
            }
        }
        seen
    }
}

/// Where a process has a file mapped.
pub fn segments(pid: libc::pid_t, file: &Path) -> Vec<Range<u64>> {
    let all = mappings(pid).into_iter();
    all.filter(|(_, _, path)| file.as_os_str() == path.as_str())
        .map(|(range, _, _)| range)
        .collect()
}

fn is_store(access: OpAccess) -> bool {
    !matches!(access, OpAccess::Read | OpAccess::CondRead)
}

/// The instruction at an address, which is code of this process too: the child was forked from it.
fn decode(address: u64) -> Known {
    // SAFETY: code that a forked child executes is mapped here, and no page of it is its mapping's last
    // without being followed by padding or constants.
    let code = unsafe { core::slice::from_raw_parts(address as *const u8, LONGEST) };
    let instruction = Decoder::with_ip(64, code, address, DecoderOptions::NONE).decode();
    let mut factory = InstructionInfoFactory::new();
    Known {
        enters_kernel: instruction.mnemonic() == Mnemonic::Syscall,
        memory: (factory.info(&instruction).used_memory().iter())
            .filter(|memory| memory.access() != OpAccess::NoMemAccess)
            .copied()
            .collect(),
    }
}

fn value(registers: &libc::user_regs_struct, register: Register) -> Option<u64> {
    Some(match register {
        Register::RAX => registers.rax,
        Register::RBX => registers.rbx,
        Register::RCX => registers.rcx,
        Register::RDX => registers.rdx,
        Register::RSI => registers.rsi,
        Register::RDI => registers.rdi,
        Register::RBP => registers.rbp,
        Register::RSP => registers.rsp,
        Register::R8 => registers.r8,
        Register::R9 => registers.r9,
        Register::R10 => registers.r10,
        Register::R11 => registers.r11,
        Register::R12 => registers.r12,
        Register::R13 => registers.r13,
        Register::R14 => registers.r14,
        Register::R15 => registers.r15,
        Register::FS => registers.fs_base,
        Register::GS => registers.gs_base,
        Register::CS | Register::DS | Register::ES | Register::SS => 0,
        Register::EAX => registers.rax & 0xFFFF_FFFF,
        Register::EBX => registers.rbx & 0xFFFF_FFFF,
        Register::ECX => registers.rcx & 0xFFFF_FFFF,
        Register::EDX => registers.rdx & 0xFFFF_FFFF,
        _ => return None,
    })
}
