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

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    /// All tokens, groups opened.
    fn flat(tokens: TokenStream) -> Vec<TokenTree> {
        let open = |token| match token {
            TokenTree::Group(group) => flat(group.stream()),
            token => vec![token],
        };
        tokens.into_iter().flat_map(open).collect()
    }

    fn expansions() -> [(&'static str, TokenStream); 4] {
        let schema = parse_quote! {
            /// A simulation.
            #[shm(lanes = 8)]
            pub struct Sim<T: ShmType, const N: usize> {
                #[shm(shape = [2, 2], unit = "m", align = 128)]
                grid: Array<T, N>,
                #[shm(numa = "bind(1)")]
                r#type: [Atomic<u64>; 2],
            }
        };
        let element = parse_quote! {
            #[repr(C)]
            struct Event { t: f64, cell: u32, kind: u32 }
        };
        [
            ("ShmLayout", layout::derive(&schema)),
            ("ShmType", self::element::derive(&element)),
            ("Pod", pod::derive_pod(&element)),
            ("Zeroable", pod::derive_zeroable(&element)),
        ]
    }

    #[test]
    fn an_expansion_has_one_unsafe_impl_and_no_arithmetic() {
        for (derive, tokens) in expansions() {
            let text = tokens.to_string();
            assert!(!text.contains("compile_error"), "{derive}: {text}");
            let tokens = flat(tokens);
            let words = |word: &str| {
                let is = |token: &&TokenTree| matches!(token, TokenTree::Ident(i) if i == word);
                tokens.iter().filter(is).count()
            };
            let expected = usize::from(derive != "ShmType");
            assert_eq!(words("unsafe"), expected, "{derive}: {text}");
            for pair in tokens.windows(2) {
                if let [TokenTree::Punct(first), second] = pair {
                    let arrow = first.as_char() == '-' && second.to_string() == ">";
                    let operator = "+-*/%".contains(first.as_char());
                    assert!(arrow || !operator, "{derive} computes: {text}");
                }
            }
        }
    }

    #[test]
    fn an_expansion_names_its_own_crate_from_the_root() {
        for (derive, tokens) in expansions() {
            let text = tokens.to_string();
            let all = text.matches("__private").count();
            let rooted = text.matches(":: shm_runtime :: __private").count();
            assert!(all > 0 && all == rooted, "{derive}: {text}");
            assert_eq!(
                text.matches("core ::").count(),
                text.matches(":: core ::").count()
            );
            assert!(!text.contains("std ::"), "{derive}: {text}");
        }
    }
}
