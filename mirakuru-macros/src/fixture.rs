use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Path, ReturnType};

use crate::fault::Faults;
use crate::item;
use crate::key::{Key, OF_A_FIXTURE};
use crate::model::{Attribute as Args, Function};
use crate::{args, builder, need, valid};

const ON: &str = "`#[process_fixture]` applies to a function that returns an `Executor`";

pub(crate) fn expand(args: TokenStream, item: TokenStream, home: &Path) -> TokenStream {
    let mut faults = Faults::default();
    let args = args::parse(args, Span::call_site(), OF_A_FIXTURE, &mut faults);
    valid::fixture_args(&args, &mut faults);
    let read = |input: ParseStream<'_>| item::function(input, ON);
    let mut function = match read.parse2(item.clone()) {
        Ok(function) => function,
        Err(fault) => {
            faults.push(fault);
            let faults = faults.into_tokens();
            return quote!(#faults #item);
        }
    };
    without_once(&mut function, &mut faults);
    valid::fixture(&function, &mut faults);
    let home = args.home().unwrap_or(home).clone();
    if !faults.is_empty() {
        let faults = faults.into_tokens();
        let fixture = fixture(&function, quote!(::core::unreachable!()), &home);
        let Function { attrs, vis, sig, body } = function;
        let (inner_attrs, body) = (body.inner_attrs, body.tokens);
        let item = quote!(#(#attrs)* #vis #sig { #(#inner_attrs)* #body });
        return quote!(#faults #[allow(dead_code)] #item #fixture);
    }
    let fixture = fixture(&function, shared(&function, &args, &home), &home);
    let definition = definition(function, &args, &home);
    quote!(#definition #fixture)
}

/// Removes and reports an attribute that only rstest's own fixtures have.
fn without_once(function: &mut Function, faults: &mut Faults) {
    let is_once = |attr: &Attribute| attr.path().is_ident("once");
    for attr in function.attrs.iter().filter(|attr| is_once(attr)) {
        faults.add(attr, "remove `#[once]`: all tests share the process anyway");
    }
    function.attrs.retain(|attr| !is_once(attr));
}

// The definition stays a function: a parameter can have the name of a function, but not of a static.
fn definition(function: Function, args: &Args, k: &Path) -> TokenStream {
    let span = Span::mixed_site();
    let needs = need::all(&function);
    let Function { attrs, vis, mut sig, body } = function;
    let (inner_attrs, tokens) = (body.inner_attrs, body.tokens);
    let scope = args.expr(Key::Scope);
    if scope.is_none() && needs.is_empty() {
        return quote_spanned!(span=> #(#attrs)* #vis #sig { #(#inner_attrs)* #tokens });
    }
    let mut outer = sig.clone();
    outer.inputs.clear();
    let (name, text) = (&sig.ident, sig.ident.to_string());
    for input in &mut sig.inputs {
        if let FnArg::Typed(input) = input {
            input.attrs.clear();
        }
    }
    let names = needs.iter().map(|need| need.name.to_string());
    let params: Vec<_> = needs.iter().map(|need| &need.name).collect();
    let fixtures: Vec<_> = needs.iter().map(|need| &need.fixture).collect();
    let described = match needs.is_empty() {
        true => quote_spanned!(span=> #name()),
        false => quote_spanned! {span=>
            #k::__private::described(#text, [#(<#fixtures>::shared()),*], |[#(#params),*]| #name(#(#params),*))
                #(.needs(#names, <#fixtures>::shared()))*
        },
    };
    let scoped = match scope.map(|scope| builder::scope(scope, k)) {
        Some(scope) => quote_spanned!(span=> #k::__private::scoped(#described, #scope)),
        None => described,
    };
    // The body is a function of its own, so that a `return` in it skips nothing.
    quote_spanned! {span=>
        #(#attrs)* #vis #outer {
            #sig { #(#inner_attrs)* #tokens }
            #scoped
        }
    }
}

fn shared(function: &Function, args: &Args, k: &Path) -> TokenStream {
    let scope = args.expr(Key::Scope).map(|scope| {
        let scope = builder::scope(scope, k);
        quote_spanned!(Span::mixed_site()=> .scope(#scope))
    });
    // If the function returns another type, the compiler error points at that type.
    let returned = match &function.sig.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => Span::call_site(),
    };
    // A lease may have given it other values than the next one.
    let described_by_each_lease = (!function.sig.inputs.is_empty())
        .then(|| quote_spanned!(Span::mixed_site()=> .described_by_each_lease()));
    let mut name = function.sig.ident.clone();
    let label = name.unraw().to_string();
    name.set_span(name.span().located_at(returned));
    quote_spanned! {Span::mixed_site().located_at(returned)=>
        static SHARED: #k::Shared = #k::Shared::new(#name).called(#label) #scope #described_by_each_lease;
        &SHARED
    }
}

// Generates what `#[rstest::fixture]` would: rstest gets the value from a type of the fixture's name.
fn fixture(function: &Function, shared: TokenStream, k: &Path) -> TokenStream {
    let (vis, name) = (&function.vis, &function.sig.ident);
    let conditions: Vec<_> = with_name(&function.attrs, "cfg").collect();
    let docs = with_name(&function.attrs, "doc");
    quote_spanned! {Span::mixed_site()=>
        #(#conditions)*
        #(#docs)*
        #[allow(non_camel_case_types, dead_code, clippy::empty_structs_with_brackets)]
        #vis struct #name {}

        #(#conditions)*
        #[allow(dead_code)]
        impl #name {
            #[doc(hidden)]
            #[track_caller]
            pub fn default() -> #k::Lease {
                Self::get()
            }

            /// Leases the process that the tests share.
            ///
            /// # Panics
            ///
            /// If it does not start.
            #[track_caller]
            pub fn get() -> #k::Lease {
                #k::__private::lease(Self::shared())
            }

            /// The process that the tests share.
            pub fn shared() -> &'static #k::Shared {
                #shared
            }
        }
    }
}

fn with_name<'a>(attrs: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a Attribute> {
    attrs.iter().filter(move |attr| attr.path().is_ident(name))
}
