//! Every rule that tokens can decide, and its message. Rules that need types are trait bounds and
//! constant assertions of the runtime.

use crate::attr;
use crate::model::{Field, Model, Numa, source};
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Expr, Fields, GenericArgument, GenericParam, PathArguments, Type};

/// Longest name in the segment's table.
const MAX_NAME: usize = 31;
/// Most structures in an array of them.
const MAX_REPEAT: u64 = 256;
/// Most lanes.
const MAX_LANES: u64 = 1024;
/// What the names of the structures tell.
struct Kind {
    name: &'static str,
    /// How many element types come first among its parameters.
    elements: usize,
    /// Their bound, among the names that an expansion may use.
    bound: &'static str,
    /// Whether its first capacity is a power of two.
    power_of_two: bool,
}

const fn kind(name: &'static str, elements: usize, power_of_two: bool) -> Kind {
    Kind {
        name,
        elements,
        bound: "SharedElement",
        power_of_two,
    }
}

const KINDS: &[Kind] = &[
    Kind {
        bound: "AtomicElement",
        ..kind("Atomic", 1, false)
    },
    kind("Array", 1, false),
    kind("Queue", 1, true),
    kind("Spsc", 1, true),
    kind("Broadcast", 1, true),
    kind("Stack", 1, false),
    kind("Map", 2, true),
    kind("Set", 1, true),
    kind("Pool", 1, false),
    kind("Versioned", 1, false),
    kind("VersionedArray", 1, false),
    kind("LargeMap", 2, true),
    kind("Mutex", 1, false),
    kind("RwLock", 1, false),
    kind("Semaphore", 0, false),
    kind("Barrier", 0, false),
];
/// Kinds whose first element type is a key.
const KEYED: &[&str] = &["Map", "Set", "LargeMap"];
/// Names of std's that the runtime's own primitives have as well.
const OURS_TOO: &[&str] = &["Mutex", "RwLock", "Once", "Barrier"];
const SCALARS: &[&str] = &[
    "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "u128", "i128", "f32", "f64",
];

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Faults(Option<syn::Error>);

impl Faults {
    /// Adds a mistake at these tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake at this span.
    pub(crate) fn at_span(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    /// Adds an error.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// All mistakes as `compile_error!`s; `None` where there are none.
    pub(crate) fn into_tokens(self) -> Option<TokenStream> {
        self.0.map(|error| error.into_compile_error())
    }
}

/// The container of a schema or element: a struct with named fields and no lifetimes.
pub(crate) fn container(input: &DeriveInput, derive: &str, faults: &mut Faults) {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if fields.named.is_empty() => faults.at(
                &input.ident,
                format!("`{}` has no fields; `{derive}` needs at least one", input.ident),
            ),
            Fields::Named(_) => {}
            Fields::Unnamed(fields) => faults.at(
                fields,
                format!("the fields of a tuple struct have no names for other programs to find them by; write `struct {} {{ name: Type, … }}`", input.ident),
            ),
            Fields::Unit => faults.at(
                &input.ident,
                format!("`{0}` has no fields; write `struct {0} {{ name: Type, … }}`", input.ident),
            ),
        },
        Data::Enum(data) => faults.at(data.enum_token, only_structs(input, derive)),
        Data::Union(data) => faults.at(data.union_token, only_structs(input, derive)),
    }
    lifetimes(input, faults);
}

fn only_structs(input: &DeriveInput, derive: &str) -> String {
    format!(
        "`{derive}` is for structs: every process sees all fields; write `struct {} {{ name: Type, … }}`",
        input.ident
    )
}

/// No lifetimes: other processes know none of our borrows.
pub(crate) fn lifetimes(input: &DeriveInput, faults: &mut Faults) {
    for param in &input.generics.params {
        if let GenericParam::Lifetime(lifetime) = param {
            faults.at(
                lifetime,
                format!("`{}` cannot borrow: what lies in shared memory outlives every process; remove `{}`", input.ident, lifetime.lifetime),
            );
        }
    }
}

/// The rules of a schema.
pub(crate) fn schema(model: &Model<'_>, faults: &mut Faults) {
    container(model.original, "ShmLayout", faults);
    if let Some(lanes) = attr::integer(&model.lanes)
        && !(1..=MAX_LANES).contains(&lanes)
    {
        faults.at(
            &model.lanes,
            format!("`lanes` is {lanes}; write a number from 1 to {MAX_LANES}"),
        );
    }
    unique_names(model, faults);
    for field in &model.fields {
        table_name(field, faults);
        alignment(field, faults);
        placement(field, faults);
        field_type(field, faults);
    }
}

