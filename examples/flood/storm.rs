//! The rain: a storm of equal parts, each with its intensity.
//!
//! By default it rains 50 mm/h throughout. A file of daily precipitation gives a storm of its
//! shape: the wettest twelve days in a row, a part of the storm for each, scaled to the same
//! amount of water.

use std::path::Path;

use schemas::flood::STORM_PARTS;

use crate::flood::Failure;

/// Mean intensity of the storm in mm/h.
const INTENSITY: f64 = 50.0;

/// When it rains how much.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Storm {
    /// Intensity of each part in mm/h.
    pub(crate) parts: [f64; STORM_PARTS],
    /// Length of one part in seconds.
    pub(crate) part: f64,
}

impl Storm {
    /// A storm of `seconds` with the same rain throughout.
    pub(crate) fn steady(seconds: f64) -> Self {
        Self {
            parts: [INTENSITY; STORM_PARTS],
            part: seconds / STORM_PARTS as f64,
        }
    }

    /// A storm of `seconds` in the shape of the wettest days of a file in the format of
    /// `examples/data/seattle-weather.csv`.
    pub(crate) fn from_file(path: &Path, seconds: f64) -> Result<Self, Failure> {
        let at = |problem: String| format!("{}: {problem}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
        let days = precipitation(&text).map_err(at)?;
        Self::shaped(&days, seconds)
            .ok_or_else(|| at(format!("needs {STORM_PARTS} days in a row with any rain")).into())
    }

    /// The wettest days in a row, scaled to the water of a steady storm.
    fn shaped(days: &[f64], seconds: f64) -> Option<Self> {
        let sum = |days: &[f64]| days.iter().sum::<f64>();
        let wettest = days
            .windows(STORM_PARTS)
            .max_by(|one, other| sum(one).total_cmp(&sum(other)))?;
        let mean = sum(wettest) / STORM_PARTS as f64;
        let parts = std::array::from_fn(|part| wettest[part] / mean * INTENSITY);
        (mean > 0.0).then_some(Self {
            parts,
            part: seconds / STORM_PARTS as f64,
        })
    }

    /// Seconds until the rain is over.
    pub(crate) fn end(&self) -> f64 {
        self.part * STORM_PARTS as f64
    }

    /// All its rain in millimetres.
    pub(crate) fn amount(&self) -> f64 {
        self.parts.iter().sum::<f64>() * self.part / 3600.0
    }

    /// Rain at `time` in mm/h, and the time at which it may change.
    pub(crate) fn at(&self, time: f64) -> (f64, f64) {
        for (part, &intensity) in self.parts.iter().enumerate() {
            let end = self.part * (part + 1) as f64;
            if time < end {
                return (intensity, end);
            }
        }
        (0.0, f64::INFINITY)
    }
}

/// The column `precipitation` of a table with a head line.
fn precipitation(text: &str) -> Result<Vec<f64>, String> {
    let mut lines = text.lines().enumerate();
    let (_, head) = lines.next().ok_or("is empty")?;
    let column = head
        .split(',')
        .position(|name| name.trim() == "precipitation")
        .ok_or("has no column `precipitation` in its first line")?;
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            let value = line
                .split(',')
                .nth(column)
                .map(str::trim)
                .unwrap_or_default();
            match value.parse::<f64>() {
                Ok(rain) if rain.is_finite() && rain >= 0.0 => Ok(rain),
                _ => Err(format!(
                    "line {}: `{value}` is no amount of rain",
                    number + 1
                )),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_storm_ends() {
        let storm = Storm::steady(3600.0);
        assert_eq!(storm.at(0.0), (50.0, 300.0));
        assert_eq!(storm.at(300.0), (50.0, 600.0));
        assert_eq!(storm.at(3600.0), (0.0, f64::INFINITY));
        assert!((storm.amount() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_measured_storm_brings_as_much_rain_as_a_steady_one() {
        let days = precipitation(include_str!("../data/seattle-weather.csv")).unwrap();
        assert_eq!(days.len(), 1461);
        let storm = Storm::shaped(&days, 5400.0).unwrap();
        assert!((storm.amount() - Storm::steady(5400.0).amount()).abs() < 1e-9);
        let most = storm.parts.into_iter().fold(0.0, f64::max);
        assert_eq!(storm.parts[7], most);
    }

    #[test]
    fn what_is_no_weather_is_refused() {
        assert!(precipitation("").is_err());
        assert!(precipitation("date,rain\n1,2\n").is_err());
        let problem = precipitation("date,precipitation\n1,2\n2,much\n").unwrap_err();
        assert_eq!(problem, "line 3: `much` is no amount of rain");
        assert!(Storm::shaped(&[0.0; 40], 1.0).is_none());
        assert!(Storm::shaped(&[1.0; 11], 1.0).is_none());
    }
}
