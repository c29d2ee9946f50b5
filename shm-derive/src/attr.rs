//! `#[shm(…)]` and doc comments: the only file that reads attributes.

use crate::check::Faults;
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, Token};

/// Where attributes stand, and so which are known.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Schema,
    SchemaField,
    Element,
    ElementField,
}

impl Place {
    /// The attributes known here, with an example of each.
    fn known(self) -> &'static [(&'static str, &'static str)] {
        const CRATE: (&str, &str) = ("crate", "crate = \"shm_runtime\"");
        const RENAME: (&str, &str) = ("rename", "rename = \"name\"");
        const UNIT: (&str, &str) = ("unit", "unit = \"m/s\"");
        match self {
            Self::Schema => &[("lanes", "lanes = 64"), CRATE],
            Self::SchemaField => &[
                RENAME,
                ("align", "align = 4096"),
                ("numa", "numa = \"interleave\""),
                ("shape", "shape = [1000, 1000]"),
                UNIT,
            ],
            Self::Element => &[CRATE],
            Self::ElementField => &[RENAME, UNIT],
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Schema => "a schema struct",
            Self::SchemaField => "a field of a schema",
            Self::Element => "an element struct",
            Self::ElementField => "a field of an element",
        }
    }

    /// Where an attribute that is not known here belongs.
    fn of(name: &str) -> Option<Self> {
        let all = [
            Self::Schema,
            Self::SchemaField,
            Self::Element,
            Self::ElementField,
        ];
        all.into_iter().find(|place| place.example(name).is_some())
    }

    fn example(self, name: &str) -> Option<&'static str> {
        let known = self.known().iter().find(|(known, _)| *known == name);
        known.map(|(_, example)| *example)
    }

    fn list(self) -> String {
        let names: Vec<_> = self.known().iter().map(|(n, _)| format!("`{n}`")).collect();
        format!("{} knows {}", self.noun(), names.join(", "))
    }
}

/// All that attributes say, of a struct or a field.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) lanes: Option<Expr>,
    pub(crate) krate: Option<Path>,
    pub(crate) rename: Option<LitStr>,
    pub(crate) align: Option<(u64, Span)>,
    pub(crate) numa: Option<LitStr>,
    pub(crate) shape: Option<Vec<Expr>>,
    pub(crate) unit: Option<LitStr>,
}

impl Attributes {
    /// Keeps the value of a known attribute; `None` where it is of the wrong kind.
    fn take(&mut self, name: &str, value: &Expr) -> Option<()> {
        match name {
            "lanes" => self.lanes = Some(value.clone()),
            "crate" => self.krate = Some(text(value)?.parse().ok()?),
            "rename" => self.rename = Some(text(value)?),
            "unit" => self.unit = Some(text(value)?),
            "numa" => self.numa = Some(text(value)?),
            "align" => self.align = Some((integer(value)?, span(value))),
            _ => match value {
                Expr::Array(array) if !array.elems.is_empty() => {
                    self.shape = Some(array.elems.iter().cloned().collect());
                }
                _ => return None,
            },
        }
        Some(())
    }
}

/// One `name = value` of an attribute.
struct Item {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        let value = if input.parse::<Option<Token![=]>>()?.is_some() {
            Some(input.parse()?)
        } else {
            // `name` or `name(…)`: swallowed here, so that the message can show the right form.
            if input.peek(syn::token::Paren) {
                input.parse::<proc_macro2::TokenTree>()?;
            }
            None
        };
        Ok(Self { name, value })
    }
}

/// Reads the `#[shm(…)]` attributes of a struct or field; mistakes go into `faults`.
pub(crate) fn read(attributes: &[Attribute], place: Place, faults: &mut Faults) -> Attributes {
    let mut found = Attributes::default();
    let mut seen: Vec<String> = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("shm")) {
        let Meta::List(list) = &attribute.meta else {
            faults.at(attribute, format!("write `#[shm(…)]`; {}", place.list()));
            continue;
        };
        let items = list.parse_args_with(Punctuated::<Item, Token![,]>::parse_terminated);
        match items {
            Ok(items) => {
                for item in items {
                    read_item(item, place, &mut seen, &mut found, faults);
                }
            }
            Err(error) => {
                faults.at_span(
                    error.span(),
                    format!("write `name = value` here; {}", place.list()),
                );
            }
        }
    }
    found
}

/// Reads where `shm_runtime` is found, and nothing else.
pub(crate) fn krate(attributes: &[Attribute]) -> Option<Path> {
    read(attributes, Place::Element, &mut Faults::default()).krate
}

fn read_item(
    item: Item,
    place: Place,
    seen: &mut Vec<String>,
    found: &mut Attributes,
    faults: &mut Faults,
) {
    let name = item.name.to_string();
    let Some(example) = place.example(&name) else {
        let message = match Place::of(&name) {
            Some(other) => format!("`{name}` belongs on {}; {}", other.noun(), place.list()),
            None => format!("unknown attribute `{name}`; {}", place.list()),
        };
        return faults.at(&item.name, message);
    };
    if seen.contains(&name) {
        let message = format!("`{name}` is given twice; keep one ({})", place.list());
        return faults.at(&item.name, message);
    }
    let wrong = format!("`{name}` takes a value like this: `#[shm({example})]`");
    let Some(value) = item.value else {
        seen.push(name);
        return faults.at(&item.name, wrong);
    };
    if found.take(&name, &value).is_none() {
        faults.at(&value, wrong);
    }
    seen.push(name);
}

fn span(tokens: &impl ToTokens) -> Span {
    let first = tokens.to_token_stream().into_iter().next();
    first.map_or_else(Span::call_site, |token| token.span())
}

fn text(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.clone()),
        _ => None,
    }
}

/// The value of an integer literal.
pub(crate) fn integer(value: &Expr) -> Option<u64> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse().ok(),
        Expr::Group(group) => integer(&group.expr),
        _ => None,
    }
}

/// The text of the doc comments, without the blank after `///`.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let Some(line) = text(&pair.value)
        {
            let line = line.value();
            lines.push(line.strip_prefix(' ').unwrap_or(&line).to_owned());
        }
    }
    lines.join("\n").trim().to_owned()
}

/// The representation: which words of `#[repr(…)]` are there.
#[derive(Default)]
pub(crate) struct Repr {
    pub(crate) c: bool,
    pub(crate) transparent: bool,
    /// Packed to single bytes.
    pub(crate) packed: bool,
    pub(crate) align: bool,
}

/// Reads `#[repr(…)]`. What it does not know is left to rustc.
pub(crate) fn repr(attributes: &[Attribute]) -> Repr {
    let mut repr = Repr::default();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("repr")) {
        let _ = attribute.parse_nested_meta(|meta| {
            repr.c |= meta.path.is_ident("C");
            repr.transparent |= meta.path.is_ident("transparent");
            repr.align |= meta.path.is_ident("align");
            let mut argument = TokenStream::new();
            if meta.input.peek(syn::token::Paren) {
                argument = meta.input.parse::<proc_macro2::Group>()?.stream();
            }
            // Packed to more than one byte, there can still be padding.
            let to_bytes = argument.is_empty() || argument.to_string() == "1";
            repr.packed |= meta.path.is_ident("packed") && to_bytes;
            Ok(())
        });
    }
    repr
}
