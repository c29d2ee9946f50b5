//! The page: tables from the report.

use super::super::layers::{LAYERS, Layer};
use super::{FIGURES, number};
use serde_json::Value;
use shm_runtime::__private::BUGS;
use std::fmt::Write;

/// Writes `docs/kill-report.md` from the report.
pub fn page(report: &Value) -> String {
    let mut page = String::from(
        "# What was done to prove the promises\n\n\
         Written by `cargo run -p proof -- report` from [kill-report.json](kill-report.json); do not edit. How each \
         suite works is in [ARCHITECTURE.md](../ARCHITECTURE.md).\n",
    );
    totals(&mut page, &report["totals"]);
    page.push_str("\n## What the figures do not say\n\n");
    for limit in list(&report["limits"]) {
        let _ = writeln!(page, "- {}", text(limit));
    }
    runs(&mut page, list(&report["runs"]));
    operations(&mut page, list(&report["operations"]));
    matrix(&mut page, list(&report["matrix"]));
    page
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// With a comma between thousands; nothing for zero.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value == 0 { String::new() } else { out }
}

fn totals(page: &mut String, totals: &Value) {
    let of = |figure: &str| {
        let shown = grouped(number(&totals[figure]));
        if shown.is_empty() {
            "0".to_owned()
        } else {
            shown
        }
    };
    let _ = write!(
        page,
        "\n| | |\n|---|---|\n\
         | instructions and system calls behind which a process was killed | {} |\n\
         | different images that a kill or a stop leaves | {} |\n\
         | different images that a kill during recovery leaves besides | {} |\n\
         | schedules: of two processes, of the models, of loom; histories of the war | {} |\n\
         | survivors that went on and were compared | {} |\n\
         | processes killed at random | {} |\n\
         | hostile images | {} |\n\
         | **violations** | **{}** |\n\
         | seeded bugs caught | {} of {} |\n",
        of("kill_points"),
        of("images"),
        of("recovery_images"),
        of("schedules"),
        of("survivors"),
        of("kills"),
        of("hostile"),
        of("violations"),
        of("bugs_caught"),
        of("bugs_seeded"),
    );
}

fn runs(page: &mut String, runs: &[Value]) {
    page.push_str(
        "\n## Runs\n\n| run | day | commit | form | hours | machine |\n|---|---|---|---|---|---|\n",
    );
    for run in runs {
        let machine = &run["machine"];
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {:.2} | {}, {} processors, {}, {} |",
            text(&run["id"]),
            text(&run["day"]),
            text(&run["commit"]),
            text(&run["form"]),
            run["hours"].as_f64().unwrap_or(0.0),
            text(&machine["processor"]),
            number(&machine["processors"]),
            text(&machine["kernel"]),
            text(&machine["compiler"]),
        );
    }
}

/// The lines of a suite's table: one of each operation, and one of all pairs of a structure, which are thousands.
fn rows<'a>(lines: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    for line in lines {
        let operation = text(&line["operation"]);
        let pair = operation
            .split_once('.')
            .filter(|_| operation.contains(" | "));
        let Some((structure, _)) = pair else {
            rows.push(line.clone());
            continue;
        };
        let is_same = |row: &&mut Value| row["pairs"] == structure && row["build"] == line["build"];
        let Some(row) = rows.iter_mut().find(is_same) else {
            let mut row = line.clone();
            row["pairs"] = structure.into();
            row["count"] = 1.into();
            rows.push(row);
            continue;
        };
        for figure in FIGURES {
            row[figure] = (number(&row[figure]) + number(&line[figure])).into();
        }
        let longest = number(&row["instructions"]).max(number(&line["instructions"]));
        row["instructions"] = longest.into();
        row["count"] = (number(&row["count"]) + 1).into();
    }
    for row in &mut rows {
        if let Some(structure) = row["pairs"].as_str() {
            let count = grouped(number(&row["count"]));
            row["operation"] = format!("{structure}, {count} pairs of operations").into();
        }
    }
    rows
}

fn operations(page: &mut String, operations: &[Value]) {
    page.push_str(
        "\n## Operations\n\nInstructions are those of the longest. Pairs of operations are added up for each structure; \
         kill-report.json has them one by one.\n",
    );
    let mut suites: Vec<_> = operations.iter().map(|line| text(&line["suite"])).collect();
    suites.sort_unstable();
    suites.dedup();
    for suite in suites {
        let _ = write!(
            page,
            "\n### `{suite}`\n\n| operation | build | instructions | kill points | images | in recovery | schedules | \
             survivors | kills | hostile | violations |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
        );
        for line in rows(operations.iter().filter(|line| line["suite"] == suite)) {
            let of = |figure: &str| grouped(number(&line[figure]));
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                text(&line["operation"]),
                text(&line["build"]),
                of("instructions"),
                of("kill_points"),
                of("images"),
                of("recovery_images"),
                of("schedules"),
                of("survivors"),
                of("kills"),
                of("hostile"),
                number(&line["violations"]),
            );
        }
    }
}

fn matrix(page: &mut String, matrix: &[Value]) {
    page.push_str(
        "\n## Seeded bugs\n\n\
         Each bug is built in, one at a time, and the layers are run until one notices: seconds until a test failed, \
         `-` where all passed, nothing where it was not tried.\n\n",
    );
    for layer in LAYERS {
        let _ = writeln!(page, "- **{}**: {}", layer.name, layer.about);
    }
    page.push_str("\n| bug |");
    LAYERS
        .iter()
        .for_each(|layer| _ = write!(page, " {} |", layer.name));
    page.push_str(" caught by |\n|---|");
    LAYERS.iter().for_each(|_| page.push_str("---|"));
    page.push_str("---|\n");
    for (bug, what) in BUGS {
        let line = |layer: &str| {
            let mut lines = matrix.iter();
            lines.find(|line| line["bug"] == *bug && line["layer"] == layer)
        };
        let _ = write!(page, "| `{bug}`:{what} |");
        for layer in LAYERS {
            let cell = match line(layer.name) {
                None => String::new(),
                Some(line) if line["by"].is_null() => "-".to_owned(),
                Some(line) => format!("{:.1}", line["seconds"].as_f64().unwrap_or(0.0)),
            };
            let _ = write!(page, " {cell} |");
        }
        let tried = LAYERS.iter().any(|layer| line(layer.name).is_some());
        let by = LAYERS
            .iter()
            .find_map(|layer| line(layer.name)?["by"].as_str());
        let _ = writeln!(
            page,
            " {} |",
            match by {
                Some(by) => format!("`{by}`"),
                None if tried => "**nothing yet**".to_owned(),
                None => "not tried yet".to_owned(),
            }
        );
    }
    without_a_bug(page, matrix);
}

/// Says which layers passed as a whole, in the same builds, with no bug switched on.
fn without_a_bug(page: &mut String, matrix: &[Value]) {
    let is_clean = |layer: &&Layer| {
        let mut lines = matrix.iter();
        lines.any(|line| {
            line["bug"].is_null()
                && line["layer"] == layer.name
                && line["by"].is_null()
                && line["tests"].is_null()
        })
    };
    let clean: Vec<_> = LAYERS.iter().filter(is_clean).collect();
    if !clean.is_empty() {
        let names: Vec<_> = clean.iter().map(|layer| layer.name).collect();
        let _ = writeln!(
            page,
            "\nWithout a bug, the same builds pass all tests of these layers: {}.",
            names.join(", ")
        );
    }
}
