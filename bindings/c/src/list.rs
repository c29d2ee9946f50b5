//! What queues and stacks have in common: elements go in and come out.

use crate::border::{In, Out, Set, Size, export};
use crate::field::{Field, Label};
use crate::handle::Ref;
use crate::status::{Answer, Failure, Status};
use core::time::Duration;
use shm_runtime::dynamic;

/// A queue or a stack.
trait List {
    fn find(field: &Field) -> Result<&Self, Failure>;
    fn element_size(&self) -> usize;
    fn push(&self, value: &[u8]) -> bool;
    fn pop(&self, out: &mut [u8]) -> bool;
    fn peek(&self, out: &mut [u8]) -> bool;
    fn push_slice(&self, values: &[u8]) -> usize;
    fn pop_slice(&self, out: &mut [u8]) -> usize;
    fn push_wait(&self, value: &[u8], timeout: Duration) -> bool;
    fn pop_wait(&self, out: &mut [u8], timeout: Duration) -> bool;
}

macro_rules! list {
    ($type:ident, $accessor:ident) => {
        impl List for dynamic::$type {
            fn find(field: &Field) -> Result<&Self, Failure> {
                field.$accessor()
            }
            fn element_size(&self) -> usize {
                self.element().size()
            }
            fn push(&self, value: &[u8]) -> bool {
                self.push(value).is_ok()
            }
            fn pop(&self, out: &mut [u8]) -> bool {
                self.pop(out)
            }
            fn peek(&self, out: &mut [u8]) -> bool {
                self.peek(out)
            }
            fn push_slice(&self, values: &[u8]) -> usize {
                self.push_slice(values)
            }
            fn pop_slice(&self, out: &mut [u8]) -> usize {
                self.pop_slice(out)
            }
            fn push_wait(&self, value: &[u8], timeout: Duration) -> bool {
                self.push_wait(value, timeout).is_ok()
            }
            fn pop_wait(&self, out: &mut [u8], timeout: Duration) -> bool {
                self.pop_wait(out, timeout).is_ok()
            }
        }
    };
}

list!(Queue, queue);
list!(Stack, stack);

/// `yes` where it worked, else `no`.
pub fn answer(worked: bool, no: Status) -> Answer {
    Ok(if worked { Status::Ok } else { no })
}

/// The bytes of an element that goes in.
pub fn element<'call>(
    field: &Label,
    value: In,
    size: Size,
    expected: usize,
) -> Result<&'call [u8], Failure> {
    field.sized("element", size.get(), expected)?;
    value.bytes("element", size)
}

/// Room for an element that comes out.
pub fn room<'call>(
    field: &Label,
    out: Out,
    size: Size,
    expected: usize,
) -> Result<&'call mut [u8], Failure> {
    field.sized("element", size.get(), expected)?;
    out.bytes("element", size)
}

/// A list that is to be changed, and its field.
fn writable<'call, L: List + 'static>(
    field: Ref<Field>,
) -> Result<(&'call L, &'call Field), Failure> {
    let field = field.get()?;
    let list = L::find(field)?;
    field.writable()?;
    Ok((list, field))
}

fn push<L: List + 'static>(field: Ref<Field>, value: In, size: Size, wait: Option<u64>) -> Answer {
    let (list, field) = writable::<L>(field)?;
    let value = element(field, value, size, list.element_size())?;
    match wait {
        None => answer(list.push(value), Status::Full),
        Some(ns) => answer(
            list.push_wait(value, Duration::from_nanos(ns)),
            Status::Full,
        ),
    }
}

fn pop<L: List + 'static>(field: Ref<Field>, out: Out, size: Size, wait: Option<u64>) -> Answer {
    let (list, field) = writable::<L>(field)?;
    let out = room(field, out, size, list.element_size())?;
    match wait {
        None => answer(list.pop(out), Status::Empty),
        Some(ns) => answer(
            list.pop_wait(out, Duration::from_nanos(ns)),
            Status::Timeout,
        ),
    }
}

