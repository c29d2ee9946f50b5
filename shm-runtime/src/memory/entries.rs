//! Keys with values: the nodes of a map.
//!
//! An entry is laid out as C lays out `struct { K key; V value; }`, so every language finds its parts. Each part is
//! copied like a [`super::cell`] value, in words of one width for ever: the largest of 8, 4, 2, 1 bytes that divides
//! the part's size, its place in the entry and the size of the entry. Padding is neither read nor written.

#![allow(unsafe_code)] // owns the copies to and from shared memory

use super::bytes::width;
#[cfg(loom)]
use super::cell::enrol_words;
use super::cell::{prefetch_write, words_from_shared, words_to_shared};
use super::shared::Shared;
use bytemuck::Pod;
use core::cell::UnsafeCell;
use core::mem::{MaybeUninit, offset_of};
use zerocopy::FromZeros;

/// The layout of a key with its value.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Entry<K, V> {
    /// The key.
    pub key: K,
    /// The value.
    pub value: V,
}

/// An entry that other processes may write.
type Slot<K, V> = UnsafeCell<MaybeUninit<Entry<K, V>>>;

/// `N` entries and then `L` groups of `G` more, without a gap, at a multiple of 64.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
pub struct EntryGroups<K, V, const N: usize, const L: usize, const G: usize> {
    first: [Slot<K, V>; N],
    then: [[Slot<K, V>; G]; L],
}

// SAFETY: every byte lies in an `UnsafeCell` that only `Entries` touches, through atomic words; `K: Pod` and `V: Pod`
// make every bit pattern valid and zero with it.
unsafe impl<K: Pod, V: Pod, const N: usize, const L: usize, const G: usize> Sync
    for EntryGroups<K, V, N, L, G>
{
}
// SAFETY: as above.
unsafe impl<K: Pod, V: Pod, const N: usize, const L: usize, const G: usize> Shared
    for EntryGroups<K, V, N, L, G>
{
    #[cfg(loom)]
    fn enrol(&self) {
        let entries = self.entries();
        for i in 0..entries.len() {
            let (key, value) = entries.parts(i).expect("in range");
            enrol_words(Entries::<K, V>::KEY_WIDTH, key, size_of::<K>());
            enrol_words(Entries::<K, V>::VALUE_WIDTH, value, size_of::<V>());
        }
    }
}

impl<K: Pod, V: Pod, const N: usize, const L: usize, const G: usize> EntryGroups<K, V, N, L, G> {
    /// All `N + L * G` entries.
    pub fn entries(&self) -> &Entries<K, V> {
        let start = core::ptr::from_ref(self).cast::<Slot<K, V>>();
        // SAFETY: `repr(C)` puts `first` at offset 0 and `then` behind it without padding, because both
        // are arrays of one element type; the slice covers exactly the two, within `self`.
        let slots = unsafe { core::slice::from_raw_parts(start, N + L * G) };
        let entries = core::ptr::from_ref(slots) as *const Entries<K, V>;
        // SAFETY: `repr(transparent)` over the slice: the same layout, address, length and lifetime. The start is a
        // multiple of 64 by the type's alignment, as the invariant wants it.
        unsafe { &*entries }
    }
}

/// A run of entries: what the algorithm sees.
///
/// # Invariant
///
/// The first entry lies at a multiple of 64. A word's width divides the size of an entry and the part's place in
/// it, so every word of every part is naturally aligned.
#[derive(Debug)]
#[repr(transparent)]
pub struct Entries<K, V>([Slot<K, V>]);

// SAFETY: as for `EntryGroups`.
unsafe impl<K: Pod, V: Pod> Sync for Entries<K, V> {}

impl<K: Pod, V: Pod> Entries<K, V> {
    /// The width of a key's words.
    pub const KEY_WIDTH: usize = width(size_of::<K>() | size_of::<Entry<K, V>>());
    /// The width of a value's words.
    pub const VALUE_WIDTH: usize =
        width(size_of::<V>() | offset_of!(Entry<K, V>, value) | size_of::<Entry<K, V>>());

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the parts of entry `i` are; `None` out of range.
    #[inline(always)]
    fn parts(&self, i: usize) -> Option<(*mut u8, *mut u8)> {
        let key = self.0.get(i)?.get().cast::<u8>();
        Some((key, key.wrapping_add(offset_of!(Entry<K, V>, value))))
    }

