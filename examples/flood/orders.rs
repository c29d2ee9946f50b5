//! What people can tell a flood that runs.

use std::str::FromStr;

use schemas::flood::{Flood, Params};
use shm_runtime::ShmLayout;

use crate::flood::Failure;

/// Something to change while the water flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    /// The part of the storm's rain that falls.
    Rain(f32),
    /// The roughness of the ground.
    Roughness(f32),
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no order; write rain=2 or roughness=0.03");
        let (name, value) = text.split_once('=').ok_or_else(unknown)?;
        let value: f32 = value.parse().map_err(|_| unknown())?;
        let usual = Params::default();
        let (order, params) = match name {
            "rain" => (
                Self::Rain(value),
                Params {
                    rain: value,
                    ..usual
                },
            ),
            "roughness" => (
                Self::Roughness(value),
                Params {
                    roughness: value,
                    ..usual
                },
            ),
            _ => return Err(unknown()),
        };
        if params.in_range() == params {
            Ok(order)
        } else {
            Err(format!("`{text}` is out of range"))
        }
    }
}

impl Order {
    /// Changes the flood. `update` runs the change again where somebody else changed the
    /// parameters meanwhile: of two changes at one time none is lost.
    fn give(self, flood: &Flood) -> Result<(), Failure> {
        match self {
            Self::Rain(rain) => flood.params.update(|params| params.rain = rain)?,
            Self::Roughness(roughness) => {
                flood.params.update(|params| params.roughness = roughness)?;
            }
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
