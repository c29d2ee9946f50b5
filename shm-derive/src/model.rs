//! What the derives know of their input, with the user's tokens for spans.

use crate::attr::{self, Attributes, Place};
use crate::check::Faults;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Expr, Fields, GenericParam, Ident, Path, Type, parse_quote};

/// A struct with named fields, read from the derive's input.
pub(crate) struct Model<'a> {
    pub(crate) original: &'a DeriveInput,
    pub(crate) ident: &'a Ident,
    /// `::shm_runtime::__private`, or the same of the crate that the user names.
    pub(crate) private: TokenStream,
    pub(crate) doc: String,
    pub(crate) lanes: Expr,
    /// Empty where the input is not a struct with named fields; `check` has reported it then.
    pub(crate) fields: Vec<Field<'a>>,
}

/// What `#[shm(numa = "…")]` says.
pub(crate) enum Numa {
    Local,
    Bind(u32),
    Interleave,
    /// None of them.
    Unknown(String),
}

impl Numa {
    fn read(text: &str) -> Self {
        let node = || {
            text.strip_prefix("bind(")?
                .strip_suffix(')')?
                .trim()
                .parse()
                .ok()
        };
        match text {
            "local" => Self::Local,
            "interleave" => Self::Interleave,
            _ => node().map_or_else(|| Self::Unknown(text.to_owned()), Self::Bind),
        }
    }
}

/// A named field.
pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) ty: &'a Type,
    /// The name that other programs see.
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) doc: String,
    pub(crate) unit: String,
    pub(crate) align: Option<(u64, Span)>,
    pub(crate) numa: Option<(Numa, Span)>,
    pub(crate) shape: Vec<Expr>,
}

impl<'a> Model<'a> {
    /// Reads the input; `on_struct` and `on_field` say which attributes are known.
    pub(crate) fn read(
        original: &'a DeriveInput,
        on_struct: Place,
        on_field: Place,
        faults: &mut Faults,
    ) -> Self {
        let attributes = attr::read(&original.attrs, on_struct, faults);
        let mut model = Self {
            original,
            ident: &original.ident,
            private: private(attributes.krate),
            doc: attr::doc(&original.attrs),
            lanes: attributes.lanes.unwrap_or_else(|| parse_quote!(64)),
            fields: Vec::new(),
        };
        if let Data::Struct(data) = &original.data
            && let Fields::Named(fields) = &data.fields
        {
            for field in &fields.named {
                let attributes = attr::read(&field.attrs, on_field, faults);
                model.fields.extend(Self::field(field, attributes));
            }
        }
        model
    }

    fn field(field: &'a syn::Field, attributes: Attributes) -> Option<Field<'a>> {
        let ident = field.ident.as_ref()?;
        let (name, name_span) = match &attributes.rename {
            Some(rename) => (rename.value(), rename.span()),
            None => (ident.unraw().to_string(), ident.span()),
        };
        Some(Field {
            ident,
            ty: &field.ty,
            name,
            name_span,
            doc: attr::doc(&field.attrs),
            unit: attributes.unit.map(|unit| unit.value()).unwrap_or_default(),
            align: attributes.align,
            numa: attributes
                .numa
                .map(|numa| (Numa::read(&numa.value()), numa.span())),
            shape: attributes.shape.unwrap_or_default(),
        })
    }

    /// Whether the struct has type or const parameters.
    pub(crate) fn is_generic(&self) -> bool {
        let params = &self.original.generics.params;
        params
            .iter()
            .any(|param| !matches!(param, GenericParam::Lifetime(_)))
    }
}

/// The path of the names that an expansion uses.
pub(crate) fn private(krate: Option<Path>) -> TokenStream {
    match krate {
        Some(path) => quote!(#path::__private),
        None => quote!(::shm_runtime::__private),
    }
}

/// A type as people write it: `Queue<Event, 4096>`.
pub(crate) fn source(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in [
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        ("& ", "&"),
        (" ;", ";"),
        (" (", "("),
    ] {
        text = text.replace(from, to);
    }
    text
}
