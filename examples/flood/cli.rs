//! The command line.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use crate::flood::Failure;
use crate::flood::orders::Order;

/// One of the processes that share the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Moves the water.
    Simulation,
    /// Shows the map.
    Renderer,
    /// Keeps the books.
    Analytics,
}

impl Role {
    /// All roles of the flood.
    pub(crate) const ALL: [Self; 3] = [Self::Simulation, Self::Renderer, Self::Analytics];

    /// What the role is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Simulation => "simulation",
            Self::Renderer => "renderer",
            Self::Analytics => "analytics",
        }
    }

    fn named(name: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|role| name == role.name())
    }
}

/// What the programs can be told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// Name of the segment.
    pub(crate) segment: String,
    /// Simulated minutes of the whole run; the storm takes the first half.
    pub(crate) minutes: f64,
    /// Daily precipitation that gives the storm its shape.
    pub(crate) rain: Option<PathBuf>,
    /// Where the picture goes.
    pub(crate) out: PathBuf,
    /// For how long a role is killed every second.
    pub(crate) chaos: Option<Duration>,
    /// The terminal belongs to the renderer: say nothing before the end.
    pub(crate) quiet: bool,
    /// Commands that play the renderer and analytics in the place of this program.
    pub(crate) others: [Option<String>; 2],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment: "flood".to_owned(),
            minutes: 150.0,
            rain: None,
            out: PathBuf::from("flood.png"),
            chaos: None,
            quiet: false,
            others: [None, None],
        }
    }
}

impl Options {
    /// The command that plays `role`, where it is another program's.
    pub(crate) fn other(&self, role: Role) -> Option<&str> {
        let [renderer, analytics] = &self.others;
        match role {
            Role::Simulation => None,
            Role::Renderer => renderer.as_deref(),
            Role::Analytics => analytics.as_deref(),
        }
    }

    /// Arguments that make a child process play `role` with these options.
    pub(crate) fn arguments(&self, role: Role) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            "--role".into(),
            role.name().into(),
            "--segment".into(),
            self.segment.clone().into(),
            "--minutes".into(),
            self.minutes.to_string().into(),
            "--out".into(),
            self.out.clone().into(),
        ];
        if let Some(rain) = &self.rain {
            arguments.extend(["--rain".into(), rain.clone().into()]);
        }
        if self.quiet {
            arguments.push("--quiet".into());
        }
        arguments
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Print the help.
    Help,
    /// Start the program's roles and look after them.
    Start(Options),
    /// Be a role, as a child of a program that was started.
    Play(Role, Options),
    /// Give orders to the flood that runs on a segment.
    Tell(String, Vec<Order>),
}

/// Reads the arguments behind the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Failure> {
    let mut options = Options::default();
    let mut role = None;
    let mut orders = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let name = argument.to_string_lossy().into_owned();
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("`{name}` needs a value"))
        };
        match name.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--segment" => options.segment = value()?.to_string_lossy().into_owned(),
            "--minutes" => options.minutes = minutes(&value()?.to_string_lossy())?,
            "--rain" => options.rain = Some(value()?.into()),
            "--out" => options.out = value()?.into(),
            "--chaos" => options.chaos = Some(seconds(&value()?.to_string_lossy())?),
            "--tell" => orders.push(value()?.to_string_lossy().parse()?),
            "--quiet" => options.quiet = true,
            "--renderer" => options.others[0] = Some(command(&value()?)?),
            "--analytics" => options.others[1] = Some(command(&value()?)?),
            "--role" => {
                let value = value()?;
                let named = Role::named(&value);
                role = Some(named.ok_or_else(|| format!("there is no role {value:?}"))?);
            }
            _ => return Err(format!("unknown argument `{name}`; try --help").into()),
        }
    }
    Ok(match role {
        Some(role) => Command::Play(role, options),
        None if !orders.is_empty() => Command::Tell(options.segment, orders),
        None => Command::Start(options),
    })
}

fn minutes(value: &str) -> Result<f64, String> {
    match value.parse::<f64>() {
        Ok(minutes) if minutes > 0.0 && minutes <= 10_000.0 => Ok(minutes),
        _ => Err(format!(
            "`{value}` is no number of minutes between 0 and 10000"
        )),
    }
}

