//! Files of a tmpfs: born without a name, opened with care, found again through a descriptor.

#![allow(unsafe_code)] // system calls

use super::check;
use std::ffi::{CString, OsStr};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

/// What the kernel says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its file system.
    pub dev: u64,
    /// Its number there.
    pub ino: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// How many names it has.
    pub links: u64,
    /// Its kind.
    pub kind: Kind,
}

impl Stat {
    fn of(data: &Metadata) -> Self {
        let file_type = data.file_type();
        let kind = if file_type.is_file() {
            Kind::Regular
        } else if file_type.is_dir() {
            Kind::Directory
        } else if file_type.is_symlink() {
            Kind::Symlink
        } else if file_type.is_fifo() {
            Kind::Fifo
        } else if file_type.is_socket() {
            Kind::Socket
        } else {
            Kind::Device
        };
        Self {
            dev: data.dev(),
            ino: data.ino(),
            size: data.len(),
            mode: data.mode() & 0o7777,
            uid: data.uid(),
            links: data.nlink(),
            kind,
        }
    }

    /// Whether both are of one file.
    pub fn same_file(&self, other: &Self) -> bool {
        (self.dev, self.ino) == (other.dev, other.ino)
    }
}

/// What the kernel says of an open file.
///
/// # Errors
///
/// Of `fstat`.
pub fn stat(file: &File) -> io::Result<Stat> {
    file.metadata().map(|data| Stat::of(&data))
}

/// What the kernel says of the file under a name; a symbolic link is not followed.
///
/// # Errors
///
/// Of `lstat`.
pub fn stat_name(path: &Path) -> io::Result<Stat> {
    path.symlink_metadata().map(|data| Stat::of(&data))
}

/// Makes a file without a name in a directory, for reading and writing, for its owner only.
///
/// # Errors
///
/// Of `open`; [`io::ErrorKind::Unsupported`] or `IsADirectory` where the file system has no such files.
pub fn create_unnamed(directory: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .mode(0o600)
        .open(directory)
}

/// Makes a new file, for reading and writing, for its owner only.
///
/// # Errors
///
/// Of `open`; [`io::ErrorKind::AlreadyExists`] where the name is taken.
pub fn create_named(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_NOFOLLOW)
        .mode(0o600)
        .open(path)
}

/// Opens what is under a name: never creates, never follows a symbolic link, never waits for a peer
/// of a named pipe.
///
/// # Errors
///
/// Of `open`.
pub fn open(path: &Path, writable: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(writable)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

/// Opens the same file again, as a new open file description with locks of its own.
///
/// # Errors
///
/// Of `open`, and where /proc is not mounted.
pub fn reopen(file: &File, writable: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(writable)
        .custom_flags(libc::O_NONBLOCK)
        .open(proc_path(file))
}

/// Where /proc shows an open file: a path that is made without allocating, for signal handlers.
struct ProcPath {
    bytes: [u8; 32],
    len: usize,
}

fn proc_path(file: &File) -> ProcPath {
    use std::io::Write;
    let mut bytes = [0; 32];
    let mut rest = &mut bytes[..];
    let written = write!(rest, "/proc/self/fd/{}", file.as_raw_fd());
    let len = 32 - rest.len();
    debug_assert!(written.is_ok(), "14 characters and at most 11 digits");
    ProcPath { bytes, len }
}

impl AsRef<Path> for ProcPath {
    fn as_ref(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes[..self.len]))
    }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}

/// Gives a file that has no name one, if it is free.
///
/// # Errors
///
/// Of `linkat`; [`io::ErrorKind::AlreadyExists`] where the name is taken.
pub fn link(file: &File, path: &Path) -> io::Result<()> {
    let from = c_path(proc_path(file).as_ref())?;
    let to = c_path(path)?;
    // SAFETY: both pointers are NUL-terminated strings that live through the call.
    check(unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    })
    .map(drop)
}

/// Gives a file another name, if that is free.
///
/// # Errors
///
/// Of `renameat2`; [`io::ErrorKind::AlreadyExists`] where the name is taken.
pub fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    let from = c_path(from)?;
    let to = c_path(to)?;
    // SAFETY: both pointers are NUL-terminated strings that live through the call.
    check(unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    })
    .map(drop)
}

/// Removes a name.
///
/// # Errors
///
/// Of `unlink`.
pub fn unlink(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// Sets the length; new bytes are zero and take no room yet.
///
/// # Errors
///
/// Of `ftruncate`.
pub fn set_size(file: &File, size: u64) -> io::Result<()> {
    file.set_len(size)
}

/// Gives a range its room now.
///
/// # Errors
///
/// Of `fallocate`; [`io::ErrorKind::StorageFull`] where there is none.
pub fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    fallocate(file, 0, offset, len)
}

/// Makes a range zero and gives its room back.
///
/// # Errors
///
/// Of `fallocate`.
pub fn clear(file: &File, offset: u64, len: u64) -> io::Result<()> {
    fallocate(
        file,
        libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE,
        offset,
        len,
    )
}

fn fallocate(file: &File, mode: libc::c_int, offset: u64, len: u64) -> io::Result<()> {
    let number = |n: u64| libc::off_t::try_from(n).map_err(io::Error::other);
    let (offset, len) = (number(offset)?, number(len)?);
    loop {
        // SAFETY: no memory is passed.
        let done = check(unsafe { libc::fallocate(file.as_raw_fd(), mode, offset, len) });
        match done {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map(drop),
        }
    }
}

/// Sets the permission bits, whatever the umask.
///
/// # Errors
///
/// Of `fchmod`.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Sets the group.
///
/// # Errors
///
/// Of `fchown`.
pub fn set_group(file: &File, group: u32) -> io::Result<()> {
    std::os::unix::fs::fchown(file, None, Some(group))
}

/// Bytes that may still be allocated in the file's file system; `None` where it has no limit.
///
/// # Errors
///
/// Of `fstatvfs`.
pub fn free_space(file: &File) -> io::Result<Option<u64>> {
    let mut room = core::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the pointer is valid for writes of a `statvfs`.
    check(unsafe { libc::fstatvfs(file.as_raw_fd(), room.as_mut_ptr()) })?;
    // SAFETY: a struct of integers, zeroed and then filled by a call that succeeded.
    let room = unsafe { room.assume_init() };
    Ok((room.f_blocks > 0).then(|| room.f_bavail.saturating_mul(room.f_frsize)))
}