/// The rules of a described element.
pub(crate) fn element(model: &Model<'_>, faults: &mut Faults) {
    container(model.original, "ShmType", faults);
    unique_names(model, faults);
    for field in &model.fields {
        if field.name.is_empty() {
            faults.at_span(field.name_span, "a field's name cannot be empty");
        }
        element_type(field.ty, &format!("field `{}`", field.name), faults);
    }
}

/// No two fields of one name, after renaming.
fn unique_names(model: &Model<'_>, faults: &mut Faults) {
    for (i, field) in model.fields.iter().enumerate() {
        if let Some(first) = model.fields[..i]
            .iter()
            .find(|first| first.name == field.name)
        {
            faults.at_span(
                field.name_span,
                format!("the name `{}` is taken by field `{}`; give one of the two another `#[shm(rename = \"…\")]`", field.name, first.ident),
            );
        }
    }
}

/// A name that the table can hold and that collides with no other.
fn table_name(field: &Field<'_>, faults: &mut Faults) {
    let name = &field.name;
    let message = if name.is_empty() {
        "a field's name in the table cannot be empty".to_owned()
    } else if name.len() > MAX_NAME {
        format!(
            "field name `{name}` is {} bytes; the segment's table keeps {MAX_NAME}: write a shorter one with `#[shm(rename = \"…\")]`",
            name.len()
        )
    } else if name.starts_with('@') {
        format!("`{name}`: names that begin with `@` are reserved for the segment's own structures")
    } else if let Some(bad) = name.chars().find(|c| matches!(c, '.' | '[' | ']')) {
        format!(
            "`{name}`: `{bad}` cannot be in a field's name; it builds the names of nested fields, as in `left.events` and `shard[3]`"
        )
    } else if name.chars().any(char::is_control) {
        format!("{name:?}: a field's name cannot have control characters")
    } else {
        return;
    };
    faults.at_span(field.name_span, message);
}

fn alignment(field: &Field<'_>, faults: &mut Faults) {
    if let Some((align, span)) = field.align
        && (!align.is_power_of_two() || !(64..=4096).contains(&align))
    {
        let nearest = align.clamp(64, 4096).next_power_of_two();
        faults.at_span(
            span,
            format!(
                "`align` is {align}; it must be a power of two from 64 to 4096: write {nearest}"
            ),
        );
    }
}

fn placement(field: &Field<'_>, faults: &mut Faults) {
    let Some((numa, span)) = &field.numa else {
        return;
    };
    if let Numa::Unknown(text) = numa {
        let known = "\"local\", \"interleave\", or a node, as in \"bind(1)\"";
        faults.at_span(*span, format!("`numa` is \"{text}\"; it must be {known}"));
    }
    if let Some((_, span)) = field.align.filter(|(align, _)| *align != 4096) {
        let why = "a field with `numa` has pages of its own, so its alignment is 4096";
        faults.at_span(span, format!("{why}: remove `align`"));
    }
}

/// The type without the invisible groups that macros put around it.
fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        _ => ty,
    }
}

