use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::PatType;

use crate::fault::Faults;
use crate::item;
use crate::model::Function;
use crate::params::Param;

/// Generates the faults, and as much of the function as prevents further errors.
pub(crate) fn function(function: Function, params: &[Param], faults: Faults) -> TokenStream {
    let span = Span::mixed_site();
    let faults = faults.into_tokens();
    let bindings = params.iter().map(|param| {
        let PatType { attrs, pat, ty, .. } = &param.original;
        quote_spanned!(span=> #(#attrs)* let #pat: #ty = __mirakuru_never();)
    });
    let never = (!params.is_empty())
        .then(|| quote_spanned!(span=> fn __mirakuru_never<T>() -> T { ::core::unreachable!() }));
    let Function { attrs, vis, sig, body } = function;
    let unused = (!item::makes_a_test(&attrs)).then(|| quote_spanned!(span=> #[allow(dead_code)]));
    let (inner_attrs, body) = (body.inner_attrs, body.tokens);
    quote_spanned! {span=>
        #faults
        #(#attrs)*
        #unused
        #vis #sig {
            #(#inner_attrs)*
            #never
            #(#bindings)*
            #body
        }
    }
}
