//! Rounds in turns, medians and ratios.

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Rounds per row.
    pub rounds: usize,
    /// Operations per round.
    pub operations: u64,
}

impl Scale {
    /// A minute or so.
    pub const QUICK: Self = Self {
        rounds: 11,
        operations: 400_000,
    };
    /// Some minutes.
    pub const FULL: Self = Self {
        rounds: 21,
        operations: 5_000_000,
    };
}

/// Something that is measured: returns what one round found, in the group's unit.
pub type Measured<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// Rows that are compared.
pub struct Group<'a> {
    /// What is compared.
    pub name: String,
    /// Of all numbers; ratios are "first row ÷ this row" where less is better.
    pub unit: &'static str,
    less_is_better: bool,
    rows: Vec<(String, Measured<'a>)>,
}

/// What came out.
pub struct Row {
    pub name: String,
    pub median: f64,
    pub min: f64,
    pub max: f64,
    /// How much better than the group's first row: above 1 is better.
    pub ratio: f64,
}

impl<'a> Group<'a> {
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            unit,
            less_is_better: !unit.ends_with("/s"),
            rows: Vec::new(),
        }
    }

    pub fn row(mut self, name: impl Into<String>, measured: impl FnMut() -> f64 + 'a) -> Self {
        self.rows.push((name.into(), Box::new(measured)));
        self
    }

    /// Runs all rows in turns; one round before the first does not count.
    pub fn run(mut self, rounds: usize) -> Vec<Row> {
        let mut found = vec![Vec::with_capacity(rounds); self.rows.len()];
        for round in 0..=rounds {
            for (row, found) in self.rows.iter_mut().zip(&mut found) {
                let value = (row.1)();
                if round > 0 {
                    found.push(value);
                }
            }
        }
        let first = found[0].clone();
        let better = |value: f64, base: f64| {
            if self.less_is_better {
                base / value
            } else {
                value / base
            }
        };
        let rows = self.rows.iter().zip(&found).map(|((name, _), found)| Row {
            name: name.clone(),
            median: median(found.clone()),
            min: found.iter().copied().fold(f64::INFINITY, f64::min),
            max: found.iter().copied().fold(0.0, f64::max),
            ratio: median(
                found
                    .iter()
                    .zip(&first)
                    .map(|(&a, &b)| better(a, b))
                    .collect(),
            ),
        });
        rows.collect()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
