//! Implementation detail of the `mirakuru-core` and `mirakuru-rstest` crates, which re-export the
//! macros with their documentation.

#![allow(missing_docs, reason = "the documentation stands where users find it")]

use proc_macro::TokenStream;

mod args;
mod below_rstest;
mod builder;
mod expand;
mod fallback;
mod fault;
mod fixture;
mod function;
mod item;
mod key;
mod literal;
mod model;
mod module;
mod need;
mod params;
#[allow(dead_code, reason = "core uses more of it: the same files compile in both crates")]
mod syntax;
mod valid;

#[proc_macro_attribute]
pub fn with_process(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::with_process(args.into(), item.into(), &syn::parse_quote!(::mirakuru_core)).into()
}

#[proc_macro_attribute]
pub fn with_process_rstest(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::with_process(args.into(), item.into(), &syn::parse_quote!(::mirakuru_rstest)).into()
}

#[proc_macro_attribute]
pub fn process_fixture(args: TokenStream, item: TokenStream) -> TokenStream {
    fixture::expand(args.into(), item.into(), &syn::parse_quote!(::mirakuru_core)).into()
}

#[proc_macro_attribute]
pub fn process_fixture_rstest(args: TokenStream, item: TokenStream) -> TokenStream {
    fixture::expand(args.into(), item.into(), &syn::parse_quote!(::mirakuru_rstest)).into()
}
