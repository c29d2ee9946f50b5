//! Loans and taken elements of queues.

use crate::border::{In, Out, Size, export};
use crate::field::{Field, Label};
use crate::handle::{Put, Ref, alone, handles, over};
use crate::list::{answer, element, room};
use crate::planted::{Bug, planted};
use crate::status::{Failure, Status};
use core::time::Duration;
use self_cell::self_cell;
use shm_runtime::dynamic;
use std::sync::{Arc, Mutex};

/// Borrowed, until it is committed.
type Borrowed<'a> = Option<dynamic::Loan<'a>>;

self_cell! {
    struct OfLoan {
        owner: dynamic::Queue,
        #[not_covariant]
        dependent: Borrowed,
    }
}

/// A place to write an element in.
pub struct Loan {
    label: Arc<Label>,
    inside: Mutex<OfLoan>,
}

/// Taken, until it is acknowledged.
type Held<'a> = Option<dynamic::Taken<'a>>;

self_cell! {
    struct OfTaken {
        owner: dynamic::Queue,
        #[not_covariant]
        dependent: Held,
    }
}

/// An element that comes back unless it is acknowledged.
pub struct Taken {
    label: Arc<Label>,
    inside: Mutex<OfTaken>,
}

handles! {
    Loan = "shm_loan";
    Taken = "shm_taken";
}

impl Loan {
    /// What `run` makes of the loan, while it is one.
    fn with<R>(
        &self,
        run: impl FnOnce(&mut dynamic::Loan<'_>, usize) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut inside = alone(&self.inside)?;
        inside.with_dependent_mut(|queue, loan| match loan {
            Some(loan) => run(loan, queue.element().size()),
            None => Err(over("loan")),
        })
    }
}

impl Taken {
    fn with<R>(
        &self,
        run: impl FnOnce(&mut Held<'_>, usize) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut inside = alone(&self.inside)?;
        inside.with_dependent_mut(|queue, taken| run(taken, queue.element().size()))
    }
}

fn no_lane(_: shm_runtime::NoLane) -> Status {
    Status::NoLane
}

/// Takes an element: at once, or waiting for one.
fn take(field: Ref<Field>, out: Put<Taken>, wait: Option<u64>) -> Result<Status, Failure> {
    let out = out.needed()?;
    let field = field.get()?;
    let queue = field.queue()?;
    field.writable()?;
    let taken = OfTaken::try_new(queue.clone(), |queue| {
        let taken = match wait {
            None => queue.take(),
            Some(ns) => queue.take_wait(Duration::from_nanos(ns)),
        };
        match taken {
            Ok(Some(taken)) => Ok(Some(taken)),
            Ok(None) if wait.is_some() => Err(Status::Timeout),
            Ok(None) => Err(Status::Empty),
            Err(why) => Err(no_lane(why)),
        }
    });
    match taken {
        Ok(taken) => out.put(Taken {
            label: field.label(),
            inside: Mutex::new(taken),
        }),
        Err(status) => return Ok(status),
    }
    Ok(Status::Ok)
}

export! {
    fn shm_queue_loan(field: Ref<Field>, out: Put<Loan>) {
        let out = out.needed()?;
        let field = field.get()?;
        let queue = field.queue()?;
        field.writable()?;
        match OfLoan::try_new(queue.clone(), |queue| queue.loan().map(Some).map_err(no_lane)) {
            Ok(loan) => out.put(Loan { label: field.label(), inside: Mutex::new(loan) }),
            Err(status) => return Ok(status),
        }
        Ok(Status::Ok)
    }

    fn shm_loan_write(loan: Ref<Loan>, value: In, size: Size) {
        let loan = loan.get()?;
        loan.with(|place, expected| {
            place.write(element(&loan.label, value, size, expected)?);
            Ok(Status::Ok)
        })
    }

    fn shm_loan_read(loan: Ref<Loan>, out: Out, size: Size) {
        let loan = loan.get()?;
        loan.with(|place, expected| {
            place.read_into(room(&loan.label, out, size, expected)?);
            Ok(Status::Ok)
        })
    }

    fn shm_loan_commit(loan: Ref<Loan>) {
        let mut inside = alone(&loan.get()?.inside)?;
        let committed = inside.with_dependent_mut(|_, place| {
            let open = place.take().ok_or_else(|| over("loan"))?;
            if planted(Bug::DropLoan) {
                return Ok(true);
            }
            if let Err(full) = open.commit() {
                *place = Some(full.0);
                return Ok::<_, Failure>(false);
            }
            Ok(true)
        })?;
        drop(inside);
        if committed {
            drop(loan.close()?);
        }
        answer(committed, Status::Full)
    }

    fn shm_loan_close(loan: Ref<Loan>) {
        drop(loan.close()?);
        Ok(Status::Ok)
    }

    fn shm_queue_take(field: Ref<Field>, out: Put<Taken>) {
        take(field, out, None)
    }

    fn shm_queue_take_wait(field: Ref<Field>, out: Put<Taken>, timeout_ns: u64) {
        take(field, out, Some(timeout_ns))
    }

    fn shm_taken_read(taken: Ref<Taken>, out: Out, size: Size) {
        let taken = taken.get()?;
        taken.with(|held, expected| {
            let held = held.as_ref().ok_or_else(|| over("element"))?;
            held.read_into(room(&taken.label, out, size, expected)?);
            Ok(Status::Ok)
        })
    }

    fn shm_taken_done(taken: Ref<Taken>) {
        taken.get()?.with(|held, _| {
            held.take().ok_or_else(|| over("element"))?.done();
            Ok(())
        })?;
        drop(taken.close()?);
        Ok(Status::Ok)
    }

    fn shm_taken_close(taken: Ref<Taken>) {
        drop(taken.close()?);
        Ok(Status::Ok)
    }
}
