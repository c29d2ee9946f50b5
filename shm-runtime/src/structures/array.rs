//! `Array<T, N>`: elements and nothing else.

use crate::layout::bind::{BindError, Binder};
use crate::layout::node::{Node, StructureNode};
use crate::layout::{Element, Field, Represent, Structure};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::site::Site;

/// `N` elements in shared memory.
#[derive(Debug, Clone)]
pub struct Array<T: 'static, const N: usize> {
    cells: Site<Cells<T>>,
}

#[diagnostic::do_not_recommend]
impl<T: Element, const N: usize> Field for Array<T, N> {
    type Element = T;
    type Repr<const L: usize> = CellArray<T, N>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let site = binder.site::<CellArray<T, N>>()?;
        Ok(Self {
            cells: site.map(CellArray::cells),
        })
    }
}

impl<T: Element, const N: usize> Structure for Array<T, N> {}

impl<T: Element, const N: usize> Represent for CellArray<T, N> {
    const SIZE: usize = size_of::<T>() * N;
    const NODE: Node = Node::Structure(StructureNode {
        kind: "Array",
        capacity: &[N],
        lanes: 0,
    });
}

impl<T: Element, const N: usize> Array<T, N> {
    /// Element `i`.
    pub fn get(&self, i: usize) -> T {
        self.cells.load(i).expect("index in range")
    }

    /// Stores element `i`.
    ///
    /// # Panics
    ///
    /// Where `i` is not below `N`, and on a read-only attachment.
    pub fn set(&self, i: usize, value: T) {
        self.cells.assert_writable();
        assert!(self.cells.store(i, value), "index {i} of {N} elements");
    }
}
