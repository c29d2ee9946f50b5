//! What can be typed.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what is shown as help has brackets that are no links"
)]

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

const AFTER: &str = "\
Exit codes:
  0  done
  1  no: no such segment, field or element; empty, full, different, in use
  2  wrong arguments, or a value that does not fit
  3  this user may not
  4  damaged, of another version, or no segment at all
  5  the system failed

A name leads to a field, and on: sim.step, sim.grid[10..20], sim.gauges[17].level, sim.left.events.";

const RATES: &str = "\
Each rate comes from a count that the structure keeps anyway: to be watched costs it nothing.
  Queue, Spsc, Stack         pushed, popped: exact; what came back from the dead is not counted again
  Broadcast                  sent: exact
  Versioned, VersionedArray  stored: exact
  Map, Set                   changed: changes of buckets; a new key makes two, a value replaced or a key removed one
  LargeMap                   changed: an estimate, up to three times as much: nodes that lanes trade are changes too
  Pool, Semaphore            acquired, released: exact; what the dead had is released when somebody sweeps it
  Mutex                      locked: exact
  Signal                     raised: exact
  Atomic                     grown: by how much, where it is an unsigned number
Not available: Array, which is memory and nothing else, RwLock, Barrier, Once.
What happens in the middle of a look is counted at this one or at the next.";

const RECORD: &str = "\
The first line says what is recorded and since when; each other has `t`, seconds since then, and `value`. It ends after
Ctrl-C, when nobody else is attached, or when nobody reads it.

A broadcast has one more subscriber: what that missed is a line `missed`, and said at the end.
Off a queue the elements are TAKEN: nobody else gets them. Each is acknowledged when its line is written; one whose line
could not be, and one in the hands of a killed recorder, goes back.";

const REPLAY: &str = "\
The first element goes at once, each other as long behind it as when it was recorded. The elements have to be of the same
type, bit for bit; segment and field may be others, and a broadcast's may go into a queue.";

