//! The network namespace that a thread has entered. Children that the thread starts live in the same namespace.

use std::cell::RefCell;

thread_local! {
    static ENTERED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The namespace that this thread has entered, if any.
pub(crate) fn entered() -> Option<String> {
    ENTERED.with_borrow(Clone::clone)
}

/// Records that this thread has entered a namespace.
pub(crate) fn set_entered(namespace: &str) {
    ENTERED.set(Some(namespace.to_owned()));
}
