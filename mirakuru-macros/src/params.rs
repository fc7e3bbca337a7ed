use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, Pat, PatType, Signature, Type};

use crate::fault::Faults;
use crate::model::Attribute as Process;
use crate::syntax::suggest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Shared,
    Exclusive,
    Own,
}

/// A parameter that asks for a process.
pub(crate) struct Param {
    pub(crate) access: Access,
    pub(crate) original: PatType,
}

impl Param {
    /// Returns the name that is compared with the names of the processes.
    pub(crate) fn name(&self) -> String {
        match &*self.original.pat {
            Pat::Ident(pat) => {
                let name = pat.ident.to_string();
                name.trim_start_matches("r#").trim_start_matches('_').to_owned()
            }
            _ => String::new(),
        }
    }
}

/// Removes the parameters that ask for a process from the signature, and returns them.
pub(crate) fn take(sig: &mut Signature, faults: &mut Faults) -> Vec<Param> {
    let mut taken = extract(sig, param);
    for param in &mut taken {
        drop_lifetime(param, faults);
    }
    taken
}

/// Removes and reports the leases of a test that can have none.
pub(crate) fn refuse_leases(sig: &mut Signature, faults: &mut Faults) -> Vec<Param> {
    let leases = extract(sig, lease);
    for lease in &leases {
        let ty = if lease.access == Access::Exclusive { "&mut Process" } else { "&Process" };
        let message = format!(
            "a lease comes from a fixture, and a plain test has none; write `{}: {ty}`, or put \
             `#[rstest]` above",
            lease.name()
        );
        faults.add(&lease.original, message);
    }
    leases
}

/// Removes and reports the parameters of a test that can have none but processes.
pub(crate) fn refuse_others(sig: &mut Signature, faults: &mut Faults) -> Vec<Param> {
    let others = extract(sig, |input| match input {
        FnArg::Typed(original) => {
            Some(Param { access: Access::Shared, original: original.clone() })
        }
        FnArg::Receiver(_) => None,
    });
    for other in &others {
        let name = Some(other.name()).filter(|name| !name.is_empty());
        let message = format!(
            "a plain test has no parameters but processes; write `{}: &Process` if it is one, or put \
             `#[rstest]` above",
            name.as_deref().unwrap_or("server")
        );
        faults.add(&other.original, message);
    }
    others
}

fn extract(sig: &mut Signature, taken: impl Fn(&FnArg) -> Option<Param>) -> Vec<Param> {
    let mut params = Vec::new();
    let mut left = Punctuated::new();
    for pair in std::mem::take(&mut sig.inputs).into_pairs() {
        match taken(pair.value()) {
            Some(param) => params.push(param),
            None => left.extend([pair]),
        }
    }
    sig.inputs = left;
    params
}

fn lease(input: &FnArg) -> Option<Param> {
    let FnArg::Typed(original) = input else { return None };
    let mut ty = &*original.ty;
    while let Type::Reference(reference) = ty {
        ty = &reference.elem;
    }
    let Type::Path(path) = ty else { return None };
    let access = match path.path.segments.last()?.ident.to_string().as_str() {
        "Lease" => Access::Shared,
        "ExclusiveLease" => Access::Exclusive,
        _ => return None,
    };
    Some(Param { access, original: original.clone() })
}

fn param(input: &FnArg) -> Option<Param> {
    let FnArg::Typed(original) = input else { return None };
    // With `#[from]`, `#[case]`, … it is the parameter of another attribute.
    if !original.attrs.iter().all(is_passive) {
        return None;
    }
    access(&original.ty).map(|access| Param { access, original: original.clone() })
}

fn is_passive(attr: &Attribute) -> bool {
    const PASSIVE: &[&str] = &["cfg", "cfg_attr", "allow", "expect", "warn", "deny", "forbid"];
    PASSIVE.iter().any(|name| attr.path().is_ident(name))
}

fn access(ty: &Type) -> Option<Access> {
    match ty {
        Type::Group(group) => access(&group.elem),
        Type::Paren(paren) => access(&paren.elem),
        Type::Reference(reference) => match access(&reference.elem)? {
            Access::Own if reference.mutability.is_some() => Some(Access::Exclusive),
            Access::Own => Some(Access::Shared),
            _ => None,
        },
        Type::Path(path) if path.qself.is_none() => {
            let last = path.path.segments.last()?;
            (last.ident == "Process" && last.arguments.is_none()).then_some(Access::Own)
        }
        _ => None,
    }
}

// The function itself owns the process now, so a lifetime from outside cannot hold.
fn drop_lifetime(param: &mut Param, faults: &mut Faults) {
    let Some(reference) = reference(&mut param.original.ty) else { return };
    if let Some(lifetime) = reference.lifetime.take() {
        if lifetime.ident == "static" {
            faults.add(lifetime, "the process lives as long as the test; remove `'static`");
        }
    }
}

fn reference(ty: &mut Type) -> Option<&mut syn::TypeReference> {
    match ty {
        Type::Group(group) => reference(&mut group.elem),
        Type::Paren(paren) => reference(&mut paren.elem),
        Type::Reference(reference) => Some(reference),
        _ => None,
    }
}

