//! Which of a machine's memories pages come from.
//!
//! A policy is set through a mapping and belongs to the file: every process that touches a page for the first time
//! gets it from where the policy says. (`mbind(2)` says that policies of shared mappings are ignored; for tmpfs
//! they are kept in the file, as the kernel's `numa_memory_policy` describes.) Pages that are there already stay.

#![allow(unsafe_code)] // system calls

use super::check_long;
use super::map::Mapping;
use std::io;

/// Nodes that a mask has room for: as many as the kernel can be built for.
const NODES: usize = 1024;
/// The kernel takes the bits of a mask, and one more.
const BITS: libc::c_ulong = NODES as libc::c_ulong + 1;

/// Of `get_mempolicy`: asks about the page at an address. Missing in the libc crate.
const MPOL_F_ADDR: libc::c_ulong = 2;

type Mask = [u64; NODES / 64];

/// A policy, as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// On the node of whoever touches a page first.
    Local,
    /// On this node, and nowhere else.
    Bind(u32),
    /// On all nodes in turn.
    Interleave,
}

impl Policy {
    fn mode(self) -> libc::c_int {
        match self {
            Self::Local => libc::MPOL_LOCAL,
            Self::Bind(_) => libc::MPOL_BIND,
            Self::Interleave => libc::MPOL_INTERLEAVE,
        }
    }

    fn mask(self) -> io::Result<Mask> {
        let mut mask = [0; NODES / 64];
        let mut add = |node: u32| match mask.get_mut(node as usize / 64) {
            Some(word) => {
                *word |= 1 << (node % 64);
                Ok(())
            }
            None => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        };
        match self {
            Self::Local => {}
            Self::Bind(node) => add(node)?,
            Self::Interleave => online()?.into_iter().try_for_each(add)?,
        }
        Ok(mask)
    }
}

/// The nodes that have memory.
///
/// # Errors
///
/// Where the kernel was built without nodes, or its list cannot be read.
pub fn online() -> io::Result<Vec<u32>> {
    let list = std::fs::read_to_string("/sys/devices/system/node/has_memory")?;
    parse(list.trim()).ok_or(io::ErrorKind::InvalidData.into())
}

/// A list as the kernel writes it: `0-3,8`.
fn parse(list: &str) -> Option<Vec<u32>> {
    let mut nodes = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last as usize >= NODES {
            return None;
        }
        nodes.extend(first..=last);
    }
    Some(nodes)
}

impl Mapping {
    /// Says where pages of `offset .. offset + len` come from, for every process; both are multiples of a page.
    ///
    /// # Errors
    ///
    /// Of `mbind`: a node that is not there, a kernel without nodes, or a container that forbids the call.
    pub fn set_policy(&self, offset: usize, len: usize, policy: Policy) -> io::Result<()> {
        let end = offset.checked_add(len);
        if end.is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let at = self.start().as_ptr().wrapping_add(offset);
        let (mode, mask) = (policy.mode(), policy.mask()?);
        let (nodes, bits) = match policy {
            Policy::Local => (core::ptr::null(), 0),
            _ => (mask.as_ptr(), BITS),
        };
        // SAFETY: the range lies in the mapping (checked above), and a policy changes no contents; the mask is
        // live and has the bits that are announced.
        let set = unsafe { libc::syscall(libc::SYS_mbind, at, len, mode, nodes, bits, 0) };
        check_long(set).map(drop)
    }

    /// Where the page at `offset` comes from; `None` for a policy that this library does not set.
    ///
    /// # Errors
    ///
    /// Of `get_mempolicy`.
    pub fn policy(&self, offset: usize) -> io::Result<Option<Policy>> {
        if offset >= self.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let at = self.start().as_ptr().wrapping_add(offset);
        let mut mode: libc::c_int = 0;
        let mut mask: Mask = [0; NODES / 64];
        let (into, nodes, flags) = (&raw mut mode, mask.as_mut_ptr(), MPOL_F_ADDR);
        // SAFETY: the kernel looks the address up and reads nothing there; it writes a number and as many bits
        // of the mask as are announced, both live.
        let got = unsafe { libc::syscall(libc::SYS_get_mempolicy, into, nodes, BITS, at, flags) };
        check_long(got)?;
        let first = || {
            let at = mask.iter().position(|&word| word != 0)?;
            Some(at as u32 * 64 + mask[at].trailing_zeros())
        };
        Ok(match mode {
            libc::MPOL_DEFAULT | libc::MPOL_LOCAL => Some(Policy::Local),
            libc::MPOL_INTERLEAVE => Some(Policy::Interleave),
            libc::MPOL_BIND => first().map(Policy::Bind),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_nodes_are_read() {
        assert_eq!(parse("0"), Some(vec![0]));
        assert_eq!(parse("0-2,8"), Some(vec![0, 1, 2, 8]));
        for wrong in ["", "a", "0-", "0-99999"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_node_beyond_the_mask_is_an_error() {
        assert!(Policy::Bind(1024).mask().is_err());
        assert_eq!(Policy::Bind(65).mask().unwrap()[1], 2);
    }
}
