//! Why a command did not do what it was asked for: the exit code, what was found, what to do.

use shm_runtime::error::{FieldError, RegisterError, SchemaError, ValueError};
use shm_runtime::{CreateError, OpenError};
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// It did what it was asked for.
    Ok = 0,
    /// There is no such segment, field or element; it is empty, full, different, or in use.
    No = 1,
    /// The arguments are wrong.
    Usage = 2,
    /// This user may not.
    Denied = 3,
    /// What is there is damaged, of another version, or no segment.
    Damaged = 4,
    /// The system failed.
    System = 5,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    what: String,
    hint: Option<String>,
    is_broken_pipe: bool,
}

impl Failure {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            hint: None,
            is_broken_pipe: false,
        }
    }

    pub(crate) fn no(what: impl Into<String>) -> Self {
        Self::new(Code::No, what)
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Code::Usage, what)
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the reader of the output went away.
    pub(crate) const fn is_broken_pipe(&self) -> bool {
        self.is_broken_pipe
    }

    /// Says it on standard error.
    pub(crate) fn report(&self, json: bool) {
        let mut text = String::new();
        if json {
            let (code, hint) = (self.code as u8, &self.hint);
            let report = serde_json::json!({ "error": self.what, "hint": hint, "exit_code": code });
            let _ = writeln!(text, "{report}"); // into a text: cannot fail
        } else {
            let _ = writeln!(text, "shm: {}", self.what);
            if let Some(hint) = &self.hint {
                let _ = writeln!(text, "  hint: {hint}");
            }
        }
        let _ = io::Write::write_all(&mut io::stderr(), text.as_bytes()); // nobody left to be told
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => Code::No,
            io::ErrorKind::PermissionDenied => Code::Denied,
            _ => Code::System,
        };
        let mut failure = Self::new(code, error.to_string());
        failure.is_broken_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let name = error.segment();
        let (code, what, hint) = match &error {
            OpenError::NotFound { .. } => {
                let what = format!("there is no segment `{name}`");
                (Code::No, what, "`shm ls` lists what there is".to_owned())
            }
            OpenError::BadName { why, .. } => {
                let what = format!("no segment can be named {name:?}: {why}");
                let hint =
                    "a name has 1 to 200 letters, digits, `.`, `_` and `-`, and no dot in front";
                (Code::Usage, what, hint.to_owned())
            }
            OpenError::NoSharedMemory { .. } => {
                let what = "there is no /dev/shm".to_owned();
                (
                    Code::System,
                    what,
                    "`mount -t tmpfs tmpfs /dev/shm`".to_owned(),
                )
            }
            OpenError::TooManyParticipants { limit, .. } => {
                let what =
                    format!("segment `{name}` has {limit} participants, and room for no more");
                let hint = "end one of them, or give the schema more with `#[shm(lanes = …)]`";
                (Code::No, what, hint.to_owned())
            }
            OpenError::Closing { .. } => {
                let what = format!(
                    "segment `{name}` is being removed by a process that does not come to an end"
                );
                (Code::No, what, "resume or end that process".to_owned())
            }
            _ => match denied(name, &error).or_else(|| damaged(name, &error)) {
                Some(failure) => return failure,
                None => return Self::new(Code::System, error.to_string()),
            },
        };
        Self::new(code, what).hint(hint)
    }
}

/// What this user may not.
fn denied(name: &str, error: &OpenError) -> Option<Failure> {
    let (what, hint) = match error {
        OpenError::Denied { writable, .. } => {
            let verb = if *writable { "changed" } else { "read" };
            let owner = crate::files::owner_and_mode(name);
            let what = format!("segment `{name}` may not be {verb} by this user{owner}");
            let hint = "run as its owner, or ask its creator for `.mode(0o660)` and `.group(…)`";
            (what, hint.to_owned())
        }
        OpenError::Owner { found, .. } => {
            let what = format!("segment `{name}` belongs to user {found}, and not to you");
            (what, "run as that user".to_owned())
        }
        OpenError::WritableByOthers { found, .. } => {
            let what = format!(
                "segment `{name}` has mode {found:04o}: users who should not can write to it"
            );
            (
                what,
                format!("`chmod 600 /dev/shm/{name}`, if that is not meant"),
            )
        }
        _ => return None,
    };
    Some(Failure::new(Code::Denied, what).hint(hint))
}

/// What is no segment, or no sound one.
fn damaged(name: &str, error: &OpenError) -> Option<Failure> {
    let theirs = "leave it to the program that made it".to_owned();
    let (what, hint) = match error {
        OpenError::Empty { .. } | OpenError::Short { .. } | OpenError::Magic { .. } => {
            let found = foreign(name, error);
            (
                format!("`{name}` is not a segment of this library{found}"),
                theirs,
            )
        }
        OpenError::NotRegular { found, .. } => (
            format!("`{name}` is {found}, and a segment is a regular file"),
            theirs,
        ),
        OpenError::Version {
            found, expected, ..
        } => {
            let what = format!(
                "segment `{name}` has format version {found:#x}, and this `shm` reads {expected}"
            );
            (
                what,
                "use the `shm` of the version that created it".to_owned(),
            )
        }
        OpenError::Truncated { .. }
        | OpenError::Size { .. }
        | OpenError::Table { .. }
        | OpenError::Control { .. }
        | OpenError::Descriptor { .. } => {
            let text = error.to_string();
            let what = text
                .split_once("; ")
                .map_or(text.as_str(), |(what, _)| what);
            let hint = format!("`shm rm {name}`, and have its program create it again");
            (what.to_owned(), hint)
        }
        _ => return None,
    };
    Some(Failure::new(Code::Damaged, what).hint(hint))
}

/// What else a file that is no segment may be.
fn foreign(name: &str, error: &OpenError) -> String {
    let found = match error {
        OpenError::Empty { .. } => "it is an empty file".to_owned(),
        OpenError::Short { size, .. } => {
            format!("it has {size} bytes, fewer than a table's header")
        }
        OpenError::Magic { found, .. } => {
            format!("it begins with {found:#010x} where a segment has 0x5a49504d")
        }
        _ => String::new(),
    };
    match crate::files::maker(name) {
        Some(maker) => format!(": {found}; the name is one of {maker}"),
        None => format!(": {found}"),
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        let code = match &error {
            CreateError::AlreadyExists { .. } => Code::No,
            CreateError::BadName { .. } | CreateError::Schema { .. } => Code::Usage,
            _ => Code::System,
        };
        Self::new(code, error.to_string())
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        let code = match &error {
            FieldError::Missing { .. } | FieldError::Kind { .. } => Code::No,
            _ => Code::Damaged,
        };
        Self::new(code, error.to_string())
    }
}

impl From<RegisterError> for Failure {
    fn from(error: RegisterError) -> Self {
        Self::new(Code::System, error.to_string())
    }
}

impl From<ValueError> for Failure {
    fn from(error: ValueError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<SchemaError> for Failure {
    fn from(error: SchemaError) -> Self {
        Self::usage(error.to_string())
    }
}
