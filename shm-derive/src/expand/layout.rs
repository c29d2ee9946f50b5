//! `ShmLayout`: a `#[repr(C)]` struct of representations that rustc lays out, and its description.

use super::placed;
use crate::attr::Place;
use crate::check::{self, Faults};
use crate::fallback;
use crate::model::{Field, Model, source};
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

/// A wrong field type is reported once, on the user's tokens, because the expansion names the types once,
/// in `impl __Types`; the representation is generic over them, and the other impls assume by a `where`
/// clause that they are fields. rustc reports such a clause where it does not hold, and believes it.
fn expand(model: &Model<'_>) -> TokenStream {
    let names = Names::new(model);
    let repr = repr_struct(model, &names);
    let represent = represent_impl(model, &names);
    let types = types_impl(model, &names);
    let about = about_impl(model, &names);
    let field = field_impl(model, &names);
    let layout = layout_impl(model, &names);
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
    /// The representations: `<type as Field>::Repr<__LANES>`.
    reprs: Vec<TokenStream>,
    /// `__Schema, type: Field, …, const __LANES: usize`.
    declared: TokenStream,
    /// `__Schema, type, …, __LANES`.
    used: TokenStream,
}

impl Names {
    fn new(model: &Model<'_>) -> Self {
        let private = &model.private;
        let count = 0..model.fields.len();
        let types: Vec<_> = count.clone().map(|i| format_ident!("__Field{i}")).collect();
        Self {
            places: count.map(|i| format_ident!("field_{i}")).collect(),
            reprs: types
                .iter()
                .map(|ty| quote!(<#ty as #private::Field>::Repr<__LANES>))
                .collect(),
            declared: quote!(__Schema, #(#types: #private::Field,)* const __LANES: usize),
            used: quote!(__Schema, #(#types,)* __LANES),
            types,
        }
    }
}

fn repr_struct(model: &Model<'_>, names: &Names) -> TokenStream {
    let private = &model.private;
    let visibility = &model.original.vis;
    let zerocopy = quote!(#private::zerocopy).to_string();
    let Names {
        places,
        reprs,
        declared,
        used,
        ..
    } = names;
    let fields = model
        .fields
        .iter()
        .zip(places)
        .zip(reprs)
        .map(|((field, place), repr)| {
            let align = format_ident!("Align{}", field.align.map_or(64, |(align, _)| align));
            let marker = format_ident!("align_{place}");
            quote!(#marker: [#private::#align; 0], #place: #repr,)
        });
    quote! {
        #[derive(#private::zerocopy::FromZeros)]
        #[zerocopy(crate = #zerocopy)]
        #[repr(C)]
        #visibility struct __ShmRepr<#declared> {
            #(#fields)*
            schema: ::core::marker::PhantomData<fn() -> __Schema>,
        }

        // SAFETY: the fields are zero-sized markers and representations, and the bounds say that each
        // representation is `Shared`; what lies between them is padding.
        #[automatically_derived]
        unsafe impl<#declared> #private::Shared for __ShmRepr<#used>
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
        declared,
        used,
    } = names;
    let fields = model.fields.iter().enumerate().map(|(index, field)| {
        let (place, repr, ty) = (&places[index], &reprs[index], &types[index]);
        let Field {
            name, doc, unit, ..
        } = field;
        let source = source(field.ty);
        quote! {
            #private::FieldNode {
                name: #name,
                doc: #doc,
                unit: #unit,
                shape: <__Schema as #private::AboutFields>::ABOUT[#index].shape,
                source: #source,
                offset: ::core::mem::offset_of!(Self, #place),
                size: <#repr as #private::Represent>::SIZE,
                hot: <#repr as #private::Represent>::HOT,
                node: &<#repr as #private::Represent>::NODE,
                element: <__Schema as #private::AboutFields>::ABOUT[#index].element::<#ty>(),
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl<#declared> #private::Represent for __ShmRepr<#used>
        where
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

/// The fields' types: the only place where the expansion names them.
fn types_impl(model: &Model<'_>, names: &Names) -> TokenStream {
    let (ident, visibility, types) = (model.ident, &model.original.vis, &names.types);
    let (impl_generics, type_generics, where_clause) = model.original.generics.split_for_impl();
    let written = model.fields.iter().map(|field| field.ty);
    quote! {
        #visibility trait __Types {
            #(type #types;)*
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
    let assuming = assuming_fields(model, names);
    let (impl_generics, type_generics, where_clause) = assuming.split_for_impl();
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
fn assuming_fields(model: &Model<'_>, names: &Names) -> Generics {
    let private = &model.private;
    let mut generics = model.original.generics.clone();
    let clause = generics.make_where_clause();
    for (field, ty) in model.fields.iter().zip(&names.types) {
        let assumed = placed(quote!(<Self as __Types>::#ty: #private::Field), field.ty);
        clause.predicates.push(parse_quote!(#assumed));
        for (element, bound) in check::elements(field.ty) {
            let bound = format_ident!("{bound}");
            let written = placed(quote!(#private::#bound), element);
            clause.predicates.push(parse_quote!(#element: #written));
        }
    }
    generics
}

fn field_impl(model: &Model<'_>, names: &Names) -> TokenStream {
    let (ident, private) = (model.ident, &model.private);
    let assuming = assuming_fields(model, names);
    let (impl_generics, type_generics, where_clause) = assuming.split_for_impl();
    let types = &names.types;
    let handles = model.fields.iter().map(|Field { ident, name, .. }| {
        quote!(#ident: #private::Binder::field::<_, __LANES>(binder, #name)?)
    });
    quote! {
        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        impl #impl_generics #private::Field for #ident #type_generics #where_clause {
            type Element = ();
            type Repr<const __LANES: usize> =
                __ShmRepr<Self, #(<Self as __Types>::#types,)* __LANES>;

            fn bind<const __LANES: usize>(
                binder: &mut #private::Binder<'_>,
            ) -> ::core::result::Result<Self, #private::BindError> {
                ::core::result::Result::Ok(Self { #(#handles),* })
            }
        }
    }
}

fn layout_impl(model: &Model<'_>, names: &Names) -> TokenStream {
    let (ident, private, lanes) = (model.ident, &model.private, &model.lanes);
    let assuming = assuming_fields(model, names);
    let (impl_generics, type_generics, where_clause) = assuming.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::ShmLayout for #ident #type_generics #where_clause {
            const LANES: usize = #lanes;
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
    let check = quote!(#private::check_facts(#private::FactsOf::<#ident>::FACTS));
    let check = placed(check, ident);
    quote!(const _: () = #check;)
}
