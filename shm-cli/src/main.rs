//! The command `shm`: what a shell, a script or a person at a terminal does with segments.
//!
//! Standard output has the answer and nothing else, standard error what is to be said about it. How a command ended is
//! its exit code: see [`failure::Code`]. A reader that goes away (`| head`) ends it quietly.

mod args;
mod commands;
mod failure;
mod files;
#[cfg(test)]
mod hostile;
mod interrupt;
mod out;
mod place;
mod processes;
mod recording;
mod show;

use args::{Command, Shm};
use clap::Parser;
use failure::{Code, Failure};
use out::Out;
use std::process::ExitCode;

fn main() -> ExitCode {
    let shm = Shm::parse(); // ends the process with 2 where the arguments are wrong
    let mut out = Out::new(shm.json);
    let result = run(shm.command, &mut out).and_then(|code| out.flush().map(|()| code));
    match result {
        Ok(code) => code.into(),
        Err(failure) if failure.is_broken_pipe() => Code::Ok.into(),
        Err(failure) => {
            let _ = out.flush(); // what was found before
            failure.report(shm.json);
            failure.code.into()
        }
    }
}

fn run(command: Command, out: &mut Out) -> Result<Code, Failure> {
    match command {
        Command::Ls(args) => commands::ls::run(&args, out),
        Command::Inspect(args) => commands::inspect::run(&args, out),
        Command::Get(args) => commands::get::run(&args, out),
        Command::Set(args) => commands::change::set(&args, out),
        Command::Push(args) => commands::change::push(&args, out),
        Command::Pop(args) => commands::change::pop(&args, out),
        Command::Rm(args) => commands::remove::rm(&args, out),
        Command::Prune(args) => commands::remove::prune(&args, out),
        Command::Recover(args) => commands::remove::recover(&args, out),
        Command::Check(args) => commands::check::run(&args, out),
        Command::Doctor => commands::doctor::run(out),
        Command::Watch(args) => commands::watch::run(&args, out),
        Command::Top => commands::top::run(),
        Command::Record(args) => commands::record::run(&args, out),
        Command::Replay(args) => commands::replay::run(&args, out),
        Command::Dump(args) => commands::dump::dump(&args, out),
        Command::Restore(args) => commands::dump::restore(&args, out),
        Command::Diff(args) => commands::diff::run(&args, out),
        Command::Plan(args) => commands::plan::run(&args, out),
        Command::Gen(args) => commands::generate::run(&args, out),
        Command::Completions { shell } => commands::about::completions(shell, out),
        Command::Man { command } => commands::about::man(command.as_deref(), out),
    }
}
