//! What stands in for an implementation after mistakes: it keeps them from causing further messages.

use crate::model::Model;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, GenericParam, parse_quote};

/// A schema without fields.
pub(crate) fn schema(model: &Model<'_>, errors: TokenStream) -> TokenStream {
    let (ident, private) = (model.ident, &model.private);
    let (impl_generics, type_generics, where_clause) = model.original.generics.split_for_impl();
    quote! {
        #errors
        const _: () = {
            #[automatically_derived]
            impl #impl_generics #private::Field for #ident #type_generics #where_clause {
                type Element = ();
                type Repr<const __LANES: ::core::primitive::usize> = #private::Invalid;
                fn bind<const __LANES: ::core::primitive::usize>(
                    _: &mut #private::Binder<'_>,
                ) -> ::core::result::Result<Self, #private::BindError> {
                    ::core::result::Result::Err(#private::BindError::Internal(""))
                }
            }
            #[automatically_derived]
            impl #impl_generics #private::ShmLayout for #ident #type_generics #where_clause {
                const LANES: ::core::primitive::usize = 1;
                type Body = #private::Body<#private::Invalid, 1>;
                fn bind_all(
                    _: &mut #private::Binder<'_>,
                ) -> ::core::result::Result<Self, #private::BindError> {
                    ::core::result::Result::Err(#private::BindError::Internal(""))
                }
            }
        };
    }
}

/// An element without a description.
pub(crate) fn element(model: &Model<'_>, errors: TokenStream) -> TokenStream {
    if has_lifetimes(model.original) {
        return errors;
    }
    let (ident, private) = (model.ident, &model.private);
    let (impl_generics, type_generics, where_clause) = model.original.generics.split_for_impl();
    quote! {
        #errors
        #[automatically_derived]
        impl #impl_generics #private::ShmType for #ident #type_generics #where_clause {
            const ELEMENT: #private::ElementNode = #private::ElementNode {
                name: "", doc: "", size: 0, align: 1, fields: &[],
            };
        }
    }
}

/// Plain data that the compiler does not look into: it compiles nowhere, for the errors come with it.
pub(crate) fn plain(input: &DeriveInput, name: &TokenStream, errors: TokenStream) -> TokenStream {
    if has_lifetimes(input) {
        return errors;
    }
    let ident = &input.ident;
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#name));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #errors
        // SAFETY: it never compiles: `errors` comes with it.
        #[automatically_derived]
        unsafe impl #impl_generics #name for #ident #type_generics #where_clause {}
    }
}

fn has_lifetimes(input: &DeriveInput) -> bool {
    let params = &input.generics.params;
    params
        .iter()
        .any(|param| matches!(param, GenericParam::Lifetime(_)))
}
