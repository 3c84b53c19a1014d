//! The id of a call, which may become known while the call runs. Invariant: an id that was borrowed stays
//! readable; a later id is stored behind it.

use std::sync::OnceLock;

/// The most ids that are kept behind the first; nobody gives a call more names.
const MOST: usize = 1_000;

/// An id, and the one that was given after it.
#[derive(Debug)]
pub(crate) struct Id {
    text: String,
    next: OnceLock<Box<Id>>,
}

impl Id {
    pub(crate) fn new(text: String) -> Self {
        Self { text, next: OnceLock::new() }
    }

    /// The id that was given last.
    pub(crate) fn as_str(&self) -> &str {
        &self.last().text
    }

    pub(crate) fn set(&self, text: String) {
        if self.as_str() == text || self.changes() >= MOST {
            return;
        }
        let mut next = Box::new(Self::new(text));
        let mut last = self.last();
        // Another thread may have given one meanwhile.
        while let Err(unset) = last.next.set(next) {
            next = unset;
            last = last.last();
        }
    }

    /// How often it was changed.
    fn changes(&self) -> usize {
        std::iter::successors(Some(self), |id| id.next.get().map(|next| &**next)).count() - 1
    }

    fn last(&self) -> &Self {
        let mut last = self;
        while let Some(next) = last.next.get() {
            last = next;
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::Id;
    use std::thread::scope;

    #[test]
    fn the_last_id_counts_and_the_first_stays_readable() {
        let id = Id::new("trace".to_owned());
        let first = id.as_str();
        id.set("call-1".to_owned());
        id.set("call-2".to_owned());
        assert_eq!((first, id.as_str()), ("trace", "call-2"));
    }

    #[test]
    fn an_id_that_is_given_again_and_again_is_kept_once_and_of_too_many_the_first_thousand() {
        let id = Id::new("trace".to_owned());
        (0..100_000).for_each(|_| id.set("call-1".to_owned()));
        assert_eq!((id.as_str(), id.changes()), ("call-1", 1));
        (0..10_000).for_each(|number| id.set(format!("call-{number}")));
        assert_eq!((id.as_str(), id.changes()), ("call-998", 1_000));
    }

    #[test]
    fn threads_may_give_ids_at_once() {
        let id = Id::new(String::new());
        scope(|threads| {
            for thread in 0..8 {
                let id = &id;
                threads.spawn(move || (0..100).for_each(|each| id.set(format!("{thread}-{each}"))));
            }
        });
        let mut given = 0;
        let mut last = &id;
        while let Some(next) = last.next.get() {
            (given, last) = (given + 1, next);
        }
        assert_eq!(given, 800);
    }
}
