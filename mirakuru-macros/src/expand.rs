use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Path;

use crate::fault::Faults;
use crate::item::{self, Item};
use crate::{function, module};

pub(crate) fn with_process(args: TokenStream, item: TokenStream, home: &Path) -> TokenStream {
    let mut faults = Faults::default();
    let attribute = function::attribute(args, Span::call_site(), &mut faults);
    match item::parse(item.clone()) {
        Ok(Item::Function(found)) => {
            let is_faulty = !faults.is_empty();
            let function = function::expand(*found, vec![attribute], is_faulty, home);
            let faults = faults.into_tokens();
            quote!(#faults #function)
        }
        Ok(Item::Module(found)) => module::expand(found, attribute, faults, home),
        Err(fault) => {
            faults.push(fault);
            let faults = faults.into_tokens();
            quote!(#faults #item)
        }
    }
}
