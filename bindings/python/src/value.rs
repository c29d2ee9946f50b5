//! Values that become bytes, and bytes that become values, without the other half: numbers, and tuples of numbers.
//!
//! Everything else is the other half's affair, and so is what is wrong with a value: here it is only "not that".

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use shm_runtime::dynamic::{ElementField, ElementType, FieldType, Primitive, Value};

/// Most bytes of an element that is put together here.
const MOST: usize = 128;

/// What is known of an element.
#[derive(Clone, Debug)]
enum Plan {
    Number(Primitive),
    /// Where each number of a record begins.
    Record(Vec<(usize, Primitive)>),
    Other,
}

/// How values of an element become bytes.
#[derive(Clone, Debug)]
pub struct Codec {
    size: usize,
    plan: Plan,
}

impl Codec {
    pub fn of(element: &ElementType) -> Self {
        let number = |field: &ElementField| match field.of {
            FieldType::Number(number) if field.count == 1 && number.size() <= 8 => {
                Some((field.offset, number))
            }
            _ => None,
        };
        let size = element.size();
        let plan = match element.primitive() {
            Some(number) if number.size() <= 8 => Plan::Number(number),
            _ if size > MOST || element.fields().is_empty() || element.only().is_some() => {
                Plan::Other
            }
            _ => {
                let numbers: Option<_> = element.fields().iter().map(number).collect();
                numbers.map_or(Plan::Other, Plan::Record)
            }
        };
        Self { size, plan }
    }

    /// Hands the bytes of a value to `run`; none where the other half has to make them.
    pub fn encode<R>(&self, value: &Bound<'_, PyAny>, run: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let mut buffer = [0; MOST];
        let out = buffer.get_mut(..self.size)?;
        match &self.plan {
            Plan::Number(number) => put(*number, value, out)?,
            Plan::Record(places) => {
                let tuple = value.cast_exact::<PyTuple>().ok()?;
                if tuple.len() != places.len() {
                    return None;
                }
                for ((at, number), part) in places.iter().zip(tuple.iter_borrowed()) {
                    put(*number, &part, out.get_mut(*at..)?)?;
                }
            }
            Plan::Other => return None,
        }
        Some(run(out))
    }

    /// A number, or bytes for the other half.
    pub fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        match &self.plan {
            Plan::Number(number) => got(py, *number, bytes),
            _ => Ok(PyBytes::new(py, bytes).into_any()),
        }
    }

    /// Runs `pop` on a buffer: what it leaves there, or nothing.
    pub fn popped<'py>(
        &self,
        py: Python<'py>,
        pop: impl FnOnce(&mut [u8]) -> bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut buffer = [0; 8];
        match (&self.plan, buffer.get_mut(..self.size)) {
            (Plan::Number(number), Some(out)) => match pop(out) {
                true => got(py, *number, out).map(Some),
                false => Ok(None),
            },
            _ => Ok(crate::lists::one(py, self.size, pop)?.map(Bound::into_any)),
        }
    }
}

macro_rules! numbers {
    ($($primitive:ident $type:ident $value:ident $wide:ident;)*) => {
        /// Writes a number; none where the value is not one of that type.
        fn put(number: Primitive, value: &Bound<'_, PyAny>, out: &mut [u8]) -> Option<()> {
            match number {
                $(Primitive::$primitive => {
                    let bytes = value.extract::<$type>().ok()?.to_le_bytes();
                    out.get_mut(..bytes.len())?.copy_from_slice(&bytes);
                })*
                Primitive::F32 => {
                    let bytes = single(value)?.to_le_bytes();
                    out.get_mut(..4)?.copy_from_slice(&bytes);
                }
                _ => return None,
            }
            Some(())
        }

        /// Reads a number.
        fn got<'py>(py: Python<'py>, number: Primitive, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
            match number {
                $(Primitive::$primitive => {
                    let mut all = [0; size_of::<$type>()];
                    all.copy_from_slice(bytes);
                    $type::from_le_bytes(all).into_bound_py_any(py)
                })*
                Primitive::F32 => {
                    let mut all = [0; 4];
                    all.copy_from_slice(bytes);
                    f64::from(f32::from_le_bytes(all)).into_bound_py_any(py)
                }
                _ => Ok(PyBytes::new(py, bytes).into_any()),
            }
        }

        /// The value that an operation on a number takes; none where it is not one of that type.
        pub fn value_of(number: Primitive, value: &Bound<'_, PyAny>) -> Option<Value> {
            match number {
                $(Primitive::$primitive => Some(Value::$value($wide::from(value.extract::<$type>().ok()?))),)*
                Primitive::F32 => Some(Value::F32(single(value)?)),
                _ => None,
            }
        }
    };
}

numbers! {
    U8 u8 Unsigned u128;
    I8 i8 Signed i128;
    U16 u16 Unsigned u128;
    I16 i16 Signed i128;
    U32 u32 Unsigned u128;
    I32 i32 Signed i128;
    U64 u64 Unsigned u128;
    I64 i64 Signed i128;
    F64 f64 F64 f64;
}

/// A float of four bytes; none where the value is too large for one.
fn single(value: &Bound<'_, PyAny>) -> Option<f32> {
    let wide = value.extract::<f64>().ok()?;
    let narrow = wide as f32; // the nearest
    (narrow.is_finite() || !wide.is_finite()).then_some(narrow)
}

/// What an operation on a number gave, as Python has it; none where that is no number.
pub fn number_of<'py>(py: Python<'py>, value: &Value) -> Option<PyResult<Bound<'py, PyAny>>> {
    match value {
        Value::Unsigned(number) => Some(u64::try_from(*number).ok()?.into_bound_py_any(py)),
        Value::Signed(number) => Some(i64::try_from(*number).ok()?.into_bound_py_any(py)),
        Value::F32(number) => Some(f64::from(*number).into_bound_py_any(py)),
        Value::F64(number) => Some(number.into_bound_py_any(py)),
        _ => None,
    }
}
