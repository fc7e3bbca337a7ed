//! From what an executor says to one start: `spec` has the data, `stand_in` that of a process which
//! stands for an `external` server that runs already, `plan` the same with every placeholder resolved,
//! `set_up` what belongs to a start beside the command, `start_supervisor` what a supervisor is started
//! with.

mod default_name;
pub(crate) mod external;
pub(crate) mod plan;
pub(crate) mod set_up;
pub(crate) mod spec;
mod stand_in;
mod start_supervisor;
pub(crate) mod step;
mod validate;
mod working_dir;
