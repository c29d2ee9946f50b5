//! `ShmLayout`: a `#[repr(C)]` struct of representations that rustc lays out, and its description.

use super::placed;
use crate::attr::Place;
use crate::check::{self, Faults};
use crate::fallback;
use crate::model::{Field, Model, Numa, source};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, Generics, Ident, parse_quote};

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut faults = Faults::default();
    let model = Model::read(input, Place::Schema, Place::SchemaField, &mut faults);
    check::schema(&model, &mut faults);
    match faults.into_tokens() {
        Some(errors) => fallback::schema(&model, errors),
        None => expand(&model),
    }
}

/// A wrong field type is reported once, on the user's tokens: all impls assume by the same `where` clause,
/// made of these tokens, that the types are fields; rustc reports such a clause where it does not hold, and
/// believes it. The types may be private where the struct is public, so only private items name them.
fn expand(model: &Model<'_>) -> TokenStream {
    let names = Names::new(model);
    let repr = repr_struct(model, &names);
    let represent = represent_impl(model, &names);
    let types = types_impl(model, &names);
    let about = about_impl(model, &names);
    let field = field_impl(model);
    let layout = layout_impl(model);
    let check = (!model.is_generic()).then(|| check(model));
    let private = &model.private;
    quote! {
        const _: () = {
            use #private::{NoFacts as _, Undescribed as _};
            #types
            #repr
            #represent
            #about
            #field
            #layout
            #check
        };
    }
}

/// The names that stand for the fields in the representation.
struct Names {
    types: Vec<Ident>,
    places: Vec<Ident>,
    /// The representations: `<<__Schema as __Types>::type as SchemaField>::Repr<__LANES>`.
    reprs: Vec<TokenStream>,
}

impl Names {
    fn new(model: &Model<'_>) -> Self {
        let private = &model.private;
        let count = 0..model.fields.len();
        let types: Vec<_> = count.clone().map(|i| format_ident!("__Field{i}")).collect();
        let repr =
            |ty| quote!(<<__Schema as __Types>::#ty as #private::SchemaField>::Repr<__LANES>);
        Self {
            places: count.map(|i| format_ident!("field_{i}")).collect(),
            reprs: types.iter().map(repr).collect(),
            types,
        }
    }
}

/// The fields' alignments. A field whose pages come from somewhere begins with a page of its own, and so does
/// the one behind it.
fn alignments(model: &Model<'_>) -> Vec<u64> {
    let mut is_placed = false;
    let mut alignment = |field: &Field<'_>| {
        let before = core::mem::replace(&mut is_placed, field.numa.is_some());
        let own = field.align.map_or(64, |(align, _)| align);
        if before || is_placed { 4096 } else { own }
    };
    model.fields.iter().map(&mut alignment).collect()
}

