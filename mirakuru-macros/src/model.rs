use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Expr, ExprLit, ExprPath, Ident, Lit, LitStr, Path, Signature, Visibility};

use crate::key::Key;
use crate::literal::{self, Captured};
use crate::syntax::pattern;

/// Returns the placeholders that a text gives values to.
type Names = fn(&str) -> Vec<String>;

/// One `#[with_process(..)]`.
#[derive(Clone)]
pub(crate) struct Attribute {
    pub(crate) span: Span,
    /// The tokens as the user wrote them, to recognise two equal attributes.
    pub(crate) original: String,
    pub(crate) definition: Option<ExprPath>,
    pub(crate) entries: Vec<Entry>,
    /// A part could not be parsed, so a key that seems to be missing may be there.
    pub(crate) is_broken: bool,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) ident: Ident,
    pub(crate) value: Value,
}

impl Entry {
    /// Returns the string literals in its value.
    pub(crate) fn texts(&self) -> Vec<&LitStr> {
        let exprs: Vec<&Expr> = match &self.value {
            Value::Expr(expr) => match elements(expr) {
                Some(elements) => elements.collect(),
                None => vec![expr],
            },
            Value::Pairs(pairs) => pairs.iter().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        };
        exprs.into_iter().filter_map(text).collect()
    }
}

#[derive(Clone)]
pub(crate) enum Value {
    Flag,
    Expr(Expr),
    Path(Path),
    Pairs(Vec<(Expr, Expr)>),
    Names(Vec<Expr>),
}

impl Attribute {
    pub(crate) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn expr(&self, key: Key) -> Option<&Expr> {
        match &self.get(key)?.value {
            Value::Expr(expr) => Some(expr),
            _ => None,
        }
    }

    pub(crate) fn pairs(&self, key: Key) -> impl Iterator<Item = &(Expr, Expr)> {
        self.entries.iter().filter(move |entry| entry.key == key).flat_map(|entry| {
            match &entry.value {
                Value::Pairs(pairs) => pairs.as_slice(),
                _ => &[],
            }
        })
    }

    pub(crate) fn home(&self) -> Option<&Path> {
        match &self.get(Key::Crate)?.value {
            Value::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Returns the placeholders whose values come from the process itself.
    pub(crate) fn captured(&self) -> Captured {
        let mut captured = Captured::default();
        let keys: [(Key, Names); 3] = [
            (Key::Output, pattern::groups),
            (Key::Tcp, |address| port_if(literal::has_any_port(address))),
            (Key::Http, |url| port_if(literal::asks_any_port(url))),
        ];
        for (key, names) in keys {
            match self.expr(key) {
                Some(expr) if lit(expr).is_none() => captured.and_others = true,
                Some(expr) => {
                    let text = text(expr).map(LitStr::value).unwrap_or_default();
                    captured.names.extend(names(&text));
                }
                None => {}
            }
        }
        for (_, addr) in self.pairs(Key::Reply).filter(|(part, _)| is_text(part, "addr")) {
            let chosen = text(addr).is_some_and(|it| literal::sends_to_any_port(&it.value()));
            captured.names.extend(port_if(chosen));
            captured.and_others |= lit(addr).is_none();
        }
        captured
    }

    /// Returns the name by which a parameter gets this process.
    pub(crate) fn name(&self) -> Option<String> {
        if let Some(name) = self.expr(Key::Name) {
            return text(name).map(|name| as_identifier(&name.value()));
        }
        let last = self.definition.as_ref()?.path.segments.last()?;
        Some(as_identifier(&last.ident.to_string()))
    }

    /// Returns a text that is equal for two attributes only if they mean the same process.
    pub(crate) fn identity(&self) -> String {
        let Some(definition) = &self.definition else { return self.original.clone() };
        let scope = self.expr(Key::Scope).map(ToTokens::to_token_stream).unwrap_or_default();
        format!("{} {scope}", definition.to_token_stream())
    }
}

fn port_if(is_chosen: bool) -> Vec<String> {
    is_chosen.then(|| "port".to_owned()).into_iter().collect()
}

fn as_identifier(name: &str) -> String {
    let name = name.trim_start_matches("r#").to_lowercase();
    name.replace(|c: char| !c.is_alphanumeric(), "_")
}

/// A function whose body is kept as tokens and not parsed.
pub(crate) struct Function {
    pub(crate) attrs: Vec<syn::Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

pub(crate) struct Body {
    pub(crate) inner_attrs: Vec<syn::Attribute>,
    pub(crate) span: Span,
    pub(crate) tokens: TokenStream,
}

/// Returns the expression without the invisible groups that a `macro_rules` macro adds.
pub(crate) fn peel(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => peel(&group.expr),
        Expr::Paren(paren) => peel(&paren.expr),
        _ => expr,
    }
}

pub(crate) fn lit(expr: &Expr) -> Option<&Lit> {
    match peel(expr) {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

pub(crate) fn text(expr: &Expr) -> Option<&LitStr> {
    match lit(expr)? {
        Lit::Str(text) => Some(text),
        _ => None,
    }
}

/// Returns true if an expression is this text.
pub(crate) fn is_text(expr: &Expr, wanted: &str) -> bool {
    text(expr).is_some_and(|text| text.value() == wanted)
}

/// Returns a bare identifier, as in `stop_signal = INT`.
pub(crate) fn bare_ident(expr: &Expr) -> Option<&Ident> {
    match peel(expr) {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}

pub(crate) fn elements(expr: &Expr) -> Option<impl ExactSizeIterator<Item = &Expr>> {
    match peel(expr) {
        Expr::Array(array) => Some(array.elems.iter()),
        _ => None,
    }
}
