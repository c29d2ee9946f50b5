//! Broadcasts: every subscriber gets each message.

use crate::border::{In, Out, Set, Size, export};
use crate::field::{Field, Label};
use crate::handle::{Put, Ref, alone, handles};
use crate::list::{answer, element, room};
use crate::status::{Failure, Status};
use core::time::Duration;
use shm_runtime::{Missed, RecvError, Start, dynamic};
use std::sync::{Arc, Mutex};

/// One who receives.
#[derive(Debug)]
pub struct Subscriber {
    label: Arc<Label>,
    size: usize,
    cursor: Mutex<dynamic::Subscriber>,
}

handles! { Subscriber = "shm_subscriber"; }

export! {
    fn shm_broadcast_send(field: Ref<Field>, message: In, size: Size) {
        let field = field.get()?;
        let broadcast = field.broadcast()?;
        field.writable()?;
        let message = element(field, message, size, broadcast.element().size())?;
        answer(broadcast.send(message).is_ok(), Status::NoLane)
    }

    fn shm_broadcast_sent(field: Ref<Field>, count: Set<u64>) {
        let sent = field.get()?.broadcast()?.sent();
        count.needed("the place for the number")?.set(sent);
        Ok(Status::Ok)
    }

    fn shm_broadcast_subscribe(field: Ref<Field>, start: i32, out: Put<Subscriber>) {
        let out = out.needed()?;
        let field = field.get()?;
        let broadcast = field.broadcast()?;
        let start = match start {
            0 => Start::Newest,
            1 => Start::Oldest,
            _ => {
                let why = format!("{start} is neither SHM_NEWEST nor SHM_OLDEST");
                return Err(Failure::new(Status::Value, why));
            }
        };
        out.put(Subscriber {
            label: field.label(),
            size: broadcast.element().size(),
            cursor: Mutex::new(broadcast.subscribe(start)),
        });
        Ok(Status::Ok)
    }

    fn shm_subscriber_receive(subscriber: Ref<Subscriber>, out: Out, size: Size, missed: Set<u64>) {
        let subscriber = subscriber.get()?;
        let out = room(&subscriber.label, out, size, subscriber.size)?;
        let received = alone(&subscriber.cursor)?.recv(out);
        match received {
            Ok(is_there) => answer(is_there, Status::Empty),
            Err(Missed(count)) => {
                missed.set(count);
                Ok(Status::Missed)
            }
        }
    }

    fn shm_subscriber_receive_wait(
        subscriber: Ref<Subscriber>, out: Out, size: Size, missed: Set<u64>, timeout_ns: u64,
    ) {
        let subscriber = subscriber.get()?;
        let out = room(&subscriber.label, out, size, subscriber.size)?;
        let received = alone(&subscriber.cursor)?.recv_wait(out, Duration::from_nanos(timeout_ns));
        match received {
            Ok(()) => Ok(Status::Ok),
            Err(RecvError::Missed(count)) => {
                missed.set(count);
                Ok(Status::Missed)
            }
            Err(_) => Ok(Status::Timeout),
        }
    }

    fn shm_subscriber_close(subscriber: Ref<Subscriber>) {
        drop(subscriber.close()?);
        Ok(Status::Ok)
    }
}
