//! Opening: every check on a copy, then the attach protocol, then the mapping's handles.

use super::compare;
use super::inspect::Inspected;
use super::name;
use super::options::{Owner, Settings};
use super::placement;
use crate::error::OpenError;
use crate::layout::body::Blueprint;
use crate::memory::attachment::{Attachment, Origin};
use crate::memory::liveness::{self, AttachError, PATIENCE, Place};
use crate::posix::file::{self, Kind, Stat};
use crate::posix::process;
use crate::trace::span;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often an opener that waits for a creator looks again.
const PAUSE: Duration = Duration::from_millis(1);

/// A segment that this process is attached to, not yet bound to a schema.
pub(crate) struct Opened<C> {
    pub(crate) attachment: Attachment,
    pub(crate) found: Inspected,
    /// What the check of its schema gave.
    pub(crate) checked: C,
    /// Which wishes about its pages the system refused.
    pub(crate) warnings: Vec<String>,
}

/// Looks at a segment's schema before the segment is mapped.
pub(crate) trait Check<C>: Fn(&File, &Inspected) -> Result<C, OpenError> {}
impl<C, F: Fn(&File, &Inspected) -> Result<C, OpenError>> Check<C> for F {}

/// Opens a segment, waiting for its creator as long as the settings say.
pub(crate) fn open<C>(
    segment: &str,
    settings: &Settings,
    check: &impl Check<C>,
) -> Result<Opened<C>, OpenError> {
    let start = Instant::now();
    loop {
        match open_now(segment, settings, check) {
            Err(OpenError::NotFound { .. })
                if settings.wait.is_some_and(|limit| start.elapsed() < limit) =>
            {
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// Opens a segment that is there now.
pub(crate) fn open_now<C>(
    segment: &str,
    settings: &Settings,
    check: &impl Check<C>,
) -> Result<Opened<C>, OpenError> {
    span!("open", segment = segment);
    let patience = settings.wait.unwrap_or_default().max(PATIENCE);
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(opened) = attempt(segment, settings, check, deadline)? {
            return Ok(opened);
        }
        // The name was removed between open and attach: somebody else got on.
    }
    Err(OpenError::Closing {
        segment: segment.to_owned(),
    })
}

/// One attempt; `None` where the name was removed meanwhile.
fn attempt<C>(
    segment: &str,
    settings: &Settings,
    check: &impl Check<C>,
    deadline: Instant,
) -> Result<Option<Opened<C>>, OpenError> {
    let system = |doing| {
        move |source| OpenError::System {
            segment: segment.to_owned(),
            doing,
            source,
        }
    };
    let path = name::path(segment);
    let file = open_name(segment, &path, !settings.read_only)?;
    let stat = file::stat(&file).map_err(system("fstat"))?;
    check_file(segment, &stat, settings)?;
    if stat.links == 0 {
        return Ok(None);
    }
    let found = Inspected::read(segment, &file, stat.size)?;
    // What nobody holds does not exist; asked before this process holds a byte itself.
    if !found.is_persistent()
        && !liveness::is_anybody_there(&file).map_err(system("querying locks"))?
    {
        return Err(OpenError::NotFound {
            segment: segment.to_owned(),
        });
    }
    let checked = check(&file, &found)?;
    let origin = Origin {
        file,
        place: Place { path, stat },
        len: stat.size as usize,
        regions: found.regions,
        read_only: settings.read_only,
        persist: found.is_persistent(),
        guard: settings.guard_sigbus,
    };
    let attachment = Attachment::map(origin).map_err(system("mapping"))?;
    let patience = deadline.saturating_duration_since(Instant::now());
    attachment
        .attach(patience)
        .map_err(|why| attach_error(segment, why))?;
    // Only now is it certain that nobody removes the name; it may have been removed before.
    if !attachment.is_linked().map_err(system("fstat"))? {
        return Ok(None);
    }
    if settings.prefault {
        attachment.populate().map_err(system("prefaulting"))?;
    }
    let warnings = placement::settle(&attachment, settings);
    Ok(Some(Opened {
        attachment,
        found,
        checked,
        warnings,
    }))
}

/// Compares the segment's schema with the program's; gives warnings.
pub(super) fn compared<'a>(
    segment: &'a str,
    blueprint: &'a Blueprint,
    settings: &'a Settings,
) -> impl Check<Vec<String>> + 'a {
    move |file, found| {
        let descriptor = || found.read_descriptor(segment, file);
        if settings.subset {
            compare::subset(segment, blueprint, &descriptor()?)
        } else {
            compare::exact(segment, blueprint, found, descriptor)
        }
    }
}

/// Why this process could not attach, as an error about the segment.
pub(crate) fn attach_error(segment: &str, why: AttachError) -> OpenError {
    let segment = segment.to_owned();
    match why {
        AttachError::Full { limit } => OpenError::TooManyParticipants {
            segment,
            limit: limit as usize,
        },
        AttachError::Closing => OpenError::Closing { segment },
        AttachError::System(source) => OpenError::System {
            segment,
            doing: "attaching",
            source,
        },
        why => OpenError::System {
            segment,
            doing: "attaching",
            source: io::Error::other(why),
        },
    }
}

/// Opens what has the name; errors say what it is.
pub(super) fn open_name(segment: &str, path: &Path, writable: bool) -> Result<File, OpenError> {
    let error = match file::open(path, writable) {
        Ok(file) => return Ok(file),
        Err(error) => error,
    };
    let segment = segment.to_owned();
    if error.kind() == io::ErrorKind::NotFound {
        return Err(if name::directory().is_dir() {
            OpenError::NotFound { segment }
        } else {
            OpenError::NoSharedMemory { segment }
        });
    }
    if let Some(found) = file::stat_name(path)
        .ok()
        .and_then(|stat| irregular(stat.kind))
    {
        return Err(OpenError::NotRegular { segment, found });
    }
    Err(match error.kind() {
        io::ErrorKind::PermissionDenied => OpenError::Denied {
            segment,
            writable,
            source: error,
        },
        _ => OpenError::System {
            segment,
            doing: "opening",
            source: error,
        },
    })
}

/// What a file is, with its article, if it is not a regular one.
fn irregular(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Regular => None,
        Kind::Directory => Some("a directory"),
        Kind::Symlink => Some("a symbolic link"),
        Kind::Fifo => Some("a FIFO"),
        Kind::Socket => Some("a socket"),
        Kind::Device => Some("a device"),
    }
}

