//! What is fuzzed: the descriptor's parser on bytes, and `open` on a file.

use shm_runtime::layout::descriptor::{Descriptor, compare};
use shm_runtime::{Array, Queue, Segment, ShmLayout, dynamic, table};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

/// The segment that the fuzzed file may be.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Base {
    pub events: Queue<u64, 4>,
    pub grid: Array<u16, 8>,
}

/// A schema that shares one field with it.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Part {
    pub grid: Array<u16, 8>,
}

/// Parses bytes as a table and as a descriptor, and compares what is in it.
pub fn parse(bytes: &[u8]) {
    let _ = table::parse(bytes, bytes.len() as u64);
    if let Ok(schema) = dynamic::Schema::from_json(&String::from_utf8_lossy(bytes)) {
        let again = dynamic::Schema::from_json(&schema.to_json()).expect("it was one");
        assert_eq!(again.fingerprint(), schema.fingerprint());
    }
    if let Some(descriptor) = Descriptor::parse(bytes) {
        for pair in descriptor.entries.windows(2) {
            let _ = compare(&pair[0].canonical, &pair[1].canonical);
        }
    }
}

/// A file in /dev/shm that is overwritten and opened, as somebody's who is attached.
#[derive(Debug)]
pub struct Target {
    file: File,
    name: String,
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(format!("/dev/shm/{}", self.name));
    }
}

impl Target {
    /// The file of a sound segment: a seed for the corpus.
    pub fn sound() -> Vec<u8> {
        let name = format!("shm-fuzz-sound-{}", std::process::id());
        let base = Base::create(&name).expect("the name is new");
        base.events.push(7).expect("it is empty");
        base.grid.set(3, 9);
        std::fs::read(format!("/dev/shm/{name}")).expect("it is there")
    }

    /// A file with the readers' byte locked, so that the segment counts as one that is in use.
    pub fn new() -> Self {
        let name = format!("shm-fuzz-{}", std::process::id());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        let file = options
            .open(format!("/dev/shm/{name}"))
            .expect("/dev/shm can be written");
        let lock = libc::flock {
            l_type: libc::F_RDLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: (1 << 40) + 1024,
            l_len: 1,
            l_pid: 0,
        };
        // SAFETY: an open file, and a lock that lives through the call.
        let locked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
        assert_eq!(locked, 0);
        Self { file, name }
    }

    /// Opens a file of these bytes, as a whole and in part, and uses what it is.
    pub fn open(&self, bytes: &[u8]) {
        self.file.set_len(bytes.len() as u64).expect("room");
        self.file.write_all_at(bytes, 0).expect("room");
        match Base::open(&self.name) {
            Ok(base) => {
                let _ = base.events.push(1);
                let _ = (base.events.pop(), base.events.len(), base.grid.get(7));
                let _ = (Segment::table(&base), Segment::registered(&base));
                let _ = Segment::find::<Array<u16, 8>>(&base, "grid");
                let _ = Segment::recover(&base);
            }
            Err(why) => assert!(!why.to_string().is_empty()),
        }
        self.open_undescribed();
        if let Ok(part) = Part::options().subset().read_only().open(&self.name) {
            let _ = part.grid.get(7);
        }
    }
}

/// Without the schema.
impl Target {
    fn open_undescribed(&self) {
        let segment = match dynamic::Segment::open(&self.name) {
            Ok(segment) => segment,
            Err(why) => return assert!(!why.to_string().is_empty()),
        };
        for field in segment.fields() {
            let element = field.element();
            let bytes = vec![0; element.size().min(1 << 20)];
            if let Ok(value) = element.decode(&bytes) {
                assert_eq!(element.encode(&value), Ok(bytes));
            }
        }
        if let Ok(events) = segment.queue("events") {
            let mut bytes = vec![0; events.element().size()];
            let _ = (events.push(&bytes), events.pop(&mut bytes), events.len());
        }
        if let Ok(grid) = segment.array("grid") {
            grid.read_into(0, &mut vec![0; grid.element().size()]);
        }
        let _ = (segment.registered(), segment.health());
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::new()
    }
}
