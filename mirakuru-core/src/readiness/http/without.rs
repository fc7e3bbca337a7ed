//! What is there without the feature `http`.

use super::spec::Http;
use crate::error::{Error, Result};
use crate::readiness::condition::{Condition, StartContext};

impl Http {
    pub(super) fn condition(&self, _: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        Err(Error::invalid(format!("`{}` needs the feature `http`", self.url)).with_help(
            "add `http` to the features of the dependency in `Cargo.toml`; in a definition of your own, \
             `tcp` waits for the port instead",
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::Executor;

    #[test]
    fn a_url_without_the_feature_is_an_error_that_names_it() {
        let error = Executor::new("sleep 60").http("http://127.0.0.1:{port}/").start().unwrap_err();
        let report = format!("{error:?}");
        assert!(report.contains("`http://127.0.0.1:{port}/` needs the feature `http`"), "{report}");
    }
}
