//! The flood example: the unit tests of its modules, and runs of the program whose roles are killed.

#![deny(unsafe_code)]

mod common;
#[path = "cpp/compile.rs"]
mod compile;
#[allow(dead_code)] // the tests of its modules are meant; the program is run as it is
#[path = "../examples/flood/mod.rs"]
mod flood;
#[path = "common/python.rs"]
mod python;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{Random, exists, unique};

/// The example programs, built in the profile of this test.
fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        // This test is at PROFILE/deps/flood-…; Cargo puts examples at PROFILE/examples.
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--offline"]);
        for example in ["flood", "simulation", "renderer", "analytics", "quickstart"] {
            build.args(["--example", example]);
        }
        if profile.ends_with("release") {
            build.arg("--release");
        }
        build.env("CARGO_TARGET_DIR", profile.parent().unwrap());
        assert!(build.status().unwrap().success());
        profile.join("examples")
    });
    folder.join(name)
}

/// A program at work on a segment. Dropped, it is ended, and its roles end with it.
struct Run {
    child: Child,
    segment: String,
    picture: PathBuf,
}

impl Run {
    fn start(name: &str, segment: &str, minutes: &str) -> Self {
        Self::start_with(name, segment, minutes, &[])
    }

    fn start_with(name: &str, segment: &str, minutes: &str, more: &[&str]) -> Self {
        let picture = std::env::temp_dir().join(format!("{segment}-{name}.png"));
        let child = Command::new(program(name))
            .args(["--segment", segment, "--minutes", minutes, "--out"])
            .arg(&picture)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let segment = segment.to_owned();
        Self {
            child,
            segment,
            picture,
        }
    }

    /// What it printed by its end, which is a good one.
    fn finish(mut self) -> String {
        self.said()
    }

    /// The same, and what it left stays there.
    fn said(&mut self) -> String {
        let mut text = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}\n{text}");
        text
    }

    /// The processes that play roles on the segment: name of the role and process.
    fn roles(&self) -> Vec<(String, u32)> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let role = |entry: std::fs::DirEntry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let words: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
            let after = |name: &str| {
                let at = words.iter().position(|&word| word == name.as_bytes())?;
                words.get(at + 1).copied()
            };
            let role = String::from_utf8(after("--role")?.to_vec()).ok()?;
            (after("--segment")? == self.segment.as_bytes()).then_some((role, pid))
        };
        processes.filter_map(role).collect()
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // All of it may be over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.picture);
    }
}

