//! `shm record`: what comes through a broadcast or a queue, and when.
//!
//! The format is that of [`recording`]. A message of a broadcast is seen by all, so lines are written as the system likes
//! best. An element of a queue is taken from everybody else: it is acknowledged behind the write of its line, so that it goes
//! back where the write fails or this process is killed.

use crate::args::{From, Record};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::out::Out;
use crate::place;
use crate::recording;
use crate::show::{self, Reading};
use crate::{failure::Code, show::a};
use serde_json::json;
use shm_runtime::dynamic::{ElementType, Field, Kind, Queue, Segment, Subscriber};
use shm_runtime::{Missed, RecvError, Start};
use std::io::Write;
use std::time::{Duration, Instant};

/// How long nothing may come before it is asked whether anything can.
const SLICE: Duration = Duration::from_millis(100);

/// Where elements come from.
enum Source {
    Broadcast(Subscriber),
    Queue(Queue),
}

/// What came.
enum Got {
    Element,
    Nothing,
}

/// What is written, and how much it was.
struct Recorder<'a> {
    out: &'a mut Out,
    of: &'a ElementType,
    bytes: Vec<u8>,
    start: Instant,
    recorded: u64,
    missed: u64,
    /// Of these, those that no line tells of yet.
    untold: u64,
}

pub(crate) fn run(args: &Record, out: &mut Out) -> Result<Code, Failure> {
    let (name, rest) = place::split(&args.place)?;
    let (segment, refused) = show::open_to_listen(name)?;
    let (field, steps) = place::resolve(&segment, rest)?;
    if !steps.is_empty() {
        return Err(Failure::usage(
            "a whole field is recorded, not a part of it",
        ));
    }
    let mut source = Source::of(&segment, field, args.from)?;
    if let (Source::Queue(_), Some(refused)) = (&source, refused) {
        return Err(refused.into()); // to record a queue is to take from it
    }
    let end = match args.seconds.map(Duration::try_from_secs_f64) {
        None => None,
        Some(Ok(seconds)) => Instant::now().checked_add(seconds),
        Some(Err(_)) => return Err(Failure::usage("`--seconds` is no time")),
    };
    let until = Until {
        interrupt: Interrupt::listen()?,
        count: args.count.unwrap_or(u64::MAX),
        end,
    };
    out.line(&recording::header(&segment, field))?;
    out.flush()?;
    let mut recorder = Recorder {
        out,
        of: field.element(),
        bytes: vec![0; field.element().size()],
        start: Instant::now(),
        recorded: 0,
        missed: 0,
        untold: 0,
    };
    let result = recorder.record(&mut source, &until, || show::is_alive(&segment));
    let flushed = recorder.flush();
    let is_gone = matches!(result, Ok(false));
    recorder.say(&segment, matches!(source, Source::Broadcast(_)), is_gone);
    result?;
    flushed.map(|()| Code::Ok)
}

/// When it ends.
struct Until {
    interrupt: Interrupt,
    count: u64,
    end: Option<Instant>,
}

impl Until {
    /// How long to wait for what comes next; `None` where it is to end.
    fn wait(&self, recorded: u64) -> Option<Duration> {
        if recorded >= self.count || self.interrupt.is_asked() {
            return None;
        }
        let left = self.end.map_or(SLICE, |end| {
            end.saturating_duration_since(Instant::now()).min(SLICE)
        });
        (!left.is_zero()).then_some(left)
    }
}

impl Source {
    fn of(segment: &Reading, field: &Field, from: Option<From>) -> Result<Self, Failure> {
        let name = field.name();
        Ok(match (field.kind(), from) {
            (Kind::Broadcast, from) => {
                let start = match from {
                    Some(From::Oldest) => Start::Oldest,
                    _ => Start::Newest,
                };
                Self::Broadcast(segment.broadcast(name)?.subscribe(start))
            }
            (Kind::Queue, None) => Self::Queue(segment.queue(name)?),
            (Kind::Queue, Some(_)) => {
                let what = format!("`{name}` is a Queue, and always recorded from its front");
                return Err(Failure::usage(what).hint("leave out `--from`"));
            }
            (kind, _) => {
                let what = format!(
                    "`{name}` is {}, and a Broadcast or a Queue can be recorded",
                    a(kind)
                );
                return Err(Failure::usage(what).hint(instead(segment, field)));
            }
        })
    }
}