/// The last name of a path type.
fn last_name(ty: &Type) -> Option<String> {
    match peel(ty) {
        Type::Path(path) if path.qself.is_none() => path
            .path
            .segments
            .last()
            .map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// The name of a type of std's: written alone, or behind `std`, `core` or `alloc`.
fn std_name(ty: &Type) -> Option<String> {
    match peel(ty) {
        Type::Path(path) if path.qself.is_none() => {
            let segments = &path.path.segments;
            let first = segments.first()?.ident.to_string();
            let of_std = ["std", "core", "alloc"].contains(&first.as_str());
            let alone = segments.len() == 1 && !OURS_TOO.contains(&first.as_str());
            (of_std || alone).then(|| last_name(ty)).flatten()
        }
        _ => None,
    }
}

/// A schema's field: what can be told from the way its type is written.
fn field_type(field: &Field<'_>, faults: &mut Faults) {
    let ty = peel(field.ty);
    let says = |what: &str| format!("field `{}`: {what}", field.ident);
    match ty {
        Type::Reference(_) | Type::Ptr(_) => faults.at(
            ty,
            says("an address means nothing in another process; write the structure itself, as in `Array<f32, 64>`"),
        ),
        Type::Array(array) => repeated(field, array, faults),
        Type::Tuple(_) => faults.at(
            ty,
            says("a tuple has no fixed layout; write one field for each part, or a nested `#[derive(ShmLayout)]` struct"),
        ),
        Type::Slice(_) | Type::BareFn(_) | Type::TraitObject(_) | Type::ImplTrait(_) | Type::Never(_) => faults.at(
            ty,
            says("this cannot lie in shared memory; write a structure such as `Array<T, N>` or `Queue<T, N>`"),
        ),
        _ => {
            if let Some(name) = std_name(ty)
                && let Some(advice) = field_advice(&name, &source(ty))
            {
                faults.at(ty, says(&advice));
            } else {
                structure(field, ty, faults);
            }
        }
    }
}

/// What to write instead of a type that many try first.
fn field_advice(name: &str, written: &str) -> Option<String> {
    Some(match name {
        "Vec" | "VecDeque" => format!("`{written}` lives in the heap of one process; write `Array<T, N>` for a fixed number of elements or `Queue<T, N>` for a bounded queue"),
        "String" | "str" | "CString" | "OsString" | "PathBuf" => format!("`{written}` lives in the heap of one process; write `Versioned<ShmStr<N>>` for up to N bytes of text"),
        "HashMap" | "BTreeMap" => format!("`{written}` lives in the heap of one process; write `Map<K, V, N>` for at most N entries"),
        "HashSet" | "BTreeSet" => format!("`{written}` lives in the heap of one process; write `Set<K, N>` for at most N keys"),
        "Box" | "Rc" | "Arc" => format!("`{written}` is an address, which means nothing in another process; write the structure itself"),
        "Option" | "Result" => format!("`{written}` has bit patterns that are no value, and other processes may write any; write `Queue<T, 1>` for a value that may be absent"),
        "Cell" | "RefCell" => format!("`{written}` protects memory of one process only; write `Atomic<T>` for a scalar or `Array<T, N>` for memory"),
        "Mutex" | "RwLock" | "Once" => {
            let ours = written.rfind(name).map_or(name, |at| &written[at..]);
            format!("`{written}` works among the threads of one process only; write `shm_runtime::sync::{ours}`")
        }
        "Barrier" => format!("`{written}` works among the threads of one process only; write `shm_runtime::sync::Barrier<PARTIES>`"),
        "Condvar" => format!("`{written}` works among the threads of one process only; write `shm_runtime::sync::Signal`"),
        "bool" => "a `bool` has bit patterns that are no value, and other processes may write any; write `Atomic<u8>`, 0 for false".to_owned(),
        "char" => "a `char` has bit patterns that are no value, and other processes may write any; write `Atomic<u32>`".to_owned(),
        "usize" => "the size of `usize` differs between machines, and a plain number is no structure; write `Atomic<u64>`".to_owned(),
        "isize" => "the size of `isize` differs between machines, and a plain number is no structure; write `Atomic<i64>`".to_owned(),
        "u128" | "i128" => format!("a plain `{name}` would be torn by concurrent writes; write `Array<{name}, 1>`"),
        name if SCALARS.contains(&name) => format!("a plain `{name}` cannot be shared; write `Atomic<{name}>`"),
        name if name.starts_with("Atomic") && name.len() > 6 => {
            let scalar = match &name[6..] {
                "Bool" => "u8".to_owned(),
                "Usize" => "u64".to_owned(),
                "Isize" => "i64".to_owned(),
                other => other.to_lowercase(),
            };
            format!("`{written}` belongs to one process; write `Atomic<{scalar}>`")
        }
        _ => return None,
    })
}

/// `[S; K]`: structures, not scalars, and not too many.
fn repeated(field: &Field<'_>, array: &syn::TypeArray, faults: &mut Faults) {
    let item = peel(&array.elem);
    let (item_text, len_text) = (source(item), source(&array.len));
    if let Some(name) = std_name(item)
        && (SCALARS.contains(&name.as_str())
            || ["bool", "char", "usize", "isize"].contains(&&*name))
    {
        let scalar = match name.as_str() {
            "bool" => "u8",
            "char" => "u32",
            "usize" => "u64",
            "isize" => "i64",
            scalar => scalar,
        };
        return faults.at(
            array,
            format!(
                "field `{}`: a plain array cannot be shared; write `Array<{scalar}, {len_text}>`",
                field.ident
            ),
        );
    }
    if let Type::Array(_) = item {
        return faults.at(
            array,
            format!("field `{}`: an array of structures has one dimension; write `[S; K]` with K the product of the lengths", field.ident),
        );
    }
    match attr::integer(&array.len) {
        Some(0) => faults.at(&array.len, format!("field `{}`: an array of no structures; write a length from 1 to {MAX_REPEAT}", field.ident)),
        Some(len) if len > MAX_REPEAT => faults.at(
            &array.len,
            format!("field `{}`: an array has at most {MAX_REPEAT} structures, this one {len}; each has an entry in the segment's table. For {len} elements write `Array<T, {len}>`", field.ident),
        ),
        _ => {}
    }
    if let Some(name) = std_name(item)
        && let Some(advice) = field_advice(&name, &item_text)
    {
        return faults.at(item, format!("field `{}`: {advice}", field.ident));
    }
    structure(field, item, faults);
}

/// A structure, known by its name, and its arguments: element types and the rest.
type Known<'a> = (&'static Kind, Vec<&'a Type>, Vec<&'a GenericArgument>);

fn known_structure(ty: &Type) -> Option<Known<'_>> {
    let name = last_name(ty)?;
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    let Type::Path(path) = peel(ty) else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    let mut elements = Vec::new();
    let mut rest = Vec::new();
    for argument in &arguments.args {
        match argument {
            GenericArgument::Type(ty) if elements.len() < kind.elements => elements.push(ty),
            other => rest.push(other),
        }
    }
    Some((kind, elements, rest))
}

