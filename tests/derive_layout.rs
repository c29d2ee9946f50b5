//! What the derive says of a schema, read in const context: offsets, sizes, entries, fingerprint, docs.
#![expect(
    missing_docs,
    missing_debug_implementations,
    reason = "the structs are the test data"
)]

use shm_runtime::layout::body::Entry;
use shm_runtime::layout::fingerprint::fnv1a_128;
use shm_runtime::layout::node::{ElementNode, FieldNode, Node, Scalar};
use shm_runtime::{Array, Atomic, Element, Pod, ShmLayout, ShmType, Zeroable};

/// Something that happened.
#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Event {
    /// When it happened.
    #[shm(unit = "s")]
    t: f64,
    cell: u32,
    #[shm(rename = "type")]
    kind: u32,
}

/// A simulation.
///
/// Of water.
#[derive(ShmLayout)]
pub struct Sim {
    /// What happened.
    pub events: Array<Event, 4096>,
    /// Depths.
    #[shm(shape = [1000, 1000], unit = "m")]
    pub grid: Array<f32, 1_000_000>,
}

const ENTRIES: &[Entry] = Sim::ENTRIES;
const FIRST_OFFSET: u64 = ENTRIES[4].offset;
const FINGERPRINT: u128 = Sim::FINGERPRINT;
const FIELDS: &[FieldNode] = Sim::BLUEPRINT.schema.fields;

/// Name, offset and size of the schema's own entries, offsets from the first one.
fn fields_of<S: ShmLayout>() -> Vec<(&'static str, u64, u64)> {
    let own = &S::ENTRIES[S::BLUEPRINT.internal..];
    let start = own[0].offset;
    own.iter()
        .map(|entry| (entry.name(), entry.offset - start, entry.size))
        .collect()
}

#[test]
fn entries_are_ours_and_then_the_fields_in_order() {
    let list: Vec<_> = ENTRIES
        .iter()
        .map(|entry| (entry.name(), entry.offset, entry.size))
        .collect();
    let expected = [
        ("@control", 0, 512),
        ("@registry", 512, 3584),
        ("@participants", 4096, 64 * 64),
        ("@lanes", 8192, 64 * 128),
        ("events", 16384, 4096 * 16),
        ("grid", 16384 + 65536, 4_000_000),
    ];
    assert_eq!(list, expected);
    assert_eq!(FIRST_OFFSET, 16384);
    assert_eq!(Sim::LANES, 64);
    assert_eq!(
        Sim::BLUEPRINT.body_size,
        (16384 + 65536 + 4_000_000_usize).next_multiple_of(4096)
    );
}

#[test]
fn nodes_carry_docs_units_shapes_and_sources() {
    let schema = Sim::BLUEPRINT.schema;
    assert_eq!(
        (schema.name, schema.doc),
        ("Sim", "A simulation.\n\nOf water.")
    );
    let [events, grid] = FIELDS else {
        panic!("two fields")
    };
    assert_eq!((events.name, events.doc), ("events", "What happened."));
    assert_eq!(events.source, "Array<Event, 4096>");
    assert_eq!(
        (grid.doc, grid.unit, grid.shape),
        ("Depths.", "m", &[1000, 1000][..])
    );
    let Node::Structure(node) = grid.node else {
        panic!("an array")
    };
    assert_eq!(
        (node.kind, node.capacity, node.lanes),
        ("Array", &[1_000_000][..], 0)
    );
}

#[test]
fn elements_are_described_field_by_field() {
    let element = FIELDS[0].element;
    assert_eq!(
        (element.name, element.doc),
        ("Event", "Something that happened.")
    );
    assert_eq!((element.size, element.align), (16, 8));
    let [t, cell, kind] = element.fields else {
        panic!("three fields")
    };
    assert_eq!((t.name, t.offset, t.count), ("t", 0, 1));
    assert_eq!((t.doc, t.unit), ("When it happened.", "s"));
    assert!(matches!(t.of, Scalar::Primitive("f64")));
    assert_eq!((cell.name, cell.offset), ("cell", 8));
    assert_eq!((kind.name, kind.offset), ("type", 12));
}

