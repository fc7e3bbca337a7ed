use syn::{Expr, ExprRange, Lit, LitStr, RangeLimits, ReturnType, Type, UnOp};

use crate::fault::Faults;
use crate::item;
use crate::key::{self, Check, Key, OF_A_DEFINITION, Part};
use crate::literal::{self, Captured};
use crate::model::{self, Attribute, Entry, Function, Value};
use crate::need;
use crate::params::{Access, Param};
use crate::syntax::{http, numbers, suggest, template};

/// Reports everything that is wrong with one attribute.
pub(crate) fn attribute(attribute: &Attribute, faults: &mut Faults) {
    duplicates(attribute, faults);
    let captured = attribute.captured();
    attribute.entries.iter().for_each(|entry| literals(entry, &captured, faults));
    others(attribute, faults);
    match &attribute.definition {
        Some(_) => beside_definition(attribute, faults),
        None => relations(attribute, faults),
    }
}

/// Reports variables that name a process which is not needed: the server would get the text. In other
/// places, that may be a placeholder of another program.
fn others(attribute: &Attribute, faults: &mut Faults) {
    let needed: Vec<_> =
        attribute.pairs(Key::Needs).filter_map(|(name, _)| model::text(name)).collect();
    let is_needed = |name: &str| needed.iter().any(|needed| needed.value() == name);
    for text in attribute.pairs(Key::Env).filter_map(|(_, value)| model::text(value)) {
        if let Some((name, word)) =
            template::value_of_another(&text.value(), &|name| !is_needed(name))
        {
            let message = format!(
                "`{{{name}.{word}}}` is a value of no process that this one needs; add `needs({name} = …)`. If \
                 the server is to get this text, set the variable in a fixture, by `env`"
            );
            faults.add(text, message);
        }
    }
}

fn duplicates(attribute: &Attribute, faults: &mut Faults) {
    for (place, entry) in attribute.entries.iter().enumerate() {
        let is_again = attribute.entries[..place].iter().any(|other| other.key == entry.key);
        if is_again && !entry.key.may_repeat() {
            faults.add(&entry.ident, format!("duplicate key `{}`", entry.key.name()));
        }
    }
}

fn beside_definition(attribute: &Attribute, faults: &mut Faults) {
    let allowed = key::list(OF_A_DEFINITION);
    for entry in attribute.entries.iter().filter(|entry| !OF_A_DEFINITION.contains(&entry.key)) {
        let name = entry.key.name();
        let message = format!("`{name}` cannot be combined with a definition; only {allowed} can");
        faults.add(&entry.ident, message);
    }
}

fn relations(attribute: &Attribute, faults: &mut Faults) {
    one_of(attribute, &[Key::Cmd, Key::Shell, Key::Bin], faults);
    one_of(attribute, &[Key::Form, Key::Body], faults);
    if attribute.is_broken {
        return;
    }
    let has_command = [Key::Cmd, Key::Shell, Key::Bin].iter().any(|key| attribute.has(*key));
    if !has_command {
        let message = r#"nothing to run; give `cmd = "…"`, `shell = "…"`, `bin = "…"`, or the path of a definition"#;
        faults.add_at(attribute.span, message);
    }
    for entry in &attribute.entries {
        let needs = entry.key.needs();
        let is_reported = entry.key == Key::Args && !has_command;
        if !needs.is_empty() && !is_reported && !needs.iter().any(|key| attribute.has(*key)) {
            let needs = suggest::alternatives(needs.iter().map(|key| key.name()), "or");
            faults.add(&entry.ident, format!("`{}` needs {needs}", entry.key.name()));
        }
    }
}

fn one_of(attribute: &Attribute, keys: &[Key], faults: &mut Faults) {
    let mut entries = attribute.entries.iter().filter(|entry| keys.contains(&entry.key));
    let Some(first) = entries.next() else { return };
    for other in entries.filter(|other| other.key != first.key) {
        let (other_name, name) = (other.key.name(), first.key.name());
        faults.add(&other.ident, format!("`{other_name}` cannot be combined with `{name}`"));
    }
}

