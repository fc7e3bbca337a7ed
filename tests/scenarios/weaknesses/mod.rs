//! What goes wrong in the Python library, and does not here.

mod ending;
mod leftovers;
mod readiness;
mod reports;
mod restarts;
mod strangers;
