//! `shm top`: segments and what happens in them, on a whole terminal.
//!
//! What is shown is a picture of [`Screen`], which knows nothing of terminals: so tests look at it.

use super::watch::{self, Look};
use crate::failure::{Code, Failure};
use crate::files;
use crate::out;
use crate::processes::printable;
use crate::show::{self, Fill, Pages, Reading};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Row, Table, TableState};
use shm_runtime::segment::Survey;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often everything is looked at again.
const INTERVAL: Duration = Duration::from_secs(1);
/// Columns of the bar that shows how full something is.
const BAR: usize = 12;

/// A segment in the list.
struct Listed {
    name: String,
    state: &'static str,
    size: u64,
    resident: u64,
    attached: usize,
}

/// The segment that is looked into.
struct Opened {
    segment: Reading,
    last: Vec<Look>,
    at: Instant,
    rows: Vec<Structure>,
}

/// A structure of it.
struct Structure {
    name: String,
    holds: Fill,
    /// What was counted each second.
    rates: Vec<(&'static str, f64)>,
}

/// What is to be seen.
#[derive(Default)]
struct Screen {
    segments: Vec<Listed>,
    chosen: usize,
    opened: Option<Opened>,
}

pub(crate) fn run() -> Result<Code, Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("`shm top` needs a terminal")
            .hint("`shm --json watch NAME` is for programs"));
    }
    let mut terminal = ratatui::try_init()?; // restored where it panics, too
    let result = show(&mut terminal);
    ratatui::try_restore()?;
    result.map(|()| Code::Ok)
}

fn show(terminal: &mut ratatui::DefaultTerminal) -> Result<(), Failure> {
    let mut screen = Screen::default();
    loop {
        screen.look()?;
        let next = Instant::now() + INTERVAL;
        loop {
            terminal.draw(|frame| screen.draw(frame))?;
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() || !event::poll(left)? {
                break;
            }
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
            {
                let is_end =
                    key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
                if is_end || !screen.press(key.code) {
                    return Ok(());
                }
            }
        }
    }
}

impl Screen {
    /// Looks at everything again.
    fn look(&mut self) -> Result<(), Failure> {
        self.segments.clear();
        for file in files::list()? {
            let Ok(survey) = Survey::look(&file.name) else {
                continue; // no segment, or none of this user's
            };
            self.segments.push(Listed {
                state: match (survey.is_held(), survey.is_persistent()) {
                    (true, _) => "live",
                    (false, true) => "persistent",
                    (false, false) => "stale",
                },
                size: survey.control().total_size,
                resident: file.resident(),
                attached: survey.participants().len(),
                name: file.name,
            });
        }
        self.chosen = self.chosen.min(self.segments.len().saturating_sub(1));
        if let Some(opened) = &mut self.opened
            && (!show::is_alive(&opened.segment) || opened.look().is_err())
        {
            self.opened = None;
        }
        Ok(())
    }

    /// Does what a key asks for; false where it asks for the end.
    fn press(&mut self, key: KeyCode) -> bool {
        match key {
            KeyCode::Char('q') => return false,
            KeyCode::Esc if self.opened.is_none() => return false,
            KeyCode::Esc | KeyCode::Left => self.opened = None,
            KeyCode::Up => self.chosen = self.chosen.saturating_sub(1),
            KeyCode::Down => {
                self.chosen = (self.chosen + 1).min(self.segments.len().saturating_sub(1))
            }
            KeyCode::Enter | KeyCode::Right => {
                let name = self
                    .segments
                    .get(self.chosen)
                    .map(|listed| listed.name.as_str());
                self.opened = name.and_then(|name| Opened::new(name).ok());
            }
            _ => {}
        }
        true
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [body, foot] =
            Layout::vertical([Constraint::Min(3), Constraint::Length(1)]).areas(frame.area());
        let help = match &self.opened {
            Some(opened) => {
                frame.render_widget(opened.table(), body);
                "Esc back   q end"
            }
            None => {
                let mut state = TableState::default().with_selected(Some(self.chosen));
                frame.render_stateful_widget(self.table(), body, &mut state);
                "↑↓ choose   Enter look into it   q end"
            }
        };
        frame.render_widget(
            Line::styled(help, Style::new().add_modifier(Modifier::DIM)),
            foot,
        );
    }

    fn table(&self) -> Table<'_> {
        let row = |listed: &Listed| {
            Row::new([
                printable(&listed.name),
                listed.state.to_owned(),
                out::bytes(listed.size),
                out::bytes(listed.resident),
                listed.attached.to_string(),
            ])
        };
        let widths = [
            Constraint::Fill(1),
            Constraint::Length(10),
            Constraint::Length(10),
            Constraint::Length(10),
            Constraint::Length(8),
        ];
        let head = Row::new(["NAME", "STATE", "SIZE", "MEMORY", "ATTACHED"]);
        Table::new(self.segments.iter().map(row), widths)
            .header(head.style(Style::new().add_modifier(Modifier::DIM)))
            .row_highlight_style(reversed())
            .block(Block::bordered().title(format!(" {} segments ", self.segments.len())))
    }
}

