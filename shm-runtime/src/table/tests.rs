use super::*;

fn name(text: &str) -> [u8; NAME_SIZE] {
    let mut name = [0; NAME_SIZE];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

fn sample() -> Vec<u8> {
    let (a, b) = (name("events"), name("grid"));
    render(0, 8192, [(&a, 4096, 640), (&b, 4736, 100)].into_iter()).unwrap()
}

#[test]
fn rendered_bytes_are_the_documented_ones() {
    let bytes = sample();
    assert_eq!(bytes.len(), 16 + 2 * 40);
    assert_eq!(bytes[..16], *b"MPIZ\x01\0\0\0\x02\0\0\0\0\x20\0\0");
    assert_eq!(&bytes[16..23], b"events\0");
    assert_eq!(bytes[48..56], *b"\0\x10\0\0\x80\x02\0\0");
    assert_eq!(&bytes[56..61], b"grid\0");
    assert_eq!(bytes[88..96], *b"\x80\x12\0\0\x64\0\0\0");
}

#[test]
fn parse_reads_what_render_wrote() {
    let table = parse(&sample(), 8192).unwrap();
    assert_eq!(table.unit_shift, 0);
    assert_eq!(table.next_offset, 8192);
    assert_eq!(table.entries[1].name, "grid");
    assert_eq!(
        (table.entries[1].offset, table.entries[1].size),
        (4736, 100)
    );
}

#[test]
fn large_segments_count_in_units_of_64() {
    let a = name("huge");
    let five = 5_u64 << 30;
    let bytes = render(unit_shift(2 * five), five, [(&a, five, 100)].into_iter()).unwrap();
    assert_eq!(bytes[4..8], [1, 0, 6, 0]);
    let table = parse(&bytes, 2 * five).unwrap();
    assert_eq!(
        (table.entries[0].offset, table.entries[0].size),
        (five, 128)
    );
    assert!(render(0, five, [(&a, five, 100)].into_iter()).is_none());
}

#[test]
fn each_kind_of_damage_has_its_error() {
    let broken = |at: usize, with: &[u8]| {
        let mut bytes = sample();
        bytes[at..at + with.len()].copy_from_slice(with);
        parse(&bytes, 8192).unwrap_err()
    };
    assert_eq!(parse(&sample()[..15], 8192), Err(TableError::Short));
    assert!(matches!(broken(0, b"X"), TableError::Magic(_)));
    assert_eq!(broken(4, &[2]), TableError::Version(2));
    assert_eq!(broken(6, &[5]), TableError::Version(0x5_0001));
    assert!(matches!(broken(8, &[0xff; 4]), TableError::EntryCount(_)));
    assert!(matches!(broken(12, &[0xff; 4]), TableError::NextOffset(_)));
    assert_eq!(broken(16, &[0xff]), TableError::Name(0));
    assert_eq!(broken(16, &[b'x'; 32]), TableError::Name(0));
    assert_eq!(broken(47, b"x"), TableError::Name(0));
    assert_eq!(
        broken(56, b"events"),
        TableError::Duplicate("events".into())
    );
    assert_eq!(
        broken(49, &[0x40]),
        TableError::OutOfBounds("events".into())
    );
    assert_eq!(
        broken(48, &[0, 0]),
        TableError::OutOfBounds("events".into())
    );
    assert_eq!(broken(48, &[8]), TableError::Misaligned("events".into()));
    assert_eq!(
        broken(52, &[0x81]),
        TableError::Overlap("events".into(), "grid".into())
    );
    assert_eq!(
        broken(52, &[0xff; 4]),
        TableError::OutOfBounds("events".into())
    );
}

#[test]
fn any_bytes_are_an_error_or_a_table_within_bounds() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..20_000 {
        let mut bytes = sample();
        for _ in 0..1 + round % 4 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 56) as u8;
        }
        if let Ok(table) = parse(&bytes, 8192) {
            assert!(
                table
                    .entries
                    .iter()
                    .all(|entry| entry.offset + entry.size <= 8192)
            );
        }
    }
}

#[test]
fn the_first_page_has_room_for_102_entries() {
    assert_eq!(capacity_before(body_behind(1)), 102);
    assert_eq!(body_behind(102), 4096);
    assert_eq!(body_behind(103), 8192);
}

#[test]
fn an_entry_without_a_name_is_free() {
    let mut bytes = sample();
    bytes[16] = 0;
    assert_eq!(parse(&bytes, 8192), Err(TableError::Name(0)));
    bytes[16..24].fill(0);
    let table = parse(&bytes, 8192).unwrap();
    assert_eq!((table.entry_count, table.entries.len()), (2, 1));
    assert_eq!(
        (table.entries[0].index, table.entries[0].name.as_str()),
        (1, "grid")
    );
}

#[test]
fn encoded_words_are_the_rendered_bytes() {
    let words = encode(0, "grid", 4736, 100).unwrap();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(bytes, sample()[56..96]);
    assert!(encode(0, &"x".repeat(32), 0, 0).is_none());
    assert!(encode(0, "x", 1 << 32, 0).is_none());
    assert!(encode(6, "x", 1 << 32, 1).is_some());
}
