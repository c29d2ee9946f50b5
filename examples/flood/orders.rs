//! What people can tell a flood that runs.

use std::str::FromStr;

use schemas::flood::{Cloud, Flood, Params};
use shm_runtime::ShmLayout;

use crate::flood::Failure;

/// Something to change while the water flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    /// The part of the storm's rain that falls.
    Rain(f32),
    /// The roughness of the ground.
    Roughness(f32),
    /// A cloud comes and rains instead of the one before.
    Cloud(Cloud),
    /// The cloud that came last goes.
    Undo,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let order = Self::parsed(text).ok_or_else(|| {
            format!("`{text}` is no order; try rain=2, roughness=0.03, cloud=400,600 or undo")
        })?;
        if order.is_in_range() {
            Ok(order)
        } else {
            Err(format!("`{text}` is out of range"))
        }
    }
}

impl Order {
    fn parsed(text: &str) -> Option<Self> {
        let (name, values) = text.split_once('=').unwrap_or((text, ""));
        let values: Vec<&str> = values.split(',').collect();
        Some(match (name, values.as_slice()) {
            ("rain", [rain]) => Self::Rain(rain.parse().ok()?),
            ("roughness", [roughness]) => Self::Roughness(roughness.parse().ok()?),
            ("cloud", [row, column]) => Self::Cloud(Cloud {
                row: row.parse().ok()?,
                column: column.parse().ok()?,
                ..Cloud::USUAL
            }),
            ("cloud", [row, column, intensity]) => Self::Cloud(Cloud {
                row: row.parse().ok()?,
                column: column.parse().ok()?,
                intensity: intensity.parse().ok()?,
                ..Cloud::USUAL
            }),
            ("undo", [""]) => Self::Undo,
            _ => return None,
        })
    }

    fn is_in_range(self) -> bool {
        let mut params = Params::default();
        match self {
            Self::Rain(rain) => params.rain = rain,
            Self::Roughness(roughness) => params.roughness = roughness,
            Self::Cloud(cloud) => return cloud.in_range() == cloud,
            Self::Undo => {}
        }
        params.in_range() == params
    }

    /// Changes the flood. Any number of people may do it at once: `update` runs the change of a
    /// parameter again where somebody else changed one meanwhile, and none is lost.
    pub(crate) fn give(self, flood: &Flood) -> Result<(), Failure> {
        match self {
            Self::Rain(rain) => flood.params.update(|params| params.rain = rain)?,
            Self::Roughness(roughness) => {
                flood.params.update(|params| params.roughness = roughness)?;
            }
            Self::Cloud(cloud) => flood.clouds.push(cloud)?,
            Self::Undo => drop(flood.clouds.pop().ok_or("there is no cloud to undo")?),
        }
        Ok(())
    }
}

/// Gives orders to the flood that runs on a segment.
pub(crate) fn tell(segment: &str, orders: &[Order]) -> Result<(), Failure> {
    let flood = Flood::open(segment)?;
    if flood.prepared.load() == 0 {
        return Err("the flood has not begun yet".into());
    }
    orders.iter().try_for_each(|order| order.give(&flood))
}