#[test]
fn fnv_vectors() {
    // From the authors' reference code.
    assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    assert_eq!(fnv1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    assert_eq!(
        fnv1a_128(b"foobar"),
        0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18
    );
}

#[test]
fn fingerprint_is_the_hash_of_the_canonical_text() {
    let text = "shm 1 lanes 64\n\
        events:Array<4096,0>:{16/8(t:f64@0,cell:u32@8,type:u32@12)}\n\
        grid:Array<1000000,0>:{4/4(:f32@0)}\n";
    assert_eq!(FINGERPRINT, fnv1a_128(text.as_bytes()));
}

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Incident {
    pub t: f64,
    pub cell: u32,
    #[shm(rename = "type")]
    pub class: u32,
}

#[derive(ShmLayout)]
pub struct SameShape {
    pub events: Array<Incident, { 64 * 64 }>,
    pub grid: Array<f32, 1_000_000>,
}

#[derive(ShmLayout)]
#[shm(lanes = 128)]
pub struct MoreLanes {
    pub events: Array<Event, 4096>,
    pub grid: Array<f32, 1_000_000>,
}

#[derive(ShmLayout)]
pub struct OtherOrder {
    pub grid: Array<f32, 1_000_000>,
    pub events: Array<Event, 4096>,
}

#[test]
fn type_names_and_docs_are_not_in_the_fingerprint() {
    assert_eq!(SameShape::FINGERPRINT, FINGERPRINT);
}

#[test]
fn lanes_and_order_are_in_the_fingerprint() {
    assert_eq!(MoreLanes::LANES, 128);
    assert_ne!(MoreLanes::FINGERPRINT, FINGERPRINT);
    assert_ne!(OtherOrder::FINGERPRINT, FINGERPRINT);
}

#[derive(ShmLayout)]
pub struct Renamed {
    #[shm(rename = "äußere Größe")]
    pub r#type: Array<u8, 3>,
    pub r#match: Atomic<i16>,
}

#[test]
fn names_are_renamed_and_raw_ones_bare() {
    assert_eq!(
        fields_of::<Renamed>(),
        [("äußere Größe", 0, 3), ("match", 64, 2)]
    );
}

#[derive(ShmLayout)]
pub struct Inner {
    pub a: Array<u8, 65>,
    pub b: Atomic<u64>,
}

#[derive(ShmLayout)]
#[shm(lanes = 2)]
pub struct Outer {
    pub first: Atomic<u32>,
    pub left: Inner,
    pub right: Inner,
    pub shard: [Array<f64, 9>; 3],
}

#[test]
fn nested_schemas_and_arrays_of_structures_have_an_entry_for_each() {
    let expected = [
        ("first", 0, 4),
        ("left.a", 64, 65),
        ("left.b", 192, 8),
        ("right.a", 256, 65),
        ("right.b", 384, 8),
        ("shard[0]", 448, 72),
        ("shard[1]", 576, 72),
        ("shard[2]", 704, 72),
    ];
    assert_eq!(fields_of::<Outer>(), expected);
    let text = "shm 1 lanes 2\n\
        first:Atomic<0>:{4/4(:u32@0)}\n\
        left.a:Array<65,0>:{1/1(:u8@0)}\n\
        left.b:Atomic<0>:{8/8(:u64@0)}\n\
        right.a:Array<65,0>:{1/1(:u8@0)}\n\
        right.b:Atomic<0>:{8/8(:u64@0)}\n\
        shard[0]:Array<9,0>:{8/8(:f64@0)}\n\
        shard[1]:Array<9,0>:{8/8(:f64@0)}\n\
        shard[2]:Array<9,0>:{8/8(:f64@0)}\n";
    assert_eq!(Outer::FINGERPRINT, fnv1a_128(text.as_bytes()));
}

#[derive(ShmLayout)]
pub struct Aligned {
    pub small: Atomic<u8>,
    #[shm(align = 256)]
    pub own_line: Atomic<u8>,
    #[shm(align = 4096)]
    pub own_page: Atomic<u8>,
    pub after: Atomic<u8>,
}

#[test]
fn alignment_is_from_the_start_of_the_body() {
    let offsets: Vec<_> = Aligned::ENTRIES[4..]
        .iter()
        .map(|entry| entry.offset % 4096)
        .collect();
    assert_eq!(offsets, [0, 256, 0, 64]);
}

#[derive(ShmLayout)]
pub struct Ring<T: Element, const N: usize> {
    pub items: Array<T, N>,
    pub next: Atomic<u64>,
}

#[derive(ShmLayout)]
pub struct Described<T: ShmType, const N: usize = 4>
where
    T: PartialEq,
{
    pub items: Array<T, N>,
    pub pairs: Array<[T; 2], N>,
}

#[derive(ShmLayout)]
pub struct Generic {
    pub bytes: Ring<u16, 5>,
    pub words: Described<u32>,
}

#[test]
fn parameters_reach_the_entries() {
    const SIZE: u64 = <Ring<[u8; 3], 7>>::ENTRIES[4].size;
    assert_eq!(SIZE, 21);
    let expected = [
        ("bytes.items", 0, 10),
        ("bytes.next", 64, 8),
        ("words.items", 128, 16),
        ("words.pairs", 192, 32),
    ];
    assert_eq!(fields_of::<Generic>(), expected);
}

/// The element of a field of a nested schema.
fn nested(field: usize, inner: usize) -> &'static ElementNode {
    match Generic::BLUEPRINT.schema.fields[field].node {
        Node::Schema(schema) => schema.fields[inner].element,
        _ => panic!("a nested schema"),
    }
}

