//! A read-only attachment looks and changes nothing.

use super::common::unique;
use super::{Item, alone};
use shm_runtime::{Queue, ShmLayout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 4)]
struct Looked {
    orders: Queue<Item, 4>,
}

#[test]
fn a_reader_peeks_and_counts() {
    let _alone = alone();
    let name = unique("peek");
    let writer = Looked::create(&name).unwrap();
    let reader = Looked::options().read_only().open(&name).unwrap();
    let orders = &reader.orders;
    assert_eq!((orders.peek(), orders.len()), (None, 0));
    assert!(orders.is_empty());
    for sequence in 0..40 {
        writer.orders.push(Item::new(1, sequence)).unwrap();
        assert_eq!(orders.peek(), Some(Item::new(1, sequence)));
        writer.orders.push(Item::new(2, sequence)).unwrap();
        assert_eq!((orders.len(), orders.is_empty()), (2, false));
        writer.orders.pop().unwrap();
        assert_eq!(orders.peek(), Some(Item::new(2, sequence)));
        writer.orders.pop().unwrap();
        assert!(orders.is_empty());
    }
}

#[test]
fn a_reader_that_changes_something_is_told_what_it_cannot_change() {
    let _alone = alone();
    let name = unique("change");
    let writer = Looked::create(&name).unwrap();
    let reader = Looked::options().read_only().open(&name).unwrap();
    let (orders, item) = (&reader.orders, Item::new(1, 1));
    writer.orders.push(item).unwrap();
    let soon = Duration::from_millis(1);
    let refused: [(&str, &dyn Fn()); 8] = [
        ("push", &|| _ = orders.push(item)),
        ("pop", &|| _ = orders.pop()),
        ("push_slice", &|| _ = orders.push_slice(&[item])),
        ("pop_slice", &|| _ = orders.pop_slice(&mut [item])),
        ("push_wait", &|| _ = orders.push_wait(item, soon)),
        ("pop_wait", &|| _ = orders.pop_wait(soon)),
        ("loan", &|| drop(orders.loan())),
        ("take", &|| drop(orders.take())),
    ];
    for (operation, run) in refused {
        let why = catch_unwind(AssertUnwindSafe(run)).expect_err(operation);
        let text = why.downcast::<String>().expect("a message");
        assert!(
            text.contains("`orders`") && text.contains("read-only"),
            "{operation}: {text}"
        );
    }
    assert_eq!(writer.orders.pop(), Some(item));
}