    /// A copy of key `i`; `None` out of range.
    #[inline(always)]
    pub fn key(&self, i: usize) -> Option<K> {
        let (from, _) = self.parts(i)?;
        let mut key = MaybeUninit::<K>::uninit();
        words_from_shared(
            Self::KEY_WIDTH,
            from,
            key.as_mut_ptr().cast(),
            size_of::<K>(),
        );
        // SAFETY: all bytes were copied, and every bit pattern is a valid `K: Pod`.
        Some(unsafe { key.assume_init() })
    }

    /// A copy of value `i`; `None` out of range.
    #[inline(always)]
    pub fn value(&self, i: usize) -> Option<V> {
        let (_, from) = self.parts(i)?;
        let mut value = MaybeUninit::<V>::uninit();
        words_from_shared(
            Self::VALUE_WIDTH,
            from,
            value.as_mut_ptr().cast(),
            size_of::<V>(),
        );
        // SAFETY: all bytes were copied, and every bit pattern is a valid `V: Pod`.
        Some(unsafe { value.assume_init() })
    }

    /// Asks for entry `i` to be brought here for writing; `i` is not checked, as a hint cannot fault.
    #[inline(always)]
    pub fn prefetch_write(&self, i: usize) {
        prefetch_write(self.0.as_ptr().wrapping_add(i));
    }

    /// Overwrites entry `i`; false out of range.
    #[inline(always)]
    pub fn store(&self, i: usize, key: &K, value: &V) -> bool {
        let Some((key_place, value_place)) = self.parts(i) else {
            return false;
        };
        let (key, value) = (core::ptr::from_ref(key), core::ptr::from_ref(value));
        words_to_shared(Self::KEY_WIDTH, key.cast(), key_place, size_of::<K>());
        words_to_shared(Self::VALUE_WIDTH, value.cast(), value_place, size_of::<V>());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_wide_as_their_places_allow() {
        assert_eq!(
            (
                Entries::<u64, u64>::KEY_WIDTH,
                Entries::<u64, u64>::VALUE_WIDTH
            ),
            (8, 8)
        );
        assert_eq!(
            (
                Entries::<u32, u64>::KEY_WIDTH,
                Entries::<u32, u64>::VALUE_WIDTH
            ),
            (4, 8)
        );
        assert_eq!(
            (
                Entries::<u32, u32>::KEY_WIDTH,
                Entries::<u32, u32>::VALUE_WIDTH
            ),
            (4, 4)
        );
        // 12 bytes each, aligned to 1: an 8-byte word would be misaligned in every other entry
        assert_eq!(Entries::<[u8; 8], [u8; 4]>::KEY_WIDTH, 4);
        assert_eq!(Entries::<[u8; 8], [u8; 4]>::VALUE_WIDTH, 4);
        assert_eq!(Entries::<u8, [u8; 8]>::VALUE_WIDTH, 1);
        assert_eq!(
            (Entries::<u64, ()>::KEY_WIDTH, size_of::<Entry<u64, ()>>()),
            (8, 8)
        );
    }

    #[test]
    fn every_entry_keeps_its_own_parts() {
        let groups = EntryGroups::<[u8; 3], u32, 3, 2, 1>::new_box_zeroed().expect("room");
        let entries = groups.entries();
        assert_eq!(entries.len(), 5);
        for i in 0..5 {
            assert_eq!((entries.key(i), entries.value(i)), (Some([0; 3]), Some(0)));
            assert!(entries.store(i, &[i as u8; 3], &(1000 + i as u32)));
        }
        for i in 0..5 {
            let expected = (Some([i as u8; 3]), Some(1000 + i as u32));
            assert_eq!((entries.key(i), entries.value(i)), expected);
        }
        assert!(!entries.store(5, &[0; 3], &0) && entries.key(5).is_none());
    }
}
