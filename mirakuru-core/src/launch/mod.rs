//! From a description to one start: [`spec`] has what an executor says, [`plan`] the same with
//! every placeholder resolved.

pub(crate) mod plan;
pub(crate) mod spec;
