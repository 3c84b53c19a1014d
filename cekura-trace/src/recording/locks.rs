//! Whether looking at a value would take a lock of the program, or compute a value that the program has not
//! computed yet. Invariant: the type's name alone decides; the value is not touched.
//!
//! `serde` implements `Serialize` for `std`'s `Mutex` and `RwLock` by locking them; `parking_lot`, `tokio` and
//! `dashmap` do the same behind a feature. A caller that holds the guard would wait for itself. A type's name
//! shows its parts (`Vec<(u32, Arc<Mutex<State>>)>`), so one rule sees a lock through every wrapper and every
//! crate. It does not see a lock in a field of a struct.

use std::any::type_name;

/// How the names of such types end, before their parameters; and those of values that are made when first looked at.
const LOCKS: [&str; 5] = ["Mutex", "RwLock", "ReentrantLock", "DashMap", "DashSet"];
const LAZY: &str = "Lazy";

/// Whether a value of this type is left alone.
pub(super) fn is_locked<T: ?Sized>() -> bool {
    let name = type_name::<T>();
    name.len() > "Lazy<>".len() && names_lock(name)
}

fn names_lock(name: &str) -> bool {
    // All of them have parameters, and most types have none.
    if !name.as_bytes().contains(&b'<') {
        return false;
    }
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('<') {
        let word =
            before.rsplit(|byte: char| !(byte.is_alphanumeric() || byte == '_')).next().unwrap_or(before);
        if LOCKS.iter().any(|lock| word.ends_with(lock)) || word.starts_with(LAZY) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_locked;
    use std::cell::{LazyCell, RefCell};
    use std::collections::HashMap;
    use std::rc::Rc;
    use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard};

    struct Own<T>(std::marker::PhantomData<T>);
    enum MutexStatistics {}

    #[test]
    fn a_lock_shows_through_whatever_it_is_in() {
        assert!(is_locked::<Mutex<u8>>() && is_locked::<RwLock<String>>());
        assert!(is_locked::<&Option<Arc<Mutex<u8>>>>() && is_locked::<Box<Rc<RwLock<u8>>>>());
        assert!(is_locked::<[(u32, Mutex<u8>)]>() && is_locked::<HashMap<String, Vec<Arc<RwLock<u8>>>>>());
        assert!(is_locked::<Own<Mutex<u8>>>() && is_locked::<LazyLock<Vec<u8>>>());
        assert!(is_locked::<LazyCell<u8>>() && is_locked::<Result<u8, Mutex<u8>>>());
    }

    #[test]
    fn what_is_no_lock_or_locked_already_is_none() {
        assert!(!is_locked::<HashMap<String, Vec<Option<Own<u8>>>>>() && !is_locked::<MutexStatistics>());
        assert!(!is_locked::<Vec<MutexStatistics>>() && !is_locked::<MutexGuard<'_, u8>>());
        assert!(!is_locked::<RwLockReadGuard<'_, u8>>() && !is_locked::<RefCell<u8>>());
        assert!(!is_locked::<OnceLock<u8>>() && !is_locked::<str>());
    }
}
