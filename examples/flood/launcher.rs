//! Starts roles as child processes and looks after them.
//!
//! A role that is killed (`kill -9`) is started again; a role that fails ends the program. The
//! program holds an attachment of its own, so the segment outlives any role.
//!
//! Each role is in a process group of its own, out of reach of the terminal's Ctrl-C: that ends
//! this program alone, and the roles leave in order because their lifelines are cut
//! (`lifeline.rs`). Nothing is left behind in `/dev/shm`.
//!
//! A role may be another program's, in another language: `--renderer` and `--analytics`. It gets the arguments that
//! a child of this program gets, and the segment is all that it shares with the others.

use std::io::IsTerminal;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use schemas::flood::Flood;
use shm_runtime::{Segment, ShmLayout};

use crate::flood::Failure;
use crate::flood::audit;
use crate::flood::chaos::Chaos;
use crate::flood::cli::{Options, Role};
use crate::flood::roles::{self, say};

/// The signal that nothing survives.
const SIGKILL: i32 = 9;

/// Plays `roles` until all of them are done.
pub(crate) fn supervise(roles: &[Role], options: &Options) -> Result<(), Failure> {
    // A mistake in the options is reported here, once, and not by a child.
    roles::storm(options)?;
    let alone = roles.len() == 1;
    let mut options = options.clone();
    // Several roles share this terminal: the map has it where there is one.
    options.quiet |= !alone && std::io::stdout().is_terminal();
    let flood = attach(&options.segment, alone)?;
    let mut crew = Vec::new();
    for &role in roles {
        crew.push((role, start(role, &options)?));
    }
    let mut chaos = options.chaos.map(Chaos::new);
    while !crew.is_empty() {
        std::thread::sleep(Duration::from_millis(20));
        if let Some(chaos) = &mut chaos {
            chaos.strike(&mut crew, &flood)?;
        }
        crew = attend(crew, &flood, &options)?;
    }
    if let Some(chaos) = chaos {
        say(&format!("chaos {}", chaos.report()));
    }
    if alone || Segment::participants(&flood)?.len() > 1 {
        return Ok(()); // others are still at work on it
    }
    audit::audit(&flood)?;
    drop(flood);
    audit::nothing_left(&options.segment)?;
    say(&format!("audit {}", audit::FOUND));
    Ok(())
}

/// Those of the crew who are still at work; who was killed is started again.
fn attend(
    crew: Vec<(Role, Child)>,
    flood: &Flood,
    options: &Options,
) -> Result<Vec<(Role, Child)>, Failure> {
    let mut still = Vec::new();
    let mut pending = crew.into_iter();
    while let Some((role, mut child)) = pending.next() {
        match child.try_wait()? {
            None => still.push((role, child)),
            Some(status) if status.success() => {}
            Some(status) if status.signal() == Some(SIGKILL) => {
                flood.restarts.fetch_add(1);
                if !options.quiet {
                    say(&format!("{} was killed and starts again", role.name()));
                }
                still.push((role, start(role, options)?));
            }
            Some(status) => {
                let others = still.into_iter().chain(pending).map(|(_, child)| child);
                return Err(give_up(role, status, others));
            }
        }
    }
    Ok(still)
}

/// The segment: of a flood of one's own, or of a single role that shares whichever there is.
fn attach(name: &str, share: bool) -> Result<Segment<Flood>, Failure> {
    if share {
        return Ok(Flood::open_or_create(name)?);
    }
    Flood::create(name).map_err(|error| format!("{error} (--segment gives another name)").into())
}

/// A child that plays `role`: this program, or the command that was asked for, which is told the same. Its lifeline is
/// the pipe in `Child::stdin`.
fn start(role: Role, options: &Options) -> Result<Child, Failure> {
    let mut words = options.other(role).unwrap_or_default().split_whitespace();
    let mut command = match words.next() {
        Some(program) => Command::new(program),
        None => Command::new(std::env::current_exe()?),
    };
    command
        .args(words)
        .args(options.arguments(role))
        .stdin(Stdio::piped())
        .process_group(0);
    Ok(command
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", role.name()))?)
}

/// Ends the other roles by cutting their lifelines.
fn give_up(role: Role, status: ExitStatus, others: impl Iterator<Item = Child>) -> Failure {
    for mut child in others {
        drop(child.stdin.take());
        // It has said what it had to say; only its end matters here.
        let _ = child.wait();
    }
    format!("{} failed: {status}", role.name()).into()
}