/// The element types of a field, each with the bound it needs, where the structure is known by its name.
pub(crate) fn elements(ty: &Type) -> Vec<(&Type, &'static str)> {
    let ty = match peel(ty) {
        Type::Array(array) => &array.elem,
        ty => ty,
    };
    let Some((kind, elements, _)) = known_structure(ty) else {
        return Vec::new();
    };
    elements
        .into_iter()
        .map(|element| (element, kind.bound))
        .collect()
}

/// The parameters of a structure, known by its name: elements and capacities.
fn structure(field: &Field<'_>, ty: &Type, faults: &mut Faults) {
    let Some((kind, elements, rest)) = known_structure(ty) else {
        return;
    };
    if KEYED.contains(&kind.name)
        && let Some(key) = elements.first()
    {
        key_type(field, key, faults);
    }
    for element in elements {
        element_type(element, &format!("field `{}`", field.ident), faults);
    }
    for (index, capacity) in rest.into_iter().enumerate() {
        if let GenericArgument::Const(capacity) = capacity {
            let power_of_two = kind.power_of_two && index == 0;
            literal_capacity(field, kind.name, power_of_two, capacity, faults);
        }
    }
}

/// A key: no float, as far as that can be told from the way it is written.
fn key_type(field: &Field<'_>, ty: &Type, faults: &mut Faults) {
    let mut scalar = peel(ty);
    while let Type::Array(array) = scalar {
        scalar = peel(&array.elem);
    }
    let name = last_name(scalar).unwrap_or_default();
    let bits = match name.as_str() {
        "f32" => "u32",
        "f64" => "u64",
        _ => return,
    };
    let written = source(ty).replace(&name, bits);
    faults.at(
        ty,
        format!("field `{}`: keys are equal if their bytes are, and an `{name}` has two zeros and many NaNs; write `{written}` and `{name}::to_bits`", field.ident),
    );
}

fn literal_capacity(field: &Field<'_>, kind: &str, power: bool, expr: &Expr, faults: &mut Faults) {
    let Some(capacity) = attr::integer(expr) else {
        return;
    };
    if capacity == 0 {
        faults.at(
            expr,
            format!(
                "field `{}`: a capacity of 0 can hold nothing; write 1 or more",
                field.ident
            ),
        );
    } else if power && !capacity.is_power_of_two() {
        let next = capacity
            .checked_next_power_of_two()
            .map_or_else(String::new, |next| format!(": write {next}"));
        faults.at(
            expr,
            format!(
                "field `{}`: the capacity of a `{kind}` is a power of two, {capacity} is not{next}",
                field.ident
            ),
        );
    }
}

