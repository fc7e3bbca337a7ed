use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{
    AttrStyle, Attribute, Error, ItemFn, ItemMod, Meta, Result, Signature, Token, Visibility,
};
use syn::{braced, token};

use crate::model::{Body, Function};

pub(crate) enum Item {
    Function(Box<Function>),
    Module(ItemMod),
}

const ON: &str = "`#[with_process(..)]` applies to a test, a `#[fixture]` or a `mod`";

pub(crate) fn parse(tokens: TokenStream) -> Result<Item> {
    let read = |input: ParseStream<'_>| match is_module(input) {
        true => input.parse().map(Item::Module),
        false => function(input, ON).map(|function| Item::Function(Box::new(function))),
    };
    read.parse2(tokens)
}

fn is_module(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let skipped = ahead.call(Attribute::parse_outer).is_ok() && ahead.parse::<Visibility>().is_ok();
    skipped && ahead.peek(Token![mod])
}

pub(crate) fn function(input: ParseStream<'_>, expected: &str) -> Result<Function> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    let at = input.span();
    let sig = input.parse::<Signature>().map_err(|_| Error::new(at, expected))?;
    if !input.peek(token::Brace) {
        return Err(Error::new_spanned(sig, expected));
    }
    let content;
    let brace = braced!(content in input);
    let inner_attrs = content.call(Attribute::parse_inner)?;
    let body = Body { inner_attrs, span: brace.span.join(), tokens: content.parse()? };
    Ok(Function { attrs, vis, sig, body })
}

impl From<ItemFn> for Function {
    fn from(item: ItemFn) -> Self {
        let is_inner = |attr: &Attribute| matches!(attr.style, AttrStyle::Inner(_));
        let (inner_attrs, attrs) = item.attrs.into_iter().partition(is_inner);
        let tokens = item.block.stmts.iter().map(ToTokens::to_token_stream).collect();
        let body = Body { inner_attrs, span: item.block.brace_token.span.join(), tokens };
        Self { attrs, vis: item.vis, sig: item.sig, body }
    }
}

/// Takes the `#[with_process(..)]` attributes below the current one, which handles all of them.
pub(crate) fn take_stacked(attrs: &mut Vec<Attribute>) -> Vec<Attribute> {
    let (stacked, others) = std::mem::take(attrs).into_iter().partition(is_ours);
    *attrs = others;
    stacked
}

pub(crate) fn has_stacked(attrs: &[Attribute]) -> bool {
    attrs.iter().any(is_ours)
}

fn is_ours(attr: &Attribute) -> bool {
    last_segment(attr) == "with_process"
}

/// Returns true if one of these attributes makes the function a test.
pub(crate) fn makes_a_test(attrs: &[Attribute]) -> bool {
    attrs.iter().map(last_segment).any(|name| {
        name.ends_with("test") || ["test_case", "test_matrix", "apply"].contains(&name.as_str())
    })
}

/// Returns true if nothing but processes can be parameters of a test with these attributes.
pub(crate) fn is_plain_test(attrs: &[Attribute]) -> bool {
    let has_parameters = |attr: &Attribute| {
        let name = last_segment(attr);
        name != "test" && makes_a_test(std::slice::from_ref(attr))
            || attr.to_token_stream().to_string().contains("rstest")
    };
    !is_called_otherwise(attrs) && !attrs.iter().any(has_parameters)
}

/// Returns true if nothing below could give the function other parameters.
pub(crate) fn has_no_parameters(attrs: &[Attribute]) -> bool {
    const WITHOUT: [&str; 12] = [
        "test",
        "tokio::test",
        "async_std::test",
        "actix_web::test",
        "ignore",
        "should_panic",
        "doc",
        "allow",
        "expect",
        "warn",
        "deny",
        "cfg",
    ];
    attrs.iter().all(|attr| {
        let path = attr.path().to_token_stream().to_string().replace(' ', "");
        WITHOUT.contains(&path.as_str()) || path.ends_with("prelude::v1::test")
    })
}

/// Returns true if something other than the test harness calls the function.
pub(crate) fn is_called_otherwise(attrs: &[Attribute]) -> bool {
    attrs.iter().map(last_segment).any(|name| name == "fixture" || name == "bench")
}

pub(crate) fn bare_should_panic(attrs: &[Attribute]) -> Option<&Attribute> {
    attrs.iter().find(|attr| {
        let is_bare = match &attr.meta {
            Meta::Path(_) => true,
            Meta::List(list) => list.tokens.is_empty(),
            Meta::NameValue(_) => false,
        };
        is_bare && attr.path().is_ident("should_panic")
    })
}

fn last_segment(attr: &Attribute) -> String {
    attr.path().segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attrs(item: &str) -> Vec<Attribute> {
        syn::parse_str::<ItemFn>(&format!("{item} fn t() {{}}")).unwrap().attrs
    }

    #[test]
    fn a_test_is_told_by_the_last_word_of_its_attribute() {
        for item in [
            "#[test]",
            "#[tokio::test(flavor = \"multi_thread\")]",
            "#[rstest]",
            "#[wasm_bindgen_test]",
            "#[test_case(1)]",
            "#[ignore] #[::core::prelude::v1::test]",
        ] {
            assert!(makes_a_test(&attrs(item)), "{item}");
        }
        for item in ["", "#[test_helper]", "#[fixture]", "#[ignore = \"test\"]"] {
            assert!(!makes_a_test(&attrs(item)), "{item}");
        }
    }

    #[test]
    fn a_plain_test_has_no_parameters_of_others() {
        for item in ["", "#[test]", "#[tokio::test(start_paused = true)] #[ignore]"] {
            assert!(is_plain_test(&attrs(item)), "{item}");
        }
        for item in
            ["#[rstest]", "#[rstest] #[tokio::test]", "#[test_log::test(rstest)]", "#[fixture]"]
        {
            assert!(!is_plain_test(&attrs(item)), "{item}");
        }
    }

    #[test]
    fn only_a_bare_should_panic_is_bare() {
        let is_bare = |item| bare_should_panic(&attrs(item)).is_some();
        assert!(is_bare("#[test] #[should_panic]"));
        assert!(is_bare("#[should_panic()]"));
        assert!(!is_bare("#[should_panic = \"x\"]"));
        assert!(!is_bare("#[should_panic(expected = \"x\")]"));
    }

    #[test]
    fn stacked_attributes_are_taken_whatever_their_path() {
        let mut attrs = attrs("#[with_process(A)] #[test] #[mirakuru_rstest::with_process(B)]");
        assert_eq!(take_stacked(&mut attrs).len(), 2);
        assert_eq!(attrs.len(), 1);
        assert!(!has_stacked(&attrs));
    }
}
