//! The files of /dev/shm, ours or not.

use crate::failure::Failure;
use shm_runtime::segment::DIRECTORY;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the file system knows of a file.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its name; bytes that are no UTF-8 are replaced.
    pub(crate) name: String,
    pub(crate) data: Metadata,
}

impl Listed {
    /// Bytes that it takes.
    pub(crate) fn resident(&self) -> u64 {
        self.data.blocks() * 512
    }

    /// Seconds since it was last changed by a system call.
    pub(crate) fn idle(&self) -> u64 {
        since(u64::try_from(self.data.ctime()).unwrap_or(0))
    }
}

/// Seconds since that second of 1970.
pub(crate) fn since(second: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs().saturating_sub(second))
}

/// The path of a name, which was checked.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name.trim_start_matches('/'))
}

/// The files of /dev/shm by name, without those that are hidden.
pub(crate) fn list() -> Result<Vec<Listed>, Failure> {
    let entries = std::fs::read_dir(DIRECTORY).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(crate::Code::System, "there is no /dev/shm")
            .hint("`mount -t tmpfs tmpfs /dev/shm`"),
        _ => error.into(),
    })?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let data = entry.metadata(); // gone meanwhile: not listed
        if let (false, Ok(data)) = (name.starts_with('.'), data) {
            files.push(Listed { name, data });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The name of a user, or the number.
pub(crate) fn user(id: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| id.to_string())
}

/// Owner and permissions of a file, as an error has them: ` (owner root, mode 0600; you are user 1000)`.
pub(crate) fn owner_and_mode(name: &str) -> String {
    let me = rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(path(name)).map_or_else(
        |_| String::new(),
        |data| {
            let (owner, mode) = (user(data.uid()), data.mode() & 0o7777);
            format!(" (owner {owner}, mode {mode:04o}; you are {})", user(me))
        },
    )
}

/// Whose names look like this one.
pub(crate) fn maker(name: &str) -> Option<&'static str> {
    const MAKERS: [(&str, &str); 9] = [
        ("psm_", "Python's multiprocessing.shared_memory"),
        ("wnsm_", "Python's multiprocessing.shared_memory"),
        ("sem.", "POSIX semaphores"),
        ("iox2_", "iceoryx2"),
        ("iceoryx", "iceoryx"),
        ("fastrtps_", "Fast DDS"),
        ("fastdds_", "Fast DDS"),
        ("torch_", "PyTorch"),
        ("PostgreSQL.", "PostgreSQL"),
    ];
    let found = MAKERS.iter().find(|(prefix, _)| name.starts_with(prefix));
    let zenoh = name.ends_with(".zenoh").then_some("zenoh");
    found.map(|(_, maker)| *maker).or(zenoh)
}
