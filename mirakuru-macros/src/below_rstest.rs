use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::quote;

/// Returns the first parameter that rstest has taken for a fixture, if it was expanded before this
/// attribute and has made this body, of a function without parameters:
/// `let a = a::default(); …; test(a, …)`.
pub(crate) fn fixture(body: &TokenStream) -> Option<Ident> {
    let tokens: Vec<_> = body.clone().into_iter().collect();
    let is_parenthesis = |group: &&proc_macro2::Group| group.delimiter() == Delimiter::Parenthesis;
    let args = tokens.iter().rev().find_map(|token| match token {
        TokenTree::Group(group) => Some(group).filter(is_parenthesis),
        _ => None,
    })?;
    let args: Vec<_> = args.stream().into_iter().map(|token| token.to_string()).collect();
    let passed = |name: &Ident| args.iter().any(|arg| name == arg);
    tokens.windows(LENGTH).find_map(default_of_itself).filter(passed)
}

/// The number of tokens of `let a = a::default();`.
const LENGTH: usize = 9;

fn default_of_itself(tokens: &[TokenTree]) -> Option<Ident> {
    let [_, TokenTree::Ident(name), ..] = tokens else { return None };
    let expected = quote!(let #name = #name::default(););
    let is_same =
        expected.to_string() == tokens.iter().cloned().collect::<TokenStream>().to_string();
    is_same.then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_that_rstest_has_made_names_a_fixture() {
        let named = |body: &str| fixture(&body.parse().unwrap()).map(|name| name.to_string());
        for body in [
            "let n = 1; let db = db::default(); works(n, db)",
            "fn works(db: &Process) {} let db = db::default(); works(db)",
            "let db = db::default(); works(db).await",
        ] {
            assert_eq!(named(body).as_deref(), Some("db"), "{body}");
        }
        for body in [
            "",
            "let db = Db::default(); works(db)",
            "let n = 1; works(n)",
            "let db = db::default(); db.works()",
        ] {
            assert_eq!(named(body), None, "{body}");
        }
    }
}
