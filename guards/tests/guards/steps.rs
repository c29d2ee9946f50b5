//! Counting: one call of a function, stepped through under ptrace.

use super::Cost;
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};
use object::{Object, ObjectSymbol, SymbolKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Steps after which a call is said not to end.
const LIMIT: u64 = 1_000_000;

/// A program that this process traces, and that dies with it.
struct Traced {
    child: Child,
    memory: File,
}

impl Traced {
    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    fn wait(&self) -> i32 {
        let mut status = 0;
        // SAFETY: waits for a child of this process, into a live integer.
        let waited = unsafe { libc::waitpid(self.pid(), &raw mut status, 0) };
        assert_eq!(waited, self.pid());
        status
    }

    /// Lets it go on, by one instruction or up to its next signal.
    fn resume(&self, request: libc::c_uint) -> i32 {
        let none = core::ptr::null_mut::<libc::c_void>();
        // SAFETY: a stopped child that this process traces; no signal is delivered.
        let resumed = unsafe { libc::ptrace(request, self.pid(), none, none) };
        assert_eq!(resumed, 0);
        self.wait()
    }

    fn registers(&self) -> libc::user_regs_struct {
        let mut registers = core::mem::MaybeUninit::<libc::user_regs_struct>::uninit();
        let none = core::ptr::null_mut::<libc::c_void>();
        // SAFETY: a stopped child that this process traces; the kernel fills the structure.
        let got = unsafe {
            libc::ptrace(
                libc::PTRACE_GETREGS,
                self.pid(),
                none,
                registers.as_mut_ptr(),
            )
        };
        assert_eq!(got, 0);
        // SAFETY: filled above.
        unsafe { registers.assume_init() }
    }

    fn instruction(&self, at: u64) -> Instruction {
        let mut bytes = [0; 15];
        let read = self.memory.read_at(&mut bytes, at).expect("it runs there");
        Decoder::with_ip(64, &bytes[..read], at, DecoderOptions::NONE).decode()
    }
}

fn is_locked(instruction: &Instruction) -> bool {
    let memory = (0..instruction.op_count()).any(|at| instruction.op_kind(at) == OpKind::Memory);
    instruction.has_lock_prefix() || instruction.mnemonic() == Mnemonic::Xchg && memory
}

fn is_division(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Div | Mnemonic::Idiv)
}

/// The functions of a program: where each begins, and its mangled name.
fn functions(program: &Path) -> BTreeMap<u64, String> {
    let bytes = std::fs::read(program).expect("it was built");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let symbols = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text);
    let named =
        symbols.filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?.to_owned())));
    named.collect()
}

/// Counts what the last call of operation `name` runs; and the functions that it runs through.
pub fn count(program: &Path, name: &str) -> (Cost, BTreeSet<String>) {
    let functions = functions(program);
    let mut command = Command::new(program);
    command.arg(name).stdout(Stdio::piped());
    let traced = || {
        // SAFETY: asks to be traced by the parent.
        let asked = unsafe { libc::ptrace(libc::PTRACE_TRACEME) };
        if asked == 0 {
            Ok(())
        } else {
            Err(std::io::Error::last_os_error())
        }
    };
    // SAFETY: between fork and exec the child makes that one call, which allocates nothing and takes no lock.
    unsafe { command.pre_exec(traced) };
    let mut child = command.spawn().expect("it was built");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let memory = File::open(format!("/proc/{}/mem", child.id())).expect("it is ours");
    let mut traced = Traced { child, memory };
    assert!(libc::WIFSTOPPED(traced.wait()), "it stops where it begins");
    let pid = traced.pid();
    let none = core::ptr::null_mut::<libc::c_void>();
    // SAFETY: a stopped child that this process traces: it is killed where this process ends.
    unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, none, libc::PTRACE_O_EXITKILL) };
    let stopped = traced.resume(libc::PTRACE_CONT);
    assert!(
        libc::WIFSTOPPED(stopped) && libc::WSTOPSIG(stopped) == libc::SIGSTOP,
        "`{name}` ended with {stopped:#x}"
    );
    let address = output.lines().next().expect("it says where").expect("text");
    let address = u64::from_str_radix(address.trim_start_matches("0x"), 16).expect("an address");
    while traced.registers().rip != address {
        traced.resume(libc::PTRACE_SINGLESTEP);
    }
    // where the program was loaded, from where one of its functions lies
    let mangled = format!("{}{name}", name.len());
    let own = functions.iter().find(|(_, name)| name.contains(&mangled));
    let (&linked, _) = own.expect("it has a symbol");
    let mut names = BTreeSet::new();
    let stack = traced.registers().rsp;
    let mut cost = Cost::default();
    while traced.registers().rsp <= stack {
        let at = traced.registers().rip;
        let instruction = traced.instruction(at);
        let own = at.wrapping_sub(address).wrapping_add(linked);
        let function = functions.range(..=own).next_back();
        names.extend(function.map(|(_, name)| name.clone()));
        cost.instructions += 1;
        cost.locked += u64::from(is_locked(&instruction));
        cost.divisions += u64::from(is_division(&instruction));
        cost.calls += u64::from(matches!(
            instruction.flow_control(),
            FlowControl::Call | FlowControl::IndirectCall
        ));
        assert!(cost.instructions < LIMIT, "`{name}` does not return");
        let stopped = traced.resume(libc::PTRACE_SINGLESTEP);
        assert!(libc::WIFSTOPPED(stopped), "`{name}` ended in the middle");
    }
    let ended = traced.resume(libc::PTRACE_CONT);
    assert!(libc::WIFEXITED(ended) && libc::WEXITSTATUS(ended) == 0);
    let _ = traced.child.wait(); // it was waited for above
    (cost, names)
}
