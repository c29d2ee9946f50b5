//! `shm record` and `shm replay`: every bit and every loss comes back, and nothing is taken that is not written.

mod common;

use common::{Cleanup, Ended, Event, Sim, fails, path, run, run_with, shm, unique};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::{Value as Json, json};
use shm_runtime::{Segment, ShmLayout, Start};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// A recorder at work.
struct Recorder {
    child: Child,
    lines: BufReader<ChildStdout>,
    header: Json,
}

impl Recorder {
    /// Begins, and has read the first line: the recorder then hears whatever comes.
    fn new(args: &[&str]) -> Self {
        let mut command = shm(&[&["record"], args].concat());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        Self {
            header: serde_json::from_str(&line).unwrap(),
            child,
            lines,
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops it, and waits until it has.
    fn stop(&self) {
        self.signal(Signal::STOP);
        waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED).unwrap();
    }

    /// What it wrote behind the first line, and how it ended.
    fn end(mut self) -> Ended {
        let mut out = String::new();
        self.lines.read_to_string(&mut out).unwrap();
        let mut ended = Ended::from(self.child.wait_with_output().unwrap());
        ended.out = out;
        ended
    }
}

/// Lines of a recording behind its first, each whole, without their times.
fn what(text: &str) -> Vec<Json> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let mut last = 0.0;
    let line = |line: &str| {
        let mut json: Json = serde_json::from_str(line).unwrap();
        let time = json["t"].take().as_f64().unwrap();
        assert!(time >= last, "time runs forwards");
        last = time;
        json.as_object_mut().unwrap().remove("t");
        json
    };
    text.lines().map(line).collect()
}

fn event(t: f64, cell: u32) -> Event {
    Event { t, cell, kind: 1 }
}

fn bits(event: Option<Event>) -> Option<[u64; 3]> {
    event.map(|event| {
        [
            event.t.to_bits(),
            u64::from(event.cell),
            u64::from(event.kind),
        ]
    })
}

#[test]
fn a_queue_is_recorded_and_replayed_bit_for_bit() {
    let (name, other) = (unique("queue"), unique("queue-to"));
    let (sim, to) = (Sim::create(&name).unwrap(), Sim::create(&other).unwrap());
    let odd = f64::from_bits(0xfff8_0000_0000_0123);
    let sent = [0.1, -0.0, f64::NAN, odd, f64::NEG_INFINITY].map(|t| event(t, 7));
    for event in sent {
        sim.events.push(event).unwrap();
    }
    let ended = run(&["record", &format!("{name}.events"), "-n", "5"]);
    assert_eq!(ended.code, 0, "{}", ended.error);
    assert!(ended.error.starts_with("recorded 5 in "), "{}", ended.error);
    assert_eq!(sim.events.len(), 0, "they were taken");
    let head: Json = serde_json::from_str(ended.out.lines().next().unwrap()).unwrap();
    assert_eq!(head["element"], "16/8(t:f64@0,cell:u32@8,kind:u32@12)");
    assert_eq!(
        (
            &head["segment"],
            &head["field"],
            &head["kind"],
            &head["type"]
        ),
        (
            &json!(name),
            &json!("events"),
            &json!("Queue"),
            &json!("Event")
        )
    );
    let seen = common::json(&["inspect", &name]).remove(0);
    assert_eq!(head["fingerprint"], seen["schema"]["fingerprint"]);
    assert!(
        head["started"].as_str().unwrap().starts_with("20"),
        "{head}"
    );

    let target = format!("{other}.events");
    let replayed = run_with(&["replay", &target], ended.out.as_bytes());
    assert_eq!(replayed.code, 0, "{}", replayed.error);
    assert!(
        replayed.out.starts_with("replayed 5 in "),
        "{}",
        replayed.out
    );
    for event in sent {
        assert_eq!(bits(to.events.pop()), bits(Some(event)));
    }
    let part = run_with(
        &["--json", "replay", &target, "-n", "2"],
        ended.out.as_bytes(),
    );
    let said: Json = serde_json::from_str(&part.out).unwrap();
    assert_eq!((&said["replayed"], to.events.len()), (&json!(2), 2));
}

