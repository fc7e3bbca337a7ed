//! The guide: one page for each question that has a longer answer.
//!
//! - Begin: [Getting started][getting_started], [Recipes][recipes], [Your own binary][own_binary]
//! - Understand: [When a server counts as ready][readiness], [One process for several tests][sharing], [What is not guaranteed][limits]
//! - Combine: [rstest], [tokio], [nextest], [CI][ci], [IDEs, coverage, watchers, debuggers][habits]
//! - Look up: [When a test fails][failures], [Environment variables](crate#environment-variables)
//! - Move: from [Python's mirakuru][python], from [testcontainers]

/// Makes a module of each page. The first definition of a link counts: those of the pages themselves are for
/// readers of the repository.
macro_rules! pages {
    ($($name:ident $(if $condition:meta)?),+ $(,)?) => {
        $(
            /// [`servers`]: crate::servers
            /// [ci]: crate::guide::ci
            /// [environment]: crate#environment-variables
            /// [failures]: crate::guide::failures
            /// [getting_started]: crate::guide::getting_started
            /// [habits]: crate::guide::habits
            /// [limits]: crate::guide::limits
            /// [nextest]: crate::guide::nextest
            /// [own_binary]: crate::guide::own_binary
            /// [readiness]: crate::guide::readiness
            /// [recipes]: crate::guide::recipes
            /// [sharing]: crate::guide::sharing
            /// [testcontainers]: crate::guide::testcontainers
            /// [tokio]: crate::guide::tokio
            ///
            #[doc = include_str!(concat!(stringify!($name), ".md"))]
            $(#[cfg($condition)])?
            pub mod $name {}
        )+
    };
}

pages! {
    ci,
    failures,
    getting_started,
    habits,
    limits,
    nextest,
    own_binary,
    python,
    readiness,
    // Their code is that of the suite of recipes, which has the clients that it needs.
    recipes if not(doctest),
    rstest,
    sharing,
    testcontainers,
    tokio if not(doctest),
}