/// Look into shared-memory segments, change them, clean up after the dead.
#[derive(Debug, Parser)]
#[command(name = "shm", version, after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Shm {
    /// Write JSON: one value, or one on each line where there may be many
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List segments: size, memory, who is attached, owner, state
    Ls(Ls),
    /// Show the fields of a segment: where they lie, what they are, how full they are
    Inspect(Inspect),
    /// Show a value: sim.step, sim.grid[10..20], sim.gauges[17]
    Get(Get),
    /// Store a value, from JSON: shm set sim.grid[7] 1.5
    Set(Set),
    /// Put an element, from JSON, at the end of a queue, a stack or a broadcast, or into a set
    Push(Push),
    /// Take elements off a queue or a stack
    Pop(Pop),
    /// Remove segments that nobody is attached to
    Rm(Rm),
    /// Remove what was left when the last process attached was killed
    Prune(Prune),
    /// Settle what processes left unfinished that died
    Recover(Name),
    /// Check everything about a segment that can be checked from outside
    Check(Name),
    /// Say what of this machine will make trouble, and what to do about it
    Doctor,
    /// Show how much happens in a segment, each second
    Watch(Watch),
    /// Show segments and what happens in them, on the whole terminal
    Top,
    /// Write what comes through a broadcast or a queue, and when: shm record sim.rain > rain.ndjson
    Record(Record),
    /// Send or push again what was recorded, at the same pace: shm replay sim.rain < rain.ndjson
    Replay(Replay),
    /// Write a copy of a segment to standard output: shm dump sim > sim.dump
    Dump(Dump),
    /// Make a segment from a copy on standard input: shm restore sim < sim.dump
    Restore(Restore),
    /// Compare schema and contents of two segments
    Diff(Diff),
    /// Show how many bytes each field will take, from a description in a file
    Plan(Plan),
    /// Write a segment's description, or what a program in C, C++, Python or Go needs to read it
    Gen(Gen),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, of the whole or of one command
    Man {
        /// The command
        command: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Ls {
    /// List files of other programs too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Print names alone
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Only these segments
    pub(crate) names: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// The segment
    pub(crate) name: String,
    /// Show the library's own entries too
    #[arg(short, long)]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Name {
    /// The segment
    pub(crate) name: String,
}

#[derive(Args, Debug)]
pub(crate) struct Get {
    /// The segment, the field, and which element: sim.grid[10..20]
    pub(crate) place: String,
}

#[derive(Args, Debug)]
pub(crate) struct Set {
    /// The segment, the field, and which element: sim.grid[7], sim.gauges[17], sim.step
    pub(crate) place: String,
    /// The value, as JSON; `-` reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
}

#[derive(Args, Debug)]
pub(crate) struct Push {
    /// The segment and the field: sim.events
    pub(crate) place: String,
    /// The elements, each as JSON; `-` reads one from each line of standard input
    #[arg(required = true, allow_hyphen_values = true)]
    pub(crate) values: Vec<String>,
    /// Wait so many seconds for room
    #[arg(short, long, default_value_t = 0.0)]
    pub(crate) wait: f64,
}

#[derive(Args, Debug)]
pub(crate) struct Pop {
    /// The segment and the field: sim.events
    pub(crate) place: String,
    /// How many to take, at most
    #[arg(short = 'n', long, default_value_t = 1)]
    pub(crate) count: u64,
    /// Wait so many seconds for the next element
    #[arg(short, long, default_value_t = 0.0)]
    pub(crate) wait: f64,
}

#[derive(Args, Debug)]
pub(crate) struct Rm {
    /// The segments
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    /// Remove the names of those in use too: who is attached goes on with a segment that nobody else finds
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Prune {
    /// Print what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
#[command(after_help = RATES)]
pub(crate) struct Watch {
    /// The segment
    pub(crate) name: String,
    /// Only these fields
    pub(crate) fields: Vec<String>,
    /// Seconds between two looks
    #[arg(short, long, default_value_t = 1.0)]
    pub(crate) interval: f64,
    /// End after so many looks
    #[arg(short = 'n', long)]
    pub(crate) count: Option<u64>,
}

#[derive(Args, Debug)]
#[command(after_help = RECORD)]
pub(crate) struct Record {
    /// The segment and the field: sim.rain
    pub(crate) place: String,
    /// End after so many elements
    #[arg(short = 'n', long)]
    pub(crate) count: Option<u64>,
    /// End after so many seconds
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// With which message of a broadcast to begin: the oldest that is left, or the next [default: newest]
    #[arg(long, value_name = "WHICH")]
    pub(crate) from: Option<From>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// The oldest message that is left
    Oldest,
    /// The next message
    Newest,
}

#[derive(Args, Debug)]
#[command(after_help = REPLAY)]
pub(crate) struct Replay {
    /// The segment and the field: sim.rain
    pub(crate) place: String,
    /// How many times as fast; 0 is as fast as possible
    #[arg(short, long, default_value_t = 1.0)]
    pub(crate) speed: f64,
    /// Wait so many seconds for room in a queue
    #[arg(short, long, default_value_t = 0.0)]
    pub(crate) wait: f64,
    /// End after so many elements
    #[arg(short = 'n', long)]
    pub(crate) count: Option<u64>,
    /// Begin again at the end, until Ctrl-C: standard input has to be a file
    #[arg(short = 'l', long = "loop")]
    pub(crate) again: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Dump {
    /// The segment
    pub(crate) name: String,
    /// Copy it even if it changes all the time; the copy is then of no single moment
    #[arg(long)]
    pub(crate) torn: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The segment's name
    pub(crate) name: String,
    /// Keep every byte: the segment is then a leftover, unless it was made to persist
    #[arg(long)]
    pub(crate) exact: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// One segment
    pub(crate) here: String,
    /// The other
    pub(crate) there: String,
    /// Compare the schemas alone
    #[arg(short, long)]
    pub(crate) schema: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Plan {
    /// The description, as `shm gen json` writes it; `-` is standard input
    pub(crate) file: String,
}

#[derive(Args, Debug)]
pub(crate) struct Gen {
    /// What to write
    pub(crate) what: Language,
    /// The segment
    pub(crate) name: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Language {
    /// The segment's description
    Json,
    /// A C header: element types, and where the fields are
    C,
    /// A Python module: the same
    Py,
    /// A Go package that reads arrays, atomic numbers, latest values and whole frames
    Go,
    /// A C++ header for `bindings/cpp`: the schema, with which a C++ program works on every structure
    Cpp,
}
