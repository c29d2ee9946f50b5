use shm_runtime::prelude::*;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(8192))]
struct Block([u8; 8192]);

#[derive(ShmLayout)]
struct Sim {
    blocks: Array<Block, 2>,
}

fn main() {}
