//! Queues for one producer and one consumer: each role is an object.

use crate::border::{In, Out, Set, Size, export};
use crate::field::{Field, Label};
use crate::handle::{Put, Ref, alone, handles};
use crate::list::{answer, element, room};
use crate::status::{Failure, Status};
use core::time::Duration;
use shm_runtime::dynamic;
use std::sync::{Arc, Mutex};

/// The producer.
#[derive(Debug)]
pub struct Producer {
    label: Arc<Label>,
    size: usize,
    role: Mutex<dynamic::Producer>,
}

/// The consumer.
#[derive(Debug)]
pub struct Consumer {
    label: Arc<Label>,
    size: usize,
    role: Mutex<dynamic::Consumer>,
}

handles! {
    Producer = "shm_producer";
    Consumer = "shm_consumer";
}

/// A queue whose role is to be claimed, and its field.
fn claimed<'call>(field: Ref<Field>) -> Result<(&'call dynamic::Spsc, &'call Field), Failure> {
    let field = field.get()?;
    let queue = field.spsc()?;
    field.writable()?;
    Ok((queue, field))
}

export! {
    fn shm_spsc_producer(field: Ref<Field>, out: Put<Producer>) {
        let out = out.needed()?;
        let (queue, field) = claimed(field)?;
        let Ok(role) = queue.producer() else {
            return Ok(Status::Taken);
        };
        out.put(Producer { label: field.label(), size: queue.element().size(), role: Mutex::new(role) });
        Ok(Status::Ok)
    }

    fn shm_spsc_consumer(field: Ref<Field>, out: Put<Consumer>) {
        let out = out.needed()?;
        let (queue, field) = claimed(field)?;
        let Ok(role) = queue.consumer() else {
            return Ok(Status::Taken);
        };
        out.put(Consumer { label: field.label(), size: queue.element().size(), role: Mutex::new(role) });
        Ok(Status::Ok)
    }

    fn shm_producer_push(producer: Ref<Producer>, value: In, size: Size) {
        let producer = producer.get()?;
        let value = element(&producer.label, value, size, producer.size)?;
        answer(alone(&producer.role)?.push(value).is_ok(), Status::Full)
    }

    fn shm_producer_push_wait(producer: Ref<Producer>, value: In, size: Size, timeout_ns: u64) {
        let producer = producer.get()?;
        let value = element(&producer.label, value, size, producer.size)?;
        let timeout = Duration::from_nanos(timeout_ns);
        answer(alone(&producer.role)?.push_wait(value, timeout).is_ok(), Status::Full)
    }

    fn shm_producer_push_many(producer: Ref<Producer>, values: In, size: Size, count: Set<usize>) {
        let producer = producer.get()?;
        let wanted = producer.label.whole(size.get(), producer.size)?;
        let count = count.needed("the place for the number")?;
        let pushed = alone(&producer.role)?.push_slice(values.bytes("elements", size)?);
        count.set(pushed);
        answer(pushed > 0 || wanted == 0, Status::Full)
    }

    fn shm_producer_close(producer: Ref<Producer>) {
        drop(producer.close()?);
        Ok(Status::Ok)
    }

    fn shm_consumer_pop(consumer: Ref<Consumer>, out: Out, size: Size) {
        let consumer = consumer.get()?;
        let out = room(&consumer.label, out, size, consumer.size)?;
        answer(alone(&consumer.role)?.pop(out), Status::Empty)
    }

    fn shm_consumer_pop_wait(consumer: Ref<Consumer>, out: Out, size: Size, timeout_ns: u64) {
        let consumer = consumer.get()?;
        let out = room(&consumer.label, out, size, consumer.size)?;
        let timeout = Duration::from_nanos(timeout_ns);
        answer(alone(&consumer.role)?.pop_wait(out, timeout).is_ok(), Status::Timeout)
    }

    fn shm_consumer_pop_many(consumer: Ref<Consumer>, out: Out, size: Size, count: Set<usize>) {
        let consumer = consumer.get()?;
        let wanted = consumer.label.whole(size.get(), consumer.size)?;
        let count = count.needed("the place for the number")?;
        let popped = alone(&consumer.role)?.pop_slice(out.bytes("elements", size)?);
        count.set(popped);
        answer(popped > 0 || wanted == 0, Status::Empty)
    }

    fn shm_consumer_close(consumer: Ref<Consumer>) {
        drop(consumer.close()?);
        Ok(Status::Ok)
    }
}
