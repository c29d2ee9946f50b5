//! Messages with names and numbers, put together in constant functions.

use core::str::from_utf8;

const ROOM: usize = 480;

/// A text under construction; what does not fit is cut off.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: [u8; ROOM],
    len: usize,
}

impl Message {
    /// Begins with this text.
    pub(crate) const fn new(text: &str) -> Self {
        let empty = Self {
            bytes: [0; ROOM],
            len: 0,
        };
        empty.text(text)
    }

    const fn byte(mut self, byte: u8) -> Self {
        if self.len < ROOM {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
        self
    }

    /// Adds bytes of a text.
    pub(crate) const fn bytes(mut self, bytes: &[u8]) -> Self {
        let mut i = 0;
        while i < bytes.len() {
            self = self.byte(bytes[i]);
            i += 1;
        }
        self
    }

    /// Adds a text.
    pub(crate) const fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a number.
    pub(crate) const fn number(mut self, number: usize) -> Self {
        let mut digits = [0_u8; 20];
        let mut rest = number;
        let mut len = 0;
        loop {
            digits[len] = b'0' + (rest % 10) as u8;
            len += 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        while len > 0 {
            len -= 1;
            self = self.byte(digits[len]);
        }
        self
    }

    /// Adds a number of bytes: `1 byte`, `4 bytes`.
    pub(crate) const fn count_of_bytes(self, count: usize) -> Self {
        self.number(count)
            .text(if count == 1 { " byte" } else { " bytes" })
    }

    /// Panics with the text: in constant evaluation, a compile error that shows it.
    #[track_caller]
    pub(crate) const fn fail(&self) -> ! {
        match from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("a rule about numbers or names does not hold"),
        }
    }
}