fn numa(field: &Field<'_>, private: &TokenStream) -> TokenStream {
    let numa = match &field.numa {
        None | Some((Numa::Unknown(_), _)) => return quote!(::core::option::Option::None),
        Some((Numa::Local, _)) => quote!(Local),
        Some((Numa::Interleave, _)) => quote!(Interleave),
        Some((Numa::Bind(node), _)) => quote!(Bind(#node)),
    };
    quote!(::core::option::Option::Some(#private::Numa::#numa))
}

fn repr_struct(model: &Model<'_>, names: &Names) -> TokenStream {
    let private = &model.private;
    let visibility = &model.original.vis;
    let zerocopy = quote!(#private::zerocopy).to_string();
    let Names { places, reprs, .. } = names;
    let fields = model
        .fields
        .iter()
        .zip(places)
        .zip(reprs)
        .zip(alignments(model))
        .map(|(((_, place), repr), align)| {
            let align = format_ident!("Align{align}");
            let marker = format_ident!("align_{place}");
            quote!(#marker: [#private::#align; 0], #place: #repr,)
        });
    quote! {
        #[derive(#private::zerocopy::FromZeros)]
        #[zerocopy(crate = #zerocopy)]
        #[repr(C)]
        #visibility struct __ShmRepr<__Schema: __Types, const __LANES: ::core::primitive::usize> {
            #(#fields)*
        }

        // SAFETY: the fields are zero-sized markers and representations, and the bounds say that each
        // representation is `Shared`; what lies between them is padding.
        #[automatically_derived]
        unsafe impl<__Schema: __Types, const __LANES: ::core::primitive::usize> #private::Shared
            for __ShmRepr<__Schema, __LANES>
        where
            #(#reprs: #private::Shared,)*
        {
        }
    }
}

fn represent_impl(model: &Model<'_>, names: &Names) -> TokenStream {
    let private = &model.private;
    let (name, doc) = (model.ident.to_string(), &model.doc);
    let Names {
        types,
        places,
        reprs,
    } = names;
    let fields = model.fields.iter().enumerate().map(|(index, field)| {
        let (place, repr, ty) = (&places[index], &reprs[index], &types[index]);
        let Field {
            name, doc, unit, ..
        } = field;
        let source = source(field.ty);
        let numa = numa(field, private);
        quote! {
            #private::FieldNode {
                name: #name,
                doc: #doc,
                unit: #unit,
                shape: <__Schema as #private::AboutFields>::ABOUT[#index].shape,
                numa: #numa,
                source: #source,
                offset: ::core::mem::offset_of!(Self, #place),
                size: <#repr as #private::Represent>::SIZE,
                hot: <#repr as #private::Represent>::HOT,
                node: &<#repr as #private::Represent>::NODE,
                element: <__Schema as #private::AboutFields>::ABOUT[#index].element::<<__Schema as __Types>::#ty>(),
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl<__Schema, const __LANES: ::core::primitive::usize> #private::Represent for __ShmRepr<__Schema, __LANES>
        where
            __Schema: __Types,
            __Schema: #private::AboutFields,
        {
            const NODE: #private::Node = #private::Node::Schema(#private::SchemaNode {
                name: #name,
                doc: #doc,
                fields: &const { [#(#fields),*] },
            });
        }
    }
}

/// The fields' types, by number: what the representation is generic over.
fn types_impl(model: &Model<'_>, names: &Names) -> TokenStream {
    let (ident, private, types) = (model.ident, &model.private, &names.types);
    let assuming = assuming_fields(model);
    let (impl_generics, type_generics, where_clause) = assuming.split_for_impl();
    let written = model.fields.iter().map(|field| field.ty);
    quote! {
        trait __Types {
            #(type #types: #private::SchemaField;)*
        }

        #[automatically_derived]
        impl #impl_generics __Types for #ident #type_generics #where_clause {
            #(type #types = #written;)*
        }
    }
}

/// What only the concrete types can tell: whether the elements are described.
fn about_impl(model: &Model<'_>, names: &Names) -> TokenStream {
    let (ident, private) = (model.ident, &model.private);
    // An assumption about parameters would hide what the implementations say of them.
    let generics = match model.is_generic() {
        true => model.original.generics.clone(),
        false => assuming_fields(model),
    };
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let about = model
        .fields
        .iter()
        .zip(&names.types)
        .map(|(Field { shape, .. }, ty)| {
            quote! {
                #private::About {
                    element: #private::DescribeField::<<Self as __Types>::#ty>::ELEMENT,
                    shape: &[#(#shape),*],
                }
            }
        });
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::AboutFields for #ident #type_generics #where_clause {
            const ABOUT: &'static [#private::About] = &[#(#about),*];
        }
    }
}

/// The struct's parameters, and the assumption that each field's type is one and its elements are such.
fn assuming_fields(model: &Model<'_>) -> Generics {
    let private = &model.private;
    let mut generics = model.original.generics.clone();
    let clause = generics.make_where_clause();
    for Field { ty, .. } in &model.fields {
        let bound = placed(quote!(#private::SchemaField), ty);
        clause.predicates.push(parse_quote!(#ty: #bound));
        for (element, bound) in check::elements(ty) {
            let bound = format_ident!("{bound}");
            let written = placed(quote!(#private::#bound), element);
            clause.predicates.push(parse_quote!(#element: #written));
        }
    }
    generics
}

fn field_impl(model: &Model<'_>) -> TokenStream {
    let (ident, private) = (model.ident, &model.private);
    let assuming = assuming_fields(model);
    let (impl_generics, type_generics, where_clause) = assuming.split_for_impl();
    let handles = model.fields.iter().map(|Field { ident, name, .. }| {
        quote!(#ident: #private::Binder::field::<_, __LANES>(binder, #name)?)
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::Field for #ident #type_generics #where_clause {
            type Element = ();
            type Repr<const __LANES: ::core::primitive::usize> = __ShmRepr<Self, __LANES>;

            fn bind<const __LANES: ::core::primitive::usize>(
                binder: &mut #private::Binder<'_>,
            ) -> ::core::result::Result<Self, #private::BindError> {
                ::core::result::Result::Ok(Self { #(#handles),* })
            }
        }
    }
}

fn layout_impl(model: &Model<'_>) -> TokenStream {
    let (ident, private, lanes) = (model.ident, &model.private, &model.lanes);
    let assuming = assuming_fields(model);
    let (impl_generics, type_generics, where_clause) = assuming.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::ShmLayout for #ident #type_generics #where_clause {
            const LANES: ::core::primitive::usize = #lanes;
            type Body = #private::Body<<Self as #private::Field>::Repr<{ #lanes }>, { #lanes }>;

            fn bind_all(
                binder: &mut #private::Binder<'_>,
            ) -> ::core::result::Result<Self, #private::BindError> {
                <Self as #private::Field>::bind::<{ #lanes }>(binder)
            }
        }
    }
}

/// Rules about numbers, checked where the struct is declared and not where it is first used.
fn check(model: &Model<'_>) -> TokenStream {
    let (ident, private) = (model.ident, &model.private);
    let facts = quote!(#private::FactsOf::<#ident>::FACTS);
    let schema = placed(quote!(#private::check_facts(#facts)), ident);
    let fields = model
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| placed(quote!(#private::check_field(#facts, #index)), field.ty));
    quote! {
        const _: () = #schema;
        #(const _: () = #fields;)*
    }
}
