//! A producer or a consumer in Rust: the same as `actor.cpp` and `actor.py`.

use super::war::{BATCH, Fault, Item, LIMIT, SIDES, War};
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(20);

/// Has the seat until the order to stop comes: a producer's, and behind those a consumer's.
pub fn act(war: &War, seat: usize, fault: Fault) {
    war.ready.set(seat, u64::from(std::process::id()));
    match seat.checked_sub(SIDES) {
        None => produce(war, seat),
        Some(seat) => consume(war, seat, fault),
    }
}

fn produce(war: &War, seat: usize) {
    let mut sequence = war.next.get(seat);
    while war.order.load() < 1 {
        let end = (sequence + BATCH as u64).min(war.allowed.load());
        if sequence >= end {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        war.next.set(seat, end); // what becomes of these is unknown if we die
        let items: Vec<Item> = (sequence..end).map(|i| Item::of(i, seat)).collect();
        let mut pushed = war.queue.push_slice(&items) as u64;
        if pushed == 0 {
            pushed = u64::from(war.queue.push_wait(items[0], MOMENT).is_ok());
        }
        sequence += pushed;
        war.done.set(seat, sequence);
    }
}

fn consume(war: &War, seat: usize, fault: Fault) {
    let mut items = [Item::of(0, 0); BATCH];
    let mut newest = [0; SIDES];
    loop {
        // the order is read first: what was pushed before it was given is still popped
        let is_last = war.order.load() >= 2;
        let mut popped = war.queue.pop_slice(&mut items);
        if popped == 0 {
            let wait = if is_last { Duration::ZERO } else { MOMENT };
            match war.queue.pop_wait(wait) {
                Ok(one) => (items[0], popped) = (one, 1),
                Err(_) if is_last => return,
                Err(_) => continue,
            }
        }
        items[..popped]
            .iter()
            .for_each(|item| see(war, seat, item, &mut newest, fault));
    }
}

/// Counts an element, in a row that this seat alone writes.
fn see(war: &War, seat: usize, item: &Item, newest: &mut [u64; SIDES], fault: Fault) {
    if !item.is_whole() || item.number >= LIMIT as u64 {
        war.torn.fetch_add(1);
        return;
    }
    let last = &mut newest[item.number as usize % SIDES]; // the number that the next one has at least
    if item.number < *last {
        war.late.fetch_add(1);
    }
    *last = item.number + 1;
    let times = match fault {
        Fault::Lose if item.number % 1000 == 999 => 0,
        Fault::Twice if item.number % 1000 == 999 => 2,
        _ => 1,
    };
    let (row, place) = (&war.seen[seat], item.number as usize);
    row.set(place, row.get(place) + times);
}
