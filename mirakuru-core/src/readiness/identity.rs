//! What tells one description from another.

use std::fmt::Write;
use std::hash::{Hash, Hasher};

/// A [`Hasher`] that records every byte it is fed.
///
/// Two values have the same identity exactly if they hash the same bytes, so there are no
/// collisions. Identities are the same in all processes that run the same build.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Identity(Vec<u8>);

impl Identity {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: impl Hash) {
        value.hash(self);
    }

    /// Returns the recorded bytes in hexadecimal digits.
    pub(crate) fn to_hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(self.0.len() * 2), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // Writing to a string cannot fail.
            hex
        })
    }
}

impl Hasher for Identity {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Returns nothing of use: the bytes are what counts.
    fn finish(&self) -> u64 {
        self.0.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: impl Hash) -> Identity {
        let mut identity = Identity::default();
        identity.add(value);
        identity
    }

    #[test]
    fn texts_that_are_divided_differently_have_different_identities() {
        assert_ne!(of(("ab", "c")), of(("a", "bc")));
        assert_ne!(of(vec!["a", "b"]), of(vec!["ab"]));
        assert_ne!(of((vec!["a"], vec!["b"])), of((vec!["a", "b"], vec![""; 0])));
        assert_ne!(of(Some("")), of(None::<&str>));
    }

    #[test]
    fn equal_values_have_equal_identities() {
        assert_eq!(of(("a", 1)).to_hex(), of(("a".to_owned(), 1)).to_hex());
        assert_eq!(of(15_u8).to_hex(), "0f");
    }
}
