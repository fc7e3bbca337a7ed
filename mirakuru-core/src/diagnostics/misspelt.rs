//! Environment variables whose names are nearly those of settings.

use std::sync::atomic::{AtomicBool, Ordering};

use super::events;
use super::settings::{NAMES, variables_set};
use crate::syntax::suggest;

const PREFIX: &str = "MIRAKURU_";

/// Reports each variable that is set and has nearly the name of a setting, once.
pub(crate) fn report() {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    if IS_DONE.swap(true, Ordering::Relaxed) {
        return;
    }
    for name in variables_set(PREFIX) {
        if let Some(near) = nearly(&name) {
            events::misspelt_setting(&name, near);
        }
    }
}

/// Returns the setting that a variable was probably written for, if it is none itself.
fn nearly(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix(PREFIX).filter(|rest| !rest.starts_with("USE_"))?;
    let near = suggest::name(rest, NAMES.iter().map(|known| &known[PREFIX.len()..]))?;
    NAMES.into_iter().find(|known| known.ends_with(near) && *known != name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_nearly_the_name_of_a_setting_is_misspelt() {
        for (name, near) in [
            ("MIRAKURU_LGO", Some("MIRAKURU_LOG")),
            ("MIRAKURU_log", Some("MIRAKURU_LOG")),
            ("MIRAKURU_TIME_LINE", Some("MIRAKURU_TIMELINE")),
            ("MIRAKURU_TIMEOUT_FACTR", Some("MIRAKURU_TIMEOUT_FACTOR")),
            ("MIRAKURU_TIMEOUT", None),
            ("MIRAKURU_USE_TIMELINE", None),
            ("MIRAKURU_PROCESS", None),
            ("MIRAKURU_", None),
            ("MY_LOG", None),
        ] {
            assert_eq!(nearly(name), near, "{name}");
        }
        assert!(NAMES.iter().all(|known| nearly(known).is_none()));
    }
}