fn peek<L: List + 'static>(field: Ref<Field>, out: Out, size: Size) -> Answer {
    let field = field.get()?;
    let list = L::find(field)?;
    let out = room(field, out, size, list.element_size())?;
    answer(list.peek(out), Status::Empty)
}

/// `no` where nothing was moved although something could have been.
fn many(moved: usize, wanted: usize, count: Set<usize>, no: Status) -> Answer {
    count.set(moved);
    answer(moved > 0 || wanted == 0, no)
}

fn push_many<L: List + 'static>(
    field: Ref<Field>,
    values: In,
    size: Size,
    count: Set<usize>,
) -> Answer {
    let (list, field) = writable::<L>(field)?;
    let wanted = field.whole(size.get(), list.element_size())?;
    let count = count.needed("the place for the number")?;
    let values = values.bytes("elements", size)?;
    many(list.push_slice(values), wanted, count, Status::Full)
}

fn pop_many<L: List + 'static>(
    field: Ref<Field>,
    out: Out,
    size: Size,
    count: Set<usize>,
) -> Answer {
    let (list, field) = writable::<L>(field)?;
    let wanted = field.whole(size.get(), list.element_size())?;
    let count = count.needed("the place for the number")?;
    let out = out.bytes("elements", size)?;
    many(list.pop_slice(out), wanted, count, Status::Empty)
}

export! {
    fn shm_queue_push(field: Ref<Field>, value: In, size: Size) {
        push::<dynamic::Queue>(field, value, size, None)
    }

    fn shm_queue_push_wait(field: Ref<Field>, value: In, size: Size, timeout_ns: u64) {
        push::<dynamic::Queue>(field, value, size, Some(timeout_ns))
    }

    fn shm_queue_push_many(field: Ref<Field>, values: In, size: Size, count: Set<usize>) {
        push_many::<dynamic::Queue>(field, values, size, count)
    }

    fn shm_queue_pop(field: Ref<Field>, out: Out, size: Size) {
        pop::<dynamic::Queue>(field, out, size, None)
    }

    fn shm_queue_pop_wait(field: Ref<Field>, out: Out, size: Size, timeout_ns: u64) {
        pop::<dynamic::Queue>(field, out, size, Some(timeout_ns))
    }

    fn shm_queue_pop_many(field: Ref<Field>, out: Out, size: Size, count: Set<usize>) {
        pop_many::<dynamic::Queue>(field, out, size, count)
    }

    fn shm_queue_peek(field: Ref<Field>, out: Out, size: Size) {
        peek::<dynamic::Queue>(field, out, size)
    }

    fn shm_stack_push(field: Ref<Field>, value: In, size: Size) {
        push::<dynamic::Stack>(field, value, size, None)
    }

    fn shm_stack_push_wait(field: Ref<Field>, value: In, size: Size, timeout_ns: u64) {
        push::<dynamic::Stack>(field, value, size, Some(timeout_ns))
    }

    fn shm_stack_push_many(field: Ref<Field>, values: In, size: Size, count: Set<usize>) {
        push_many::<dynamic::Stack>(field, values, size, count)
    }

    fn shm_stack_pop(field: Ref<Field>, out: Out, size: Size) {
        pop::<dynamic::Stack>(field, out, size, None)
    }

    fn shm_stack_pop_wait(field: Ref<Field>, out: Out, size: Size, timeout_ns: u64) {
        pop::<dynamic::Stack>(field, out, size, Some(timeout_ns))
    }

    fn shm_stack_pop_many(field: Ref<Field>, out: Out, size: Size, count: Set<usize>) {
        pop_many::<dynamic::Stack>(field, out, size, count)
    }

    fn shm_stack_peek(field: Ref<Field>, out: Out, size: Size) {
        peek::<dynamic::Stack>(field, out, size)
    }
}
