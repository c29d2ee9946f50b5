//! The map in a terminal: two pixels to a character, in true colour.
//!
//! A frame is drawn over the frame before, in the terminal's ordinary screen, and written at once.
//! It ends with plain colours and the cursor at the start of the line below it. The terminal is in
//! order between any two frames: however the renderer ends, there is nothing to restore.

use std::fmt::Write;
use std::fs::File;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::flood::shade::{Light, Relief, VISIBLE, paint};
use crate::flood::terrain::Terrain;

/// Lines below the map: those of the status, and the cursor's.
const BELOW: usize = STATUS + 1;
/// Lines of the status.
pub(crate) const STATUS: usize = 3;
/// How often the size of the terminal is looked up.
const LOOK: Duration = Duration::from_secs(1);

/// The view and what it knows of the terminal.
#[derive(Debug)]
pub(crate) struct View {
    /// Columns and lines of the terminal.
    terminal: (usize, usize),
    looked: Instant,
    /// Width and height of the map in pixels.
    size: (usize, usize),
    /// The dry ground, pixel by pixel.
    ground: Vec<Light>,
    /// The next frame begins on a clear screen.
    clear: bool,
}

impl View {
    /// A view that fits the terminal as it is.
    pub(crate) fn new(terrain: &Terrain, relief: &Relief) -> Self {
        let mut view = Self {
            terminal: terminal_size(),
            looked: Instant::now(),
            size: (0, 0),
            ground: Vec::new(),
            clear: true,
        };
        view.fit(terrain, relief);
        view
    }

    /// The bytes that draw the water of `depth` and, below, `status`.
    pub(crate) fn frame(
        &mut self,
        terrain: &Terrain,
        relief: &Relief,
        depth: &[f32],
        status: &[String; STATUS],
    ) -> String {
        if self.looked.elapsed() > LOOK {
            self.looked = Instant::now();
            let terminal = terminal_size();
            if terminal != self.terminal {
                self.terminal = terminal;
                self.fit(terrain, relief);
            }
        }
        let pixels = self.pixels(terrain, depth);
        let (width, height) = self.size;
        let mut frame = String::with_capacity(width * height * 24);
        let start = if std::mem::take(&mut self.clear) {
            "\x1b[0m\x1b[2J\x1b[H"
        } else {
            "\x1b[H"
        };
        frame.push_str(start);
        for line in pixels.chunks_exact(2 * width) {
            let (upper, lower) = line.split_at(width);
            let mut last = None;
            for pair in upper.iter().zip(lower) {
                if last != Some(pair) {
                    let ([r, g, b], [lower_r, lower_g, lower_b]) = pair;
                    // Writing to a `String` does not fail.
                    let _ = write!(
                        frame,
                        "\x1b[38;2;{r};{g};{b};48;2;{lower_r};{lower_g};{lower_b}m"
                    );
                    last = Some(pair);
                }
                frame.push('▀');
            }
            frame.push_str("\x1b[0m\x1b[K\r\n");
        }
        for line in status {
            frame.extend(line.chars().take(self.terminal.0.saturating_sub(1)));
            frame.push_str("\x1b[K\r\n");
        }
        frame.push_str("\x1b[J");
        frame
    }

    /// Chooses the largest map that fits and keeps its shape, and colours its ground.
    fn fit(&mut self, terrain: &Terrain, relief: &Relief) {
        let (columns, lines) = self.terminal;
        self.size = map_size(columns, lines.saturating_sub(BELOW), terrain);
        self.clear = true;
        let (width, height) = self.size;
        self.ground = (0..width * height)
            .map(|pixel| {
                let (rows, columns) = self.cells(pixel, terrain);
                let count = (rows.len() * columns.len()) as f32;
                let mut sum: Light = [0.0; 3];
                for row in rows {
                    for column in columns.clone() {
                        let light = relief.at(row * terrain.columns + column);
                        sum = std::array::from_fn(|channel| sum[channel] + light[channel]);
                    }
                }
                sum.map(|channel| channel / count)
            })
            .collect();
    }