/// What shows a field that cannot be recorded.
fn instead(segment: &Segment, field: &Field) -> String {
    let (segment, name) = (segment.name(), field.name());
    match field.kind() {
        Kind::Spsc | Kind::Stack => format!("`shm pop {segment}.{name}` takes its elements"),
        Kind::Array => format!("`shm get {segment}.{name}` shows its elements"),
        _ => format!("`shm watch {segment} {name}` shows how much happens in it"),
    }
}

impl Recorder<'_> {
    /// Records until it is to end; false where nobody is left from whom something could come.
    fn record(
        &mut self,
        source: &mut Source,
        until: &Until,
        is_alive: impl Fn() -> bool,
    ) -> Result<bool, Failure> {
        while let Some(wait) = until.wait(self.recorded) {
            if let Got::Element = self.next(source, wait)? {
                continue;
            }
            if self.out.is_unread() {
                break;
            }
            // What came in the moment before the last one left is recorded.
            if !is_alive() && matches!(self.next(source, Duration::ZERO)?, Got::Nothing) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Records what comes next, and waits so long for it.
    fn next(&mut self, source: &mut Source, wait: Duration) -> Result<Got, Failure> {
        match source {
            Source::Broadcast(subscriber) => self.receive(subscriber, wait),
            Source::Queue(queue) => self.take(queue, wait),
        }
    }

    fn receive(&mut self, subscriber: &mut Subscriber, wait: Duration) -> Result<Got, Failure> {
        let got = match subscriber.recv(&mut self.bytes) {
            Ok(false) => {
                self.out.flush()?; // before it is waited: who reads along sees all that there is
                match subscriber.recv_wait(&mut self.bytes, wait) {
                    Ok(()) => Ok(true),
                    Err(RecvError::Timeout) => Ok(false),
                    Err(RecvError::Missed(count)) => Err(Missed(count)),
                }
            }
            got => got,
        };
        let time = self.start.elapsed();
        match got {
            Ok(true) => {
                self.tell_missed(time)?;
                self.out
                    .line(&recording::element(time, self.of, &self.bytes)?)?;
                self.recorded += 1;
                Ok(Got::Element)
            }
            Ok(false) => Ok(Got::Nothing),
            Err(Missed(count)) => {
                self.untold += count; // who is far behind is told in several steps
                self.missed += count;
                Ok(Got::Element)
            }
        }
    }

    /// Writes down what was missed before what is written next.
    fn tell_missed(&mut self, time: Duration) -> Result<(), Failure> {
        match std::mem::take(&mut self.untold) {
            0 => Ok(()),
            count => self.out.line(&recording::missed(time, count)),
        }
    }

    fn take(&mut self, queue: &Queue, wait: Duration) -> Result<Got, Failure> {
        let taken = queue.take_wait(wait);
        let taken = taken.map_err(|why| {
            Failure::no(why.to_string()).hint("give the schema more lanes with `#[shm(lanes = …)]`")
        })?;
        let Some(taken) = taken else {
            return Ok(Got::Nothing);
        };
        let time = self.start.elapsed();
        taken.read_into(&mut self.bytes);
        self.out
            .line(&recording::element(time, self.of, &self.bytes)?)?;
        self.out.flush()?; // where this fails, dropping `taken` gives the element back
        taken.done();
        self.recorded += 1;
        Ok(Got::Element)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.tell_missed(self.start.elapsed())?;
        self.out.flush()
    }

    /// Says how much it was.
    fn say(&self, segment: &Segment, is_broadcast: bool, is_gone: bool) {
        let seconds = self.start.elapsed().as_secs_f64();
        let text = if self.out.json {
            let missed = is_broadcast.then_some(self.missed);
            json!({ "recorded": self.recorded, "missed": missed, "seconds": seconds }).to_string()
        } else {
            let count = crate::out::count(self.recorded);
            let missed = match (is_broadcast, self.missed) {
                (false, _) => String::new(),
                (true, 0) => ", and missed none".to_owned(),
                (true, missed) => format!(", and missed {}", crate::out::count(missed)),
            };
            let gone = match is_gone {
                true => format!(": nobody else is attached to `{}`", segment.name()),
                false => String::new(),
            };
            format!("recorded {count} in {seconds:.1} s{missed}{gone}")
        };
        let _ = writeln!(std::io::stderr(), "{text}"); // a remark: nobody is to stop for it
    }
}
