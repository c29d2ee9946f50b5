//! Bugs that are planted, so that the tests can prove that they would notice them; and what notices them. In a program
//! there are none.

/// A check that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A segment that is open read-only is changed.
    IgnoreReadOnly,
    /// A buffer is taken for as large as it should be.
    IgnoreSize,
    /// An index is taken for one that is in range.
    IgnoreRange,
    /// What is closed stays.
    LeakClosed,
    /// A loan that is committed pushes nothing.
    DropLoan,
}

/// Whether a bug is planted in this thread.
#[cfg(not(test))]
pub const fn planted(_: Bug) -> bool {
    false
}

#[cfg(test)]
pub use tests::planted;

#[cfg(test)]
mod tests {
    use super::Bug;
    use crate::border::{Given, In, Out, Set, Size, Text};
    use crate::field::Field;
    use crate::handle::{Put, Ref};
    use crate::queue::Loan;
    use crate::segment::{Options, Segment};
    use crate::status::Status;
    use crate::{array, field, list, queue, segment};
    use core::cell::Cell;
    use std::ffi::CString;
    use std::path::Path;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    pub fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    const DESCRIPTION: &str = r#"{"lanes": 4, "entries": [
        {"name": "events", "kind": "Queue", "capacity": [2], "element": "u64"},
        {"name": "grid", "kind": "Array", "capacity": [3], "element": "u16"}
    ]}"#;

    fn expect(expected: Status, found: Status) -> Result<(), String> {
        match found == expected {
            true => Ok(()),
            false => Err(format!("{found:?}, not {expected:?}")),
        }
    }

    fn open(of: Ref<Segment>, name: &str) -> Ref<Field> {
        let (mut field, name) = (Ref::null(), CString::new(name).unwrap());
        let status = segment::shm_field_open(of, Text::of(&name), Put::to(&mut field));
        assert_eq!(status, Status::Ok);
        field
    }

    /// What a program in C that makes mistakes is to be told; what it is told otherwise.
    fn tell_of_mistakes(name: &str) -> Result<(), String> {
        let (name, description) = (
            CString::new(name).unwrap(),
            CString::new(DESCRIPTION).unwrap(),
        );
        let (mut own, mut reader, mut loan) = (Ref::null(), Ref::null(), Ref::<Loan>::null());
        let (text, none) = (Text::of(&name), Given::of(None));
        let created =
            segment::shm_segment_create(text, Text::of(&description), none, Put::to(&mut own));
        assert_eq!(created, Status::Ok);
        let read_only = Options::read_only();
        let opened =
            segment::shm_segment_open(text, Given::of(Some(&read_only)), Put::to(&mut reader));
        assert_eq!(opened, Status::Ok);
        let (events, grid, events_read) = (
            open(own, "events"),
            open(own, "grid"),
            open(reader, "events"),
        );
        let value = [1; 8];
        let mut out = [0; 8];
        let push = |field, size| list::shm_queue_push(field, In::of(&value), Size::of(size));
        let told = (|| {
            expect(Status::Ok, push(events, 8))?;
            expect(Status::ReadOnly, push(events_read, 8))?;
            expect(Status::Size, push(events, 7))?;
            let read = array::shm_array_read(grid, 2, Out::of(&mut out), Size::of(4));
            expect(Status::Range, read)?;
            expect(
                Status::Ok,
                queue::shm_queue_loan(events, Put::to(&mut loan)),
            )?;
            expect(Status::Ok, queue::shm_loan_commit(loan))?;
            let mut len = 0;
            expect(Status::Ok, field::shm_field_len(events, Set::to(&mut len)))?;
            if len == 2 {
                Ok(())
            } else {
                Err(format!("{len} elements, not 2"))
            }
        })();
        for field in [events, grid, events_read] {
            assert_eq!(field::shm_field_close(field), Status::Ok);
        }
        for segment in [reader, own] {
            assert_eq!(segment::shm_segment_close(segment), Status::Ok);
        }
        let file = Path::new("/dev/shm").join(name.to_str().unwrap());
        let is_left = file.exists();
        let _ = std::fs::remove_file(file); // where the bug left it
        told?;
        if is_left {
            Err("the segment is still there".to_owned())
        } else {
            Ok(())
        }
    }

    #[test]
    fn planted_bugs_are_noticed() {
        let name = format!("shm-test-c-planted-{}", std::process::id());
        tell_of_mistakes(&name).expect("without a bug, mistakes are told");
        for bug in [
            Bug::IgnoreReadOnly,
            Bug::IgnoreSize,
            Bug::IgnoreRange,
            Bug::LeakClosed,
            Bug::DropLoan,
        ] {
            PLANTED.set(Some(bug));
            let told = tell_of_mistakes(&name);
            PLANTED.set(None);
            assert!(told.is_err(), "{bug:?} goes unnoticed");
        }
    }
}
