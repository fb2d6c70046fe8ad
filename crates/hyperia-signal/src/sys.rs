//! `sigaction(2)`, `eventfd(2)`: the handler and the table that it writes to.
//!
//! This is the one global of the workspace: a process has one table of signal handlers, so there can be
//! only one of ours. It holds a count and the previous handler per signal, and one eventfd that every
//! waiting instance has a duplicate of.
//!
//! # What happens in the handler
//! One atomic addition, one `write` to the eventfd, and the previous handler. `errno` is put back. All of
//! it is async-signal-safe, as far as the previous handler is.
//!
//! # Invariants
//! 1. `bell` is set before the first handler is installed, and never closed.
//! 2. For every signal with users our handler was installed, or is called by one that was put over it.
//! 3. `places` changes under the lock only, and no handler looks at it.
use crate::board::Entry;
use crate::primitive::{TableLock, TableOnce};
use crate::signal::{NUMBER_MAX, Signal};
use core::mem::MaybeUninit;
use core::ptr;
use libc::{c_int, c_void, sigaction, siginfo_t};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::PoisonError;

/// Index 0 is unused: signals begin at 1.
const PLACES: usize = NUMBER_MAX + 1;

struct Table {
    entries: [Entry<sigaction>; PLACES],
    /// Set before the first handler is installed.
    bell: TableOnce<OwnedFd>,
    places: TableLock<[Place; PLACES]>,
}

/// What the table's lock protects, per signal.
struct Place {
    /// How many instances wait for it.
    users: usize,
    /// When the last user went, somebody else's handler had been put over ours, and may call it. To put
    /// ours over that one again, and chain to it, could make the two call each other without end.
    buried: bool,
    /// Every previous action that was ever noted: handlers may be reading them, so they stay.
    noted: Vec<&'static sigaction>,
}

impl Place {
    const fn new() -> Self {
        Self {
            users: 0,
            buried: false,
            noted: Vec::new(),
        }
    }
}

#[cfg(not(hyperia_loom))]
fn table() -> &'static Table {
    static TABLE: Table = Table {
        entries: [const { Entry::new() }; PLACES],
        bell: TableOnce::new(),
        places: TableLock::new([const { Place::new() }; PLACES]),
    };
    &TABLE
}
// The model checker's atomics cannot stand in a static; nothing is modelled that comes through here.
#[cfg(hyperia_loom)]
fn table() -> &'static Table {
    static TABLE: TableOnce<Table> = TableOnce::new();
    TABLE.get_or_init(|| Table {
        entries: core::array::from_fn(|_| Entry::new()),
        bell: TableOnce::new(),
        places: TableLock::new([const { Place::new() }; PLACES]),
    })
}

/// How often a signal came so far.
pub(crate) fn count(signal: Signal) -> usize {
    table().entries[signal.index()].count()
}

/// A duplicate of the eventfd that is written to whenever a signal comes. It is never read: every write is
/// an edge of its own.
pub(crate) fn bell() -> io::Result<OwnedFd> {
    let table = table();
    if let Some(bell) = table.bell.get() {
        return bell.try_clone();
    }
    // SAFETY: no pointers are involved.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: the kernel has just returned this descriptor, so nobody else owns it.
    let bell = unsafe { OwnedFd::from_raw_fd(fd) };
    // If another thread was first, ours is closed again.
    table.bell.get_or_init(|| bell).try_clone()
}

/// Takes part in a signal; the first to do so installs the handler.
pub(crate) fn install(signal: Signal) -> io::Result<()> {
    let table = table();
    debug_assert!(table.bell.get().is_some(), "invariant 1");
    let mut places = table.places.lock().unwrap_or_else(PoisonError::into_inner);
    let place = &mut places[signal.index()];
    if place.users == 0 {
        let entry = &table.entries[signal.index()];
        // First what is there, so that a signal that comes right after the exchange finds it chained.
        let there = action(signal, None)?;
        if !place.buried || is_ours(&there) || !is_function(&there) {
            chain(entry, place, &there);
            let mut ours = there;
            ours.sa_sigaction = handle as *const () as usize;
            ours.sa_flags = libc::SA_SIGINFO
                | libc::SA_RESTART
                | libc::SA_ONSTACK
                | (there.sa_flags & (libc::SA_NOCLDSTOP | libc::SA_NOCLDWAIT));
            // Should somebody have come in between, theirs is the one that counts.
            chain(entry, place, &action(signal, Some(&ours))?);
            place.buried = false;
        }
    }
    place.users += 1;
    Ok(())
}