#[test]
fn what_a_recorder_of_a_broadcast_misses_is_told() {
    let (name, other) = (unique("lost"), unique("lost-to"));
    let (sim, to) = (Sim::create(&name).unwrap(), Sim::create(&other).unwrap());
    let rain = format!("{name}.rain");
    for i in 0..3_u16 {
        sim.rain.send(f32::from(i)).unwrap();
    }
    let recorder = Recorder::new(&[&rain, "--from", "oldest"]);
    assert_eq!(recorder.header["element"], "4/4(:f32@0)");
    let mut recorder = recorder;
    let mut three = String::new();
    for _ in 0..3 {
        recorder.lines.read_line(&mut three).unwrap();
    }
    recorder.stop();
    for i in 0..20_u16 {
        sim.rain.send(f32::from(i)).unwrap();
    }
    recorder.signal(Signal::CONT);
    let mut rest = String::new();
    for _ in 0..5 {
        recorder.lines.read_line(&mut rest).unwrap();
    }
    recorder.signal(Signal::INT);
    let ended = recorder.end();
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{}", ended.error);
    assert!(ended.error.starts_with("recorded 7 in "), "{}", ended.error);
    assert!(ended.error.contains("missed 16"), "{}", ended.error);
    assert_eq!(
        what(&three),
        [0.0, 1.0, 2.0].map(|value| json!({ "value": value }))
    );
    let mut expected = vec![json!({ "missed": 16 })];
    expected.extend([16.0, 17.0, 18.0, 19.0].map(|value| json!({ "value": value })));
    assert_eq!(what(&rest), expected);

    let header = r#"{"shm_recording":1,"segment":"s","field":"f","element":"4/4(:f32@0)"}"#;
    let recording = format!("{header}\n{three}{rest}");
    let mut rain = to.rain.subscribe(Start::Newest);
    let ended = run_with(
        &["replay", &format!("{other}.rain"), "--speed", "0"],
        recording.as_bytes(),
    );
    assert_eq!(ended.code, 0, "{}", ended.error);
    assert!(
        ended.out.contains("16 were missed when it was recorded"),
        "{}",
        ended.out
    );
    let received: Vec<f32> = std::iter::from_fn(|| match rain.recv() {
        Ok(message) => Some(message),
        Err(_) => Some(None), // seven into four
    })
    .take(10)
    .flatten()
    .collect();
    assert_eq!(received, [16.0, 17.0, 18.0, 19.0]);
}

#[test]
fn a_recorder_begins_where_it_is_told() {
    let name = unique("from");
    let sim = Sim::create(&name).unwrap();
    let rain = format!("{name}.rain");
    sim.rain.send(1.0).unwrap();
    let newest = Recorder::new(&[&rain, "-n", "1"]);
    sim.rain.send(2.0).unwrap();
    assert_eq!(what(&newest.end().out), [json!({ "value": 2.0 })]);
    let oldest = Recorder::new(&[&rain, "-n", "1", "--from", "oldest"]);
    assert_eq!(what(&oldest.end().out), [json!({ "value": 1.0 })]);
    let events = format!("{name}.events");
    assert!(fails(2, &["record", &events, "--from", "oldest"]).contains("from its front"));
    let nothing = run(&["--json", "record", &rain, "--seconds", "0.05"]);
    let said: Json = serde_json::from_str(&nothing.error).unwrap();
    assert_eq!((&said["recorded"], &said["missed"]), (&json!(0), &json!(0)));
    assert_eq!((nothing.code, nothing.out.lines().count()), (0, 1));
}

#[test]
fn a_recorder_ends_with_the_last_one_attached() {
    let name = unique("alone");
    let sim = Sim::create(&name).unwrap();
    let recorder = Recorder::new(&[&format!("{name}.events")]);
    recorder.stop();
    sim.events.push(event(0.5, 3)).unwrap();
    drop(sim);
    recorder.signal(Signal::CONT);
    let ended = recorder.end();
    assert_eq!(ended.code, 0, "{}", ended.error);
    assert!(
        ended.error.contains("nobody else is attached"),
        "{}",
        ended.error
    );
    assert_eq!(what(&ended.out).len(), 1, "what is left is recorded");
    assert!(!path(&name).exists(), "the last one out removes it");
}

#[test]
fn an_element_that_nobody_reads_goes_back() {
    let name = unique("unread");
    let sim = Sim::create(&name).unwrap();
    let recorder = Recorder::new(&[&format!("{name}.events")]);
    recorder.stop();
    sim.events.push(event(0.5, 3)).unwrap();
    let Recorder { child, lines, .. } = recorder;
    drop(lines);
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.error);
    assert!(ended.error.starts_with("recorded 0 in "), "{}", ended.error);
    assert_eq!(bits(sim.events.pop()), bits(Some(event(0.5, 3))));
}

