//! A process is killed in the middle of creating, opening, leaving or removing a segment, at every instruction that
//! another process can tell apart. Promise P5.
//!
//! What others see of a segment is its name, and the bytes of the file that has it. The victim goes from one system
//! call to the next, and is stepped from one instruction to the next while it has that file mapped; wherever name or
//! bytes change it is really killed. In the full form it is killed behind each system call and each instruction that it
//! was stepped over, in the quick one behind some: where nobody can tell two instructions apart, they leave the same.
//! Then survivors come:
//!
//! - by name, who open, create, open or create, prune: there is no name or a whole segment, and nothing is left behind;
//! - those who were attached all along, who must not notice.
//!
//! Where nobody is attached, the operations that take away what the dead left are walked on each such state in the
//! same way: their victim dies while it does.

use super::common::{Cleanup, exists, path, unique};
use super::image::Memory;
use super::report::Figures;
use super::tracee::{Step, Tracee, Turn};
use super::walk::{BUDGET, Violation, set_private};
use shm_runtime::{Array, OpenError, Segment, ShmLayout, prune};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering::Relaxed;

/// System calls from one real kill to the next, unless all are asked for.
const CALLS: usize = 4;
/// The same for instructions between system calls.
const STEPS: usize = 1024;

/// As small as a segment can be.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Small {
    pub counts: Array<u64, 4>,
}

/// What is left for those who come by name, wherever the operation's process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Nobody is attached: there is nothing that can be opened, and who creates gets the name.
    Nothing,
    /// Somebody is attached: the segment is there.
    Stays,
    /// It persists: the segment is there or it is not, as whole as before.
    WholeOrNone,
}

/// What there is before an operation.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// Something that is done in this process. Who is attached then stays so.
    Done(fn(&str) -> Option<Segment<Small>>),
    /// A file that nobody is attached to.
    Left(&'a [u8]),
}

/// Does something with a name in turns; who is attached all along is its parent.
pub type Operation = fn(&str, Option<&Segment<Small>>, &Turn);

/// One operation on a name, from one state.
#[derive(Clone, Copy)]
pub struct Life<'a> {
    /// `operation, state`.
    pub name: &'a str,
    pub start: Start<'a>,
    /// What is done by who is killed.
    pub operation: Operation,
    pub promise: Promise,
    /// Whether it is done through the mapping that the victim inherited.
    pub inherits: bool,
}

/// The file under a name, as others see it; `None` where there is none.
type View = Option<(u64, Vec<u8>)>;

fn view(name: &str) -> View {
    let mut file = File::open(path(name)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    Some((file.metadata().unwrap().ino(), bytes))
}

/// An instruction: so many system calls behind the beginning, and so many instructions behind the last of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    calls: usize,
    steps: usize,
}

/// A name in its state, and who is attached.
struct Scene<'a> {
    life: &'a Life<'a>,
    name: String,
    attached: Option<Segment<Small>>,
    _cleanup: Cleanup,
}

impl<'a> Scene<'a> {
    fn new(life: &'a Life<'a>) -> Self {
        let name = unique("life");
        let _cleanup = Cleanup(name.clone());
        let attached = match life.start {
            Start::Done(set_up) => set_up(&name),
            Start::Left(bytes) => {
                std::fs::write(path(&name), bytes).unwrap();
                set_private(&name);
                None
            }
        };
        Self {
            life,
            name,
            attached,
            _cleanup,
        }
    }

    fn victim(&self) -> Tracee {
        Tracee::start(|turn| (self.life.operation)(&self.name, self.attached.as_ref(), turn))
    }

    /// A victim behind a point.
    fn victim_at(&self, point: Point) -> Tracee {
        let mut victim = self.victim();
        let mut step = victim.begin();
        for _ in 0..point.calls {
            if step == Step::Inside {
                step = victim.run_to_call();
            }
        }
        for _ in 0..point.steps {
            if step == Step::Inside {
                step = victim.step();
            }
        }
        victim
    }

