//! How a subscriber listens to the telemetry.
//!
//! Each hears every step, at its own pace, and nobody waits for it. How far it is lies in the
//! segment, so that the next one goes on where a killed one was. What was overwritten meanwhile is
//! counted, never passed over in silence: heard and missed make up all that was sent.

use schemas::flood::{Audience, Flood, TELEMETRY, Telemetry};
use shm_runtime::{Missed, Start, Subscriber};

/// A subscriber and how far it is.
#[derive(Debug)]
pub(crate) struct Listener<'a> {
    subscriber: Subscriber<Telemetry, TELEMETRY>,
    audience: &'a Audience,
}

impl<'a> Listener<'a> {
    /// Goes on where the one before it was.
    pub(crate) fn new(flood: &Flood, audience: &'a Audience) -> Self {
        let mut subscriber = flood.telemetry.subscribe(Start::Oldest);
        let before = audience.position.load();
        let missed = subscriber.position().saturating_sub(before);
        audience.missed.fetch_add(missed);
        while subscriber.position() < before && !matches!(subscriber.recv(), Ok(None)) {}
        Self {
            subscriber,
            audience,
        }
    }

    /// The next step, if there was one.
    pub(crate) fn hear(&mut self) -> Option<Telemetry> {
        loop {
            let heard = self.subscriber.recv();
            if let Err(Missed(count)) = heard {
                self.audience.missed.fetch_add(count);
            }
            self.audience.position.store(self.subscriber.position());
            if let Ok(heard) = heard {
                return heard;
            }
        }
    }
}