fn literals(entry: &Entry, captured: &Captured, faults: &mut Faults) {
    if entry.key == Key::Http && !cfg!(feature = "http") {
        let message = "`http` needs the feature `http`: add it to those of the dependency in \
                       `Cargo.toml`; `tcp` waits for the port";
        faults.add(&entry.ident, message);
    }
    if entry.key.is_early() {
        for text in entry.texts() {
            checked(text, |text| literal::is_early(text, captured), faults);
        }
    }
    match (&entry.value, entry.key.check()) {
        (Value::Pairs(pairs), Check::Parts(known)) => parts(entry, known, pairs, captured, faults),
        (Value::Expr(expr), check) => value(entry.key, check, expr, captured, faults),
        (Value::Pairs(pairs), _) => pairs.iter().for_each(|(left, right)| match entry.key {
            Key::Header => {
                text(entry.key, left, http::check_header_name, faults);
                text(entry.key, right, http::check_header_value, faults);
            }
            Key::Env => {
                text(entry.key, left, literal::variable, faults);
                text(entry.key, right, literal::template, faults);
            }
            _ => {}
        }),
        (Value::Names(names), _) => {
            names.iter().for_each(|name| text(entry.key, name, literal::variable, faults));
        }
        (Value::Flag | Value::Path(_), _) => {}
    }
}

/// Checks the parts of a key, each of which is given once at most.
fn parts(
    entry: &Entry,
    known: &[Part],
    pairs: &[(Expr, Expr)],
    captured: &Captured,
    faults: &mut Faults,
) {
    let count =
        |part: &Part| pairs.iter().filter(|(name, _)| model::is_text(name, part.name)).count();
    let is_complete =
        known.iter().all(|part| count(part) == 1 || count(part) == 0 && !part.is_required);
    if !is_complete || known.iter().map(count).sum::<usize>() != pairs.len() {
        return faults.add(&entry.ident, entry.key.usage());
    }
    for (name, expr) in pairs {
        let part = known.iter().find(|part| model::is_text(name, part.name));
        part.into_iter().for_each(|part| value(entry.key, part.check, expr, captured, faults));
    }
}

fn value(key: Key, check: Check, expr: &Expr, captured: &Captured, faults: &mut Faults) {
    match check {
        Check::Nothing | Check::Parts(_) => {}
        Check::Text(check) => text(key, expr, check, faults),
        Check::LateText(check) => text(key, expr, |text| check(text, captured), faults),
        Check::Number(check) => number(key, expr, check, faults),
        Check::Command => command(key, expr, &Captured::default(), faults),
        Check::PortlessCommand => portless_command(key, expr, faults),
        Check::LateCommand => command(key, expr, captured, faults),
        Check::Words => words(key, expr, faults),
        Check::Program => program(expr, faults),
        Check::Status => status(expr, faults),
        Check::Exit => exit(expr, faults),
        Check::Bytes => bytes(key, expr, faults),
    }
}

// Only a literal can be checked here; other expressions are checked at run time.
fn text(key: Key, expr: &Expr, check: impl Fn(&str) -> Result<(), String>, faults: &mut Faults) {
    match model::lit(expr) {
        Some(Lit::Str(text)) => checked(text, check, faults),
        Some(other) => faults.add(other, format!("expected a string; {}", key.usage())),
        None => {}
    }
}

fn checked(text: &LitStr, check: impl Fn(&str) -> Result<(), String>, faults: &mut Faults) {
    if let Err(message) = check(&text.value()) {
        faults.add(text, message);
    }
}

fn command(key: Key, expr: &Expr, captured: &Captured, faults: &mut Faults) {
    let Some(mut elements) = model::elements(expr) else {
        return text(key, expr, |text| literal::command(text, captured), faults);
    };
    match elements.next() {
        None => faults.add(expr, "empty command; name the program to run"),
        Some(program) => {
            text(key, program, |text| literal::late_path(text, captured), faults);
            elements.for_each(|word| {
                text(key, word, |text| literal::late_template(text, captured), faults);
            });
        }
    }
}

