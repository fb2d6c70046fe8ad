//! The child and the one who steps it.
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Runs before the count: what is done once (a thread's number, a first use) is done then.
const WARM_UP: usize = 4;
/// More steps than any operation needs: it waits for somebody who is not there.
const STEPS_MAX: u64 = 1_000_000;
/// The exit status of a child whose operation panicked.
const PANICKED: i32 = 3;

pub(super) fn count(operation: &dyn Fn()) -> Result<u64, String> {
    let with = steps(operation)?;
    let without = steps(&|| ())?;
    Ok(with - without)
}

/// The locked instructions between two stops of a child, `operation` being between them.
fn steps(operation: &dyn Fn()) -> Result<u64, String> {
    // SAFETY: the child runs the operation and ends by `_exit`, and never returns from `child`.
    match unsafe { libc::fork() } {
        -1 => Err(format!("fork: {}", io::Error::last_os_error())),
        0 => child(operation),
        pid => {
            let counted = follow(pid);
            // SAFETY: the child is this process's own, and not waited for yet.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            // It may have ended already.
            let _ = wait(pid);
            counted
        }
    }
}

fn child(operation: &dyn Fn()) -> ! {
    // SAFETY: asks to be traced by the parent; no memory is touched.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, ptr::null_mut::<u8>(), 0) };
    let run = || {
        for _ in 0..WARM_UP {
            operation();
        }
        stop();
        operation();
        stop();
    };
    let status = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => 0,
        Err(_) => PANICKED,
    };
    // SAFETY: ends the child at once, running nothing of the parent's.
    unsafe { libc::_exit(status) }
}

#[inline(never)]
fn stop() {
    // SAFETY: stops this process until its parent lets it go on.
    unsafe { libc::raise(libc::SIGSTOP) };
}

fn follow(pid: libc::pid_t) -> Result<u64, String> {
    until_stopped(pid)?;
    let (mut locked, mut steps) = (0, 0);
    loop {
        if is_locked(instruction(pid)?) {
            locked += 1;
        }
        request(libc::PTRACE_SINGLESTEP, pid)?;
        let status = wait(pid)?;
        if libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGSTOP {
            return Ok(locked);
        }
        assert!(
            libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGTRAP,
            "the operation did not come to its end: status {status:#x}"
        );
        steps += 1;
        assert!(steps < STEPS_MAX, "the operation does not end");
    }
}

fn until_stopped(pid: libc::pid_t) -> Result<(), String> {
    let status = wait(pid)?;
    if libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGSTOP {
        return Ok(());
    }
    let has_panicked = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == PANICKED;
    assert!(!has_panicked, "the operation panicked");
    Err(format!("the child cannot be traced: status {status:#x}"))
}

fn wait(pid: libc::pid_t) -> Result<libc::c_int, String> {
    let mut status = 0;
    // SAFETY: `status` is writable for the whole call.
    match unsafe { libc::waitpid(pid, &raw mut status, 0) } {
        -1 => Err(format!("waitpid: {}", io::Error::last_os_error())),
        _ => Ok(status),
    }
}

fn request(request: libc::c_uint, pid: libc::pid_t) -> Result<(), String> {
    // SAFETY: a request about the child, without addresses of this process.
    match unsafe { libc::ptrace(request, pid, ptr::null_mut::<u8>(), 0) } {
        -1 => Err(format!("ptrace: {}", io::Error::last_os_error())),
        _ => Ok(()),
    }
}

/// The first eight bytes of the instruction that comes next.
fn instruction(pid: libc::pid_t) -> Result<[u8; 8], String> {
    // SAFETY: all-zero bytes are registers.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: `registers` is writable and of the type that this request fills.
    let result = unsafe {
        libc::ptrace(
            libc::PTRACE_GETREGS,
            pid,
            ptr::null_mut::<u8>(),
            &raw mut registers,
        )
    };
    if result == -1 {
        return Err(format!("ptrace: {}", io::Error::last_os_error()));
    }
    let at = ptr::without_provenance_mut::<u8>(registers.rip as usize);
    // SAFETY: an address of the child, which is not looked at in this process. Minus one is a word like others.
    let word = unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, pid, at, 0) };
    Ok(word.to_ne_bytes())
}

/// A lock prefix, or an exchange with memory, which needs none.
fn is_locked(bytes: [u8; 8]) -> bool {
    let mut rest = bytes.into_iter().skip_while(|byte| {
        matches!(
            byte,
            0x66 | 0x67 | 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf2 | 0xf3
        )
    });
    let mut next = rest.next();
    if next == Some(0xf0) {
        return true;
    }
    // REX.
    if matches!(next, Some(0x40..=0x4f)) {
        next = rest.next();
    }
    let is_exchange = matches!(next, Some(0x86 | 0x87));
    is_exchange && rest.next().is_some_and(|operands| operands >> 6 != 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_instructions_show_by_their_bytes() {
        let padded = |bytes: &[u8]| {
            let mut all = [0x90; 8];
            all[..bytes.len()].copy_from_slice(bytes);
            all
        };
        for (bytes, locked) in [
            (&[0xf0, 0x48, 0x0f, 0xb1, 0x0a][..], true), // lock cmpxchg [rdx], rcx
            (&[0x66, 0xf0, 0x0f, 0xc1, 0x02], true),     // lock xadd [rdx], ax
            (&[0x3e, 0xf0, 0xff, 0x02], true),           // ds lock inc [rdx]
            (&[0x48, 0x87, 0x02], true),                 // xchg [rdx], rax
            (&[0x87, 0x42, 0x08], true),                 // xchg [rdx + 8], eax
            (&[0x48, 0x87, 0xd0], false),                // xchg rax, rdx
            (&[0x48, 0x89, 0x02], false),                // mov [rdx], rax
            (&[0x48, 0xf0], false),                      // no instruction: a prefix after REX
        ] {
            assert_eq!(is_locked(padded(bytes)), locked, "{bytes:x?}");
        }
    }
}
