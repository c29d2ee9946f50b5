//! `shm rm`, `shm prune`, `shm recover`: cleaning up.

use crate::args::{Name, Prune, Rm};
use crate::failure::{Code, Failure};
use crate::out::Out;
use crate::processes::{Process, printable};
use crate::show;
use serde_json::json;
use shm_runtime::memory::liveness::Removal;
use shm_runtime::segment::{self, Survey};

pub(crate) fn rm(args: &Rm, out: &mut Out) -> Result<Code, Failure> {
    let mut worst = Code::Ok;
    for name in &args.names {
        if let Err(failure) = remove(name, args.force) {
            failure.report(out.json);
            worst = match (worst, failure.code) {
                (Code::Ok, code) => code,
                (worst, _) => worst,
            };
        } else if out.json {
            out.value(&json!({ "removed": name }))?;
        }
    }
    Ok(worst)
}

fn remove(name: &str, force: bool) -> Result<(), Failure> {
    if force {
        return Ok(segment::unlink(name)?);
    }
    match segment::remove_deserted(name)? {
        Removal::Gone => Ok(()),
        Removal::Closing => Err(Failure::no(format!(
            "segment `{name}` is being removed by somebody else"
        ))),
        Removal::Attached => {
            let survey = Survey::look(name).ok();
            let attached = survey.iter().flat_map(|survey| survey.participants());
            let attached: Vec<String> = attached.map(|info| who(info.pid)).collect();
            let who = match &attached[..] {
                [] => "a read-only process".to_owned(),
                attached => attached.join(", "),
            };
            let hint = "end those processes, or remove its name with `--force`: they go on with a segment that nobody else finds";
            Err(Failure::no(format!("segment `{name}` is in use by {who}")).hint(hint))
        }
    }
}

fn who(pid: u32) -> String {
    let Process { pid, command } = Process::named(pid);
    match command.split(' ').next() {
        Some(program) if !program.is_empty() => format!("{pid} ({program})"),
        _ => pid.to_string(),
    }
}

pub(crate) fn prune(args: &Prune, out: &mut Out) -> Result<Code, Failure> {
    let mut names = if args.dry_run {
        segment::leftovers()?
    } else {
        segment::prune()?
    };
    names.sort();
    for name in &names {
        if out.json {
            out.value(&json!({ "name": name, "removed": !args.dry_run }))?;
        } else {
            let verb = if args.dry_run {
                "would remove"
            } else {
                "removed"
            };
            out.line(&format!("{verb} {}", printable(name)))?;
        }
    }
    if names.is_empty() && !out.json {
        out.line("nothing is left over")?;
    }
    Ok(Code::Ok)
}

pub(crate) fn recover(args: &Name, out: &mut Out) -> Result<Code, Failure> {
    // Attaching recovers too, and what it did is not told: the dead are counted before.
    let before = Survey::look(&args.name)?;
    let segment = show::open_to_change(&args.name)?;
    let done = segment.recover();
    let attached = before.participants().len();
    if out.json {
        out.value(&json!({ "settled": done.settled, "later": done.later, "attached": attached }))?;
    } else if done.later > 0 {
        out.line(&format!(
            "settled {}; {} wait for a process that is stopped in the middle of an operation",
            done.settled, done.later
        ))?;
    } else {
        out.line(&format!(
            "nothing is left unfinished by the dead; {attached} attached"
        ))?;
    }
    Ok(if done.later > 0 { Code::No } else { Code::Ok })
}