#[test]
fn parameters_are_described_where_their_bound_says_so() {
    assert_eq!(nested(0, 0).fields.len(), 0, "`T: Element` is opaque");
    assert_eq!(nested(0, 0).size, 2);
    assert_eq!(nested(1, 0).name, "u32", "`T: ShmType` is described");
    let [pair] = nested(1, 1).fields else {
        panic!("one type")
    };
    assert_eq!((pair.name, pair.count), ("", 2));
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Foreign {
    pub x: u32,
}

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Cell {
    pub place: [f32; 3],
    pub foreign: Foreign,
    pub events: [Inside; 2],
    pub table: [[u8; 4]; 2],
}

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Inside {
    pub id: u32,
}

#[derive(ShmLayout)]
pub struct Cells {
    pub cells: Array<Cell, 2>,
    pub foreign: Array<Foreign, 2>,
}

#[test]
fn nested_elements_are_described_and_foreign_ones_opaque() {
    let text = "shm 1 lanes 64\n\
        cells:Array<2,0>:{32/4(place:f32*3@0,foreign:{4/4}@12,events:{4/4(id:u32@0)}*2@16,table:u8*8@24)}\n\
        foreign:Array<2,0>:{4/4}\n";
    assert_eq!(Cells::FINGERPRINT, fnv1a_128(text.as_bytes()));
}

#[derive(Clone, Copy, Pod, Zeroable, ShmType)]
#[repr(C)]
pub struct Vector<T> {
    pub x: T,
    pub rest: [T; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub struct Meters(pub f64);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, packed)]
pub struct Packed<T> {
    pub tag: u8,
    pub value: T,
}

#[derive(ShmLayout)]
pub struct PlainData {
    pub vectors: Array<Vector<i64>, 1>,
    pub meters: Array<Meters, 2>,
    pub packed: Array<Packed<u32>, 2>,
}

#[test]
fn plain_data_may_be_generic_transparent_or_packed() {
    let expected = [("vectors", 0, 24), ("meters", 64, 16), ("packed", 128, 10)];
    assert_eq!(fields_of::<PlainData>(), expected);
}

#[derive(ShmLayout)]
pub struct Named {
    pub a: Array<u8, { Self::SIZE }>,
}

impl Named {
    const SIZE: usize = 12;
}

#[test]
fn capacities_may_be_constants_of_the_schema() {
    assert_eq!(fields_of::<Named>(), [("a", 0, 12)]);
}

#[derive(ShmLayout)]
pub struct Full {
    pub a_name_of_no_less_than_26b: [Array<Cell, 1>; 256],
    pub b_name_of_no_less_than_26b: [Array<Cell, 1>; 256],
    pub c_name_of_no_less_than_26b: [Array<Cell, 1>; 256],
    pub d_name_of_no_less_than_26b: [Array<Cell, 1>; 252],
}

#[test]
fn the_fullest_table_is_laid_out_at_compile_time() {
    const ENTRIES: &[Entry] = Full::ENTRIES;
    const FINGERPRINT: u128 = Full::FINGERPRINT;
    assert_eq!(ENTRIES.len(), 1024);
    assert_eq!(ENTRIES[1023].name(), "d_name_of_no_less_than_26b[251]");
    assert_ne!(FINGERPRINT, 0);
}
