//! How generated code sees what the body of a test returns.
#![allow(missing_docs)]

use std::ops::Deref;

/// Runs the body of a test that returns a result, so that its `return` and `?` end only the body.
#[doc(hidden)]
pub fn run<T>(body: impl FnOnce() -> T) -> T {
    body()
}

/// Stands for a value where only its type counts.
///
/// # Panics
///
/// Panics if it is called.
#[doc(hidden)]
#[must_use]
pub fn never<T>() -> T {
    unreachable!("the call is never reached")
}

/// Tells whether the value that a test returned is a failure. Its type is called `…Result`, but may be
/// any type: for others than `Result`, `is_failure` is found by dereferencing.
pub struct Outcome<'a, T>(pub &'a T);

impl<T, E> Outcome<'_, Result<T, E>> {
    #[doc(hidden)]
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.0.is_err()
    }
}

pub struct Unknown;

impl Unknown {
    #[doc(hidden)]
    #[must_use]
    pub fn is_failure(&self) -> bool {
        false
    }
}

impl<T> Deref for Outcome<'_, T> {
    type Target = Unknown;

    fn deref(&self) -> &Unknown {
        &Unknown
    }
}
