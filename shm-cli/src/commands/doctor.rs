//! `shm doctor`: what of this machine will make trouble, and what to do about it.

use crate::failure::{Code, Failure};
use crate::out::{self, Out, Style};
use serde_json::json;
use shm_runtime::segment::{self, DIRECTORY};
use std::fs::read_to_string;
use std::os::unix::fs::MetadataExt;

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Fine,
    Note,
    Trouble,
}

impl Grade {
    const fn name(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Note => "note",
            Self::Trouble => "trouble",
        }
    }
}

/// What was looked at, what was found, what to do.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    grade: Grade,
    what: &'static str,
    found: String,
    remedy: &'static str,
}

fn finding(
    grade: Grade,
    what: &'static str,
    found: impl Into<String>,
    remedy: &'static str,
) -> Finding {
    let found = found.into();
    Finding {
        grade,
        what,
        found,
        remedy,
    }
}

pub(crate) fn run(out: &mut Out) -> Result<Code, Failure> {
    let mut findings = Vec::new();
    let Ok(data) = std::fs::metadata(DIRECTORY) else {
        findings.push(finding(
            Grade::Trouble,
            "/dev/shm",
            "there is none",
            "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
        ));
        return print(&findings, out);
    };
    findings.extend(file_system(&read("/proc/mounts"), data.mode()));
    if let Ok(room) = rustix::fs::statvfs(DIRECTORY) {
        findings.extend(space(
            room.f_blocks * room.f_frsize,
            room.f_bavail * room.f_frsize,
            is_container(),
        ));
        findings.extend(inodes(room.f_files, room.f_favail));
    }
    let logind = logind_settings();
    findings.extend(remove_ipc(
        rustix::process::getuid().as_raw(),
        logind.as_deref(),
    ));
    findings.extend(huge_pages(&read(
        "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
    )));
    findings.extend(locked_memory(&read("/proc/self/limits")));
    findings.extend(tracing(&read("/proc/sys/kernel/yama/ptrace_scope")));
    if let Ok(left) = segment::leftovers() {
        findings.push(match left.len() {
            0 => finding(Grade::Fine, "leftovers", "none", ""),
            left => finding(
                Grade::Note,
                "leftovers",
                format!("{left} that nobody is attached to"),
                "shm prune",
            ),
        });
    }
    print(&findings, out)
}

fn read(path: &str) -> String {
    read_to_string(path).unwrap_or_default()
}

/// Whether /dev/shm is a file system in memory that all may use.
fn file_system(mounts: &str, mode: u32) -> Vec<Finding> {
    let mut mount = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = mount.rfind(|parts| parts.get(1) == Some(&DIRECTORY));
    let kind = mount.and_then(|parts| parts.get(2).map(|&kind| kind.to_owned()));
    let mut findings = vec![match kind.as_deref() {
        Some("tmpfs") => finding(Grade::Fine, "/dev/shm", "is a tmpfs", ""),
        Some(other) => finding(
            Grade::Trouble,
            "/dev/shm",
            format!("is a {other}, not a tmpfs: segments are not memory alone"),
            "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
        ),
        None => finding(
            Grade::Trouble,
            "/dev/shm",
            "is a plain directory, not a mount: segments go to a disk",
            "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
        ),
    }];
    let mode = mode & 0o7777;
    findings.push(match mode {
        0o1777 => finding(Grade::Fine, "permissions", "1777, as they should be", ""),
        mode if mode & 0o1000 == 0 && mode & 0o002 != 0 => finding(
            Grade::Trouble,
            "permissions",
            format!("{mode:04o}: every user may remove the segments of others"),
            "chmod 1777 /dev/shm",
        ),
        mode => finding(
            Grade::Note,
            "permissions",
            format!("{mode:04o}, usual is 1777"),
            "chmod 1777 /dev/shm",
        ),
    });
    findings
}