    /// What survivors find who come when the victim is dead; `turn` says which of them is the first.
    fn survive(self, turn: usize) -> Result<(), Violation> {
        let there = exists(&self.name);
        let opened = || Small::open(&self.name);
        match (self.life.promise, &self.attached) {
            (Promise::Nothing, _) => {
                let first = FIRST[turn % FIRST.len()];
                first(&self.name)?;
                expect(is_missing(opened()), "nothing can be opened")?;
                is_created(Small::create(&self.name).ok(), &self.name)
            }
            (Promise::Stays, Some(attached)) => {
                expect(
                    Segment::is_current(attached),
                    "who is attached keeps the name",
                )?;
                let other = opened().map_err(|error| error.to_string())?;
                let same = Segment::id(&other) == Segment::id(attached);
                expect(same, "it is the same segment")?;
                expect(Small::create(&self.name).is_err(), "its name is taken")?;
                drop(other);
                Segment::recover(attached);
                expect(owned_lanes(attached) == 1, "no lane is a dead one's")?;
                let participants = Segment::participants(attached).unwrap();
                expect(participants.len() == 1, "no dead one takes part")?;
                drop(self.attached);
                expect(!exists(&self.name), "the last one out removes the name")
            }
            (Promise::WholeOrNone, attached) if there => {
                let other = opened().map_err(|error| error.to_string())?;
                expect(other.counts.get(0) == 1, "it is whole")?;
                let id = attached.as_ref().map_or(Segment::id(&other), Segment::id);
                expect(Segment::id(&other) == id, "it is the same segment")?;
                expect(owned_lanes(&other) <= 2, "no lane is a dead one's")?;
                prune().unwrap();
                drop((other, self.attached));
                expect(exists(&self.name), "it persists")
            }
            (Promise::WholeOrNone, _) => {
                expect(is_missing(opened()), "nothing can be opened")?;
                is_created(Small::create(&self.name).ok(), &self.name)
            }
            (Promise::Stays, None) => Err("nobody is attached".to_owned()),
        }
    }
}

/// Somebody who comes by name.
type Survivor = fn(&str) -> Result<(), Violation>;

/// Those who may come first where nobody is attached.
const FIRST: &[Survivor] = &[
    |name| expect(is_missing(Small::open(name)), "nothing can be opened"),
    |name| is_created(Small::create(name).ok(), name),
    |name| is_created(Small::open_or_create(name).ok(), name),
    |name| {
        prune().unwrap();
        expect(!exists(name), "it is pruned")
    },
];

fn expect(holds: bool, what: &str) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(format!("not so: {what}"))
    }
}

fn is_missing(opened: Result<Segment<Small>, OpenError>) -> bool {
    matches!(opened, Err(OpenError::NotFound { .. }))
}

/// Lanes that somebody has.
fn owned_lanes(segment: &Segment<Small>) -> usize {
    let lanes = Segment::attachment(segment).lanes();
    lanes
        .iter()
        .filter(|lane| lane.owner.load(Relaxed) != 0)
        .count()
}

/// A new segment is empty, is its creator's alone, and leaves nothing.
fn is_created(created: Option<Segment<Small>>, name: &str) -> Result<(), Violation> {
    let created = created.ok_or("the name is not to be had")?;
    expect(created.counts.iter().all(|count| count == 0), "it is empty")?;
    let participants = Segment::participants(&created).unwrap();
    expect(participants.len() == 1, "it is its creator's alone")?;
    expect(owned_lanes(&created) == 1, "so are its lanes")?;
    drop(created);
    expect(!exists(name), "the last one out removes the name")
}

/// Follows a victim through its operation: where it was, and what others see there if that is another view than before.
fn watch(scene: &Scene<'_>) -> Result<Vec<(Point, Option<View>)>, Violation> {
    let mut point = Point { calls: 0, steps: 0 };
    let mut last = view(&scene.name);
    let mut points = vec![(point, Some(last.clone()))];
    let mut victim = scene.victim();
    let mut step = victim.begin();
    let mut shared = mapped(&victim, scene, &last);
    while step == Step::Inside && points.len() < BUDGET {
        let calls = shared.is_none() || is_call(victim.instruction());
        if calls {
            step = victim.run_to_call();
            point = Point {
                calls: point.calls + 1,
                steps: 0,
            };
        } else {
            step = victim.step();
            point.steps += 1;
        }
        let bytes = last.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let differs = shared.as_ref().is_some_and(|memory| memory.differs(bytes));
        let now = (calls || differs).then(|| view(&scene.name));
        let now = now.filter(|now| *now != last);
        if let Some(now) = &now {
            last.clone_from(now);
        }
        if calls && step == Step::Inside {
            shared = mapped(&victim, scene, &last);
        }
        points.push((point, now));
    }
    victim.kill();
    if step == Step::Over {
        return Ok(points);
    }
    Err(format!("not over at {point:?}"))
}