    fn pixels(&self, terrain: &Terrain, depth: &[f32]) -> Vec<[u8; 3]> {
        let painted = |(pixel, &ground): (usize, &Light)| {
            let (rows, columns) = self.cells(pixel, terrain);
            let count = (rows.len() * columns.len()) as f32;
            let (mut wet, mut sum) = (0.0, 0.0);
            for row in rows {
                for &water in &depth[row * terrain.columns..][columns.clone()] {
                    if water > VISIBLE {
                        wet += 1.0;
                        sum += water;
                    }
                }
            }
            // A river is narrower than a pixel: it counts for more than its share of the area.
            let share = f32::min(2.0 * wet / count, 1.0);
            paint(ground, sum / f32::max(wet, 1.0), share)
        };
        self.ground.iter().enumerate().map(painted).collect()
    }

    /// The rows and columns of cells in a pixel.
    fn cells(&self, pixel: usize, terrain: &Terrain) -> (Range<usize>, Range<usize>) {
        let (width, height) = self.size;
        let part = |at: usize, of: usize, cells: usize| {
            let start = at * cells / of;
            start..((at + 1) * cells / of).max(start + 1)
        };
        let (row, column) = (pixel / width, pixel % width);
        (
            part(row, height, terrain.rows),
            part(column, width, terrain.columns),
        )
    }
}

/// Width and height in pixels of the largest map in `columns` × `lines` characters. A character is
/// about twice as high as wide, so a pixel is about a square.
fn map_size(columns: usize, lines: usize, terrain: &Terrain) -> (usize, usize) {
    let shape = (terrain.dx * terrain.columns as f64) / (terrain.dy * terrain.rows as f64);
    let highest = (2 * lines).clamp(2, terrain.rows) as f64;
    let widest = columns.clamp(1, terrain.columns) as f64;
    let width = widest.min(highest * shape);
    let height = width / shape;
    (
        width.round().max(1.0) as usize,
        ((height / 2.0).round().max(1.0) as usize) * 2,
    )
}

/// Columns and lines of the terminal: asked of `stty`, else 80 × 24.
fn terminal_size() -> (usize, usize) {
    asked_size().unwrap_or((80, 24))
}

fn asked_size() -> Option<(usize, usize)> {
    let terminal = File::open("/dev/tty").ok()?;
    let answer = Command::new("stty")
        .arg("size")
        .stdin(terminal)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse::<usize>);
    let (lines, columns) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (lines > 0 && columns > 0).then_some((columns, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level() -> Terrain {
        Terrain {
            rows: 100,
            columns: 100,
            dx: 30.0,
            dy: 30.0,
            elevation: vec![5.0; 10_000],
        }
    }

    #[test]
    fn the_map_keeps_its_shape() {
        assert_eq!(map_size(80, 20, &level()), (40, 40));
        assert_eq!(map_size(30, 50, &level()), (30, 30));
        assert_eq!(map_size(1, 0, &level()), (1, 2));
        assert_eq!(map_size(5000, 5000, &level()), (100, 100));
    }

    #[test]
    fn a_frame_ends_with_plain_colours_below_the_map() {
        let (terrain, depth) = (level(), vec![1.0; 10_000]);
        let relief = Relief::of(&terrain);
        let mut view = View::new(&terrain, &relief);
        view.terminal = (20, 10);
        view.looked = Instant::now();
        view.fit(&terrain, &relief);
        let frame = view.frame(
            &terrain,
            &relief,
            &depth,
            &["a status longer than the terminal", "b", "c"].map(String::from),
        );
        assert_eq!(frame.matches('▀').count(), 12 * 6);
        assert_eq!(frame.matches("\r\n").count(), 9);
        let end = "\x1b[0m\x1b[K\r\na status longer tha\x1b[K\r\nb\x1b[K\r\nc\x1b[K\r\n\x1b[J";
        assert!(frame.ends_with(end));
    }
}
