//! Segments whose schema is known at run time only: what `dynamic` builds on.

use super::birth::Naming;
use super::options::{Init, Options};
use super::plan::Draft;
use super::registry::COPIES;
use super::wanted::Newcomer;
use super::{Inspected, Opened, Segment, birth, checked_for_create, checked_for_open, open};
use crate::error::{CreateError, OpenError, RegisterError};
use crate::table::Entry;
use std::fs::File;
use std::sync::Arc;

impl<S> Segment<S> {
    /// Gives a segment that was conceived its name.
    pub(crate) fn publish_untyped(segment: &Self, naming: &mut Naming) -> Result<(), CreateError> {
        birth::publish(&segment.name, &segment.attachment, naming)
    }

    /// Offsets and sizes in the table count in units of `1 <<` this many bytes.
    pub(crate) const fn unit_shift(segment: &Self) -> u32 {
        segment.control.unit_shift
    }

    /// Registers what is described at run time.
    pub(crate) fn register_untyped(
        segment: &Self,
        newcomer: &Newcomer<'_>,
    ) -> Result<(), RegisterError> {
        Self::registry(segment).register(newcomer).map(drop)
    }

    /// A structure that was registered at run time, with its descriptor: both as they were at one moment.
    pub(crate) fn describe(segment: &Self, name: &str) -> Result<(Entry, Vec<u8>), RegisterError> {
        let registry = Self::registry(segment);
        let mut found = registry.look_up(name)?;
        for _ in 0..COPIES {
            let descriptor = registry.descriptor(&found.0);
            let again = registry.look_up(name)?;
            if again == found {
                return Ok((found.0, descriptor?));
            }
            found = again; // erased and registered meanwhile: whoever did that got on
        }
        Err(registry.corrupt("it changes all the time"))
    }
}

impl<'a, S> Options<'a, S> {
    /// Opens a segment whose descriptor `check` believes; what that gives is kept in the place of the handles.
    pub(crate) fn open_untyped<C>(
        &self,
        name: &str,
        check: impl Fn(&Inspected, &[u8]) -> Result<C, String>,
    ) -> Result<Segment<C>, OpenError> {
        let name = checked_for_open(name)?;
        let check = |file: &File, found: &Inspected| {
            let descriptor = found.read_descriptor(name, file)?;
            check(found, &descriptor).map_err(|why| OpenError::Descriptor {
                segment: name.to_owned(),
                why,
            })
        };
        let opened = open::open(name, &self.settings, &check)?;
        Ok(self.kept(name, opened))
    }

    /// As [`open_untyped`](Self::open_untyped), of a segment that is there now.
    pub(crate) fn open_untyped_now<C>(
        &self,
        name: &str,
        check: impl Fn(&Inspected, &[u8]) -> Result<C, OpenError>,
    ) -> Result<Segment<C>, OpenError> {
        let name = checked_for_open(name)?;
        let check = |file: &File, found: &Inspected| {
            let descriptor = found.read_descriptor(name, file)?;
            check(found, &descriptor)
        };
        let opened = open::open_now(name, &self.settings, &check)?;
        Ok(self.kept(name, opened))
    }

    /// Makes a segment as the draft says, which has no name yet; `check` as in
    /// [`open_untyped`](Self::open_untyped).
    pub(crate) fn conceive_untyped<C>(
        &self,
        name: &str,
        draft: &Draft<'_>,
        check: impl Fn(&Inspected, &[u8]) -> Result<C, String>,
    ) -> Result<(Segment<C>, Naming), CreateError> {
        let name = checked_for_create(name)?;
        let unborn = birth::conceive(name, draft, &self.settings)?;
        let checked = check(&unborn.found, &draft.descriptor).map_err(|why| {
            let segment = name.to_owned();
            CreateError::Attach {
                source: OpenError::Descriptor { segment, why },
            }
        })?;
        let (attachment, found) = (unborn.attachment, unborn.found);
        let opened = Opened {
            attachment,
            found,
            checked,
            warnings: unborn.warnings,
        };
        Ok((self.kept(name, opened), unborn.naming))
    }

    /// What is to be done with a new segment before it has a name.
    pub(crate) fn take_init(&mut self) -> Option<Init<'a, S>> {
        self.init.take()
    }

    fn kept<C>(&self, name: &str, opened: Opened<C>) -> Segment<C> {
        Segment {
            schema: opened.checked,
            attachment: Arc::new(opened.attachment),
            name: name.to_owned(),
            control: opened.found.into_control(),
            patience: self.settings.register_wait,
            warnings: opened.warnings,
        }
    }
}
