use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sea {
    #[shm(shape = [100, 50])]
    depth: VersionedArray<f32, 5_000>,
}

fn main() {
    let _ = Sea::FINGERPRINT;
}
