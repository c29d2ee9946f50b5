//! Standard output: tables for people, JSON for programs.

use crate::failure::Failure;
use serde_json::Value as Json;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Standard output, and what is known of who reads it.
pub(crate) struct Out {
    to: BufWriter<Box<dyn Write>>,
    /// Whether a program reads it.
    pub(crate) json: bool,
    colour: bool,
}

/// How a text is to look.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Good,
    Bad,
    Doubtful,
    Dim,
    Strong,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            colour: !json && wanted && !is_dumb && io::stdout().is_terminal(),
            to: BufWriter::new(Box::new(io::stdout().lock())),
            json,
        }
    }

    /// What nobody reads: for tests that run a command many times over in their own process.
    #[cfg(test)]
    pub(crate) fn nowhere(json: bool) -> Self {
        Self {
            colour: true,
            to: BufWriter::new(Box::new(io::sink())),
            json,
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.to.write_all(text.as_bytes())?;
        Ok(self.to.write_all(b"\n")?)
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.to.write_all(bytes)?)
    }

    /// Writes JSON on a line.
    pub(crate) fn value(&mut self, json: &Json) -> Result<(), Failure> {
        self.line(&json.to_string())
    }

    /// Hands everything on that was written.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.to.flush()?)
    }

    /// Whether the reader of a pipe has gone away; what is written would tell as well, and later.
    pub(crate) fn is_unread(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let output = io::stdout();
        let mut asked = [PollFd::new(&output, PollFlags::empty())];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let gone = PollFlags::ERR | PollFlags::HUP;
        poll(&mut asked, Some(&now)).is_ok() && asked[0].revents().intersects(gone)
    }

    /// The text in this style, where there is a terminal that shows it.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match style {
            Style::Good => "32",
            Style::Bad => "31",
            Style::Doubtful => "33",
            Style::Dim => "2",
            Style::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Writes rows as columns of equal width; those that `is_number` lists stand to the right.
    pub(crate) fn table(&mut self, rows: &[Vec<String>], numbers: &[usize]) -> Result<(), Failure> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| visible(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[column] - visible(cell));
                if column > 0 {
                    line.push_str("  ");
                }
                if numbers.contains(&column) {
                    line += &pad;
                    line += cell;
                } else {
                    line += cell;
                    line += &pad;
                }
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }
}

/// How many columns a text takes: escape sequences take none.
fn visible(text: &str) -> usize {
    let mut count = 0;
    let mut in_escape = false;
    for c in text.chars() {
        match c {
            '\x1b' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if in_escape => {}
            _ => count += 1,
        }
    }
    count
}

/// Bytes as a person reads them: `4.2 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "";
    for next in UNITS {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A number with its thousands apart: `1,000,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time as a person reads it: `3 h 20 min`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::{age, bytes, count, visible};

    #[test]
    fn numbers_are_readable() {
        let sizes = [0, 1023, 1024, 4_404_019, 1 << 36, (1 << 20) - 1].map(bytes);
        assert_eq!(
            sizes,
            ["0 B", "1023 B", "1.0 KiB", "4.2 MiB", "64.0 GiB", "1.0 MiB"]
        );
        assert_eq!(
            [7, 999, 1000, 1_000_000].map(count),
            ["7", "999", "1,000", "1,000,000"]
        );
        assert_eq!(
            [59, 61, 3660, 90_000].map(age),
            ["59 s", "1 min", "1 h 1 min", "1 d 1 h"]
        );
        assert_eq!(visible("\x1b[32mlive\x1b[0m"), 4);
    }
}
