//! `ShmStr<N>`: a text of at most `N` bytes, as an element, a key, a value, or a field of one.
//!
//! # Bytes
//!
//! UTF-8, and zeros behind it up to `N`: nothing else, so its alignment is 1 and all-zero is the empty text. A text that
//! fills all `N` has no zero behind it. So what C's `strnlen` and numpy's `S` type say of it is right.
//!
//! Whatever other processes write, the text is all bytes up to the last one that is not zero. So there is one text
//! for any bytes, and other bytes for any other text: equality, order and hash are those of the bytes, and those of the
//! texts. That the bytes are UTF-8 is not believed, but asked each time.

use crate::layout::ShmType;
use crate::layout::node::{ElementNode, Scalar, ScalarNode};
use crate::memory::shared::plain_bytes;
use core::fmt;
use core::str::{FromStr, Utf8Error};
use std::borrow::Cow;
use std::error::Error;

plain_bytes! {
    /// A text of at most `N` bytes, by value, in shared memory.
    ///
    /// ```
    /// use shm_runtime::prelude::*;
    ///
    /// #[derive(Clone, Copy, Pod, Zeroable, ShmType)]
    /// #[repr(C)]
    /// struct Sensor {
    ///     name: ShmStr<24>,
    ///     value: f64,
    /// }
    ///
    /// #[derive(ShmLayout)]
    /// struct Station {
    ///     readings: Queue<Sensor, 64>,
    ///     motto: Array<ShmStr<16>, 1>,
    /// }
    ///
    /// # let file = format!("doc-str-{}", std::process::id());
    /// let station = Station::create(&file)?;
    /// let name = ShmStr::try_from("outside, north")?;
    /// station.readings.push(Sensor { name, value: 21.5 })?;
    /// station.motto.set(0, ShmStr::new("Luft & Licht"));
    ///
    /// let reading = station.readings.pop().expect("it was pushed");
    /// assert_eq!(reading.name, "outside, north");
    /// assert_eq!(reading.name.as_str()?, "outside, north");
    /// assert_eq!(station.motto.get(0).to_string(), "Luft & Licht");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Another process may have written anything, so [`as_str`](Self::as_str) can fail; `Display` and
    /// [`to_string_lossy`](Self::to_string_lossy) show `U+FFFD` for what is no UTF-8.
    ///
    /// A text that is too long, or has a NUL in it, is refused; [`truncated`](Self::truncated) cuts it.
    pub struct ShmStr<const N>
}

/// Why a text cannot be a [`ShmStr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShmStrError {
    /// It has more bytes than there is room for.
    TooLong {
        /// Bytes that it has.
        len: usize,
        /// Bytes that there is room for.
        capacity: usize,
    },
    /// It has a NUL, which would end it.
    Nul {
        /// Where.
        at: usize,
    },
}

impl fmt::Display for ShmStrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, capacity } => {
                write!(f, "a text of {len} bytes, room for {capacity}")
            }
            Self::Nul { at } => write!(f, "a text with a NUL at byte {at}"),
        }
    }
}

impl Error for ShmStrError {}

impl<const N: usize> ShmStr<N> {
    /// The empty text.
    pub const EMPTY: Self = Self([0; N]);

    /// The text, for constants and literals; [`TryFrom`] is there for what comes from elsewhere.
    ///
    /// ```
    /// # use shm_runtime::ShmStr;
    /// const HOME: ShmStr<8> = ShmStr::new("home");
    /// assert_eq!(HOME, "home");
    /// ```
    ///
    /// # Panics
    ///
    /// Where the text is longer than `N` bytes or has a NUL.
    #[track_caller]
    pub const fn new(text: &str) -> Self {
        match Self::checked(text) {
            Ok(this) => this,
            Err(ShmStrError::TooLong { .. }) => panic!("the text has more than `N` bytes"),
            Err(ShmStrError::Nul { .. }) => panic!("the text has a NUL"),
        }
    }

