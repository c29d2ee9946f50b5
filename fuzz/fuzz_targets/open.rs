#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<shm_fuzz::Target> = LazyLock::new(shm_fuzz::Target::new);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.open(bytes));
