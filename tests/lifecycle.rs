//! Birth, opening, leaving: what one process sees. Promises P4, P5, P7.

#![allow(unsafe_code, missing_docs)]

mod common;

use common::{Cleanup, exists, path, schema, unique};
use shm_runtime::error::{Change, Holder};
use shm_runtime::{Array, CreateError, OpenError, Segment, ShmLayout, prune};
use std::os::unix::fs::PermissionsExt;

schema! { pub struct Sim { grid: Array<f32, 1000>, counts: Array<u64, 10> } }
schema! { pub struct Counts { counts: Array<u64, 10> } }
schema! { pub struct Longer { grid: Array<f32, 2000>, counts: Array<u64, 10>, depth: Array<f64, 5> } }
schema! { #[lanes(8)] pub struct FewLanes { grid: Array<f32, 1000>, counts: Array<u64, 10> } }

#[test]
fn a_segment_is_there_until_the_last_one_leaves() {
    let name = unique("life");
    let first = Sim::create(&name).unwrap();
    assert!(exists(&name));
    let second = Sim::open(&name).unwrap();
    assert_eq!(Segment::id(&first), Segment::id(&second));
    assert_eq!(Segment::participants(&first).unwrap().len(), 2);
    drop(first);
    assert!(exists(&name));
    assert_eq!(second.grid.get(999), 0.0);
    drop(second);
    assert!(!exists(&name));
    assert!(matches!(Sim::open(&name), Err(OpenError::NotFound { .. })));
}
