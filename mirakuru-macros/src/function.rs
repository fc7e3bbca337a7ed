use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    ExprPath, FnArg, Meta, Pat, PatType, Path, ReturnType, Signature, Type, TypeGroup, TypeParen,
};

use crate::below_rstest;
use crate::builder;
use crate::fallback;
use crate::fault::Faults;
use crate::item;
use crate::key::Key;
use crate::model::{Attribute, Body, Function};
use crate::params::{self, Access, Param};
use crate::{args, valid};

/// Parses and checks one attribute.
pub(crate) fn attribute(args: TokenStream, span: Span, faults: &mut Faults) -> Attribute {
    let attribute = args::parse(args, span, &Key::all(), faults);
    valid::attribute(&attribute, faults);
    attribute
}

/// Parses the attributes that are stacked below the current one. Also returns an item that uses the
/// user's import of the macro, which would be unused when the attributes are gone.
pub(crate) fn stacked(
    attrs: &mut Vec<syn::Attribute>,
    faults: &mut Faults,
) -> (Vec<Attribute>, TokenStream) {
    let attrs = item::take_stacked(attrs);
    let paths = attrs.iter().map(syn::Attribute::path);
    let imports = quote!(#(const _: () = { #[allow(unused_imports)] use #paths as _; };)*);
    let attributes = attrs.into_iter().filter_map(|attr| stacked_attribute(attr, faults)).collect();
    (attributes, imports)
}

fn stacked_attribute(attr: syn::Attribute, faults: &mut Faults) -> Option<Attribute> {
    let span = attr.path().span();
    match attr.meta {
        Meta::List(list) => Some(attribute(list.tokens, span, faults)),
        Meta::Path(_) => Some(attribute(TokenStream::new(), span, faults)),
        Meta::NameValue(pair) => {
            faults.add(pair, "`with_process` is written `#[with_process(cmd = \"…\")]`");
            None
        }
    }
}

/// Expands the attributes of a function. `is_faulty` is true if a fault in `attributes` was reported.
pub(crate) fn expand(
    mut function: Function,
    mut attributes: Vec<Attribute>,
    is_faulty: bool,
    home: &Path,
) -> TokenStream {
    let mut faults = Faults::default();
    let (below, imports) = stacked(&mut function.attrs, &mut faults);
    attributes.extend(below);
    valid::function(&function, &mut faults);
    let mut params = params::take(&mut function.sig, &mut faults);
    if item::is_plain_test(&function.attrs) {
        params.extend(params::refuse_leases(&mut function.sig, &mut faults));
        if item::has_no_parameters(&function.attrs) {
            params.extend(params::refuse_others(&mut function.sig, &mut faults));
        }
    }
    let has_params = !params.is_empty() || !function.sig.inputs.is_empty();
    if let Some(fixture) = below_rstest::fixture(&function.body.tokens).filter(|_| !has_params) {
        let message = format!(
            "put `#[with_process(..)]` above `#[rstest]`, which takes `{fixture}` for a fixture otherwise"
        );
        faults.add(fixture, message);
        function.body.tokens = quote!(::core::unreachable!()); // It would not compile.
    }
    // What could not be parsed may have been a name, so parameters are not matched then.
    let assigned = match is_faulty || !faults.is_empty() {
        true => Vec::new(),
        false => params::fit(&params, &attributes, &mut faults),
    };
    valid::conflicts(&attributes, &assigned, &mut faults);
    if is_faulty || !faults.is_empty() {
        let function = fallback::function(function, &params, faults);
        return quote!(#imports #function);
    }
    let home = attributes.iter().find_map(Attribute::home).unwrap_or(home);
    let function = acquiring(function, &attributes, &assigned, home);
    quote!(#imports #function)
}

fn acquiring(
    function: Function,
    attributes: &[Attribute],
    params: &[Option<&Param>],
    k: &Path,
) -> TokenStream {
    let span = Span::mixed_site();
    let leases: Vec<_> = attributes.iter().zip(params).enumerate().map(Lease::new).collect();
    let patterns = leases.iter().map(Lease::pattern);
    let Function { attrs, vis, sig, body } = function;
    let requests = leases.iter().map(|lease| lease.request(&sig, k));
    let is_async = sig.asyncness.is_some();
    let bindings = leases.iter().filter_map(|lease| lease.binding(is_async));
    let is_called = item::makes_a_test(&attrs) || item::is_called_otherwise(&attrs);
    let test = (!is_called).then(|| quote_spanned!(span=> #[::core::prelude::v1::test]));
    let inner_attrs = &body.inner_attrs;
    // A failure in a fixture is reported by the test that uses it.
    let is_test = !item::is_called_otherwise(&attrs);
    let (report, outcome) = match result(&sig.output).filter(|_| is_test) {
        Some(ty) => (quote_spanned!(span=> report), judged(is_async, ty, &body, k)),
        None => (quote_spanned!(span=> _report), unjudged(&sig.output, &body)),
    };
    quote_spanned! {span=>
        #(#attrs)*
        #test
        #vis #sig {
            #(#inner_attrs)*
            let ([#(#patterns),*], seen) =
                #k::__private::with_report(#k::__private::acquire([#(#requests),*]), #is_test);
            #(#bindings)*
            // Dropped before the processes, so that the report of a panic shows their state.
            let #report = seen;
            #outcome
        }
    }
}

struct Lease<'a> {
    attribute: &'a Attribute,
    param: Option<&'a Param>,
    grant: Ident,
}

impl<'a> Lease<'a> {
    fn new((place, (attribute, param)): (usize, (&'a Attribute, &Option<&'a Param>))) -> Self {
        let prefix = if param.is_some() { "" } else { "_" };
        let at = param.map_or_else(Span::mixed_site, |param| param.original.ty.span());
        // The span makes the name invisible to the body.
        let span = Span::mixed_site().located_at(at);
        let unnamed = || format_ident!("{prefix}grant_{place}", span = span);
        let grant = param.and_then(lent_as).unwrap_or_else(unnamed);
        Self { attribute, param: *param, grant }
    }

    fn access(&self) -> Access {
        self.param.map_or(Access::Shared, |param| param.access)
    }

    fn pattern(&self) -> TokenStream {
        let grant = &self.grant;
        let mutability =
            (self.access() == Access::Exclusive).then(|| syn::Token![mut](grant.span()));
        quote!(#mutability #grant)
    }

    fn request(&self, sig: &Signature, k: &Path) -> TokenStream {
        let span = Span::mixed_site();
        let definition = match &self.attribute.definition {
            // A parameter of that name, a lease of the same fixture, would hide it.
            Some(path) if has_parameter(sig, path) => {
                quote_spanned!(span.located_at(path.span())=> &self::#path)
            }
            Some(path) => quote_spanned!(span.located_at(path.span())=> &#path),
            None => {
                let executor = builder::executor(self.attribute, k);
                quote_spanned!(span=> &|| #executor)
            }
        };
        let scope = self.attribute.expr(Key::Scope).map(|scope| {
            let scope = builder::scope(scope, k);
            quote_spanned!(span=> .scope(#scope))
        });
        let access = match self.access() {
            Access::Shared => quote_spanned!(span=> shared),
            Access::Exclusive => quote_spanned!(span=> exclusive),
            Access::Own => quote_spanned!(span=> own),
        };
        let label = self.label().map(|label| quote_spanned!(span=> .called(#label)));
        quote_spanned!(span=> #k::__private::Request::#access(#definition) #label #scope)
    }

    /// Returns what the test calls the process: as its definition, or else as the parameter.
    fn label(&self) -> Option<String> {
        let label = self.attribute.name().or_else(|| Some(self.param?.name()));
        label.filter(|label| !label.is_empty())
    }

    fn binding(&self, is_async: bool) -> Option<TokenStream> {
        let PatType { attrs, pat, ty, .. } = &self.param?.original;
        // If the type is another `Process`, the compiler error points at it.
        let span = Span::mixed_site().located_at(ty.span());
        let grant = &self.grant;
        let lent = |access| {
            quote_spanned! {span=>
                #[allow(clippy::shadow_reuse)]
                #(#attrs)*
                let #pat: #ty = #grant.#access();
            }
        };
        Some(match self.access() {
            Access::Shared => lent(quote!(shared)),
            Access::Exclusive => lent(quote!(exclusive)),
            // `let _ = …` would drop the process at once; a parameter `_` does not.
            Access::Own => {
                let own = if is_async { quote!(own_in_async) } else { quote!(own) };
                quote_spanned!(span=>
                    let #grant = #grant.#own();
                    #(#attrs)* let #pat: #ty = #grant;
                )
            }
        })
    }
}

/// Returns the name of a parameter that is lent to the body, and hides what it is lent from.
///
/// The compiler says "`server` does not live long enough" if the body lends it for too long, and has no
/// name for a variable of a macro.
fn lent_as(param: &Param) -> Option<Ident> {
    let Pat::Ident(pat) = &*param.original.pat else { return None };
    let is_lent = param.access != Access::Own && !pat.ident.to_string().starts_with('_');
    is_lent.then(|| pat.ident.clone())
}

fn has_parameter(sig: &Signature, path: &ExprPath) -> bool {
    let is_it = |input: &FnArg| match input {
        FnArg::Typed(PatType { pat, .. }) => {
            matches!(&**pat, Pat::Ident(it) if path.path.is_ident(&it.ident))
        }
        FnArg::Receiver(_) => false,
    };
    sig.inputs.iter().any(is_it)
}

// Moves the body into a closure, so that the result of its `?` and `return` can be inspected. What the
// body does not move stays outside, and is alive when the report is printed.
fn judged(is_async: bool, ty: &Type, body: &Body, k: &Path) -> TokenStream {
    let span = Span::mixed_site();
    // With the span of the type, compiler errors point at the type and name the variables.
    let at = ty.span();
    let body = block(body);
    let outcome = match is_async {
        // An async block has no return type; the compiler infers it from the first `return`.
        true => {
            let never = quote_spanned!(span=> #k::__private::never());
            let hint = quote_spanned!(at=> if false { let never: #ty = #never; return never; });
            let block = quote_spanned!(at=> async { #hint #body });
            quote_spanned!(span=> #block.await)
        }
        false => {
            let closure = quote_spanned!(at=> || -> #ty #body);
            quote_spanned!(span=> #k::__private::run(#closure))
        }
    };
    quote_spanned! {span=>
        #[allow(unused_braces, clippy::result_large_err)]
        let outcome = #outcome;
        report.finish(#k::__private::Outcome(&outcome).is_failure());
        outcome
    }
}

// Drops what the last expression borrows from a process before the process itself.
fn unjudged(output: &ReturnType, body: &Body) -> TokenStream {
    let span = Span::mixed_site();
    let body = block(body);
    let ty = match output {
        ReturnType::Default => {
            return quote_spanned!(span=> #[allow(unused_braces, clippy::diverging_sub_expression)] let (): () = #body;);
        }
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) => return body,
        ReturnType::Type(_, ty) if is_opaque(ty.to_token_stream()) => None,
        ReturnType::Type(_, ty) => Some(quote_spanned!(span=> : #ty)),
    };
    quote_spanned! {span=>
        #[allow(unused_braces, clippy::diverging_sub_expression)]
        let outcome #ty = #body;
        #[allow(unreachable_code, clippy::needless_return)]
        return outcome;
    }
}

// Returns the type if its name ends with `Result`. A macro cannot resolve an alias of another name.
fn result(output: &ReturnType) -> Option<&Type> {
    let ReturnType::Type(_, output) = output else { return None };
    let mut ty = &**output;
    while let Type::Group(TypeGroup { elem, .. }) | Type::Paren(TypeParen { elem, .. }) = ty {
        ty = elem;
    }
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let is_named_so = last.ident.to_string().ends_with("Result");
    (is_named_so && !is_opaque(ty.to_token_stream())).then_some(output)
}

fn block(body: &Body) -> TokenStream {
    let mut block = Group::new(Delimiter::Brace, body.tokens.clone());
    block.set_span(body.span);
    TokenTree::from(block).into()
}

fn is_opaque(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => is_opaque(group.stream()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn a_body_that_calls_a_fixture_itself_is_left_as_it_is() {
        let test = quote!(
            #[test]
            fn works(server: &Process) {
                let db = db::default();
                has_tables(server, db)
            }
        );
        let home = parse_quote!(::mirakuru_core);
        let expanded = crate::expand::with_process(quote!(cmd = "sleep 60"), test, &home);
        assert!(!expanded.to_string().contains("rstest"), "{expanded}");
    }

    fn is_judged(output: &str) -> bool {
        result(&syn::parse_str(output).unwrap()).is_some()
    }

    #[test]
    fn a_type_is_a_result_if_it_is_called_one() {
        for output in ["-> Result<(), E>", "-> std::io::Result<()>", "-> (TestResult)"] {
            assert!(is_judged(output), "{output}");
        }
        for output in ["", "-> ()", "-> !", "-> Results", "-> impl Result", "-> Result<impl X, E>"]
        {
            assert!(!is_judged(output), "{output}");
        }
    }
}
