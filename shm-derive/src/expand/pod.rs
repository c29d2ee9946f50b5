//! `Pod` and `Zeroable`: bytemuck's traits, proved field by field.

use super::placed;
use crate::check::{self, Faults};
use crate::model::private;
use crate::{attr, fallback};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, GenericParam, Generics, Index, Member, Type, parse_quote};

pub(crate) fn derive_pod(input: &DeriveInput) -> TokenStream {
    let private = private(attr::krate(&input.attrs));
    let name = quote!(#private::bytemuck::Pod);
    let mut faults = Faults::default();
    check::plain(input, "Pod", &mut faults);
    if let Some(errors) = faults.into_tokens() {
        return fallback::plain(input, &name, errors);
    }
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!('static));
    }
    if generics.params.is_empty() {
        // `Pod` asks for the same; this has a message of ours.
        let ident = &input.ident;
        let bound = placed(quote!(#private::ZeroableField), ident);
        generics
            .make_where_clause()
            .predicates
            .push(parse_quote!(#ident: #bound));
    }
    let implementation = implementation(input, &name, &quote!(#private::SharedElement), generics);
    let no_padding = no_padding(input, &private);
    quote! {
        const _: () = {
            #implementation
            #no_padding
        };
    }
}

pub(crate) fn derive_zeroable(input: &DeriveInput) -> TokenStream {
    let private = private(attr::krate(&input.attrs));
    let name = quote!(#private::bytemuck::Zeroable);
    let mut faults = Faults::default();
    check::plain(input, "Zeroable", &mut faults);
    if let Some(errors) = faults.into_tokens() {
        return fallback::plain(input, &name, errors);
    }
    implementation(
        input,
        &name,
        &quote!(#private::ZeroableField),
        input.generics.clone(),
    )
}

fn fields(input: &DeriveInput) -> impl Iterator<Item = (Member, &Type)> {
    let fields = match &input.data {
        Data::Struct(data) => Some(data.fields.iter()),
        _ => None,
    };
    fields
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, field)| {
            let member = match &field.ident {
                Some(ident) => Member::Named(ident.clone()),
                None => Member::Unnamed(Index {
                    index: index as u32,
                    span: field.ty.span(),
                }),
            };
            (member, &field.ty)
        })
}

/// `unsafe impl`, with a bound on every type parameter and a proof for every field.
fn implementation(
    input: &DeriveInput,
    name: &TokenStream,
    proof: &TokenStream,
    mut generics: Generics,
) -> TokenStream {
    let ident = &input.ident;
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#name));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let types = fields(input).map(|(_, ty)| ty);
    quote! {
        const _: () = {
            fn must_be<__T: #proof>() {}
            fn every_field #impl_generics () #where_clause { #(must_be::<#types>();)* }
        };
        // SAFETY: `every_field` compiles, so all fields are of such types; the layout is fixed, and
        // free of padding where that matters.
        #[automatically_derived]
        unsafe impl #impl_generics #name for #ident #type_generics #where_clause {}
    }
}

/// Compares where each field begins with where the one before it ends.
fn no_padding(input: &DeriveInput, private: &TokenStream) -> Option<TokenStream> {
    let params = &input.generics.params;
    if params
        .iter()
        .any(|param| !matches!(param, GenericParam::Lifetime(_)))
    {
        return None; // `check` accepts only what has no padding whatever the parameters are
    }
    let ident = &input.ident;
    let name = ident.to_string();
    let all: Vec<_> = fields(input).collect();
    let (last, last_type) = all.last()?;
    let between = all.windows(2).map(|pair| {
        let ((before, before_type), (after, _)) = (&pair[0], &pair[1]);
        let (before_name, after_name) = (label(before), label(after));
        let check = quote! {
            #private::no_padding_between(
                #name,
                #before_name,
                ::core::mem::offset_of!(#ident, #before),
                ::core::mem::size_of::<#before_type>(),
                #after_name,
                ::core::mem::offset_of!(#ident, #after),
            )
        };
        let check = placed(check, after);
        quote!(const _: () = #check;)
    });
    let last_name = label(last);
    let end = quote! {
        #private::no_padding_at_end(
            #name,
            #last_name,
            ::core::mem::offset_of!(#ident, #last),
            ::core::mem::size_of::<#last_type>(),
            ::core::mem::size_of::<#ident>(),
        )
    };
    let end = placed(end, last);
    Some(quote!(#(#between)* const _: () = #end;))
}

fn label(member: &Member) -> String {
    member.to_token_stream().to_string()
}
