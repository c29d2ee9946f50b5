//! The arithmetic of a step, row by row; `solver.rs` has the equations.
//!
//! Each function is one loop over slices of one length, without a branch, so that the compiler
//! keeps four cells in a vector register.

/// Standard gravity in m/s².
pub(crate) const GRAVITY: f32 = 9.81;
/// Shallower flow than this stands still, in metres.
const FILM: f32 = 1.0e-3;
/// Of a cell's water the part that one step may take away.
const GIVE: f32 = 0.999;
/// The least slope by which water leaves the map.
const BORDER_SLOPE: f32 = 1.0e-3;

/// The coefficients of one step.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// g·Δt/Δx and g·Δt/Δy.
    pub(crate) push: [f32; 2],
    /// g·Δt·n².
    pub(crate) friction: f32,
    /// n: Manning's roughness.
    pub(crate) roughness: f32,
    /// Δt/Δx and Δt/Δy: from a discharge to a change of depth.
    pub(crate) spread: [f32; 2],
    /// Metres of rain.
    pub(crate) rain: f32,
}

impl Step {
    /// The coefficients of a step of `seconds` under rain of `intensity` m/s, over cells of
    /// `dx` × `dy` metres with this roughness.
    pub(crate) fn of(seconds: f64, intensity: f64, roughness: f32, [dx, dy]: [f64; 2]) -> Self {
        let gravity = f64::from(GRAVITY);
        Self {
            push: [
                (gravity * seconds / dx) as f32,
                (gravity * seconds / dy) as f32,
            ],
            friction: GRAVITY * seconds as f32 * roughness * roughness,
            roughness,
            spread: [(seconds / dx) as f32, (seconds / dy) as f32],
            rain: (intensity * seconds) as f32,
        }
    }
}

/// The new discharges over a row of sides, between `first` and `second` cells.
pub(crate) fn discharges(
    q: &mut [f32],
    ground: [&[f32]; 2],
    water: [&[f32]; 2],
    push: f32,
    friction: f32,
) {
    let sides = q.len();
    let [first_ground, second_ground] = ground.map(|row| &row[..sides]);
    let [first_water, second_water] = water.map(|row| &row[..sides]);
    for side in 0..sides {
        let (first, second) = (first_water[side], second_water[side]);
        // Differences of elevation first: depths of millimetres vanish beside a thousand metres.
        let rise = second_ground[side] - first_ground[side];
        let flow = larger(first - larger(rise, 0.0), second + smaller(rise, 0.0));
        let depth = larger(flow, FILM);
        let root = inverse_cube_root(depth);
        // d^(−7/3) = (d^(−1/3))^7
        let square = root * root;
        let resistance = friction * square * square * square * root;
        let pushed = q[side] - push * depth * (rise + (second - first));
        let next = 2.0 * pushed / (1.0 + (1.0 + 4.0 * resistance * pushed.abs()).sqrt());
        q[side] = if flow > FILM { next } else { 0.0 };
    }
}

/// For a row of cells the part of their outflow that they can pay, at most 1.
pub(crate) fn limits(
    limit: &mut [f32],
    water: &[f32],
    east: [&[f32]; 2],
    south: [&[f32]; 2],
    spread: [f32; 2],
) {
    let cells = limit.len();
    let water = &water[..cells];
    let ([west, east], [north, south]) = (
        east.map(|row| &row[..cells]),
        south.map(|row| &row[..cells]),
    );
    for cell in 0..cells {
        let across = larger(east[cell], 0.0) - smaller(west[cell], 0.0);
        let down = larger(south[cell], 0.0) - smaller(north[cell], 0.0);
        let outflow = across * spread[0] + down * spread[1];
        let part = GIVE * water[cell] / larger(outflow, f32::MIN_POSITIVE);
        limit[cell] = smaller(part, 1.0);
    }
}

/// Multiplies each discharge by the limit of the cell that pays it.
pub(crate) fn scale(q: &mut [f32], first: &[f32], second: &[f32]) {
    let sides = q.len();
    let (first, second) = (&first[..sides], &second[..sides]);
    for side in 0..sides {
        // One of the two is zero: a choice without a branch.
        q[side] = larger(q[side], 0.0) * first[side] + smaller(q[side], 0.0) * second[side];
    }
}

/// Adds to each cell what came in over its sides and from above; returns the greatest depth.
///
/// What a sum of `f32` rounds away is kept and added at the next step (Kahan 1965): where a flow is
/// steady, the changes of a deep cell are below its last digit, always to the same side.
pub(crate) fn depths(
    water: &mut [f32],
    rest: &mut [f32],
    east: [&[f32]; 2],
    south: [&[f32]; 2],
    step: &Step,
) -> f32 {
    let cells = water.len();
    let rest = &mut rest[..cells];
    let ([west, east], [north, south]) = (
        east.map(|row| &row[..cells]),
        south.map(|row| &row[..cells]),
    );
    let mut deepest = 0.0;
    for cell in 0..cells {
        let across = (west[cell] - east[cell]) * step.spread[0];
        let down = (north[cell] - south[cell]) * step.spread[1];
        let change = rest[cell] + (across + down + step.rain);
        let depth = water[cell] + change;
        rest[cell] = change - (depth - water[cell]);
        water[cell] = depth;
        deepest = larger(depth, deepest);
    }
    deepest
}

/// Discharge out of a border cell down a bed that falls outwards by `fall`.
pub(crate) fn leaving(depth: f32, fall: f32, roughness: f32) -> f32 {
    if depth <= FILM {
        return 0.0;
    }
    let root = inverse_cube_root(depth);
    // d^(5/3) = d² · d^(−1/3)
    depth * depth * root * larger(fall, BORDER_SLOPE).sqrt() / roughness
}

/// `x^(−1/3)` for a positive normal `x`, to four digits, in operations that vector units have.
///
/// The first guess divides the exponent by −3: 1/4 + 1/16 + … = 1/3, with shifts. Two steps of
/// Newton's method follow, which need no division.
#[inline(always)]
fn inverse_cube_root(x: f32) -> f32 {
    let bits = x.to_bits();
    let third = (bits >> 2) + (bits >> 4);
    let third = third + (third >> 4);
    let third = third + (third >> 8);
    let guess = f32::from_bits(0x54a2_1d2a - third);
    let guess = guess * (4.0 - x * guess * guess * guess) * (1.0 / 3.0);
    guess * (4.0 - x * guess * guess * guess) * (1.0 / 3.0)
}

/// `f32::max` without its rule for NaN, which costs a second comparison.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// `f32::min` without its rule for NaN.
#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_cube_root_has_four_digits() {
        let mut x = 1e-4_f32;
        while x < 1e3 {
            let exact = f64::from(x).powf(-1.0 / 3.0);
            assert!((f64::from(inverse_cube_root(x)) / exact - 1.0).abs() < 2e-5);
            x *= 1.01;
        }
    }
}
