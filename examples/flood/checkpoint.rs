//! How the simulation survives a kill at any instruction.
//!
//! # One store decides
//!
//! The segment holds two [`Checkpoint`]s and the count of those committed, which says by being even
//! or odd which of the two is the last one. [`commit`] writes *everything* that the run consists of into the
//! other one, then stores `committed + 1`. That one store is the commit point:
//!
//! | killed | the segment says | a new simulation |
//! |---|---|---|
//! | before the store | the checkpoint before, whole: nothing wrote to it | does the lost steps again |
//! | after the store | the new checkpoint, whole: it was written before the store | goes on from it |
//!
//! Nobody else writes either of them. The half-written one is never read: the next commit writes
//! all of it again.
//!
//! # Events
//!
//! An event is raised while a checkpoint is made, and is part of it: the checkpoint holds the
//! events that it raised (its outbox) and the number of the last one. They are sent *after* the
//! commit, in order, and the next checkpoint is committed after the last of them was sent. So:
//!
//! - An event that is sent belongs to a committed checkpoint. Its number and content are final; no
//!   repeated step can raise another event under the same number.
//! - A simulation killed while it sends leaves a prefix of the outbox in the queue (a push happens
//!   or does not). The next one begins by sending the whole outbox of the last checkpoint again.
//!   Numbers that were sent before come a second time, none is left out.
//! - Analytics deals with numbers in order and puts aside those it has dealt with
//!   (`roles/analytics.rs`). What it sees is therefore 1, 2, 3, … without a gap or a repetition.
//!
//! Where the queue is full, the simulation waits for analytics: no event is ever dropped.
//!
//! # What else there is to see
//!
//! Frames, gauges and wet blocks are made from the checkpoint after its commit, and made again by
//! the simulation that goes on from it (`publish.rs`). Parameters and clouds are read once for each
//! checkpoint and are part of it: the steps that follow are made under them, also when they are
//! made again, so a run depends on what people did and not on who was killed.
//!
//! # Readers
//!
//! [`at`] reads the committed checkpoint while the simulation may commit the next two. It is a
//! sequence lock: the buffer that `committed = n` names is written again only after
//! `committed = n + 1` was stored, so a reader that finds `n` before and after it read has read
//! checkpoint `n` alone.
//!
//! - (A) `commit`'s store of `committed` → `at`'s first load: the checkpoint is visible.
//! - (B) `commit`'s fence after that store → `at`'s fence before its second load: a reader that
//!   saw any byte of the checkpoint after the next also sees that `committed` has moved on.

use std::sync::atomic::{Ordering, fence};

use schemas::flood::{BLOCKS, CELLS, Checkpoint, Event, Flood, OUTBOX, SIDES_EAST, SIDES_SOUTH};

use crate::flood::solver::State;
use crate::flood::watch::Watch;

/// All that a run consists of, in this process's own memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Saved {
    /// The water.
    pub(crate) state: State,
    /// What has been reported.
    pub(crate) watch: Watch,
    /// The events that this checkpoint raised.
    pub(crate) outbox: Vec<Event>,
}

/// Makes a checkpoint the last one. Only the simulation may call it.
pub(crate) fn commit(flood: &Flood, state: &State, watch: &Watch, outbox: &[Event]) {
    let committed = flood.committed.load();
    let next = committed.wrapping_add(1);
    let to = flood.checkpoint(next);
    to.depth.write_from(0, &state.depth);
    to.rest.write_from(0, &state.rest);
    to.east.write_from(0, &state.east);
    to.south.write_from(0, &state.south);
    to.step.store(state.step);
    to.time.store(state.time);
    to.rain.store(state.rain);
    to.outflow.store(state.outflow);
    to.arrival.write_from(0, &watch.arrival);
    to.params.set(0, watch.params);
    to.cloud.set(0, watch.cloud);
    to.readings.store(watch.readings);
    to.gauge_stage.write_from(0, &watch.stage);
    to.gauge_crested.write_from(0, &watch.crested);
    to.gauge_peak.write_from(0, &watch.peak);
    to.gauge_peak_time.write_from(0, &watch.peak_time);
    to.phase.store(watch.phase);
    to.raised.store(watch.raised);
    assert!(outbox.len() <= OUTBOX);
    to.outbox.write_from(0, outbox);
    to.outbox_len.store(outbox.len() as u64);
    flood.committed.store(next); // (A) commits
    fence(Ordering::Release); // (B) before the next commit writes to the other buffer
}

/// The last checkpoint; `None` before the first one. Only the simulation may call it: nobody
/// commits meanwhile.
pub(crate) fn restore(flood: &Flood) -> Option<Saved> {
    let committed = flood.committed.load();
    if committed == 0 {
        return None;
    }
    let from = flood.checkpoint(committed);
    let mut state = State {
        depth: vec![0.0; CELLS],
        rest: vec![0.0; CELLS],
        east: vec![0.0; SIDES_EAST],
        south: vec![0.0; SIDES_SOUTH],
        step: from.step.load(),
        time: from.time.load(),
        rain: from.rain.load(),
        outflow: from.outflow.load(),
    };
    from.depth.read_into(0, &mut state.depth);
    from.rest.read_into(0, &mut state.rest);
    from.east.read_into(0, &mut state.east);
    from.south.read_into(0, &mut state.south);
    let mut watch = Watch::new();
    watch.arrival.resize(BLOCKS, 0.0);
    from.arrival.read_into(0, &mut watch.arrival);
    watch.params = from.params.get(0).in_range();
    watch.cloud = from.cloud.get(0).in_range();
    watch.readings = from.readings.load();
    from.gauge_stage.read_into(0, &mut watch.stage);
    from.gauge_crested.read_into(0, &mut watch.crested);
    from.gauge_peak.read_into(0, &mut watch.peak);
    from.gauge_peak_time.read_into(0, &mut watch.peak_time);
    watch.phase = from.phase.load();
    watch.raised = from.raised.load();
    let raised = (from.outbox_len.load() as usize).min(OUTBOX);
    let outbox = (0..raised).map(|at| from.outbox.get(at)).collect();
    Some(Saved {
        state,
        watch,
        outbox,
    })
}

/// What `read` finds in the last checkpoint, whole: it may be called several times, and what it
/// found while the simulation moved on is thrown away. `None` before the first checkpoint.
///
/// A checkpoint lasts many times longer than reading one takes. Should the simulation outrun the
/// reader all the same, it gives up after a few attempts.
pub(crate) fn last<R>(flood: &Flood, mut read: impl FnMut(&Checkpoint) -> R) -> Option<R> {
    (0..20).find_map(|_attempt| at(flood, flood.committed.load(), &mut read))
}

/// What `read` finds in checkpoint `number`; `None` if that is not the last one, before or after.
pub(crate) fn at<R>(flood: &Flood, number: u64, read: impl FnOnce(&Checkpoint) -> R) -> Option<R> {
    let is_last = || flood.committed.load() == number; // (A) the checkpoint is visible
    if number == 0 || !is_last() {
        return None;
    }
    let found = read(flood.checkpoint(number));
    fence(Ordering::Acquire); // (B) before the second look
    is_last().then_some(found)
}
