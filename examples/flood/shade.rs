//! Colours: the relief lit from the north-west, and water over it.
//!
//! The map and the terminal view paint with the same two functions. Colours are mixed in linear
//! light and leave as sRGB.

use crate::flood::terrain::Terrain;

/// A colour in linear light.
pub(crate) type Light = [f32; 3];

/// Shallower water than this is not painted, in metres.
pub(crate) const VISIBLE: f32 = 0.05;
/// Water of this depth hides the ground as far as it ever does, in metres.
const OPAQUE: f32 = 0.4;
/// Water of this depth has the darkest blue, in metres.
const DARKEST: f32 = 6.0;

/// Ground from the lowest to the highest, in sRGB.
const GROUND: [[u8; 3]; 5] = [
    [196, 205, 176],
    [217, 213, 183],
    [214, 197, 164],
    [196, 174, 146],
    [226, 220, 212],
];
/// Water from the shallowest to the deepest, in sRGB.
const WATER: [[u8; 3]; 5] = [
    [158, 205, 228],
    [99, 172, 214],
    [49, 130, 189],
    [16, 86, 156],
    [8, 42, 100],
];

/// How much the slopes are exaggerated before they are lit.
const EXAGGERATION: f32 = 2.2;

/// The colour of the dry ground, cell by cell.
pub(crate) struct Relief {
    colours: Vec<Light>,
}

impl Relief {
    /// Lights the ground.
    pub(crate) fn of(terrain: &Terrain) -> Self {
        let lowest = terrain
            .elevation
            .iter()
            .copied()
            .fold(f32::INFINITY, f32::min);
        let highest = terrain
            .elevation
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        let range = (highest - lowest).max(1.0);
        let ground = GROUND.map(linear);
        let colours = (0..terrain.elevation.len())
            .map(|cell| {
                let height = (terrain.elevation[cell] - lowest) / range;
                let light = lit(terrain, cell);
                ramp(&ground, height.sqrt()).map(|channel| channel * light)
            })
            .collect();
        Self { colours }
    }

    /// The colour of a cell.
    pub(crate) fn at(&self, cell: usize) -> Light {
        self.colours[cell]
    }
}

/// Ground under `depth` metres of water, which covers `share` of it, in sRGB.
pub(crate) fn paint(ground: Light, depth: f32, share: f32) -> [u8; 3] {
    srgb(flooded(ground, depth, share))
}

/// How bright a cell is, around 1 on level ground: most of the light comes from the north-west at
/// 45 degrees, some from the west and the north, so that slopes away from it keep their shape.
fn lit(terrain: &Terrain, cell: usize) -> f32 {
    let (columns, elevation) = (terrain.columns, &terrain.elevation);
    let (row, column) = (cell / columns, cell % columns);
    let (west, east) = (column.saturating_sub(1), (column + 1).min(columns - 1));
    let (north, south) = (row.saturating_sub(1), (row + 1).min(terrain.rows - 1));
    let at = |row: usize, column: usize| elevation[row * columns + column];
    let across = (east - west).max(1) as f32 * terrain.dx as f32;
    let down = (south - north).max(1) as f32 * terrain.dy as f32;
    // The normal of the ground: x to the east, y to the south, z up.
    let x = -(at(row, east) - at(row, west)) / across * EXAGGERATION;
    let y = -(at(south, column) - at(north, column)) / down * EXAGGERATION;
    let length = (x * x + y * y + 1.0).sqrt();
    let from = |to_x: f32, to_y: f32, up: f32| ((x * to_x + y * to_y + up) / length).max(0.0);
    let level = std::f32::consts::FRAC_1_SQRT_2;
    let sun = 0.7 * from(-0.5, -0.5, level)
        + 0.15 * from(-level, 0.0, level)
        + 0.15 * from(0.0, -level, level);
    0.12 + 0.88 * sun / level
}

/// Paints water over a colour; deeper water is darker, by the logarithm of its depth.
fn flooded(ground: Light, depth: f32, share: f32) -> Light {
    // What is not a number is not painted.
    if depth.is_nan() || depth <= VISIBLE {
        return ground;
    }
    let along = |from: f32, to: f32| ((depth / from).ln() / (to / from).ln()).clamp(0.0, 1.0);
    let water = ramp(&WATER.map(linear), along(VISIBLE, DARKEST));
    let cover = 0.94 * along(VISIBLE, OPAQUE) * share;
    std::array::from_fn(|channel| ground[channel] + (water[channel] - ground[channel]) * cover)
}

/// The colour at `at` (0 to 1) along `stops` at equal distances.
fn ramp(stops: &[Light; 5], at: f32) -> Light {
    let place = at.clamp(0.0, 1.0) * (stops.len() - 1) as f32;
    let first = (place as usize).min(stops.len() - 2);
    let part = place - first as f32;
    std::array::from_fn(|channel| {
        stops[first][channel] + (stops[first + 1][channel] - stops[first][channel]) * part
    })
}

fn linear(colour: [u8; 3]) -> Light {
    colour.map(|channel| (f32::from(channel) / 255.0).powf(2.2))
}

fn srgb(light: Light) -> [u8; 3] {
    light.map(|channel| (channel.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeper_water_is_darker() {
        let ground = linear([200, 200, 180]);
        let brightness = |depth| flooded(ground, depth, 1.0).iter().sum::<f32>();
        let depths = [0.3, 0.6, 1.5, 3.0, 5.0];
        assert!(
            depths
                .windows(2)
                .all(|pair| brightness(pair[0]) > brightness(pair[1]))
        );
    }

    #[test]
    fn a_depth_that_is_no_number_paints_dry_ground() {
        let ground = linear([200, 200, 180]);
        assert_eq!(flooded(ground, f32::NAN, 1.0), ground);
    }

    #[test]
    fn slopes_to_the_north_west_are_brighter_than_level_ground() {
        let slope = |east: f32, south: f32| Terrain {
            rows: 3,
            columns: 3,
            dx: 30.0,
            dy: 30.0,
            elevation: (0..9)
                .map(|n| east * (n % 3) as f32 + south * (n / 3) as f32)
                .collect(),
        };
        let level = lit(&slope(0.0, 0.0), 4);
        assert!((level - 1.0).abs() < 1e-3);
        assert!(lit(&slope(5.0, 5.0), 4) > level);
        assert!(lit(&slope(-5.0, -5.0), 4) < level);
    }
}