/// A type whose values lie in shared memory: what can be told from the way it is written.
pub(crate) fn element_type(ty: &Type, whose: &str, faults: &mut Faults) {
    let ty = peel(ty);
    let advice = match ty {
        Type::Reference(_) | Type::Ptr(_) | Type::BareFn(_) => {
            "an address means nothing in another process; write the value itself, or an index"
                .to_owned()
        }
        Type::Array(array) if attr::integer(&array.len) == Some(0) => {
            "an array of length 0 has no bytes, so there is nothing to share; write a longer one"
                .to_owned()
        }
        Type::Array(array) => return element_type(&array.elem, whose, faults),
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            "`()` has no bytes, so there is nothing to share; write a type with a size".to_owned()
        }
        Type::Tuple(_) => "a tuple has no fixed layout; write a `#[repr(C)]` struct".to_owned(),
        _ => match std_name(ty).and_then(|name| element_advice(&name)) {
            Some(advice) => advice,
            None => return,
        },
    };
    faults.at(ty, format!("{whose}: {advice}"));
}

fn element_advice(name: &str) -> Option<String> {
    Some(match name {
        "bool" => "a `bool` has bit patterns that are no value, and other processes may write any; write `u8`, 0 for false".to_owned(),
        "char" => "a `char` has bit patterns that are no value, and other processes may write any; write `u32` and `char::from_u32`".to_owned(),
        "usize" => "the size of `usize` differs between machines; write `u64`".to_owned(),
        "isize" => "the size of `isize` differs between machines; write `i64`".to_owned(),
        "Option" | "Result" => format!("`{name}` has bit patterns that are no value, and other processes may write any; write the value with a `u8` that says whether it is there"),
        "Vec" | "VecDeque" | "Box" | "Rc" | "Arc" | "HashMap" | "BTreeMap" => format!("`{name}` points into the heap of one process; write an array of fixed length, such as `[u8; 32]`"),
        "String" | "str" => format!("`{name}` points into the heap of one process; write `ShmStr<32>` for up to 32 bytes of text"),
        _ => return None,
    })
}

/// The rules of a `Pod` or `Zeroable` struct that tokens can decide.
pub(crate) fn plain(input: &DeriveInput, derive: &str, faults: &mut Faults) {
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => {
            return faults.at(
                data.enum_token,
                format!("an enum cannot be `{derive}`: it has bit patterns that are no value, and other processes may write any; keep a `u8` and convert it with a `match`"),
            );
        }
        Data::Union(data) => {
            return faults.at(
                data.union_token,
                format!("a union cannot be `{derive}`: nobody knows which field holds; write a struct with a `u8` that says it"),
            );
        }
    };
    lifetimes(input, faults);
    for (i, field) in fields.iter().enumerate() {
        let name = field
            .ident
            .as_ref()
            .map_or_else(|| i.to_string(), ToString::to_string);
        if derive == "Pod" {
            element_type(&field.ty, &format!("field `{name}`"), faults);
        }
    }
    if derive == "Pod" {
        representation(input, fields, faults);
    }
}

fn representation(input: &DeriveInput, fields: &Fields, faults: &mut Faults) {
    let repr = attr::repr(&input.attrs);
    let ident = &input.ident;
    if !repr.c && !repr.transparent {
        faults.at(
            ident,
            format!("the layout of `{ident}` is not fixed, rustc may reorder its fields; add `#[repr(C)]`"),
        );
    }
    if fields.is_empty() {
        faults.at(
            ident,
            format!("`{ident}` has no fields, so there is nothing to share; write at least one"),
        );
    }
    let params = &input.generics.params;
    let generic = params
        .iter()
        .any(|param| !matches!(param, GenericParam::Lifetime(_)));
    if generic && !repr.transparent && !repr.packed && (repr.align || !uniform(fields)) {
        faults.add(syn::Error::new(
            input.generics.span(),
            format!("whether `{ident}` has padding depends on its parameters; give all its fields one type (or arrays of it), or write `#[repr(C, packed)]`"),
        ));
    }
}

/// Whether all fields are of one type or arrays of it: then there is no padding whatever the type is.
fn uniform(fields: &Fields) -> bool {
    let base = |field: &syn::Field| {
        let mut ty = peel(&field.ty);
        while let Type::Array(array) = ty {
            ty = peel(&array.elem);
        }
        matches!(ty, Type::Path(_)).then(|| source(ty))
    };
    let mut all = fields.iter().map(base);
    let first = all.next().flatten();
    first.is_some() && all.all(|other| other == first)
}