/// Sends a signal; the process may be gone.
fn signal(name: &str, pid: u32) {
    let _ = Command::new("kill")
        .args([name, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The rest of the line that begins with `name`.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no line `{name}` in\n{text}"))
        .trim()
}

/// The gauges of a summary: places, highest levels, hydrographs.
fn gauges(text: &str) -> Vec<&str> {
    let table = text.lines().skip_while(|line| !line.starts_with("gauge "));
    table.take_while(|line| !line.is_empty()).collect()
}

/// What a summary must say, whatever was killed.
fn check_summary(text: &str) {
    let error: f64 = value(text, "mass error ").parse().unwrap();
    assert!(error < 1e-7, "{text}");
    assert!(
        value(text, "events ").contains("in order without a gap"),
        "{text}"
    );
    assert!(value(text, "frames ").contains("always whole"), "{text}");
}

fn check_picture(path: &Path) {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    assert_eq!((reader.info().width, reader.info().height), (1000, 1000));
}

/// P1: whatever is killed at whatever moment, no event is lost or counted twice and no water is
/// lost or made: the summary is that of a run in which nothing was killed.
#[test]
fn a_flood_survives_the_kill_of_any_role() {
    let undisturbed = Run::start("flood", &unique("flood"), "30").finish();
    check_summary(&undisturbed);

    let segment = unique("flood-kill");
    let mut random = Random::new("a_flood_survives_the_kill_of_any_role");
    let mut run = Run::start("flood", &segment, "30");
    let mut kills = 0;
    while run.is_running() {
        std::thread::sleep(Duration::from_millis(50 + random.below(700)));
        let roles = run.roles();
        if !roles.is_empty() && kills < 40 {
            signal("-KILL", roles[random.below(roles.len() as u64) as usize].1);
            kills += 1;
        }
    }
    let picture = run.picture.clone();
    let mut text = String::new();
    run.child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(run.child.wait().unwrap().success(), "{text}");
    check_summary(&text);
    check_picture(&picture);
    assert!(
        value(&text, "restarts ").parse::<u32>().unwrap() > 0,
        "{text}"
    );
    for same in [
        "simulated ",
        "rain ",
        "on the map ",
        "left the map ",
        "mass error ",
    ] {
        assert_eq!(value(&text, same), value(&undisturbed, same));
    }
    assert_eq!(gauges(&text), gauges(&undisturbed));
    let events = |text: &str| value(text, "events ").split(' ').next().unwrap().to_owned();
    assert_eq!(events(&text), events(&undisturbed));
    assert!(!exists(&segment));
}

/// P1, P3, P5: the program kills its own roles, looks at what they left, and finds nothing missing,
/// nothing leaked and nothing left behind.
#[test]
fn chaos_leaves_a_flood_in_order() {
    let segment = unique("flood-chaos");
    let text = Run::start_with("flood", &segment, "30", &["--chaos", "20"]).finish();
    check_summary(&text);
    assert_ne!(
        value(&text, "chaos ").split(' ').next(),
        Some("0"),
        "{text}"
    );
    assert!(
        value(&text, "audit ").contains("every event in order"),
        "{text}"
    );
    assert!(!exists(&segment));
}

/// The pixels of a picture.
fn pixels(path: &Path) -> Vec<u8> {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

/// Kills roles one after the other, as long as they are played.
fn kill_some(run: &mut Run, roles: &[&str]) {
    let mut random = Random::new("kill_some");
    for role in roles {
        let player = |run: &Run| run.roles().into_iter().find(|(name, _)| name == role);
        eventually("the role is played", || {
            player(run).is_some() || !run.is_running()
        });
        std::thread::sleep(Duration::from_millis(300 + random.below(700)));
        if let Some((_, pid)) = player(run) {
            signal("-KILL", pid);
        }
    }
}

/// P1, P8: a simulation in Rust, a renderer in C++ and analytics in Python, killed now and then, end with the books and
/// the picture, to the pixel, of an undisturbed flood that is all in Rust.
#[test]
fn three_languages_play_one_flood() {
    let Some(compiler) = compile::compilers().first() else {
        return;
    };
    if !python::built() {
        return;
    }
    let mut undisturbed = Run::start("flood", &unique("flood-rust"), "20");
    let expected = undisturbed.picture.clone();
    let watched = expected.with_file_name(format!("{}-watched.png", undisturbed.segment));
    let script = python::root().join("bindings/python/examples/flood_analytics.py");
    let watcher = Command::new(python::python())
        .arg(&script)
        .args(["--watch", "--segment", &undisturbed.segment, "--figure"])
        .arg(&watched)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let source = python::root().join("bindings/cpp/examples/renderer.cpp");
    let renderer = compile::compiled(compiler, "flood-renderer", &source, &[]);
    let analytics = format!("{} {}", python::python().display(), script.display());
    let swaps = [
        "--renderer",
        renderer.to_str().unwrap(),
        "--analytics",
        &analytics,
    ];
    let segment = unique("flood-languages");
    let mut run = Run::start_with("flood", &segment, "20", &swaps);
    kill_some(&mut run, &["analytics", "renderer", "analytics"]);
    let picture = run.picture.clone();
    let figure = picture.with_file_name(format!("{segment}-flood-analytics.png"));
    let text = run.said();
    check_summary(&text);
    assert!(value(&text, "restarts ").parse::<u32>().unwrap() > 0);
    assert!(
        value(&text, "audit ").contains("every event in order"),
        "{text}"
    );
    let file = std::io::BufReader::new(std::fs::File::open(&figure).unwrap());
    let drawn = png::Decoder::new(file).read_info().unwrap();
    assert!(drawn.info().width > 1000, "{:?}", drawn.info());
    std::fs::remove_file(figure).unwrap();

    let rust = undisturbed.said();
    for same in ["rain ", "on the map ", "left the map "] {
        assert_eq!(value(&text, same), value(&rust, same));
    }
    assert_eq!(pixels(&picture), pixels(&expected), "the same picture");
    let said = watcher.wait_with_output().unwrap();
    assert!(said.status.success());
    assert!(String::from_utf8(said.stdout).unwrap().contains("off by"));
    std::fs::remove_file(watched).expect("who watched has drawn");
    assert!(!exists(&segment));
}

/// A flood can be changed while it runs, and its books say so.
#[test]
fn people_change_a_flood_that_runs() {
    let segment = unique("flood-tell");
    let tell = |order: &str| {
        let told = Command::new(program("flood"))
            .args(["--segment", &segment, "--tell", order])
            .output()
            .unwrap();
        String::from_utf8(told.stderr).unwrap()
    };
    assert!(tell("rain=2").contains("does not exist"));
    let run = Run::start("flood", &segment, "30");
    eventually("the flood begins", || tell("rain=2").is_empty());
    for order in [
        "roughness=0.03",
        "cloud=400,600",
        "cloud=300,200,50",
        "undo",
    ] {
        assert_eq!(tell(order), "");
    }
    let text = run.finish();
    check_summary(&text);
    assert_eq!(value(&text, "changes of the rain "), "1");
    assert_eq!(value(&text, "changes of the ground "), "1");
    assert!(value(&text, "clouds that came ").parse::<u32>().unwrap() > 0);
}

/// P5: Ctrl-C ends the program alone; its roles notice, leave, and the last one removes the segment.
#[test]
fn ctrl_c_leaves_nothing_behind() {
    for interrupt in ["-INT", "-KILL"] {
        let segment = unique("flood-ctrl-c");
        let mut run = Run::start("flood", &segment, "180");
        eventually("the roles start", || run.roles().len() == 3);
        std::thread::sleep(Duration::from_millis(1500));
        assert!(exists(&segment) && run.is_running());
        signal(interrupt, run.child.id());
        run.child.wait().unwrap();
        eventually("the roles end", || run.roles().is_empty());
        assert!(!exists(&segment), "left behind after {interrupt}");
    }
}

#[test]
fn each_role_runs_in_a_program_of_its_own() {
    let segment = unique("flood-single");
    let renderer = Run::start("renderer", &segment, "10");
    let analytics = Run::start("analytics", &segment, "10");
    eventually("the two wait", || renderer.roles().len() == 2);
    let mut simulation = Run::start("simulation", &segment, "10");
    eventually("the simulation starts", || renderer.roles().len() == 3);
    let (_, pid) = renderer
        .roles()
        .into_iter()
        .find(|(role, _)| role == "simulation")
        .unwrap();
    signal("-KILL", pid);
    eventually("the simulation ends", || !simulation.is_running());
    check_summary(&analytics.finish());
    let picture = renderer.picture.clone();
    eventually("the picture", || picture.exists());
    check_picture(&picture);
    renderer.finish();
    assert!(!exists(&segment));
}

#[test]
fn a_second_simulation_is_refused() {
    let segment = unique("flood-second");
    let first = Run::start("simulation", &segment, "1000");
    eventually("the first one starts", || first.roles().len() == 1);
    std::thread::sleep(Duration::from_millis(500));
    let second = Command::new(program("simulation"))
        .args(["--segment", &segment])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!second.status.success());
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains("is the producer of `roles`"), "{message}");
}

#[test]
fn mistakes_are_reported_once_and_at_once() {
    let report = |arguments: &[&str]| {
        let output = Command::new(program("flood"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        report(&["--speed"]),
        "flood: unknown argument `--speed`; try --help\n"
    );
    let missing = report(&[
        "--segment",
        &unique("flood-rain"),
        "--rain",
        "no-such-file.csv",
    ]);
    assert_eq!(
        missing,
        "flood: no-such-file.csv: No such file or directory (os error 2)\n"
    );
}

#[test]
fn the_quickstart_works_across_two_processes() {
    // Its segment has one name: nobody else may run it at the same time.
    let mut create = Command::new(program("quickstart"))
        .arg("create")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut open = Command::new(program("quickstart"))
        .arg("open")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = [0; 400];
    open.stdout.take().unwrap().read_exact(&mut text).unwrap();
    create.kill().unwrap();
    create.wait().unwrap();
    open.wait().unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("event 1 in cell 7, now"), "{text}");
    assert!(
        !exists("quickstart"),
        "the last one out removes the segment"
    );
}
