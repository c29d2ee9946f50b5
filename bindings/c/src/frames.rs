//! Whole frames: one writer, many readers.

use crate::border::{Change, Context, In, Out, Set, Size, export, function};
use crate::field::{Field, Label};
use crate::handle::{Put, Ref, alone, handles, over};
use crate::status::{Failure, Status};
use core::time::Duration;
use shm_runtime::dynamic;
use std::sync::{Arc, Mutex};

/// The one who publishes.
#[derive(Debug)]
pub struct Writer {
    label: Arc<Label>,
    size: usize,
    role: Mutex<dynamic::FrameWriter>,
}

handles! { Writer = "shm_writer"; }

fn frame_size(array: &dynamic::VersionedArray) -> usize {
    array.len() * array.element().size() // less than the segment
}

/// A forked child has none of its parent's roles.
fn parents() -> Failure {
    over("role")
}

export! {
    fn shm_frames_read(field: Ref<Field>, out: Out, size: Size, version: Set<u64>) {
        let field = field.get()?;
        let frames = field.versioned_array()?;
        field.sized("frame", size.get(), frame_size(frames))?;
        version.set(frames.read_into(out.bytes("frame", size)?));
        Ok(Status::Ok)
    }

    fn shm_frames_try_read(field: Ref<Field>, first: usize, out: Out, size: Size, version: Set<u64>) {
        let field = field.get()?;
        let frames = field.versioned_array()?;
        let count = field.whole(size.get(), frames.element().size())?;
        field.within(first, count, frames.len())?;
        let snapshot = frames.snapshot();
        if snapshot.read_into(first, out.bytes("elements", size)?).is_err() {
            return Ok(Status::Outrun);
        }
        version.set(snapshot.version());
        Ok(Status::Ok)
    }

    fn shm_frames_version(field: Ref<Field>, version: Set<u64>) {
        let latest = field.get()?.versioned_array()?.version();
        version.needed("the place for the version")?.set(latest);
        Ok(Status::Ok)
    }

    fn shm_frames_wait_change(field: Ref<Field>, since: u64, version: Set<u64>, timeout_ns: u64) {
        let frames = field.get()?.versioned_array()?;
        let Ok(snapshot) = frames.wait_change(since, Duration::from_nanos(timeout_ns)) else {
            return Ok(Status::Timeout);
        };
        version.set(snapshot.version());
        Ok(Status::Ok)
    }

    fn shm_frames_writer(field: Ref<Field>, out: Put<Writer>) {
        let out = out.needed()?;
        let field = field.get()?;
        let frames = field.versioned_array()?;
        field.writable()?;
        let Ok(role) = frames.writer() else {
            return Ok(Status::Taken);
        };
        out.put(Writer { label: field.label(), size: frame_size(frames), role: Mutex::new(role) });
        Ok(Status::Ok)
    }

    fn shm_writer_publish(writer: Ref<Writer>, frame: In, size: Size, version: Set<u64>) {
        let writer = writer.get()?;
        writer.label.sized("frame", size.get(), writer.size)?;
        let frame = frame.bytes("frame", size)?;
        let published = alone(&writer.role)?.publish(frame);
        version.set(published.ok_or_else(parents)?);
        Ok(Status::Ok)
    }

    fn shm_writer_edit(writer: Ref<Writer>, change: Change, context: Context, version: Set<u64>) {
        let change = function(change)?;
        let writer = writer.get()?;
        let published = alone(&writer.role)?.edit(|frame| {
            change(frame.as_mut_ptr().cast(), frame.len(), context);
        });
        version.set(published.ok_or_else(parents)?);
        Ok(Status::Ok)
    }

    fn shm_writer_close(writer: Ref<Writer>) {
        drop(writer.close()?);
        Ok(Status::Ok)
    }
}
