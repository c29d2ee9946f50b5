//! `ShmType`: the description of an element's fields.

use super::placed;
use crate::attr::Place;
use crate::check::{self, Faults};
use crate::fallback;
use crate::model::{Field, Model};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, parse_quote};

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut faults = Faults::default();
    let model = Model::read(input, Place::Element, Place::ElementField, &mut faults);
    check::element(&model, &mut faults);
    match faults.into_tokens() {
        Some(errors) => fallback::element(&model, errors),
        None => expand(&model),
    }
}

fn expand(model: &Model<'_>) -> TokenStream {
    let (ident, private, doc) = (model.ident, &model.private, &model.doc);
    let name = ident.to_string();
    let mut generics = model.original.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#private::ShmType));
    }
    if !model.is_generic() {
        // `ShmType` asks for the same; this has a message of ours.
        let bound = placed(quote!(#private::SharedElement), ident);
        generics
            .make_where_clause()
            .predicates
            .push(parse_quote!(#ident: #bound));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let fields = model.fields.iter().map(|field| {
        let Field {
            ident,
            ty,
            name,
            doc,
            unit,
            ..
        } = field;
        quote! {
            #private::ScalarNode::new(
                #name,
                #private::Describe::<#ty>::ELEMENT,
                ::core::mem::offset_of!(Self, #ident),
            ).about(#doc, #unit)
        }
    });
    quote! {
        const _: () = {
            use #private::Opaque as _;
            #[automatically_derived]
            impl #impl_generics #private::ShmType for #ident #type_generics #where_clause {
                const ELEMENT: #private::ElementNode = #private::ElementNode {
                    name: #name,
                    doc: #doc,
                    size: ::core::mem::size_of::<Self>(),
                    align: ::core::mem::align_of::<Self>(),
                    fields: &const { [#(#fields),*] },
                };
            }
        };
    }
}
