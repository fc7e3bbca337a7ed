use syn::{FnArg, Ident, Pat, PatIdent, PatType, Path, Type, TypePath};

use crate::model::Function;

/// A parameter of a definition: a process that it needs.
pub(crate) struct Need {
    pub(crate) name: Ident,
    /// The fixture that hands out its leases.
    pub(crate) fixture: Path,
}

/// Returns the process that a parameter asks for: `db: Lease`, or `#[from(fixture)] db: Lease`.
pub(crate) fn of(input: &FnArg) -> Option<Need> {
    let FnArg::Typed(PatType { attrs, pat, ty, .. }) = input else { return None };
    let Pat::Ident(PatIdent { ident, subpat: None, by_ref: None, .. }) = &**pat else {
        return None;
    };
    let Type::Path(TypePath { path, .. }) = &**ty else { return None };
    let is_lease = path.segments.last().is_some_and(|segment| segment.ident == "Lease");
    let fixture = match &attrs[..] {
        [] => Some(Path::from(ident.clone())),
        [from] if from.path().is_ident("from") => from.parse_args().ok(),
        _ => None,
    };
    Some(Need { name: ident.clone(), fixture: fixture.filter(|_| is_lease)? })
}

pub(crate) fn all(function: &Function) -> Vec<Need> {
    function.sig.inputs.iter().filter_map(of).collect()
}
