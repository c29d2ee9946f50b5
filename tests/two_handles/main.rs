//! Two handles on one segment against a sequential model: whatever a program does through either, both see the
//! same structure. What fails is shrunk by proptest.
//!
//! A structure joins with a file of its own: its operations, a model, and a test that [`runs`] them.

#[path = "../common/mod.rs"]
mod common;

mod broadcast;
mod map;
mod numbers;
mod queue;
mod spsc;
mod stack;
mod sync;
mod versioned;
mod versioned_array;

use common::unique;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use shm_runtime::{Segment, ShmLayout};

/// Operations of a case at most.
const OPERATIONS: usize = 120;

/// A sequential model of a structure.
trait Model: Default {
    /// The segment.
    type Schema: ShmLayout;
    /// An operation.
    type Op: core::fmt::Debug + Clone;
    /// What lives from one operation to the next: guards, roles.
    type Held<'a>: Default;

    /// Any operation.
    fn any() -> BoxedStrategy<Self::Op>;

    /// Runs an operation on a structure and on the model, and compares the answers.
    fn run<'a>(
        &mut self,
        schema: &'a Self::Schema,
        held: &mut Self::Held<'a>,
        op: &Self::Op,
    ) -> Result<(), TestCaseError>;

    /// Compares what is left.
    fn compare(&self, schema: &Self::Schema) -> Result<(), TestCaseError>;
}

/// Runs random operations on two handles, in one process.
fn runs<M: Model>(test: &str) {
    let ops = proptest::collection::vec((any::<bool>(), M::any()), 0..OPERATIONS);
    TestRunner::default()
        .run(&ops, |ops| {
            // a segment for each case, with two attachments
            let name = unique(test);
            let handles: [Segment<M::Schema>; 2] = [
                M::Schema::create(&name).unwrap(),
                M::Schema::open(&name).unwrap(),
            ];
            let (mut model, mut held) = (M::default(), <[M::Held<'_>; 2]>::default());
            for (which, op) in &ops {
                let which = usize::from(*which);
                model.run(&handles[which], &mut held[which], op)?;
                model.compare(&handles[1 - which])?;
            }
            drop(held);
            Ok(())
        })
        .unwrap();
}