/// Checks that a file is a regular one.
pub(super) fn check_regular(segment: &str, stat: &Stat) -> Result<(), OpenError> {
    match irregular(stat.kind) {
        None => Ok(()),
        Some(found) => Err(OpenError::NotRegular {
            segment: segment.to_owned(),
            found,
        }),
    }
}

/// Checks kind, owner, permissions and size limit.
fn check_file(segment: &str, stat: &Stat, settings: &Settings) -> Result<(), OpenError> {
    check_regular(segment, stat)?;
    let segment = || segment.to_owned();
    let expected = match settings.owner {
        Owner::Own => Some(process::effective_user()),
        Owner::User(user) => Some(user),
        Owner::Any => None,
    };
    if let Some(expected) = expected.filter(|&expected| expected != stat.uid) {
        return Err(OpenError::Owner {
            segment: segment(),
            found: stat.uid,
            expected,
        });
    }
    let expected = settings.mode.unwrap_or(0o600);
    if stat.mode & 0o022 & !expected != 0 {
        let found = stat.mode & 0o777;
        return Err(OpenError::WritableByOthers {
            segment: segment(),
            found,
            expected,
        });
    }
    if stat.size > settings.max_size {
        let (size, limit) = (stat.size, settings.max_size);
        return Err(OpenError::TooLarge {
            segment: segment(),
            size,
            limit,
        });
    }
    Ok(())
}