/// The file under the name, mapped here, if the victim has a mapping of its own to write it.
fn mapped(victim: &Tracee, scene: &Scene<'_>, view: &View) -> Option<Memory> {
    let (inode, _) = view.as_ref()?;
    let inode = inode.to_string();
    let is_it = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some("rw-s") && fields.nth(2) == Some(&inode)
    };
    let count = |process: &str| {
        let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        maps.lines().filter(is_it).count()
    };
    let inherited = if scene.life.inherits {
        0
    } else {
        count("self")
    };
    (count(&victim.pid().to_string()) > inherited).then(|| Memory::of(&scene.name))
}

/// Whether the instruction there enters the kernel.
fn is_call(address: u64) -> bool {
    // SAFETY: code that a forked child executes is mapped here too, and an instruction of one byte is not the last of
    // its mapping.
    let code = unsafe { core::ptr::read_unaligned(address as *const [u8; 2]) };
    code == [0x0F, 0x05]
}

/// All of it, for one operation; then for those who take away what it leaves.
pub fn live(life: &Life<'_>, full: bool) -> Result<Figures, Violation> {
    let mut figures = Figures::new(life.name);
    let left = kill(life, full, &mut figures)?;
    if life.promise != Promise::Nothing || matches!(life.start, Start::Left(_)) {
        return Ok(figures);
    }
    for bytes in left.iter().rev() {
        for (name, operation) in REMOVERS {
            let name = format!("{name}, left by {}", life.name);
            let remover = Life {
                name: &name,
                start: Start::Left(bytes),
                operation: *operation,
                promise: Promise::Nothing,
                inherits: false,
            };
            let mut second = Figures::new(&name);
            kill(&remover, full, &mut second)?;
            figures.kill_points += second.kill_points;
            figures.survivors += second.survivors;
            figures.recovery_images += second.images;
            figures.recovery_instructions = figures.recovery_instructions.max(second.instructions);
        }
    }
    Ok(figures)
}

/// Who takes away what the dead left.
const REMOVERS: &[(&str, Operation)] = &[
    ("prune", |_, _, turn| turn.run(|| _ = prune().unwrap())),
    ("create", |name, _, turn| {
        turn.run(|| core::mem::forget(Small::create(name).unwrap()));
    }),
    ("open_or_create and drop", |name, _, turn| {
        turn.run(|| drop(Small::open_or_create(name).unwrap()));
    }),
];

/// Whether the quick form kills there although nobody sees a change.
fn is_some(point: Point) -> bool {
    match point.steps {
        0 => point.calls.is_multiple_of(CALLS),
        steps => steps.is_multiple_of(STEPS),
    }
}

/// Kills the victim of one operation wherever others can tell, and at some other instructions or all; gives the files
/// that it leaves.
fn kill(life: &Life<'_>, full: bool, figures: &mut Figures) -> Result<Vec<Vec<u8>>, Violation> {
    let failed = |at: Point, what| format!("{}: killed at {at:?}: {what}", life.name);
    let none = Point { calls: 0, steps: 0 };
    let points = watch(&Scene::new(life)).map_err(|what| failed(none, what))?;
    figures.instructions = points.len();
    let mut left = Vec::new();
    for (turn, (point, view)) in points.iter().enumerate() {
        figures.images += usize::from(view.is_some());
        let is_last = turn + 1 == points.len();
        let turns = match view {
            Some(_) => 0..FIRST.len(), // each survivor comes first once
            None if full || is_last || is_some(*point) => turn..turn + 1,
            None => 0..0,
        };
        for first in turns {
            let scene = Scene::new(life);
            scene.victim_at(*point).kill();
            figures.kill_points += 1;
            figures.survivors += 1;
            let is_first = view.is_some() && first == 0;
            left.extend(is_first.then(|| self::view(&scene.name)).flatten());
            scene.survive(first).map_err(|what| failed(*point, what))?;
        }
    }
    Ok(left.into_iter().map(|(_, bytes)| bytes).collect())
}
