//! A program without the schema is killed: what it had comes back to those who know the schema. Promises P1, P3.

use super::common::{role, role_command};
use super::{Event, bytes, unique};
use shm_runtime::dynamic::Segment;
use shm_runtime::prelude::*;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 6)]
struct Shop {
    jobs: Queue<Event, 4>,
    tools: Pool<u64, 2>,
    till: sync::Mutex<u64>,
    ages: Map<u64, u64, 4>,
    prices: sync::RwLock<u64>,
    hours: sync::RwLock<u64>,
    open: sync::Once,
}

/// Takes what it can, says so, and waits to be killed.
fn hold(name: &str) {
    let segment = Segment::open(name).unwrap();
    let (jobs, tools) = (
        segment.queue("jobs").unwrap(),
        segment.pool("tools").unwrap(),
    );
    let (till, ages) = (segment.mutex("till").unwrap(), segment.map("ages").unwrap());
    let _taken = jobs.take().unwrap().expect("there is a job");
    let _tools = (tools.acquire().unwrap(), tools.acquire().unwrap());
    let _guard = till.try_lock().unwrap();
    let (prices, hours) = (
        segment.rwlock("prices").unwrap(),
        segment.rwlock("hours").unwrap(),
    );
    let (_write, _read) = (prices.try_write().unwrap(), hours.try_read().unwrap());
    let open = segment.once("open").unwrap();
    let _run = open.begin_wait(Duration::ZERO).unwrap().unwrap();
    ages.insert(&[1; 8], &[2; 8], &mut [0; 8]).unwrap();
    println!("\nholding");
    let _ = std::io::stdin().read_line(&mut String::new()); // returns if the parent is gone
}

#[test]
fn p1_what_a_killed_one_had_comes_back() {
    if let Some((_, name)) = role() {
        return hold(&name);
    }
    let name = unique("dyn-killed");
    let shop = Shop::create(&name).unwrap();
    shop.jobs.push(Event::new(1)).unwrap();
    let mut command = role_command("killed::p1_what_a_killed_one_had_comes_back", "hold", &name);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "holding"));
    assert!(shop.jobs.pop().is_none() && shop.tools.acquire().is_none());
    assert!(shop.till.try_lock().is_err());
    assert!(shop.prices.try_read().is_err() && shop.hours.try_write().is_err());
    assert!(shop.open.begin_wait(Duration::ZERO).is_err());
    child.kill().unwrap();
    child.wait().unwrap();

    shm_runtime::Segment::recover(&shop);
    assert_eq!(shop.jobs.pop(), Some(Event::new(1)));
    let tools = (shop.tools.acquire(), shop.tools.acquire());
    assert!(tools.0.is_some() && tools.1.is_some());
    assert!(shop.till.lock().is_err(), "whoever locks is told");
    assert!(shop.prices.read().is_err(), "and so is who reads");
    assert!(shop.hours.write().is_ok(), "a reader is forgotten");
    let run = shop.open.begin_wait(Duration::ZERO).unwrap();
    assert!(run.is_some_and(|run| run.state().is_interrupted()));
    assert_eq!(
        shop.ages.get(u64::from_le_bytes([1; 8])),
        Some(u64::from_le_bytes([2; 8]))
    );
    // every place is free again
    let segment = Segment::open(&name).unwrap();
    let jobs = segment.queue("jobs").unwrap();
    assert_eq!(jobs.push_slice(&bytes(&Event::new(2)).repeat(5)), 4);
}