/// Finds the parameter of each process, or reports that they do not match.
pub(crate) fn fit<'a>(
    params: &'a [Param],
    processes: &[Process],
    faults: &mut Faults,
) -> Vec<Option<&'a Param>> {
    let names: Vec<_> = params.iter().map(Param::name).collect();
    let processes: Vec<_> = processes.iter().map(Process::name).collect();
    let (place, message) = match assign(&names, &processes) {
        Ok(places) => return places.into_iter().map(|place| params.get(place?)).collect(),
        Err(Mismatch::NoneLeft(place)) => (place, none_left(&names[place], processes.len())),
        Err(Mismatch::Ambiguous(place)) => (place, ambiguous(&names[place], &names, &processes)),
    };
    faults.add(&params[place].original, message);
    Vec::new()
}

fn none_left(name: &str, n_processes: usize) -> String {
    let given = match n_processes {
        1 => "one process is given".to_owned(),
        _ => format!("{n_processes} processes are given"),
    };
    format!(
        "{given}, and none is left for `{name}`; add a `#[with_process(..)]`, \
         or mark a fixture of rstest by `#[from({name})]`"
    )
}

fn ambiguous(name: &str, params: &[String], processes: &[Option<String>]) -> String {
    let free = processes.iter().flatten().filter(|process| !params.contains(process));
    let free = suggest::alternatives(free.map(String::as_str), "or");
    let way_out = match free.as_str() {
        "" => format!("give one of them `name = \"{name}\"`"),
        _ => format!("call it {free}, or give a process `name = \"{name}\"`"),
    };
    format!("several processes could be `{name}`; {way_out}")
}

/// The reason why parameters and processes do not match, with the index of a parameter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    NoneLeft(usize),
    Ambiguous(usize),
}

/// Finds the parameter of each process: by name, and the rest in order.
pub(crate) fn assign(
    params: &[String],
    processes: &[Option<String>],
) -> Result<Vec<Option<usize>>, Mismatch> {
    let mut assigned = vec![None; processes.len()];
    let mut left: Vec<_> = (0..params.len()).collect();
    for (process, slot) in processes.iter().zip(&mut assigned) {
        let named = |place: &usize| process.as_ref() == Some(&params[*place]);
        if let Some(found) = left.iter().position(named) {
            *slot = Some(left.remove(found));
        }
    }
    let n_open = assigned.iter().filter(|slot| slot.is_none()).count();
    match left.first() {
        Some(_) if left.len() > n_open => Err(Mismatch::NoneLeft(left[n_open])),
        Some(first) if left.len() < n_open => Err(Mismatch::Ambiguous(*first)),
        _ => {
            let open = assigned.iter_mut().filter(|slot| slot.is_none());
            open.zip(left).for_each(|(slot, place)| *slot = Some(place));
            Ok(assigned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;
    use syn::parse_quote;

    fn assigned(params: &[&str], processes: &[&str]) -> Result<Vec<Option<usize>>, Mismatch> {
        let params: Vec<_> = params.iter().map(|name| (*name).to_owned()).collect();
        let names = processes.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned()));
        assign(&params, &names.collect::<Vec<_>>())
    }

    #[test]
    fn names_go_first_and_the_rest_in_order() {
        assert_eq!(assigned(&["a", "b"], &["", ""]), Ok(vec![Some(0), Some(1)]));
        assert_eq!(assigned(&["db", "redis"], &["redis", ""]), Ok(vec![Some(1), Some(0)]));
        assert_eq!(assigned(&["x", "redis", "y"], &["", "", "redis"]), {
            Ok(vec![Some(0), Some(2), Some(1)])
        });
    }

    #[test]
    fn a_process_may_go_without_a_parameter() {
        assert_eq!(assigned(&[], &["", "redis"]), Ok(vec![None, None]));
        assert_eq!(assigned(&["redis"], &["", "redis"]), Ok(vec![None, Some(0)]));
    }

    #[test]
    fn a_parameter_may_not_go_without_a_process() {
        assert_eq!(assigned(&["a", "b"], &[""]), Err(Mismatch::NoneLeft(1)));
        assert_eq!(assigned(&["a", "redis", "b"], &["redis", ""]), Err(Mismatch::NoneLeft(2)));
    }

    #[test]
    fn a_rest_that_fits_in_several_ways_is_refused() {
        assert_eq!(assigned(&["a"], &["", ""]), Err(Mismatch::Ambiguous(0)));
        assert_eq!(assigned(&["redis", "a"], &["redis", "db", ""]), Err(Mismatch::Ambiguous(1)));
    }

    #[test]
    fn a_process_is_recognised_by_its_type() {
        for (ty, expected) in [
            (parse_quote!(&Process), Some(Access::Shared)),
            (parse_quote!(&'a mirakuru_rstest::Process), Some(Access::Shared)),
            (parse_quote!(&mut ::mirakuru_core::Process), Some(Access::Exclusive)),
            (parse_quote!(&'_ mut Process), Some(Access::Exclusive)),
            (parse_quote!(Process), Some(Access::Own)),
            (parse_quote!(Process<T>), None),
            (parse_quote!(&&Process), None),
            (parse_quote!(Option<Process>), None),
            (parse_quote!(Lease), None),
            (parse_quote!(u8), None),
        ] {
            assert_eq!(access(&ty), expected);
        }
    }

    #[test]
    fn other_parameters_keep_their_place_and_attributes() {
        let mut sig: Signature =
            parse_quote!(fn t(#[case] n: u8, db: &Process, #[from(x)] mine: Process, s: &str));
        let taken = take(&mut sig, &mut Faults::default());
        assert_eq!(taken.iter().map(Param::name).collect::<Vec<_>>(), ["db"]);
        let expected: Signature =
            parse_quote!(fn t(#[case] n: u8, #[from(x)] mine: Process, s: &str));
        assert_eq!(quote!(#sig).to_string(), quote!(#expected).to_string());
    }
}