    const fn checked(text: &str) -> Result<Self, ShmStrError> {
        let from = text.as_bytes();
        let (len, capacity) = (from.len(), N);
        if len > capacity {
            return Err(ShmStrError::TooLong { len, capacity });
        }
        let mut bytes = [0; N];
        let mut at = 0;
        while at < len {
            if from[at] == 0 {
                return Err(ShmStrError::Nul { at });
            }
            bytes[at] = from[at];
            at += 1;
        }
        Ok(Self(bytes))
    }

    /// As much of the text as there is room for, up to the first NUL: a character is there as a whole or not at all.
    ///
    /// ```
    /// # use shm_runtime::ShmStr;
    /// assert_eq!(ShmStr::<4>::truncated("Größe"), "Grö");
    /// assert_eq!(ShmStr::<3>::truncated("Größe"), "Gr");
    /// ```
    pub fn truncated(text: &str) -> Self {
        let text = text.split('\0').next().unwrap_or("");
        let mut len = text.len().min(N);
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        let mut bytes = [0; N];
        bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        Self(bytes)
    }

    /// The text that these bytes are, whatever they are.
    pub const fn from_bytes(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// All `N` bytes, the zeros behind the text included.
    pub const fn to_bytes(self) -> [u8; N] {
        self.0
    }

    /// Bytes that there is room for.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// Bytes of the text.
    pub const fn len(&self) -> usize {
        let mut len = N;
        while len > 0 && self.0[len - 1] == 0 {
            len -= 1;
        }
        len
    }

    /// Whether the text is empty.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the text, which are UTF-8 unless another process wrote something else.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0[..self.len()]
    }

    /// The text.
    ///
    /// # Errors
    ///
    /// Where its bytes are no UTF-8: then another process wrote them, or is in the middle of it.
    pub fn as_str(&self) -> Result<&str, Utf8Error> {
        core::str::from_utf8(self.as_bytes())
    }

    /// The text, with `U+FFFD` for what is no UTF-8.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
}

impl<const N: usize> Default for ShmStr<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> TryFrom<&str> for ShmStr<N> {
    type Error = ShmStrError;

    fn try_from(text: &str) -> Result<Self, ShmStrError> {
        Self::checked(text)
    }
}

impl<const N: usize> FromStr for ShmStr<N> {
    type Err = ShmStrError;

    fn from_str(text: &str) -> Result<Self, ShmStrError> {
        Self::checked(text)
    }
}

impl<const N: usize> From<[u8; N]> for ShmStr<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> From<ShmStr<N>> for [u8; N] {
    fn from(text: ShmStr<N>) -> Self {
        text.0
    }
}

impl<const N: usize> AsRef<[u8]> for ShmStr<N> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<const N: usize> PartialEq<str> for ShmStr<N> {
    fn eq(&self, text: &str) -> bool {
        // a text that ends in NUL is none that can be stored, and so not equal to any that is
        self.as_bytes() == text.as_bytes()
    }
}

impl<const N: usize> PartialEq<&str> for ShmStr<N> {
    fn eq(&self, text: &&str) -> bool {
        *self == **text
    }
}

impl<const N: usize> PartialEq<String> for ShmStr<N> {
    fn eq(&self, text: &String) -> bool {
        *self == **text
    }
}

impl<const N: usize> PartialEq<ShmStr<N>> for str {
    fn eq(&self, text: &ShmStr<N>) -> bool {
        *text == *self
    }
}

impl<const N: usize> PartialEq<ShmStr<N>> for &str {
    fn eq(&self, text: &ShmStr<N>) -> bool {
        *text == **self
    }
}

impl<const N: usize> fmt::Display for ShmStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

impl<const N: usize> fmt::Debug for ShmStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl<const N: usize> ShmType for ShmStr<N> {
    const ELEMENT: ElementNode = ElementNode {
        name: "ShmStr",
        doc: "UTF-8, zeros behind it",
        size: N,
        align: 1,
        fields: &const {
            [ScalarNode {
                name: "",
                of: Scalar::Text(N),
                offset: 0,
                count: 1,
                doc: "",
                unit: "",
            }]
        },
    };
}