/// How what is chosen looks: without colours, as far as the terminal has them.
fn reversed() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

impl Opened {
    fn new(name: &str) -> Result<Self, Failure> {
        let segment = show::open(name)?;
        let last = watch::look(&segment, &[], &Pages::of(&segment))?;
        let rows = last.iter().map(|look| Structure {
            name: look.name.clone(),
            holds: look.holds.clone(),
            rates: Vec::new(),
        });
        Ok(Self {
            rows: rows.collect(),
            at: Instant::now(),
            segment,
            last,
        })
    }

    fn look(&mut self) -> Result<(), Failure> {
        let now = watch::look(&self.segment, &[], &Pages::of(&self.segment))?;
        let seconds = self.at.elapsed().as_secs_f64();
        let pairs = self.last.iter().zip(&now);
        let rows = pairs.map(|(last, now)| Structure {
            name: now.name.clone(),
            holds: now.holds.clone(),
            rates: watch::rates(last, now, seconds),
        });
        self.rows = rows.collect();
        self.at = Instant::now();
        self.last = now;
        Ok(())
    }

    fn table(&self) -> Table<'_> {
        let row = |Structure { name, holds, rates }: &Structure| {
            let rates = rates
                .iter()
                .map(|(what, rate)| format!("{what} {}", out::count(rate.round() as u64)));
            let rates: Vec<_> = rates.collect();
            let text = Row::new([printable(name), bar(holds), holds.text(), rates.join(", ")]);
            match holds {
                Fill::Of(used, capacity) if used == capacity => text.style(full()),
                _ => text,
            }
        };
        let widths = [
            Constraint::Min(16),
            Constraint::Length(BAR as u16),
            Constraint::Min(24),
            Constraint::Min(30),
        ];
        let head = Row::new(["FIELD", "", "HOLDS", "PER SECOND"]);
        Table::new(self.rows.iter().map(row), widths)
            .header(head.style(Style::new().add_modifier(Modifier::DIM)))
            .block(Block::bordered().title(format!(" {} ", self.segment.name())))
    }
}

/// How what is full looks.
fn full() -> Style {
    match std::env::var_os("NO_COLOR") {
        Some(value) if !value.is_empty() => Style::new().add_modifier(Modifier::BOLD),
        _ => Style::new().fg(Color::Yellow),
    }
}

/// How full something is, as a bar.
fn bar(holds: &Fill) -> String {
    match holds {
        Fill::Of(used, capacity) if *capacity > 0 => {
            let filled = (*used.min(capacity) as u128 * BAR as u128).div_ceil(u128::from(*capacity))
                as usize;
            "█".repeat(filled) + &"░".repeat(BAR - filled)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Listed, Opened, Screen};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::KeyCode;
    use shm_runtime::{Queue, ShmLayout};

    #[derive(ShmLayout)]
    struct Sim {
        events: Queue<u32, 8>,
    }

    fn picture(screen: &Screen) -> String {
        let mut terminal = Terminal::new(TestBackend::new(90, 8)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_segment_is_chosen_and_looked_into() {
        let name = format!("shm-test-cli-top-{}", std::process::id());
        let sim = Sim::create(&name).unwrap();
        for i in 0..3 {
            sim.events.push(i).unwrap();
        }
        let mut screen = Screen::default();
        screen.look().unwrap();
        let at = screen
            .segments
            .iter()
            .position(|listed| listed.name == name)
            .unwrap();
        assert_eq!(
            (screen.segments[at].state, screen.segments[at].attached),
            ("live", 1)
        );
        screen.chosen = at;
        assert!(screen.press(KeyCode::Enter));
        let text = picture(&screen);
        assert!(
            text.contains(&name) && text.contains("█████░░░░░░░") && text.contains("3 of 8"),
            "{text}"
        );
        sim.events.pop().unwrap();
        screen.opened.as_mut().map(Opened::look).unwrap().unwrap();
        let text = picture(&screen);
        assert!(text.contains("2 of 8") && text.contains("popped"), "{text}");
        assert!(screen.press(KeyCode::Esc) && screen.opened.is_none());
        assert!(!screen.press(KeyCode::Char('q')));
        screen.press(KeyCode::Enter);
        drop(sim);
        screen.look().unwrap();
        assert!(
            screen.opened.is_none(),
            "who looks into it comes back to the list when it is gone"
        );
    }

    #[test]
    fn a_list_is_shown() {
        let listed = |name: &str| Listed {
            name: name.to_owned(),
            state: "stale",
            size: 4096,
            resident: 0,
            attached: 0,
        };
        let mut screen = Screen {
            segments: vec![listed("first"), listed("x\u{1b}[2J")],
            ..Screen::default()
        };
        let text = picture(&screen);
        assert!(
            text.contains("2 segments") && text.contains("first") && text.contains("4.0 KiB"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
        screen.press(KeyCode::Down);
        screen.press(KeyCode::Down);
        assert_eq!(screen.chosen, 1);
        screen.press(KeyCode::Up);
        screen.press(KeyCode::Up);
        assert_eq!(screen.chosen, 0);
    }
}
