//! The structures beside their peers and the machine's limits, in one run.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml -- [quick] [--json FILE] [GROUP …]`
//!
//! What is compared runs in turns (A B A B …), so that a disturbance hits all alike; medians of rounds, their
//! spread, and the ratio to the first row of each group, which is a median of the rounds' ratios. With two
//! processors there is one spinning thread on each and nothing else; busy machines give provisional
//! figures, and the spread shows it. `quick` runs fewer operations, not fewer rounds.

mod fifo;
mod machine;
mod measure;
mod queue;
mod recovery;
mod segment;
mod spsc;

use measure::{Group, Scale};
use std::io::Write;

fn main() {
    let mut scale = Scale::FULL;
    let mut json = None;
    let mut wanted = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "quick" => scale = Scale::QUICK,
            "--json" => json = Some(arguments.next().expect("--json FILE")),
            name => wanted.push(name.to_owned()),
        }
    }
    let mut json = json.map(|path| std::fs::File::create(path).expect("a file to write"));
    println!("{}", machine::description());
    for make in [
        machine::groups,
        queue::groups,
        spsc::groups,
        segment::groups,
        recovery::groups,
    ] {
        for group in make(scale) {
            if wanted.is_empty() || wanted.iter().any(|name| group.name.contains(name)) {
                report(group, scale, json.as_mut());
            }
        }
    }
}

fn report(group: Group<'_>, scale: Scale, json: Option<&mut std::fs::File>) {
    println!(
        "\n{:<44} {:>10} {:>21} {:>7}",
        group.name, group.unit, "min … max", "×"
    );
    let (name, unit) = (group.name.clone(), group.unit);
    let rows = group.run(scale.rounds);
    for row in &rows {
        println!(
            "  {:<42} {:>10.2} {:>9.2} … {:>9.2} {:>7.2}",
            row.name, row.median, row.min, row.max, row.ratio
        );
    }
    let Some(file) = json else {
        return;
    };
    for row in rows {
        // no string here needs escaping
        writeln!(
            file,
            r#"{{"group":"{name}","row":"{}","unit":"{unit}","median":{},"min":{},"max":{},"ratio":{},"rounds":{}}}"#,
            row.name, row.median, row.min, row.max, row.ratio, scale.rounds
        )
        .expect("room in the file");
    }
}