/// Whether there is room; `container` says that `docker run --shm-size` is the remedy.
fn space(size: u64, free: u64, container: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let remedy = if container {
        "docker run --shm-size=2g …; in Kubernetes an emptyDir with `medium: Memory` at /dev/shm"
    } else {
        "mount -o remount,size=8G /dev/shm"
    };
    let text = out::bytes(size);
    findings.push(match size {
        0 => finding(Grade::Note, "size", "without a limit", ""),
        size if size <= 64 << 20 => finding(
            Grade::Trouble,
            "size",
            format!("{text}, the default of containers: a larger segment cannot be created"),
            remedy,
        ),
        _ => finding(Grade::Fine, "size", text, ""),
    });
    if let Some(percent) = free.saturating_mul(100).checked_div(size) {
        let text = format!("{} ({percent} %)", out::bytes(free));
        findings.push(if free < size / 10 {
            let text =
                format!("{text}: a process that writes to memory that is not there gets SIGBUS");
            finding(
                Grade::Trouble,
                "free",
                text,
                "shm ls and shm prune; create segments with `.reserve(true)`",
            )
        } else {
            finding(Grade::Fine, "free", text, "")
        });
    }
    findings
}

fn inodes(all: u64, free: u64) -> Option<Finding> {
    (all > 0 && free < 100).then(|| {
        let text = format!("{free} of {all} are free: files can no longer be made");
        finding(
            Grade::Trouble,
            "inodes",
            text,
            "mount -o remount,nr_inodes=1M /dev/shm",
        )
    })
}

fn is_container() -> bool {
    let is_there = |path: &str| std::path::Path::new(path).exists();
    is_there("/.dockerenv")
        || is_there("/run/.containerenv")
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// The settings of systemd-logind, where it runs.
fn logind_settings() -> Option<String> {
    if !std::path::Path::new("/run/systemd/system").exists() {
        return None;
    }
    let mut text = read("/etc/systemd/logind.conf");
    for folder in [
        "/usr/lib/systemd/logind.conf.d",
        "/etc/systemd/logind.conf.d",
    ] {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            text += &read_to_string(entry.path()).unwrap_or_default();
        }
    }
    Some(text)
}

/// Whether systemd removes a user's segments when the last session of that user ends.
fn remove_ipc(user: u32, logind: Option<&str>) -> Option<Finding> {
    let settings = logind?;
    let mut set = settings
        .lines()
        .filter_map(|line| line.trim().strip_prefix("RemoveIPC="));
    let removes = set
        .next_back()
        .is_none_or(|value| !matches!(value.trim(), "no" | "false" | "0" | "off"));
    Some(match (removes, user) {
        (false, _) => finding(Grade::Fine, "RemoveIPC", "no: segments outlive logins", ""),
        (true, 0..1000) => finding(
            Grade::Fine,
            "RemoveIPC",
            "yes, which spares users below 1000 as this one",
            "",
        ),
        (true, _) => finding(
            Grade::Trouble,
            "RemoveIPC",
            "yes: systemd removes your segments when your last session ends, whoever is attached",
            "RemoveIPC=no in /etc/systemd/logind.conf, or run as a system user, or loginctl enable-linger",
        ),
    })
}

fn huge_pages(setting: &str) -> Option<Finding> {
    let chosen = setting.split_once('[')?.1.split_once(']')?.0;
    Some(match chosen {
        "always" | "within_size" | "advise" | "force" => {
            finding(Grade::Fine, "huge pages", chosen, "")
        }
        other => finding(
            Grade::Note,
            "huge pages",
            format!("{other}: large segments use pages of 4 KiB"),
            "echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled",
        ),
    })
}

fn locked_memory(limits: &str) -> Option<Finding> {
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max locked memory"))?;
    let soft = line.split_ascii_whitespace().nth(3)?;
    Some(match soft.parse::<u64>() {
        Err(_) => finding(Grade::Fine, "memlock", soft, ""),
        Ok(bytes) => finding(
            Grade::Note,
            "memlock",
            format!(
                "{}: more cannot be kept from being swapped out",
                out::bytes(bytes)
            ),
            "ulimit -l unlimited, or LimitMEMLOCK= of the service, if latency matters",
        ),
    })
}

