use shm_runtime::prelude::*;

#[derive(ShmLayout)]
struct Sea {
    #[shm(shape = [100, 50])]
    depth: VersionedArray<f32, 10_000>,
    #[shm(shape = [2, 2])]
    waves: Versioned<[f32; 4]>,
}

fn main() {}
