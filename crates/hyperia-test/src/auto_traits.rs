//! Which types may be sent, shared and moved after pinning, as a table.

/// Asserts for each type whether it is `Send`, `Sync` and `Unpin`: a row is `type: send sync unpin;`.
///
/// ```
/// use std::cell::Cell;
/// use std::marker::PhantomPinned;
/// use std::rc::Rc;
///
/// hyperia_test::auto_traits! {
///     // type:       Send  Sync  Unpin
///     u8:            true  true  true;
///     Cell<u8>:      true  false true;
///     Rc<u8>:        false false true;
///     PhantomPinned: true  true  false;
/// }
/// ```
///
/// # Panics
/// At the first row that is not so.
#[macro_export]
macro_rules! auto_traits {
    // Whether `$type: $trait`: an inherent constant hides the trait's where the bound holds.
    (@has $type:ty: $trait:ident) => {{
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(::std::marker::PhantomData<T>);
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        // The probe itself: the one has every one of them, the other none.
        const {
            assert!(<Probe<u8>>::HAS);
            assert!(!<Probe<(::std::rc::Rc<u8>, ::std::marker::PhantomPinned)>>::HAS);
        };
        <Probe<$type>>::HAS
    }};
    ($($type:ty: $send:literal $sync:literal $unpin:literal;)+) => {$(
        let found = (
            $crate::auto_traits!(@has $type: Send),
            $crate::auto_traits!(@has $type: Sync),
            $crate::auto_traits!(@has $type: Unpin),
        );
        assert_eq!(found, ($send, $sync, $unpin), "Send, Sync, Unpin of {}", stringify!($type));
    )+};
}