fn portless_command(key: Key, expr: &Expr, faults: &mut Faults) {
    command(key, expr, &Captured::default(), faults);
    match model::elements(expr) {
        Some(words) => words.for_each(|word| text(key, word, template::check_portless, faults)),
        None => text(key, expr, template::check_portless, faults),
    }
}

fn words(key: Key, expr: &Expr, faults: &mut Faults) {
    match model::elements(expr) {
        Some(words) => words.for_each(|word| text(key, word, literal::template, faults)),
        None if model::lit(expr).is_some() => {
            faults.add(expr, format!("expected a list; {}", key.usage()));
        }
        None => {}
    }
}

fn program(expr: &Expr, faults: &mut Faults) {
    match model::text(expr) {
        Some(text) => checked(text, literal::program, faults),
        // The name is part of the variable by which cargo passes the path to the compiler.
        None => faults.add(expr, format!("expected a string literal; {}", Key::Bin.usage())),
    }
}

fn bytes(key: Key, expr: &Expr, faults: &mut Faults) {
    match model::lit(expr) {
        Some(Lit::Str(_) | Lit::ByteStr(_)) | None => {}
        Some(other) => faults.add(other, format!("expected a string; {}", key.usage())),
    }
}

fn status(expr: &Expr, faults: &mut Faults) {
    if let Expr::Range(range) = model::peel(expr) {
        return status_range(range, faults);
    }
    match model::lit(expr) {
        Some(Lit::Str(text)) => checked(text, literal::status, faults),
        Some(Lit::Int(_)) => status_code(expr, faults),
        Some(other) => faults.add(other, Key::Status.usage()),
        None => {}
    }
}

fn status_range(range: &ExprRange, faults: &mut Faults) {
    match (&range.start, range.limits, &range.end) {
        (Some(start), RangeLimits::Closed(_), Some(end)) => {
            status_code(start, faults);
            status_code(end, faults);
        }
        _ => faults.add(range, "a range of statuses has both its ends, as in `200..=299`"),
    }
}

fn status_code(expr: &Expr, faults: &mut Faults) {
    if let Some(code) = integer(expr) {
        let code = u16::try_from(code).unwrap_or(u16::MAX);
        if let Err(message) = http::check_status(code) {
            faults.add(expr, message);
        }
    }
}

fn exit(expr: &Expr, faults: &mut Faults) {
    let mut code = |expr: &Expr| number(Key::ExpectExit, expr, numbers::check_exit, faults);
    match model::peel(expr) {
        Expr::Range(ExprRange {
            start: Some(start),
            end: Some(end),
            limits: RangeLimits::Closed(_),
            ..
        }) => [start, end].into_iter().for_each(|end| code(end)),
        Expr::Range(range) => {
            faults.add(range, "a range of exit codes has both its ends, as in `0..=2`");
        }
        _ => match model::elements(expr) {
            Some(codes) if codes.len() > 0 => codes.for_each(code),
            Some(_) => faults.add(expr, "an empty list of exit codes expects no end at all"),
            None => code(expr),
        },
    }
}

fn number(key: Key, expr: &Expr, check: fn(i64) -> Result<(), String>, faults: &mut Faults) {
    match integer(expr) {
        Some(number) => {
            if let Err(message) = check(number) {
                faults.add(expr, message);
            }
        }
        None if model::lit(expr).is_some() => faults.add(expr, key.usage()),
        None => {}
    }
}

fn integer(expr: &Expr) -> Option<i64> {
    match model::peel(expr) {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => integer(&unary.expr).map(|n| -n),
        expr => match model::lit(expr)? {
            Lit::Int(number) => Some(number.base10_parse().unwrap_or(i64::MAX)),
            _ => None,
        },
    }
}

