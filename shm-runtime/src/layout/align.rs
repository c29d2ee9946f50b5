//! Zero-sized markers that raise the alignment of the field behind them.
//!
//! The derive puts `[Align64; 0]` before each field of the `#[repr(C)]` representation, so that rustc
//! computes the offsets and no arithmetic of ours has to agree with it.

use crate::memory::shared::impl_shared;
use zerocopy::FromZeros;

macro_rules! align {
    ($($name:ident = $bytes:literal)*) => {$(
        #[doc = concat!("Aligned to ", $bytes, " bytes.")]
        #[derive(Debug, Clone, Copy, FromZeros)]
        #[repr(C, align($bytes))]
        pub struct $name;
        impl_shared!(impl[] $name {});
    )*};
}
align!(Align64 = 64 Align128 = 128 Align256 = 256 Align512 = 512 Align1024 = 1024 Align2048 = 2048 Align4096 = 4096);
