//! The only files that write code.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;

pub(crate) mod element;
pub(crate) mod layout;
pub(crate) mod pod;

/// The expansion's tokens as if the user had written them where `from` begins and `to` ends: a message
/// about them underlines what lies between.
fn placed(tokens: TokenStream, user: &impl ToTokens) -> TokenStream {
    let mut spans = user.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    let tokens = respan(tokens, first);
    let end = tokens.clone().into_iter().count().saturating_sub(1);
    let mark = |(index, mut token): (usize, TokenTree)| {
        if index == end {
            token.set_span(last);
        }
        token
    };
    tokens.into_iter().enumerate().map(mark).collect()
}

fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            let inner = respan(group.stream(), span);
            token = TokenTree::Group(Group::new(group.delimiter(), inner));
        }
        token.set_span(span);
        token
    };
    tokens.into_iter().map(respan).collect()
}
