//! Arrays and atomic numbers: one side typed, the other not.

use super::Both;
use super::lists::panic_of;
use shm_runtime::dynamic::Value;

#[test]
fn an_array_is_its_elements() {
    let both = Both::new("dyn-array");
    let grid = both.segment.array("grid").unwrap();
    assert_eq!(grid.len(), 12);
    both.typed.grid.set(11, 2.5);
    let mut out = [0; 8];
    grid.read_into(10, &mut out);
    assert_eq!(
        (&out[..4], &out[4..]),
        (&[0; 4][..], &2.5_f32.to_le_bytes()[..])
    );
    grid.write_from(0, &[1.0_f32, 2.0, 3.0].map(f32::to_le_bytes).concat());
    assert_eq!((both.typed.grid.get(0), both.typed.grid.get(2)), (1.0, 3.0));
    assert_eq!(
        panic_of(|| grid.read_into(11, &mut [0; 8])),
        "8 bytes from element 11 on: `grid` has 12 elements of 4 bytes"
    );
    assert!(panic_of(|| grid.write_from(0, &[0; 3])).starts_with("3 bytes from element 0"));
    let (ours, theirs) = (grid.as_ptr(), both.typed.grid.as_ptr());
    assert!(ours.addr().is_multiple_of(4096 / 64) && theirs.addr() != ours.addr());
}

#[test]
fn an_element_of_one_word_changes_in_one_step() {
    let both = Both::new("dyn-numbers");
    let grid = both.segment.array("grid").unwrap();
    let numbers = grid.numbers().expect("floats are numbers");
    assert_eq!(numbers.fetch_add(3, &Value::F64(1.5)), Ok(Value::F32(0.0)));
    assert_eq!(both.typed.grid.get(3), 1.5);
    assert_eq!(numbers.swap(3, &Value::F32(4.0)), Ok(Value::F32(1.5)));
    let exchanged = numbers.compare_exchange(3, &Value::F32(4.0), &Value::F32(5.0));
    assert_eq!(exchanged, Ok(Ok(Value::F32(4.0))));
    let exchanged = numbers.compare_exchange(3, &Value::F32(4.0), &Value::F32(6.0));
    assert_eq!(exchanged, Ok(Err(Value::F32(5.0))));
    assert_eq!(numbers.load(3), Value::F32(5.0));
    let text = numbers
        .fetch_or(3, &Value::F32(1.0))
        .unwrap_err()
        .to_string();
    assert_eq!(
        text,
        "expected integers, found floats, which have no bits to change"
    );
    assert_eq!(
        panic_of(|| _ = numbers.load(12)),
        "index 12 is out of range: there are 12 numbers"
    );
}

#[test]
fn an_atomic_is_one_number_for_both() {
    let both = Both::new("dyn-atomic");
    let (count, ratio) = (
        both.segment.atomic("count").unwrap(),
        both.segment.atomic("ratio").unwrap(),
    );
    let int = Value::Signed;
    count.store(&int(-3)).unwrap();
    assert_eq!(both.typed.count.load(), -3);
    assert_eq!(both.typed.count.fetch_add(5), -3);
    assert_eq!(
        (count.load(), count.fetch_sub(&int(4))),
        (int(2), Ok(int(2)))
    );
    assert_eq!(count.fetch_max(&int(9)), Ok(int(-2)));
    assert_eq!(count.fetch_min(&int(8)), Ok(int(9)));
    assert_eq!(count.fetch_xor(&int(3)), Ok(int(8)));
    assert_eq!(count.fetch_and(&int(9)), Ok(int(11)));
    assert_eq!(count.fetch_or(&int(4)), Ok(int(9)));
    assert_eq!(count.swap(&Value::Unsigned(1)), Ok(int(13)));
    assert_eq!(count.compare_exchange(&int(1), &int(6)), Ok(Ok(int(1))));
    assert_eq!(both.typed.count.load(), 6);
    let text = count.store(&int(1 << 31)).unwrap_err().to_string();
    assert_eq!(text, "expected a number of type i32, found 2147483648");

    assert_eq!(ratio.fetch_add(&Value::F64(0.25)), Ok(Value::F64(0.0)));
    assert_eq!(both.typed.ratio.load(), 0.25);
    assert!(ratio.store(&Value::Text("x".into())).is_err() && ratio.is_writable());
}
