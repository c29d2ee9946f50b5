//! Messages to all: senders that are killed and stopped; subscribers that only look, and cost nothing.

use super::child::{Child, until_true};
use super::common::unique;
use super::{Item, LONG, alone, assert_lanes_are_back, assert_refused};
use shm_runtime::{Array, Broadcast, Missed, RecvError, Segment, ShmLayout, Start, Subscriber};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 16)]
struct Paper {
    news: Broadcast<Item, 8>,
    step: Array<u64, 4>,
}

/// Receives until so many messages were received or missed; they come in order, each once.
fn read(reader: &mut Subscriber<Item, 8>, until: u64) {
    let mut last = 0;
    while reader.position() < until {
        match reader.recv_wait(LONG) {
            Ok(item) => {
                assert!(
                    item.is_whole() && item.number > last,
                    "{item:?} behind {last}"
                );
                last = item.number;
            }
            Err(RecvError::Missed(count)) => assert!(count > 0),
            Err(RecvError::Timeout) => panic!("slept through"),
        }
    }
}

#[test]
fn a_subscriber_needs_no_more_than_a_read_only_attachment() {
    let _alone = alone();
    let name = unique("news-reader");
    let paper = Paper::create(&name).unwrap();
    let reader = Paper::options().read_only().open(&name).unwrap();
    let mut newest = reader.news.subscribe(Start::Newest);
    for number in 1..=20 {
        paper.news.send(Item::new(number)).unwrap();
        assert_eq!(newest.recv(), Ok(Some(Item::new(number))));
        assert_eq!(newest.recv(), Ok(None));
        assert_eq!(reader.news.sent(), number);
    }
    let mut oldest = reader.news.subscribe(Start::Oldest);
    assert_eq!(oldest.recv(), Ok(Some(Item::new(13))));
    assert_eq!((oldest.position(), oldest.missed()), (13, 0));
    let soon = Duration::from_millis(3);
    assert_eq!(newest.recv_wait(soon), Err(RecvError::Timeout));
    let writer = std::thread::spawn(move || {
        for number in 21..=30 {
            paper.news.send(Item::new(number)).unwrap();
        }
    });
    read(&mut newest, 30);
    writer.join().unwrap();
    assert_eq!(oldest.recv(), Err(Missed(9)), "13 was at the place of 29");
    assert_eq!(oldest.recv(), Ok(Some(Item::new(23))));
    assert_eq!(oldest.missed(), 9);
    let send: &dyn Fn() = &|| reader.news.send(Item::new(1)).unwrap();
    assert_refused("news", "send", send);
}

#[test]
fn p1_a_killed_sender_has_sent_what_it_was_told_it_had() {
    let _alone = alone();
    let name = unique("news-killed");
    let paper = Paper::create(&name).unwrap();
    for round in 0..40 {
        let before = paper.news.sent();
        let child = Child::fork(|| {
            let paper = Paper::open(&name).unwrap();
            for number in 1.. {
                paper.news.send(Item::new(number)).unwrap();
                paper.step.set(0, number);
            }
        });
        until_true("it sends", || paper.step.get(0) > 10 + 37 * round);
        assert!(child.kill());
        let (told, sent) = (paper.step.get(0), paper.news.sent() - before);
        assert!((told..=told + 1).contains(&sent), "{told} of {sent}");
        let mut reader = paper.news.subscribe(Start::Oldest);
        for number in sent - 7..=sent {
            assert_eq!(reader.recv(), Ok(Some(Item::new(number))));
        }
        assert_eq!(reader.recv(), Ok(None));
        paper.step.set(0, 0);
    }
    assert_lanes_are_back(&paper);
}

#[test]
fn p2_a_stopped_sender_holds_nobody_up() {
    let _alone = alone();
    let name = unique("news-stopped");
    let paper = Paper::create(&name).unwrap();
    for _ in 0..20 {
        let mut child = Child::fork(|| {
            let paper = Paper::open(&name).unwrap();
            for number in 1.. {
                paper.news.send(Item::new(number)).unwrap();
                paper.step.set(0, number);
            }
        });
        until_true("it sends", || paper.step.get(0) > 10);
        child.stop();
        let mut reader = paper.news.subscribe(Start::Newest);
        for number in 0..100 {
            paper.news.send(Item::new(number)).unwrap();
            assert_eq!(reader.recv(), Ok(Some(Item::new(number))));
        }
        let before = paper.news.sent();
        child.go_on();
        until_true("it goes on", || paper.news.sent() > before);
        assert!(child.kill());
        paper.step.set(0, 0);
    }
}

#[test]
fn p1_subscribers_are_woken_whoever_is_killed_meanwhile() {
    let _alone = alone();
    const MESSAGES: u64 = 3000;
    let name = unique("news-wait");
    let paper = Paper::create(&name).unwrap();
    let readers: Vec<_> = (0..3)
        .map(|which| {
            Child::fork(|| {
                let options = Paper::options();
                let paper = match which {
                    0 => options.read_only().open(&name),
                    _ => options.open(&name),
                };
                let paper = paper.unwrap();
                let mut reader = paper.news.subscribe(Start::Oldest);
                read(&mut reader, MESSAGES);
            })
        })
        .collect();
    while paper.news.sent() < MESSAGES {
        let sender = Child::fork(|| {
            let paper = Paper::open(&name).unwrap();
            loop {
                // numbers grow although senders die
                let next = paper.news.sent() + 1;
                paper.news.send(Item::new(next)).unwrap();
            }
        });
        let goal = paper.news.sent() + 40;
        until_true("it sends", || paper.news.sent() > goal);
        sender.kill();
    }
    readers.into_iter().for_each(Child::join);
    assert_lanes_are_back(&paper);
}

#[test]
fn a_forked_childs_copy_goes_on_from_the_same_message() {
    let _alone = alone();
    let name = unique("news-fork");
    let paper = Paper::create(&name).unwrap();
    let mut reader = paper.news.subscribe(Start::Newest);
    (1..=3).for_each(|number| paper.news.send(Item::new(number)).unwrap());
    assert_eq!(reader.recv(), Ok(Some(Item::new(1))));
    let child = Child::fork(|| {
        let mut reader = reader.clone();
        assert_eq!(reader.recv(), Ok(Some(Item::new(2))));
        assert_eq!(
            Segment::attachment(&paper).identity(),
            None,
            "it only looks"
        );
        paper.news.send(Item::new(4)).unwrap();
        assert!(Segment::attachment(&paper).identity().is_some());
    });
    child.join();
    for number in 2..=4 {
        assert_eq!(reader.recv(), Ok(Some(Item::new(number))));
    }
    assert_lanes_are_back(&paper);
}
