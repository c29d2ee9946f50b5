//! `shm ls`: the segments there are.

use crate::args::Ls;
use crate::failure::{Code, Failure};
use crate::files::{self, Listed};
use crate::out::{self, Out, Style};
use crate::processes::{self, Process, printable};
use serde_json::{Value as Json, json};
use shm_runtime::OpenError;
use shm_runtime::dynamic::Schema;
use shm_runtime::segment::Survey;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;

/// What a file of /dev/shm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Somebody is attached.
    Live,
    /// Nobody is, and it stays because it was created to.
    Persistent,
    /// Nobody is: what the last one left that was killed.
    Stale,
    /// A segment with damaged bytes, or of another version.
    Damaged,
    /// It may not be read by this user.
    Denied,
    /// Something else.
    Foreign,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Persistent => "persistent",
            Self::Stale => "stale",
            Self::Damaged => "damaged",
            Self::Denied => "denied",
            Self::Foreign => "foreign",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Live | Self::Persistent => Style::Good,
            Self::Stale => Style::Doubtful,
            Self::Damaged => Style::Bad,
            Self::Denied | Self::Foreign => Style::Dim,
        }
    }
}

/// What is known of a file.
struct Seen {
    file: Listed,
    state: State,
    schema: Option<String>,
    /// Attachments with a slot; read-only ones have none.
    attached: usize,
    processes: Vec<Process>,
    age: u64,
    /// What is wrong, or whose it seems to be.
    remark: Option<String>,
}

pub(crate) fn run(args: &Ls, out: &mut Out) -> Result<Code, Failure> {
    let mut files = files::list()?;
    if !args.names.is_empty() {
        for name in &args.names {
            if files.iter().all(|file| file.name != *name) {
                return Err(Survey::look(name).err().map_or_else(
                    || Failure::no(format!("there is no segment `{name}`")),
                    Failure::from,
                ));
            }
        }
        files.retain(|file| args.names.contains(&file.name));
    }
    let mapped = if args.quiet {
        HashMap::new()
    } else {
        processes::mapped()
    };
    let seen = files.into_iter().map(|file| look(file, &mapped));
    let mut seen: Vec<Seen> = seen.collect();
    let count = seen.len();
    if !args.all && args.names.is_empty() {
        seen.retain(|file| !matches!(file.state, State::Foreign | State::Denied));
    }
    if out.json {
        for file in &seen {
            out.value(&file.to_json())?;
        }
        return Ok(Code::Ok);
    }
    if args.quiet {
        for file in &seen {
            out.line(&printable(&file.file.name))?;
        }
        return Ok(Code::Ok);
    }
    print(&seen, count - seen.len(), out)?;
    Ok(Code::Ok)
}

/// Finds out what a file is; never an error, because one file is no reason not to list the others.
fn look(file: Listed, mapped: &HashMap<u64, Vec<Process>>) -> Seen {
    let mut seen = Seen {
        state: State::Foreign,
        schema: None,
        attached: 0,
        processes: mapped.get(&file.data.ino()).cloned().unwrap_or_default(),
        age: file.idle(),
        remark: None,
        file,
    };
    match Survey::look(&seen.file.name) {
        Ok(survey) => seen.take(&survey),
        Err(OpenError::Denied { .. }) => seen.state = State::Denied,
        Err(
            OpenError::Empty { .. }
            | OpenError::Short { .. }
            | OpenError::Magic { .. }
            | OpenError::NotRegular { .. }
            | OpenError::BadName { .. }
            | OpenError::NotFound { .. },
        ) => seen.remark = files::maker(&seen.file.name).map(str::to_owned),
        Err(error) => seen.damage(&error),
    }
    seen
}

impl Seen {
    fn take(&mut self, survey: &Survey) {
        self.state = match (survey.is_held(), survey.is_persistent()) {
            (true, _) => State::Live,
            (false, true) => State::Persistent,
            (false, false) => State::Stale,
        };
        self.age = files::since(survey.control().created / 1_000_000_000);
        self.attached = survey.participants().len();
        for participant in survey.participants() {
            // Not everybody's maps may be read; of another namespace, it is another process here.
            if self
                .processes
                .iter()
                .all(|known| known.pid != participant.pid)
            {
                self.processes.push(Process::named(participant.pid));
            }
        }
        match Schema::surveyed(survey) {
            Ok((schema, _)) => self.schema = Some(schema.name().to_owned()),
            Err(error) => self.damage(&error),
        }
    }

    fn damage(&mut self, error: &OpenError) {
        self.state = State::Damaged;
        let text = error.to_string();
        let text = text
            .split_once("` ")
            .map_or(text.as_str(), |(_, what)| what);
        let what = text.split_once("; ").map_or(text, |(what, _)| what);
        self.remark = Some(what.to_owned());
    }

    fn to_json(&self) -> Json {
        json!({
            "name": self.file.name,
            "state": self.state.name(),
            "size": self.file.data.len(),
            "resident": self.file.resident(),
            "schema": self.schema,
            "attachments": self.attached,
            "processes": self.processes.iter().map(Process::to_json).collect::<Vec<_>>(),
            "owner": files::user(self.file.data.uid()),
            "uid": self.file.data.uid(),
            "mode": format!("{:04o}", self.file.data.mode() & 0o7777),
            "age_s": self.age,
            "remark": self.remark,
        })
    }

    fn who(&self) -> String {
        match self.processes.first() {
            None => String::new(),
            Some(first) => {
                let program = first.command.split(' ').next().unwrap_or("");
                let program = program.rsplit('/').next().unwrap_or("");
                let more = match self.processes.len() {
                    1 => String::new(),
                    len => format!(" +{}", len - 1),
                };
                format!("{} {program}", first.pid).trim_end().to_owned() + &more
            }
        }
    }
}

fn print(seen: &[Seen], hidden: usize, out: &mut Out) -> Result<(), Failure> {
    if seen.is_empty() {
        out.line("no segments")?;
    } else {
        let head = [
            "NAME",
            "STATE",
            "SIZE",
            "MEMORY",
            "SCHEMA",
            "OWNER",
            "AGE",
            "PROCESSES",
        ];
        let mut rows = vec![head.map(|title| out.styled(Style::Dim, title)).to_vec()];
        for file in seen {
            let last = match &file.remark {
                Some(remark) => out.styled(Style::Dim, &printable(remark)),
                None => file.who(),
            };
            rows.push(vec![
                out.styled(Style::Strong, &printable(&file.file.name)),
                out.styled(file.state.style(), file.state.name()),
                out::bytes(file.file.data.len()),
                out::bytes(file.file.resident()),
                file.schema
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), printable),
                files::user(file.file.data.uid()),
                out::age(file.age),
                last,
            ]);
        }
        out.table(&rows, &[2, 3])?;
    }
    if hidden > 0 {
        let files = if hidden == 1 { "file" } else { "files" };
        let text = format!("{hidden} other {files} in /dev/shm; `shm ls --all` lists them too");
        out.line(&out.styled(Style::Dim, &text))?;
    }
    Ok(())
}