/// Reports what is wrong with the function below the attributes.
pub(crate) fn function(function: &Function, faults: &mut Faults) {
    if let Some(attr) = item::bare_should_panic(&function.attrs) {
        let message = "a server that does not start would pass this test too; \
                       say which panic is meant: `#[should_panic(expected = \"…\")]`";
        faults.add(attr, message);
    }
    let is_called =
        item::makes_a_test(&function.attrs) || item::is_called_otherwise(&function.attrs);
    if function.sig.ident == "main" && !is_called {
        let message = "the attribute makes a test of its function, and `main` is called as none; \
                       start the process in it by `Executor`, or give the function another name";
        return faults.add(&function.sig.ident, message);
    }
    if let (Some(asyncness), false) = (function.sig.asyncness, is_called) {
        let message = "an async test needs a runtime; add `#[tokio::test]` or the like below";
        faults.add(asyncness, message);
    }
}

pub(crate) fn fixture_args(args: &Attribute, faults: &mut Faults) {
    duplicates(args, faults);
    let captured = Captured::default();
    args.entries.iter().for_each(|entry| literals(entry, &captured, faults));
    if let Some(path) = &args.definition {
        faults.add(path, "expected `scope = \"session\"` or nothing here");
    }
}

/// Reports what prevents a function from being a definition.
pub(crate) fn fixture(function: &Function, faults: &mut Faults) {
    let sig = &function.sig;
    for input in &sig.inputs {
        if need::of(input).is_none() {
            let message = "a parameter of a definition is the lease of a process that it needs, as in \
                           `db: Lease`; for a process with other parameters write a `#[fixture]` below \
                           `#[with_process(..)]`";
            faults.add(input, message);
        }
    }
    if let Some(asyncness) = sig.asyncness {
        faults.add(asyncness, "a definition only describes the process; remove `async`");
    }
    if let Some(unsafety) = sig.unsafety {
        faults.add(unsafety, "a definition is called by every test; remove `unsafe`");
    }
    if !sig.generics.params.is_empty() {
        faults.add(
            &sig.generics,
            "the definition of a process is one for all tests; it cannot be generic",
        );
    }
    match &sig.output {
        ReturnType::Default => {
            faults.add(&sig.ident, format!("write `fn {}() -> Executor`", sig.ident));
        }
        ReturnType::Type(_, ty) => {
            if let Some(message) = not_a_definition(ty) {
                faults.add(ty, message);
            }
        }
    }
}

/// Says what is wrong with a type that is no `Executor`, whatever an alias may mean.
fn not_a_definition(ty: &Type) -> Option<&'static str> {
    let Type::Path(path) = ty else { return None };
    Some(match path.path.segments.last()?.ident.to_string().as_str() {
        "Process" | "Lease" | "ExclusiveLease" | "Shared" => {
            "write `-> Executor`: the fixture starts the process that it describes, and hands out a `Lease`"
        }
        "Result" => {
            "write `-> Executor`: a definition only describes the process; what is wrong with it is \
             reported when it starts"
        }
        _ => return None,
    })
}

/// Reports a test that would wait for the end of its own lease.
pub(crate) fn conflicts(attributes: &[Attribute], params: &[Option<&Param>], faults: &mut Faults) {
    let is_lease = |param: &Option<&Param>| param.is_none_or(|p| p.access != Access::Own);
    let leases = attributes.iter().zip(params).filter(|(_, param)| is_lease(param));
    let leases: Vec<_> = leases.map(|(attribute, param)| (attribute.identity(), *param)).collect();
    let exclusive = leases.iter().filter_map(|(identity, param)| Some((identity, (*param)?)));
    for (identity, param) in exclusive.filter(|(_, param)| param.access == Access::Exclusive) {
        if leases.iter().filter(|(other, _)| other == identity).count() > 1 {
            let message = "this test leases the same process once more, so it can never have it \
                           exclusively; take it once, or one of its own (`Process`)";
            return faults.add(&param.original, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    #[test]
    fn http_is_a_key_with_the_feature_alone() {
        let args = quote!(cmd = "sleep 60", http = "http://127.0.0.1:{port}/");
        let test = quote!(
            #[test]
            fn answers() {}
        );
        let expanded = crate::expand::with_process(args, test, &parse_quote!(::mirakuru_core));
        let is_refused = expanded.to_string().contains("`http` needs the feature `http`");
        assert_eq!(is_refused, !cfg!(feature = "http"), "{expanded}");
    }
}