/// Every element that a killed recorder took is in what it wrote, or in the queue again.
#[test]
fn p1_a_killed_recorder_loses_no_element() {
    let name = unique("killed");
    let sim = Sim::create(&name).unwrap();
    let recorder = Recorder::new(&[&format!("{name}.events")]);
    // Until its pipe is full and it hangs in a write, an element in its hands.
    let mut pushed = 0;
    while sim
        .events
        .push_wait(event(0.0, pushed), Duration::from_millis(300))
        .is_ok()
    {
        pushed += 1;
    }
    recorder.signal(Signal::KILL);
    let Recorder {
        mut child,
        mut lines,
        ..
    } = recorder;
    child.wait().unwrap(); // before there is room in the pipe again
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let mut cells: Vec<u64> = what(whole)
        .iter()
        .map(|line| line["value"]["cell"].as_u64().unwrap())
        .collect();
    assert!(cells.len() > 100, "the pipe was full: {}", cells.len());
    Segment::recover(&sim);
    while let Some(event) = sim.events.pop() {
        cells.push(u64::from(event.cell));
    }
    cells.sort_unstable();
    cells.dedup(); // the last line may be whole, and its element not acknowledged
    assert!(cells.iter().copied().eq(0..u64::from(pushed)), "{cells:?}");
}

/// A recording of events with these lines behind the first.
fn events(lines: &str) -> String {
    format!(
        "{}\n{lines}",
        r#"{"shm_recording":1,"segment":"s","field":"f","element":"16/8(t:f64@0,cell:u32@8,kind:u32@12)"}"#
    )
}

/// The line of an event.
fn line(time: f64, cell: u32) -> String {
    format!("{{\"t\":{time},\"value\":{{\"t\":0,\"cell\":{cell},\"kind\":0}}}}\n")
}

#[test]
fn the_pace_is_kept() {
    let name = unique("pace");
    let sim = Sim::create(&name).unwrap();
    let target = format!("{name}.events");
    // Three seconds before the first one, which are not waited for; half a second and two hours behind it.
    let text = events(&(line(7200.0, 0) + &line(7200.25, 1) + &line(14_400.25, 2)));
    let start = Instant::now();
    let ended = run_with(&["replay", &target, "-n", "2"], text.as_bytes());
    assert!(
        start.elapsed() >= Duration::from_millis(250),
        "not faster than it was"
    );
    assert_eq!((ended.code, sim.events.len()), (0, 2), "{}", ended.error);
    let start = Instant::now();
    let ended = run_with(&["replay", &target, "--speed", "20000"], text.as_bytes());
    assert!(start.elapsed() >= Duration::from_millis(360));
    assert_eq!((ended.code, sim.events.len()), (0, 5), "{}", ended.error);
    let ended = run_with(&["replay", &target, "--speed", "0"], text.as_bytes());
    assert_eq!((ended.code, sim.events.len()), (0, 8), "{}", ended.error);
    for speed in ["-1", "NaN", "inf"] {
        let wrong = format!("--speed={speed}");
        assert!(fails(2, &["replay", &target, &wrong]).contains("speed"));
    }
}

#[test]
fn a_full_queue_is_waited_for_or_told() {
    let name = unique("full");
    let sim = Sim::create(&name).unwrap();
    let target = format!("{name}.events");
    let lines: String = (0..20).map(|i| line(0.0, i)).collect();
    let text = events(&lines);
    let ended = run_with(&["replay", &target], text.as_bytes());
    assert_eq!(ended.code, 1);
    assert!(
        ended.error.contains("is full: it has room for 8"),
        "{}",
        ended.error
    );
    assert!(ended.error.contains("--wait"), "{}", ended.error);
    assert!(ended.out.starts_with("replayed 8 in"), "{}", ended.out);
    while sim.events.pop().is_some() {}
    let popped = std::thread::scope(|scope| {
        let args = ["replay", &target, "--wait", "60"];
        let replays = scope.spawn(move || run_with(&args, text.as_bytes()));
        let mut popped = Vec::new();
        while popped.len() < 20 {
            let event = sim.events.pop_wait(Duration::from_secs(60)).unwrap();
            popped.push(event.cell);
        }
        assert_eq!(replays.join().unwrap().code, 0);
        popped
    });
    assert!(popped.into_iter().eq(0..20), "in order");
}

