//! What a segment says of its fields.

use super::{All, Both, Event};
use shm_runtime::dynamic::{ElementType, Kind, Segment};
use shm_runtime::prelude::*;

#[test]
fn every_field_says_what_and_where_it_is() {
    let both = Both::new("dyn-fields");
    let segment = &both.segment;
    assert_eq!(segment.schema_name(), "All");
    let names: Vec<_> = segment.fields().map(|field| field.name()).collect();
    assert_eq!(
        names,
        [
            "grid",
            "count",
            "ratio",
            "left.events",
            "left.odd",
            "shard[0]",
            "shard[1]",
            "shard[2]",
            "large",
            "idle",
            "prices",
            "names",
            "wide",
            "tiles",
            "seen"
        ]
    );
    let grid = segment.field("grid").unwrap();
    assert_eq!((grid.kind(), grid.capacity()), (&Kind::Array, 12));
    assert_eq!(
        (grid.doc(), grid.unit(), grid.shape()),
        ("Heights.", "m", &[3, 4][..])
    );
    assert_eq!((grid.size(), grid.source()), (48, "Array<f32, 12>"));
    let tiles = segment.field("tiles").unwrap();
    assert_eq!((tiles.capacities(), tiles.capacity()), (&[16, 5][..], 5));
    assert_eq!(tiles.pair().expect("described").value_offset, 8);
    assert_eq!(segment.fields().len(), 15);
}

#[test]
fn fields_lie_where_the_typed_schema_has_them() {
    let both = Both::new("dyn-places");
    let body = All::ENTRIES[0].offset;
    assert_eq!(body, 0);
    let control = both.segment.field("grid").unwrap().offset() as u64 - entry("grid").offset;
    for field in both.segment.fields() {
        let entry = entry(field.name());
        assert_eq!(
            (field.offset() as u64, field.size() as u64),
            (control + entry.offset, entry.size)
        );
    }
    assert_eq!(both.segment.schema().fingerprint(), All::FINGERPRINT);

    fn entry(name: &str) -> &'static shm_runtime::layout::body::Entry {
        All::ENTRIES
            .iter()
            .find(|entry| entry.name() == name)
            .unwrap()
    }
}

#[test]
fn an_element_is_described_as_the_program_has_it() {
    let both = Both::new("dyn-element");
    let event = both.segment.field("left.events").unwrap().element();
    assert_eq!(event, &ElementType::of::<Event>());
    let fields: Vec<_> = event
        .fields()
        .iter()
        .map(|field| (&field.name[..], field.offset))
        .collect();
    assert_eq!(
        fields,
        [("t", 0), ("place", 8), ("kind", 16), ("codes", 20)]
    );
    assert_eq!(
        event.canonical(),
        "24/8(t:f64@0,place:{8/4(row:i32@0,column:i32@4)}@8,kind:u32@16,codes:u8*4@20)"
    );
}

#[test]
fn a_field_that_is_not_there_is_told_with_those_that_are() {
    let name = super::unique("dyn-missing");
    #[derive(Debug, ShmLayout)]
    struct Two {
        events: Queue<u8, 2>,
        grid: Array<u8, 2>,
    }
    let _two = Two::create(&name).unwrap();
    let segment = Segment::open(&name).unwrap();
    assert_eq!(
        segment.queue("evnts").unwrap_err().to_string(),
        format!("segment `{name}` has no field `evnts`; it has `events`, `grid`")
    );
    assert_eq!(
        segment.stack("events").unwrap_err().to_string(),
        format!("`events` in segment `{name}` is a `Queue`, not a `Stack`; ask for what it is")
    );
}

#[test]
fn entries_that_are_not_described_are_not_guessed() {
    #[derive(Clone, Copy, Pod, Zeroable)]
    #[repr(C)]
    struct Opaque(u64);
    #[derive(Debug, ShmLayout)]
    struct Schema {
        map: Map<u32, Opaque, 2>,
        set: Set<Opaque, 2>,
    }
    let name = super::unique("dyn-opaque");
    let typed = Schema::create(&name).unwrap();
    let segment = Segment::open(&name).unwrap();
    let text = segment.map("map").unwrap_err().to_string();
    assert!(
        text.contains("does not say where key and value lie"),
        "{text}"
    );
    typed.set.insert(Opaque(3)).unwrap();
    assert!(segment.set("set").unwrap().contains(&3_u64.to_le_bytes()));
}

#[test]
fn a_reader_sees_and_the_segment_counts_it_out() {
    let both = Both::new("dyn-reader");
    let reader = Segment::open_read_only(both.segment.name()).unwrap();
    both.typed.left.events.push(Event::new(1)).unwrap();
    let mut out = [0; size_of::<Event>()];
    assert!(reader.queue("left.events").unwrap().peek(&mut out));
    assert_eq!(both.segment.participants().unwrap().len(), 2);
    assert_eq!(
        (both.segment.health().corrupt, reader.size()),
        (0, both.segment.size())
    );
    assert_eq!(reader.id(), both.segment.id());
}
