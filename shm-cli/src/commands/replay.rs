//! `shm replay`: sends or pushes again what was recorded, at the pace at which it came.

use crate::args::Replay;
use crate::failure::{Code, Failure};
use crate::interrupt::Interrupt;
use crate::out::Out;
use crate::place;
use crate::recording::{Reader, What};
use crate::show::{self, a};
use serde_json::json;
use shm_runtime::dynamic::{Broadcast, Field, Kind, Queue, Segment};
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Seek};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long it sleeps at most before it looks whether it is to end.
const SLICE: Duration = Duration::from_millis(100);

/// Where elements go.
enum Target {
    Broadcast(Broadcast),
    /// A queue, and how long to wait for room in it.
    Queue(Queue, Duration),
}

/// What was done so far.
struct Player<'a> {
    target: Target,
    field: &'a Field,
    interrupt: Interrupt,
    speed: f64,
    /// How many elements are left to be replayed.
    left: u64,
    replayed: u64,
    /// What the recording says was missed when it was made.
    missed: u64,
}

pub(crate) fn run(args: &Replay, out: &mut Out) -> Result<Code, Failure> {
    if !(args.speed >= 0.0 && args.speed.is_finite()) {
        let what = format!("`{}` is no speed", args.speed);
        return Err(Failure::usage(what).hint("2 is twice as fast, 0 as fast as possible"));
    }
    let Ok(wait) = Duration::try_from_secs_f64(args.wait) else {
        return Err(Failure::usage(format!(
            "`{}` is no time to wait",
            args.wait
        )));
    };
    let (name, rest) = place::split(&args.place)?;
    let segment = show::open_to_change(name)?;
    let (field, steps) = place::resolve(&segment, rest)?;
    if !steps.is_empty() {
        return Err(Failure::usage(
            "elements are replayed into a field, not into a part of it",
        ));
    }
    let mut player = Player {
        target: Target::of(&segment, field, wait)?,
        field,
        interrupt: Interrupt::listen()?,
        speed: args.speed,
        left: args.count.unwrap_or(u64::MAX),
        replayed: 0,
        missed: 0,
    };
    if io::stdin().is_terminal() {
        return Err(Failure::usage("a recording is read from standard input")
            .hint(format!("`shm replay {} < FILE`", args.place)));
    }
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let start = Instant::now();
    let mut result;
    loop {
        let before = player.replayed;
        result = player.play(&file);
        let goes_on = args.again && result.is_ok() && !player.is_over();
        if !goes_on || player.replayed == before {
            break;
        }
        if let Err(why) = file.rewind() {
            result = Err(
                Failure::usage(format!("standard input cannot be read again: {why}"))
                    .hint("`--loop` needs a file: `shm replay --loop … < FILE`"),
            );
            break;
        }
    }
    player.end(result, start.elapsed(), out)
}

impl Target {
    fn of(segment: &Segment, field: &Field, wait: Duration) -> Result<Self, Failure> {
        let name = field.name();
        match field.kind() {
            Kind::Broadcast => Ok(Self::Broadcast(segment.broadcast(name)?)),
            Kind::Queue => Ok(Self::Queue(segment.queue(name)?, wait)),
            kind => {
                let what = format!(
                    "`{name}` is {}, and a recording goes into a Broadcast or a Queue",
                    a(kind)
                );
                let hint = match kind {
                    Kind::Spsc | Kind::Stack | Kind::Set => {
                        format!("`shm push {}.{name} -` reads elements", segment.name())
                    }
                    _ => format!("`shm set {}.{name} …` changes it", segment.name()),
                };
                Err(Failure::usage(what).hint(hint))
            }
        }
    }
}

impl Player<'_> {
    fn is_over(&self) -> bool {
        self.left == 0 || self.interrupt.is_asked()
    }

    /// Replays the recording from its beginning.
    fn play(&mut self, file: &File) -> Result<(), Failure> {
        let (mut reader, header) = Reader::new(BufReader::new(file))?;
        let of = self.field.element();
        if header.element != of.canonical() {
            let what = format!(
                "the recording of `{}` has elements `{}`, and `{}` has `{}`",
                header.place,
                header.element,
                self.field.name(),
                of.canonical()
            );
            return Err(Failure::usage(what).hint(
                "size/align, then each part with its type and offset: they have to be the same",
            ));
        }
        let (start, mut first) = (Instant::now(), None);
        while !self.is_over() {
            let Some(line) = reader.next(of)? else {
                return Ok(());
            };
            match line.what {
                What::Missed(count) => self.missed += count,
                What::Element(bytes) => {
                    let since = line.time - *first.get_or_insert(line.time); // time does not run backwards
                    if self.sleep(start, since) {
                        self.put(&bytes)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Sleeps until an element is due; false where that is not to be waited for.
    fn sleep(&self, start: Instant, since: Duration) -> bool {
        if self.speed == 0.0 {
            return true;
        }
        let due = Duration::try_from_secs_f64(since.as_secs_f64() / self.speed);
        let due = due.unwrap_or(Duration::MAX);
        loop {
            let left = due.saturating_sub(start.elapsed());
            if left.is_zero() {
                return true;
            }
            if self.is_over() {
                return false;
            }
            std::thread::sleep(left.min(SLICE));
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match &self.target {
            Target::Broadcast(broadcast) => {
                let sent = broadcast.send(bytes);
                sent.map_err(|why| Failure::no(why.to_string()))?;
            }
            Target::Queue(queue, wait) => {
                let start = Instant::now();
                loop {
                    let left = wait.saturating_sub(start.elapsed());
                    if queue.push_wait(bytes, left.min(SLICE)).is_ok() {
                        break;
                    }
                    if self.is_over() {
                        return Ok(());
                    }
                    if left.is_zero() {
                        return Err(self.full());
                    }
                }
            }
        }
        self.replayed += 1;
        self.left -= 1;
        Ok(())
    }

    fn full(&self) -> Failure {
        let (name, capacity) = (self.field.name(), self.field.capacity());
        Failure::no(format!("`{name}` is full: it has room for {capacity}"))
            .hint("`--wait SECONDS` waits until somebody takes from it")
    }

    /// Says how much it was, and what went wrong.
    fn end(
        self,
        result: Result<(), Failure>,
        time: Duration,
        out: &mut Out,
    ) -> Result<Code, Failure> {
        let seconds = time.as_secs_f64();
        let replayed = self.replayed;
        if result.is_ok() || replayed > 0 {
            if out.json {
                let missed = self.missed;
                out.value(&json!({ "replayed": replayed, "missed": missed, "seconds": seconds }))?;
            } else {
                let missed = match self.missed {
                    0 => String::new(),
                    missed => format!(
                        ", {} were missed when it was recorded",
                        crate::out::count(missed)
                    ),
                };
                let count = crate::out::count(replayed);
                out.line(&format!("replayed {count} in {seconds:.1} s{missed}"))?;
            }
        }
        result.map(|()| Code::Ok)
    }
}
