use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, ExprPath, Ident, Lit, LitStr, Path, Result, Token};
use syn::{parenthesized, token};

use crate::fault::Faults;
use crate::key::{self, Form, Key};
use crate::model::{Attribute, Entry, Value};

/// Parses the arguments of an attribute. After a fault, parsing continues at the next comma.
pub(crate) fn parse(
    tokens: TokenStream,
    span: Span,
    known: &[Key],
    faults: &mut Faults,
) -> Attribute {
    let original = tokens.to_string();
    let mut attribute =
        Attribute { span, original, definition: None, entries: Vec::new(), is_broken: false };
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(fault) = item(input, known, &mut attribute).and_then(|()| comma(input)) {
                faults.push(fault);
                attribute.is_broken = true;
                skip_item(input)?;
            }
        }
        Ok(())
    };
    let end = read.parse2(tokens);
    // After a fault, syn also reports the remaining tokens.
    if let (Err(fault), false) = (end, attribute.is_broken) {
        faults.push(fault);
    }
    attribute
}

fn item(input: ParseStream<'_>, known: &[Key], attribute: &mut Attribute) -> Result<()> {
    if !is_entry(input, known) {
        let path = definition(input)?;
        if attribute.definition.is_some() || !attribute.entries.is_empty() {
            // A key without a value looks like a path.
            let name = path.path.get_ident().map(Ident::to_string);
            if let Some(name) = name.filter(|name| key::nearest(name, known).is_some()) {
                return Err(Error::new_spanned(path, key::unknown(&name, known)));
            }
            let message = "a definition stands first, and one in each `#[with_process(..)]`; \
                           stack attributes for several processes";
            return Err(Error::new_spanned(path, message));
        }
        attribute.definition = Some(path);
        return Ok(());
    }
    let ident = input.call(Ident::parse_any)?;
    let Some(key) = key::find(&ident.to_string(), known) else {
        return Err(Error::new(ident.span(), unknown(&ident, input, known)));
    };
    let value = value(input, &ident, key)?;
    attribute.entries.push(Entry { key, ident, value });
    Ok(())
}

fn is_entry(input: ParseStream<'_>, known: &[Key]) -> bool {
    let ahead = input.fork();
    let Ok(ident) = ahead.call(Ident::parse_any) else { return false };
    if ahead.peek(Token![=]) || ahead.peek(token::Paren) {
        return true;
    }
    !ahead.peek(Token![::]) && key::find(&ident.to_string(), known).is_some()
}

fn definition(input: ParseStream<'_>) -> Result<ExprPath> {
    let at = input.span();
    if input.peek(Lit) {
        return Err(Error::new(at, r#"expected a key in front of the value, as in `cmd = "…"`"#));
    }
    let expected = r#"expected a key, as in `cmd = "…"`, or the path of a definition"#;
    let path: ExprPath = input.parse().map_err(|_| Error::new(at, expected))?;
    if input.peek(token::Paren) {
        return Err(Error::new_spanned(path, not_called(input)));
    }
    Ok(path)
}

/// Says how a definition that is called is given instead, with the changes that follow the call.
fn not_called(call: ParseStream<'_>) -> String {
    let behind = call.cursor().token_tree().and_then(|(_, behind)| behind.punct());
    let changes = match behind {
        Some((punct, _)) if punct.as_char() == '.' => {
            "; for changes of it, write `fn NAME() -> Executor` and give `NAME`"
        }
        _ => "",
    };
    format!("a definition is given by its path; do not call it{changes}")
}

fn unknown(ident: &Ident, input: ParseStream<'_>, known: &[Key]) -> String {
    let is_call = matches!(input.cursor().token_tree(), Some((TokenTree::Group(arguments), _))
        if arguments.stream().is_empty());
    if is_call && known.contains(&Key::Cmd) {
        return format!("unknown key `{ident}`; {}", not_called(input));
    }
    key::unknown(&ident.to_string(), known)
}

fn value(input: ParseStream<'_>, ident: &Ident, key: Key) -> Result<Value> {
    let misuse = || Error::new(ident.span(), key.usage());
    let has_list = input.peek(token::Paren);
    match key.form() {
        Form::Flag if has_list || input.peek(Token![=]) => Err(misuse()),
        Form::Flag => Ok(Value::Flag),
        Form::Value => assigned(input).ok_or_else(misuse)?.parse().map(Value::Expr),
        Form::Path => {
            let path = assigned(input).ok_or_else(misuse)?.call(Path::parse_mod_style);
            path.map(Value::Path).map_err(|error| Error::new(error.span(), key.usage()))
        }
        _ if !has_list => Err(misuse()),
        Form::Pair => pair(input)?.map(|pair| Value::Pairs(vec![pair])).ok_or_else(misuse),
        Form::Pairs => {
            let pairs = list(input, name_and_value).map_err(|error| match error.to_string() {
                what if what == NO_VALUE => {
                    Error::new(error.span(), format!("{what}; {}", key.usage()))
                }
                _ => error,
            });
            some(pairs?).map(Value::Pairs).ok_or_else(misuse)
        }
        Form::Names => some(list(input, name)?).map(Value::Names).ok_or_else(misuse),
    }
}

/// Returns the input after `=`, if there is a value.
fn assigned<'a>(input: ParseStream<'a>) -> Option<ParseStream<'a>> {
    input.parse::<Token![=]>().ok()?;
    let has_value = !input.is_empty() && !input.peek(Token![,]);
    has_value.then_some(input)
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn list<T>(input: ParseStream<'_>, one: fn(ParseStream<'_>) -> Result<T>) -> Result<Vec<T>> {
    let content;
    parenthesized!(content in input);
    let list = Punctuated::<T, Token![,]>::parse_terminated_with(&content, one)?;
    Ok(list.into_iter().collect())
}

fn pair(input: ParseStream<'_>) -> Result<Option<(Expr, Expr)>> {
    let mut list = list(input, |input| input.parse::<Expr>())?;
    let second = list.pop();
    Ok(list.pop().zip(second).filter(|_| list.is_empty()))
}

const NO_VALUE: &str = "expected `= value` behind the name";

fn name_and_value(input: ParseStream<'_>) -> Result<(Expr, Expr)> {
    let name = name(input)?;
    if !input.peek(Token![=]) {
        return Err(Error::new_spanned(name, NO_VALUE));
    }
    input.parse::<Token![=]>()?;
    Ok((name, input.parse()?))
}

fn name(input: ParseStream<'_>) -> Result<Expr> {
    let fault = |error: Error| Error::new(error.span(), "expected a name, bare or in quotes");
    let text = match input.peek(LitStr) {
        true => input.parse()?,
        false => {
            let ident = input.call(Ident::parse_any).map_err(fault)?;
            LitStr::new(&ident.unraw().to_string(), ident.span())
        }
    };
    Ok(Expr::Lit(ExprLit { attrs: Vec::new(), lit: Lit::Str(text) }))
}

fn comma(input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    let at = input.span();
    let comma = input.parse::<Token![,]>();
    comma.map(drop).map_err(|_| Error::new(at, "expected a comma in front of this"))
}

fn skip_item(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() {
        if let TokenTree::Punct(punct) = input.parse()? {
            if punct.as_char() == ',' {
                break;
            }
        }
    }
    Ok(())
}