#[test]
fn a_loop_begins_again() {
    let name = unique("loop");
    let sim = Sim::create(&name).unwrap();
    let target = format!("{name}.events");
    let file = std::env::temp_dir().join(unique("loop-file"));
    std::fs::write(&file, events(&(line(0.0, 0) + &line(0.0, 1)))).unwrap();
    let mut command = shm(&["replay", &target, "--loop", "-n", "5"]);
    command.stdin(std::fs::File::open(&file).unwrap());
    let ended = Ended::from(command.output().unwrap());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ended.code, 0, "{}", ended.error);
    let cells: Vec<_> = std::iter::from_fn(|| sim.events.pop()).collect();
    assert_eq!(cells.len(), 5);
    assert!(cells.iter().map(|event| event.cell).eq([0, 1, 0, 1, 0]));
    let ended = run_with(
        &["replay", &target, "--loop"],
        events(&line(0.0, 0)).as_bytes(),
    );
    assert_eq!(ended.code, 2);
    assert!(ended.error.contains("--loop"), "{}", ended.error);
    let empty = run_with(&["replay", &target, "--loop"], events("").as_bytes());
    assert_eq!(empty.code, 0, "nothing to be repeated: {}", empty.error);
}

#[test]
fn what_is_no_recording_is_refused() {
    let name = unique("bad");
    let sim = Sim::create(&name).unwrap();
    let target = format!("{name}.events");
    let cut = line(0.0, 1);
    let header = events("");
    let other = header.replace("16/8", "24/8");
    let cases = [
        (String::new(), 4, "no recording"),
        ("shm dump 1\n".to_owned(), 4, "no recording"),
        ("{}\n".to_owned(), 4, "no recording"),
        (header.replace(":1,", ":2,"), 4, "version 2"),
        (
            header.replace("element", "elements"),
            4,
            "no text `element`",
        ),
        (other, 2, "24/8"),
        (events(&cut[..cut.len() - 4]), 4, "cut off in line 2"),
        (events("x\n"), 4, "line 2 of the recording is no JSON"),
        (
            events(&(line(1.0, 0) + &line(0.5, 0))),
            4,
            "line 3 of the recording is of 0.500000 s and the one before of 1.000000 s",
        ),
        (events("{\"t\":0,\"value\":7}\n"), 2, "line 2: "),
        (events("{\"t\":0,\"bytes\":\"00\"}\n"), 4, "16 hexadecimal"),
        (events("{\"t\":1e300,\"value\":0}\n"), 4, "no time"),
        (events("{\"t\":0}\n"), 4, "not one of"),
    ];
    for (text, code, said) in cases {
        let ended = run_with(&["replay", &target], text.as_bytes());
        assert_eq!(ended.code, code, "{text}: {}", ended.error);
        assert!(ended.error.contains(said), "{text}: {}", ended.error);
        while sim.events.pop().is_some() {}
    }
    let ended = run_with(
        &["replay", &target],
        header.replace("16/8", "24/8").as_bytes(),
    );
    assert!(
        ended.error.contains("16/8(t:f64@0"),
        "both are named: {}",
        ended.error
    );
}

#[test]
fn other_kinds_are_refused_with_what_to_do() {
    let name = unique("kinds");
    let _sim = Sim::create(&name).unwrap();
    for field in ["grid", "step", "gauges", "forecast", "undo", "log", "wet"] {
        let place = format!("{name}.{field}");
        for command in ["record", "replay"] {
            let said = fails(2, &[command, &place]);
            assert!(
                said.contains("Broadcast or a Queue") && said.contains("hint: "),
                "{said}"
            );
        }
    }
    for command in ["record", "replay"] {
        fails(2, &[command, &format!("{name}.events[0]")]);
        fails(1, &[command, &format!("{name}.missing")]);
        fails(1, &[command, "shm-test-cli-none.events"]);
    }
    fails(2, &["record", &format!("{name}.rain"), "--seconds=-1"]);
}

#[test]
fn a_persistent_segment_is_recorded_without_anybody() {
    let name = Cleanup(unique("persistent"));
    let sim = Sim::options().persist().create(&name.0).unwrap();
    sim.rain.send(1.0).unwrap();
    drop(sim);
    let rain = format!("{}.rain", name.0);
    let ended = run(&["record", &rain, "--from", "oldest", "-n", "1"]);
    assert_eq!(
        (ended.code, ended.out.lines().count()),
        (0, 2),
        "{}",
        ended.error
    );
}
