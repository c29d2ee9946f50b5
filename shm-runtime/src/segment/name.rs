//! Names of segments and where they lead.

use std::path::{Path, PathBuf};

/// Where segments live.
pub const DIRECTORY: &str = "/dev/shm";

/// How the hidden names begin that stand in for files without a name.
pub(crate) const HIDDEN: &str = ".shm-";

/// Longest name.
const MAX: usize = 200;

/// The directory of all segments.
pub(crate) fn directory() -> &'static Path {
    Path::new(DIRECTORY)
}

/// The name without the one leading slash that POSIX asks for, checked.
pub(crate) fn check(name: &str) -> Result<&str, &'static str> {
    let name = name.strip_prefix('/').unwrap_or(name);
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > MAX {
        return Err("it is too long");
    }
    if name.starts_with('.') {
        return Err("it begins with a dot");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !name.bytes().all(allowed) {
        return Err("it has a character that is not allowed");
    }
    Ok(name)
}

/// The path of a checked name.
pub(crate) fn path(name: &str) -> PathBuf {
    directory().join(name)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn names_are_plain_file_names() {
        for good in ["sim", "/sim", "a.b_c-9", &"x".repeat(200)] {
            assert_eq!(check(good), Ok(good.trim_start_matches('/')));
        }
        for bad in [
            "",
            "/",
            "//sim",
            ".sim",
            "/.sim",
            "a/b",
            "ä",
            "a b",
            "a\0",
            &"x".repeat(201),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