fn seconds(value: &str) -> Result<Duration, String> {
    match value.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!(
            "`{value}` is no number of seconds between 1 and 86400"
        )),
    }
}

/// A command: a program and what it is told first, with blanks between them.
fn command(value: &OsStr) -> Result<String, String> {
    match value.to_str() {
        Some(words) if !words.trim().is_empty() => Ok(words.to_owned()),
        _ => Err(format!("{value:?} is no command")),
    }
}

/// The text of `--help`.
pub(crate) fn help(program: &str, roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let defaults = Options::default();
    format!(
        "Plays {names} of a flood over real terrain.\n\n\
         Usage: {program} [options]\n\n\
         \x20 --segment NAME   name of the shared segment [{segment}]\n\
         \x20 --minutes M      simulated minutes; it rains in the first half [{minutes}]\n\
         \x20 --rain FILE      shape of the storm: daily precipitation, as in\n\
         \x20                  examples/data/seattle-weather.csv [steady, 50 mm/h]\n\
         \x20 --out FILE       where the picture goes [{out}]\n\
         \x20 --quiet          print nothing before the end\n\
         \x20 --chaos SECONDS  kill a role every second for so long\n\
         \x20 --tell ORDER     change the flood that runs on the segment, and end:\n\
         \x20                  rain=2 makes it rain twice as hard as the storm does,\n\
         \x20                  roughness=0.03 lets the water run faster,\n\
         \x20                  cloud=400,600 calls a cloud to that row and column,\n\
         \x20                  undo sends the one that came last away\n\
         \x20 --renderer CMD   another program plays the renderer, in C++ for example:\n\
         \x20                  bindings/cpp/examples/renderer.cpp\n\
         \x20 --analytics CMD  another program plays analytics, in Python for example:\n\
         \x20                  \"python3 bindings/python/examples/flood_analytics.py\"\n\
         \x20 --help           print this\n",
        names = names.join(", "),
        segment = defaults.segment,
        minutes = defaults.minutes,
        out = defaults.out.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_role_is_told_what_its_program_was_told() {
        let given = [
            "--segment",
            "s",
            "--minutes",
            "2.5",
            "--rain",
            "r.csv",
            "--out",
            "o.png",
        ];
        let Ok(Command::Start(mut options)) = parsed(&given) else {
            panic!("not a start")
        };
        options.quiet = true;
        let passed = parse(options.arguments(Role::Analytics)).unwrap();
        assert_eq!(passed, Command::Play(Role::Analytics, options));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |arguments: &[&str]| parsed(arguments).unwrap_err();
        assert_eq!(
            error(&["--minuts"]),
            "unknown argument `--minuts`; try --help"
        );
        assert_eq!(error(&["--out"]), "`--out` needs a value");
        assert_eq!(error(&["--renderer", " "]), "\" \" is no command");
        assert_eq!(error(&["--role", "king"]), "there is no role \"king\"");
        assert!(error(&["--minutes", "soon"]).starts_with("`soon` is no number of minutes"));
        assert!(error(&["--chaos", "0"]).starts_with("`0` is no number of seconds"));
        assert!(error(&["--tell", "snow"]).starts_with("`snow` is no order"));
        assert_eq!(error(&["--tell", "rain=-1"]), "`rain=-1` is out of range");
        assert_eq!(
            error(&["--tell", "cloud=1,1000"]),
            "`cloud=1,1000` is out of range"
        );
    }

    #[test]
    fn a_role_may_be_another_programs() {
        let Ok(Command::Start(options)) = parsed(&["--analytics", "python3 a.py"]) else {
            panic!("not a start")
        };
        let others = Role::ALL.map(|role| options.other(role));
        assert_eq!(others, [None, None, Some("python3 a.py")]);
    }

    #[test]
    fn orders_start_nothing() {
        let told = parsed(&["--tell", "rain=2", "--segment", "s", "--tell", "undo"]);
        let orders = vec![Order::Rain(2.0), Order::Undo];
        assert_eq!(told, Ok(Command::Tell("s".to_owned(), orders)));
    }

    #[test]
    fn the_help_names_the_defaults() {
        assert_eq!(parsed(&["--help"]), Ok(Command::Help));
        let text = help("flood", &Role::ALL);
        assert!(text.contains("simulation, renderer, analytics") && text.contains("[150]"));
    }
}