/// Ends what [`install`] began; the last one puts the previous action back, unless somebody has put
/// another handler over ours, which may call ours: then it stays, and goes on counting and chaining.
pub(crate) fn uninstall(signal: Signal) {
    let table = table();
    let mut places = table.places.lock().unwrap_or_else(PoisonError::into_inner);
    let place = &mut places[signal.index()];
    place.users -= 1;
    if place.users > 0 {
        return;
    }
    // Neither of the two calls fails for a signal and an action that were accepted before, and there is
    // nobody to tell.
    let Ok(there) = action(signal, None) else {
        return;
    };
    place.buried = !is_ours(&there);
    if let Some(previous) = table.entries[signal.index()].previous()
        && !place.buried
    {
        let restored = action(signal, Some(previous));
        debug_assert!(restored.is_ok(), "the previous action was valid");
    }
}

/// Notes `there` as what is called after our handler. One that was noted before is not stored twice, so
/// memory grows with the number of different handlers, not with calls.
fn chain(entry: &Entry<sigaction>, place: &mut Place, there: &sigaction) {
    if is_ours(there) {
        return;
    }
    let known = place.noted.iter().find(|noted| same(noted, there));
    let noted = match known {
        Some(noted) => noted,
        None => {
            let noted: &'static sigaction = Box::leak(Box::new(*there));
            place.noted.push(noted);
            noted
        }
    };
    entry.chain(noted);
}

fn is_ours(action: &sigaction) -> bool {
    action.sa_sigaction == handle as *const () as usize
}

/// Whether there is something to call.
fn is_function(action: &sigaction) -> bool {
    action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN
}

fn same(a: &sigaction, b: &sigaction) -> bool {
    let blocks = |action: &sigaction, number| {
        // SAFETY: the mask is a valid set, filled in by the kernel.
        unsafe { libc::sigismember(&raw const action.sa_mask, number) }
    };
    a.sa_sigaction == b.sa_sigaction
        && a.sa_flags == b.sa_flags
        && (1..=NUMBER_MAX as c_int).all(|number| blocks(a, number) == blocks(b, number))
}

/// Sets a signal's action, or only asks for it; returns the one that was there.
fn action(signal: Signal, new: Option<&sigaction>) -> io::Result<sigaction> {
    let mut old = MaybeUninit::uninit();
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `new` is null or an action whose handler is ours, which may run at any time, or the one that
    // the process had before us; `old` has room for an action.
    check(unsafe { sigaction(signal.as_raw(), new, old.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it is filled in.
    Ok(unsafe { old.assume_init() })
}

/// The handler. Nothing here may lock, allocate or panic.
extern "C" fn handle(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let table = table();
    let Some(entry) = table.entries.get(Signal::from_raw(number).index()) else {
        return;
    };
    entry.raise();
    if let Some(bell) = table.bell.get() {
        let amount = 1_u64;
        // SAFETY: always valid: the address of this thread's `errno`.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: as above.
        let saved = unsafe { *errno };
        // It can fail only when 2^64 signals have come; the count says it all the same.
        // SAFETY: `amount` is eight readable bytes, and the descriptor is never closed (invariant 1).
        unsafe { libc::write(bell.as_raw_fd(), (&raw const amount).cast(), 8) };
        // SAFETY: as above.
        unsafe { *errno = saved };
    }
    if let Some(previous) = entry.previous() {
        call(previous, number, info, context);
    }
}

/// Calls a handler that was there before ours, in the shape that it was installed with.
fn call(previous: &sigaction, number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    if !is_function(previous) {
        return;
    }
    let address = previous.sa_sigaction;
    if previous.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: the process had installed this address as a handler of three arguments.
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
            unsafe { core::mem::transmute(address) };
        handler(number, info, context);
    } else {
        // SAFETY: the process had installed this address as a handler of one argument.
        let handler: extern "C" fn(c_int) = unsafe { core::mem::transmute(address) };
        handler(number);
    }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