fn tracing(scope: &str) -> Option<Finding> {
    let scope: u32 = scope.trim().parse().ok()?;
    Some(match scope {
        0 => finding(Grade::Fine, "ptrace scope", "0: a debugger may attach", ""),
        scope => finding(
            Grade::Note,
            "ptrace scope",
            format!("{scope}: a debugger cannot attach to a process that it did not start"),
            "sysctl kernel.yama.ptrace_scope=0, while you debug",
        ),
    })
}

fn print(findings: &[Finding], out: &mut Out) -> Result<Code, Failure> {
    let mut rows = Vec::new();
    for finding in findings {
        if out.json {
            let remedy = (!finding.remedy.is_empty()).then_some(finding.remedy);
            out.value(&json!({
                "grade": finding.grade.name(), "what": finding.what, "found": finding.found, "remedy": remedy,
            }))?;
            continue;
        }
        let style = match finding.grade {
            Grade::Fine => Style::Good,
            Grade::Note => Style::Doubtful,
            Grade::Trouble => Style::Bad,
        };
        let grade = out.styled(style, finding.grade.name());
        rows.push(vec![grade, finding.what.to_owned(), finding.found.clone()]);
        if !finding.remedy.is_empty() {
            let remedy = out.styled(Style::Dim, &format!("→ {}", finding.remedy));
            rows.push(vec![String::new(), String::new(), remedy]);
        }
    }
    out.table(&rows, &[])?;
    let is_trouble = findings
        .iter()
        .any(|finding| finding.grade == Grade::Trouble);
    Ok(if is_trouble { Code::No } else { Code::Ok })
}

#[cfg(test)]
mod tests {
    use super::{
        Grade, file_system, huge_pages, inodes, locked_memory, remove_ipc, space, tracing,
    };

    fn grades(findings: &[super::Finding]) -> Vec<Grade> {
        findings.iter().map(|finding| finding.grade).collect()
    }

    #[test]
    fn a_container_with_64_mib_is_trouble() {
        let found = space(64 << 20, 60 << 20, true);
        assert_eq!(grades(&found), [Grade::Trouble, Grade::Fine]);
        assert!(found[0].remedy.contains("--shm-size"));
        assert_eq!(
            grades(&space(8 << 30, 1 << 20, false)),
            [Grade::Fine, Grade::Trouble]
        );
        assert_eq!(
            grades(&space(8 << 30, 4 << 30, false)),
            [Grade::Fine, Grade::Fine]
        );
        assert!(inodes(1000, 5).is_some() && inodes(1000, 500).is_none() && inodes(0, 0).is_none());
    }

    #[test]
    fn systemd_removes_the_segments_of_people() {
        let grade = |user, text| remove_ipc(user, Some(text)).unwrap().grade;
        assert_eq!(grade(1000, "[Login]\n#RemoveIPC=yes\n"), Grade::Trouble);
        assert_eq!(grade(1000, "RemoveIPC=yes\nRemoveIPC=no\n"), Grade::Fine);
        assert_eq!(grade(999, ""), Grade::Fine);
        assert_eq!(remove_ipc(1000, None), None);
    }

    #[test]
    fn settings_of_the_kernel_are_read() {
        let mounts = "proc /proc proc rw 0 0\ntmpfs /dev/shm tmpfs rw,size=1g 0 0\n";
        assert_eq!(
            grades(&file_system(mounts, 0o41777)),
            [Grade::Fine, Grade::Fine]
        );
        assert_eq!(
            grades(&file_system("", 0o40777)),
            [Grade::Trouble, Grade::Trouble]
        );
        assert_eq!(
            huge_pages("always within_size advise [never] deny force\n")
                .unwrap()
                .grade,
            Grade::Note
        );
        assert_eq!(
            huge_pages("always [advise] never").unwrap().grade,
            Grade::Fine
        );
        let limits = "Max locked memory         8388608              8388608              bytes\n";
        assert_eq!(locked_memory(limits).unwrap().grade, Grade::Note);
        assert_eq!(tracing("1\n").unwrap().grade, Grade::Note);
        assert_eq!(tracing(""), None);
    }
}
