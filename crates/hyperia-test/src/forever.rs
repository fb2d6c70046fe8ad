//! Values that live as long as the process, in the sight of leak checkers.
use std::sync::{Mutex, PoisonError};

/// Where the values are: what a static points at is no leak.
static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// Keeps `value` as long as the process lives, so that a future may borrow from it without an end.
///
/// `Box::leak` does the same and is what a leak checker reports; with this one, what it still reports
/// is a leak of the code under test. The value is never dropped: a test of a drop wants an `Rc`.
///
/// # Examples
/// ```
/// let word: &'static String = hyperia_test::forever("word".to_owned());
/// assert_eq!(word, "word");
/// ```
pub fn forever<T: 'static>(value: T) -> &'static T {
    let value = Box::leak(Box::new(value));
    let address = std::ptr::from_mut(value).expose_provenance();
    KEPT.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(address);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("it is never dropped");
        }
    }

    #[test]
    fn what_is_kept_is_not_dropped_and_does_not_move() {
        let first = forever([7_u8; 100]);
        let addresses: Vec<_> = (0..100)
            .map(|_| std::ptr::from_ref(forever(Loud)))
            .collect();
        assert_eq!(addresses.len(), 100);
        assert_eq!(first, &[7; 100]);
        let kept = KEPT.lock().unwrap();
        assert!(kept.contains(&std::ptr::from_ref(first).addr()));
    }
}
