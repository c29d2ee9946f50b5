//! Maps and sets.

use crate::border::{Change, Context, In, Out, Set, Size, VisitEntry, VisitKey, export, function};
use crate::field::Field;
use crate::handle::Ref;
use crate::list::answer;
use crate::status::{Failure, Status};
use shm_runtime::dynamic;

/// A map with its key and, where the operation wants them, bytes of a value.
fn with_key(field: &Field, key: In, key_size: Size) -> Result<(&dynamic::Map, &[u8]), Failure> {
    let map = field.map()?;
    field.sized("key", key_size.get(), map.key().size())?;
    Ok((map, key.bytes("key", key_size)?))
}

fn value<'call>(
    field: &Field,
    map: &dynamic::Map,
    value: In,
    size: Size,
) -> Result<&'call [u8], Failure> {
    field.sized("value", size.get(), map.value().size())?;
    value.bytes("value", size)
}

/// Room for a value; `spare` where the caller does not want it.
fn room<'call>(
    field: &Field,
    map: &dynamic::Map,
    out: Out,
    spare: &'call mut Vec<u8>,
    size: Size,
) -> Result<&'call mut [u8], Failure> {
    field.sized("value", size.get(), map.value().size())?;
    out.or(spare, "value", size)
}

fn set_key(field: &Field, key: In, key_size: Size) -> Result<(&dynamic::Set, &[u8]), Failure> {
    let set = field.set()?;
    field.sized("key", key_size.get(), set.key().size())?;
    Ok((set, key.bytes("key", key_size)?))
}

/// What an insertion did.
fn inserted<E>(was_there: Result<bool, E>) -> Result<Status, Failure> {
    Ok(match was_there {
        Ok(false) => Status::Ok,
        Ok(true) => Status::Present,
        Err(_) => Status::Full,
    })
}

export! {
    fn shm_map_get(field: Ref<Field>, key: In, key_size: Size, out: Out, value_size: Size) {
        let field = field.get()?;
        let (map, key) = with_key(field, key, key_size)?;
        field.sized("value", value_size.get(), map.value().size())?;
        answer(map.get(key, out.bytes("value", value_size)?), Status::Absent)
    }

    fn shm_map_contains(field: Ref<Field>, key: In, key_size: Size) {
        let (map, key) = with_key(field.get()?, key, key_size)?;
        answer(map.contains(key), Status::Absent)
    }

    fn shm_map_insert(
        field: Ref<Field>, key: In, key_size: Size, new_value: In, before: Out, value_size: Size,
    ) {
        let field = field.get()?;
        let (map, key) = with_key(field, key, key_size)?;
        field.writable()?;
        let new_value = value(field, map, new_value, value_size)?;
        let mut spare = Vec::new();
        inserted(map.insert(key, new_value, room(field, map, before, &mut spare, value_size)?))
    }

    fn shm_map_get_or_insert(
        field: Ref<Field>, key: In, key_size: Size, new_value: In, out: Out, value_size: Size,
    ) {
        let field = field.get()?;
        let (map, key) = with_key(field, key, key_size)?;
        field.writable()?;
        let new_value = value(field, map, new_value, value_size)?;
        let mut found = vec![0; map.value().size()];
        let was_there = map.get_or_insert(key, new_value, &mut found);
        let mut spare = Vec::new();
        let out = room(field, map, out, &mut spare, value_size)?;
        match was_there {
            Ok(true) => out.copy_from_slice(&found),
            Ok(false) => out.copy_from_slice(new_value),
            Err(_) => {}
        }
        inserted(was_there)
    }

    fn shm_map_insert_many(
        field: Ref<Field>, keys: In, keys_size: Size, values: In, values_size: Size, count: Set<usize>,
    ) {
        let field = field.get()?;
        let map = field.map()?;
        field.writable()?;
        let wanted = field.whole(keys_size.get(), map.key().size())?;
        field.sized("row of values", values_size.get(), wanted.saturating_mul(map.value().size()))?;
        let count = count.needed("the place for the number")?;
        let keys = keys.bytes("keys", keys_size)?.chunks_exact(map.key().size());
        let values = values.bytes("values", values_size)?.chunks_exact(map.value().size());
        let mut before = vec![0; map.value().size()];
        let fits = |(key, value): &(&[u8], &[u8])| map.insert(key, value, &mut before).is_ok();
        let done = keys.zip(values).take_while(fits).count();
        count.set(done);
        answer(done == wanted, Status::Full)
    }

    fn shm_map_remove(field: Ref<Field>, key: In, key_size: Size, before: Out, value_size: Size) {
        let field = field.get()?;
        let (map, key) = with_key(field, key, key_size)?;
        field.writable()?;
        let mut spare = Vec::new();
        answer(map.remove(key, room(field, map, before, &mut spare, value_size)?), Status::Absent)
    }

    fn shm_map_compare_exchange(
        field: Ref<Field>, key: In, key_size: Size,
        current: In, new_value: In, before: Out, value_size: Size,
    ) {
        let field = field.get()?;
        let (map, key) = with_key(field, key, key_size)?;
        field.writable()?;
        let current = value(field, map, current, value_size)?;
        let new_value = value(field, map, new_value, value_size)?;
        let mut spare = Vec::new();
        let before = room(field, map, before, &mut spare, value_size)?;
        Ok(match map.compare_exchange(key, current, new_value, before) {
            None => Status::Absent,
            Some(true) => Status::Ok,
            Some(false) => Status::Different,
        })
    }

    fn shm_map_update(field: Ref<Field>, key: In, key_size: Size, change: Change, context: Context) {
        let field = field.get()?;
        let (map, key) = with_key(field, key, key_size)?;
        field.writable()?;
        let change = function(change)?;
        let mut before = vec![0; map.value().size()];
        let updated = map.update(key, &mut before, |value| {
            change(value.as_mut_ptr().cast(), value.len(), context);
        });
        answer(updated, Status::Absent)
    }

    fn shm_map_visit(field: Ref<Field>, visit: VisitEntry, context: Context) {
        let map = field.get()?.map()?;
        let visit = function(visit)?;
        map.for_each(|key, value| visit(key.as_ptr().cast(), value.as_ptr().cast(), context));
        Ok(Status::Ok)
    }

    fn shm_set_contains(field: Ref<Field>, key: In, key_size: Size) {
        let (set, key) = set_key(field.get()?, key, key_size)?;
        answer(set.contains(key), Status::Absent)
    }

    fn shm_set_insert(field: Ref<Field>, key: In, key_size: Size) {
        let field = field.get()?;
        let (set, key) = set_key(field, key, key_size)?;
        field.writable()?;
        inserted(set.insert(key).map(|is_new| !is_new))
    }

    fn shm_set_remove(field: Ref<Field>, key: In, key_size: Size) {
        let field = field.get()?;
        let (set, key) = set_key(field, key, key_size)?;
        field.writable()?;
        answer(set.remove(key), Status::Absent)
    }

    fn shm_set_visit(field: Ref<Field>, visit: VisitKey, context: Context) {
        let set = field.get()?.set()?;
        let visit = function(visit)?;
        set.for_each(|key| visit(key.as_ptr().cast(), context));
        Ok(Status::Ok)
    }
}