static_assertions::assert_eq_align!(ShmStr<24>, u8);
static_assertions::const_assert_eq!(size_of::<ShmStr<24>>(), 24);

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;
    use proptest::prelude::*;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn zeroed_is_empty() {
        let text = ShmStr::<5>::zeroed();
        assert!(text.is_empty());
        assert_eq!(text, ShmStr::EMPTY);
        assert_eq!(text.as_str(), Ok(""));
        assert_eq!(ShmStr::<0>::new(""), "");
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let too_long = ShmStrError::TooLong {
            len: 5,
            capacity: 4,
        };
        assert_eq!(ShmStr::<4>::try_from("Lärm"), Err(too_long));
        assert_eq!(too_long.to_string(), "a text of 5 bytes, room for 4");
        assert_eq!("a\0".parse::<ShmStr<4>>(), Err(ShmStrError::Nul { at: 1 }));
        assert_eq!(ShmStr::<4>::truncated("ab\0cd"), "ab");
        assert_eq!(ShmStr::<4>::new("full").as_str(), Ok("full"));
        assert_ne!(ShmStr::<4>::new("a"), "a\0");
    }

    #[test]
    #[should_panic(expected = "more than `N` bytes")]
    fn a_literal_that_is_too_long_panics() {
        let _ = ShmStr::<3>::new("four");
    }

    #[test]
    fn p6_foreign_bytes_are_an_error_or_replaced() {
        let foreign = ShmStr::from_bytes([b'a', 0xFF, b'b', 0]);
        assert!(foreign.as_str().is_err());
        assert_eq!(foreign.to_string(), "a\u{FFFD}b");
        assert_eq!(format!("{foreign:?}"), "\"a\u{FFFD}b\"");
        assert_eq!(foreign.len(), 3);
    }

    #[test]
    fn it_is_shown_as_a_text() {
        let text = ShmStr::<8>::new("a\"b");
        assert_eq!(format!("[{text:>5}]"), "[  a\"b]");
        assert_eq!(format!("{text:?}"), r#""a\"b""#);
    }

    proptest! {
        #[test]
        fn a_text_survives(text in "[^\0]{0,12}") {
            match ShmStr::<16>::try_from(text.as_str()) {
                Ok(stored) => {
                    prop_assert_eq!(stored.as_str(), Ok(text.as_str()));
                    prop_assert_eq!(stored.len(), text.len());
                    prop_assert!(stored == text && *text == stored);
                    prop_assert_eq!(ShmStr::from_bytes(stored.to_bytes()), stored);
                    prop_assert_eq!(ShmStr::truncated(&text), stored);
                }
                Err(_) => {
                    let cut = ShmStr::<16>::truncated(&text);
                    let cut = cut.as_str().expect("whole characters");
                    prop_assert!(text.starts_with(cut));
                    let next = text[cut.len()..].chars().next().map_or(0, char::len_utf8);
                    prop_assert!(cut.len() + next > 16, "no more of it fits");
                }
            }
        }

        /// Whatever the bytes: equal and ordered as the texts are.
        #[test]
        fn bytes_are_compared_as_texts(left: [u8; 3], right: [u8; 3], few in 0_u8..3) {
            let pairs = [(left, right), (left.map(|b| b % 3), right.map(|b| b % 3)), (left, [few; 3])];
            for (left, right) in pairs.map(|(l, r)| (ShmStr::from(l), ShmStr::from(r))) {
                prop_assert_eq!(left.cmp(&right), left.as_bytes().cmp(right.as_bytes()));
                prop_assert_eq!(left == right, left.as_bytes() == right.as_bytes());
                let keys = RandomState::new();
                prop_assert!(left != right || keys.hash_one(left) == keys.hash_one(right));
            }
        }
    }
}
