use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Lit, LitInt, LitStr, Path};

use crate::key::{Check, Key};
use crate::literal;
use crate::model::{self, Attribute, Entry, Value};
use crate::syntax::duration;
use crate::syntax::signal;
use crate::syntax::template::{Captured, Piece, Template};

/// Returns the expression that builds the `Executor`.
pub(crate) fn executor(attribute: &Attribute, k: &Path) -> TokenStream {
    let span = Span::mixed_site();
    let command = command(attribute, k);
    let binaries = binaries(attribute).into_iter().map(|name| {
        let variable = format!("CARGO_BIN_EXE_{name}");
        quote_spanned!(span=> .known_bin(#name, ::core::option_env!(#variable)))
    });
    let args = attribute.expr(Key::Args).map(each_arg);
    // The environment is cleared first, wherever the key is written, so that added variables stay.
    let clear = attribute.get(Key::EnvClear).map(|entry| {
        let method = method(entry, "env_clear");
        quote_spanned!(span=> .#method())
    });
    let settings = attribute.entries.iter().map(|entry| setting(entry, attribute, k));
    quote_spanned!(span=> #command #(#binaries)* #args #clear #(#settings)*)
}

fn command(attribute: &Attribute, k: &Path) -> TokenStream {
    let span = Span::mixed_site();
    if let Some(script) = attribute.expr(Key::Shell) {
        return quote_spanned!(span=> #k::Executor::shell(#script));
    }
    if let Some(name) = attribute.expr(Key::Bin).and_then(model::text) {
        let program = format!("{{bin:{}}}", name.value());
        return quote_spanned!(span=> #k::Executor::new([#program]));
    }
    let command = attribute.expr(Key::Cmd);
    match command.and_then(model::elements) {
        Some(mut words) => {
            let program = words.next();
            quote_spanned!(span=> #k::Executor::new([#program]) #(.arg(#words))*)
        }
        None => quote_spanned!(span=> #k::Executor::new(#command)),
    }
}

// One call each: the arguments may have different types.
fn each_arg(args: &Expr) -> TokenStream {
    let span = Span::mixed_site();
    match model::elements(args) {
        Some(words) => quote_spanned!(span=> #(.arg(#words))*),
        None => quote_spanned!(span=> .args(#args)),
    }
}

// Cargo sets these variables only while it compiles the crate of the test, not core.
fn binaries(attribute: &Attribute) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let named = attribute.expr(Key::Bin).and_then(model::text).map(LitStr::value);
    names.extend(named);
    for entry in &attribute.entries {
        names.extend(entry.texts().into_iter().flat_map(|text| placeholders(&text.value())));
    }
    names
}

fn placeholders(text: &str) -> Vec<String> {
    // Names of groups are accepted, because the pattern may be elsewhere.
    let pieces = Template::parse(text, Captured::Any).map(|template| template.pieces);
    let binary = |piece| match piece {
        Piece::Bin(name) => Some(name),
        _ => None,
    };
    pieces.unwrap_or_default().into_iter().filter_map(binary).collect()
}

fn setting(entry: &Entry, attribute: &Attribute, k: &Path) -> TokenStream {
    let name = match entry.key {
        Key::Cwd => "current_dir",
        key => key.name(),
    };
    let method = method(entry, name);
    let span = Span::mixed_site();
    match &entry.value {
        Value::Flag if entry.key == Key::Notify => quote_spanned!(span=> .#method()),
        Value::Expr(expr) => match argument(entry.key, expr, attribute, k) {
            Some(argument) => quote_spanned!(span=> .#method(#argument)),
            None => TokenStream::new(),
        },
        Value::Pairs(pairs) if entry.key == Key::Env => {
            let (names, values): (Vec<_>, Vec<_>) = pairs.iter().cloned().unzip();
            quote_spanned!(span=> #(.#method(#names, #values))*)
        }
        Value::Pairs(pairs) if entry.key == Key::Needs => {
            let (names, others): (Vec<_>, Vec<_>) = pairs.iter().cloned().unzip();
            quote_spanned!(span=> #(.#method(#names, &#others))*)
        }
        Value::Pairs(pairs) => match entry.key.check() {
            Check::Parts(known) => {
                let values = known.iter().map(|part| {
                    let given = pairs.iter().find(|(name, _)| model::is_text(name, part.name));
                    let value = given.map(|(_, value)| value.to_token_stream());
                    value.unwrap_or_else(|| quote_spanned!(span=> ""))
                });
                quote_spanned!(span=> .#method(#(#values),*))
            }
            _ => TokenStream::new(),
        },
        Value::Names(names) => quote_spanned!(span=> #(.#method(#names))*),
        _ => TokenStream::new(),
    }
}

// The method has the span of the key, so that compiler errors and editors point there.
fn method(entry: &Entry, name: &str) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(entry.ident.span()))
}

// Returns none for a key that is part of another.
fn argument(key: Key, expr: &Expr, attribute: &Attribute, k: &Path) -> Option<TokenStream> {
    match key {
        Key::Http => Some(http(expr, attribute, k)),
        Key::Output => Some(banner(expr, attribute, k)),
        Key::Timeout | Key::StopTimeout => Some(duration(expr)),
        Key::StopSignal | Key::KillSignal => Some(signal(expr, k)),
        Key::Owner => Some(owner(expr, k)),
        Key::Stdin => Some(bytes(expr)),
        Key::Cmd | Key::Shell | Key::Bin | Key::Args | Key::Scope => None,
        Key::Status | Key::Method | Key::Body | Key::Pattern | Key::On | Key::Times => None,
        _ => Some(expr.to_token_stream()),
    }
}

fn http(url: &Expr, attribute: &Attribute, k: &Path) -> TokenStream {
    let span = Span::mixed_site();
    let sends = attribute.has(Key::Form) || attribute.has(Key::Body);
    let request = match attribute.expr(Key::Method) {
        Some(method) => quote_spanned!(span=> #k::Http::request(#method, #url)),
        None if sends => quote_spanned!(span=> #k::Http::post(#url)),
        None => quote_spanned!(span=> #k::Http::head(#url)),
    };
    let status = attribute.expr(Key::Status).map(|status| {
        let status = with_u16(status);
        quote_spanned!(span=> .status(#status))
    });
    let headers = attribute
        .pairs(Key::Header)
        .map(|(name, value)| quote_spanned!(span=> .header(#name, #value)));
    let to_string = quote_spanned!(span=> ::std::string::ToString::to_string);
    let fields = attribute
        .pairs(Key::Form)
        .map(|(name, value)| quote_spanned!(span=> (#to_string(&(#name)), #to_string(&(#value)))));
    let form = attribute.has(Key::Form).then(|| quote_spanned!(span=> .form([#(#fields),*])));
    let body = attribute.expr(Key::Body).map(|body| {
        let body = bytes(body);
        quote_spanned!(span=> .body(#body))
    });
    let pattern =
        attribute.expr(Key::Pattern).map(|pattern| quote_spanned!(span=> .pattern(#pattern)));
    quote_spanned!(span=> #request #status #(#headers)* #form #body #pattern)
}

fn banner(pattern: &Expr, attribute: &Attribute, k: &Path) -> TokenStream {
    let span = Span::mixed_site();
    let on = attribute.expr(Key::On).map(|stream| {
        let stream = variant(stream, literal::stream)
            .map_or_else(|| stream.to_token_stream(), |name| quote!(#k::Stream::#name));
        quote_spanned!(span=> .on(#stream))
    });
    let times = attribute.expr(Key::Times).map(|times| quote_spanned!(span=> .times(#times)));
    if on.is_none() && times.is_none() {
        return pattern.to_token_stream();
    }
    quote_spanned!(span=> #k::Banner::new(#pattern) #on #times)
}

fn duration(expr: &Expr) -> TokenStream {
    let known = model::text(expr).and_then(|text| duration::duration(&text.value()).ok());
    let Some(duration) = known else { return expr.to_token_stream() };
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote_spanned!(Span::mixed_site()=> ::core::time::Duration::new(#seconds, #nanos))
}

fn signal(expr: &Expr, k: &Path) -> TokenStream {
    match variant(expr, signal::find) {
        Some(name) => quote_spanned!(Span::mixed_site()=> #k::Signal::#name),
        None => expr.to_token_stream(),
    }
}

fn owner(expr: &Expr, k: &Path) -> TokenStream {
    match variant(expr, literal::owner) {
        Some(name) => quote_spanned!(Span::mixed_site()=> #k::Owner::#name),
        None => expr.to_token_stream(),
    }
}

pub(crate) fn scope(expr: &Expr, k: &Path) -> TokenStream {
    match variant(expr, literal::scope) {
        Some(name) => quote_spanned!(Span::mixed_site()=> #k::Scope::#name),
        None => expr.to_token_stream(),
    }
}

type Lookup = fn(&str) -> Result<&'static str, String>;

/// Returns the known name that a literal or a bare identifier means.
fn variant(expr: &Expr, lookup: Lookup) -> Option<Ident> {
    let written = match model::text(expr) {
        Some(text) => text.value(),
        None => model::bare_ident(expr)?.to_string(),
    };
    lookup(&written).ok().map(|name| Ident::new(name, Span::mixed_site()))
}

fn bytes(expr: &Expr) -> TokenStream {
    match model::lit(expr) {
        Some(Lit::ByteStr(_)) => quote_spanned!(Span::mixed_site()=> #expr.to_vec()),
        _ => expr.to_token_stream(),
    }
}

// With `Into<Status>` alone, a number without a suffix would be an `i32`.
fn with_u16(status: &Expr) -> TokenStream {
    match model::peel(status) {
        Expr::Range(range) => {
            let start = range.start.as_deref().map(with_u16);
            let end = range.end.as_deref().map(with_u16);
            let limits = range.limits;
            quote!(#start #limits #end)
        }
        other => match model::lit(other) {
            Some(Lit::Int(code)) if code.suffix().is_empty() => {
                LitInt::new(&format!("{}u16", code.base10_digits()), code.span()).to_token_stream()
            }
            _ => status.to_token_stream(),
        },
    }
}
