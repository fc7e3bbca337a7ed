use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemFn, ItemMod, Path};

use crate::fault::Faults;
use crate::function;
use crate::item;
use crate::model::Attribute;

/// Expands the attributes of a module for each of its tests.
pub(crate) fn expand(
    mut module: ItemMod,
    attribute: Attribute,
    mut faults: Faults,
    home: &Path,
) -> TokenStream {
    let mut attributes = vec![attribute];
    let (below, imports) = function::stacked(&mut module.attrs, &mut faults);
    attributes.extend(below);
    if module.content.is_none() {
        faults.add(
            &module,
            "the tests are in another file; put the attribute on a `mod { … }` with a body",
        );
    }
    each_test(&mut module, &attributes, !faults.is_empty(), home);
    let faults = faults.into_tokens();
    quote!(#faults #imports #module)
}

fn each_test(module: &mut ItemMod, attributes: &[Attribute], is_faulty: bool, home: &Path) {
    let Some((_, items)) = &mut module.content else { return };
    for item in items {
        match item {
            syn::Item::Fn(test) if is_meant(test) => {
                let attributes = attributes.to_vec();
                let tokens = function::expand(test.clone().into(), attributes, is_faulty, home);
                *item = syn::Item::Verbatim(tokens);
            }
            syn::Item::Mod(inner) => *item = nested(inner, attributes, is_faulty, home),
            _ => {}
        }
    }
}

fn is_meant(function: &ItemFn) -> bool {
    item::makes_a_test(&function.attrs) || item::has_stacked(&function.attrs)
}

// An attribute of the inner module would be expanded too late: the parameters are gone by then.
fn nested(module: &ItemMod, outer: &[Attribute], is_faulty: bool, home: &Path) -> syn::Item {
    let mut module = module.clone();
    let mut faults = Faults::default();
    let mut attributes = outer.to_vec();
    let (own, imports) = function::stacked(&mut module.attrs, &mut faults);
    attributes.extend(own);
    each_test(&mut module, &attributes, is_faulty || !faults.is_empty(), home);
    let faults = faults.into_tokens();
    syn::Item::Verbatim(quote!(#faults #imports #module))
}
