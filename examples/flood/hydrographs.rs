//! The hydrographs: analytics leases one for each gauge and writes it, everybody reads it.
//!
//! There are as many objects as gauges. What an analytics that was killed has on lease keeps its
//! last content for readers until the next one finds no object free: then the dead one's come back
//! and are leased anew, empty. The journal says what belongs into them.

use std::time::Duration;

use schemas::flood::{Event, EventKind, Flood, GAUGES, Hydrograph};
use shm_runtime::{Lease, Zeroable};

use crate::flood::Failure;

/// How long the dead may keep what they held.
const PATIENCE: Duration = Duration::from_secs(10);

/// The hydrographs of all gauges, on lease to this process.
#[derive(Debug)]
pub(crate) struct Hydrographs<'a> {
    flood: &'a Flood,
    leases: Vec<Lease<'a, Hydrograph, GAUGES>>,
}

impl<'a> Hydrographs<'a> {
    /// Leases them, enters what the events of `past` say, and shows them to everybody.
    pub(crate) fn lease(
        flood: &'a Flood,
        past: impl Iterator<Item = Event>,
    ) -> Result<Self, Failure> {
        let mut leases = Vec::new();
        for gauge in 0..GAUGES {
            let mut lease = flood.hydrographs.acquire_wait(PATIENCE)?;
            lease.write(Hydrograph {
                gauge: gauge as u32,
                ..Hydrograph::zeroed()
            });
            leases.push(lease);
        }
        let mut hydrographs = Self { flood, leases };
        for event in past {
            hydrographs.note(&event);
        }
        for (gauge, lease) in hydrographs.leases.iter().enumerate() {
            flood.hydrograph.store(gauge, lease.handle());
        }
        Ok(hydrographs)
    }

    /// Enters a reading. To enter it twice changes nothing.
    pub(crate) fn note(&mut self, event: &Event) {
        if event.kind == EventKind::GaugeRead as u32
            && let Some(lease) = self.leases.get_mut(event.gauge as usize)
        {
            let due = Hydrograph::due(event.t, self.flood.run_end.load());
            lease.update(|hydrograph| hydrograph.read(due, event.value));
        }
    }
}

/// The hydrograph of a gauge as somebody else sees it: half an entry may be missing. `None` while
/// nobody has it on lease.
pub(crate) fn find(flood: &Flood, gauge: usize) -> Option<Hydrograph> {
    flood.hydrographs.get(flood.hydrograph.load(gauge))
}
