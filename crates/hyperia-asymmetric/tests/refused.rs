//! A system that refuses the heavy fence: from the start, or when threads rely on it already. Each in a child
//! process with a filter of its own; this one never asks for a seat, so the children are the first to do so.
#![cfg(all(target_os = "linux", not(hyperia_loom)))]

use std::mem::offset_of;

use hyperia_asymmetric::{fence_heavy, seat};

/// From here on `membarrier` fails in this process, with an error as from a kernel that does not have it.
fn refuse_membarrier() {
    let statement = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let number = offset_of!(libc::seccomp_data, nr) as u32;
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, number),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            libc::SYS_membarrier as u32,
        ),
        statement(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the first takes numbers, the second a program that is alive for the call, which copies it.
    let results = unsafe {
        [
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ),
        ]
    };
    assert_eq!(results, [0, 0], "no filter can be installed");
}

/// How a child process ends that runs `f`: its status if it came to an end, or the signal.
fn child(f: fn()) -> Result<i32, i32> {
    // SAFETY: the child runs `f`, which needs no other thread, and ends by `_exit` or a signal.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork failed");
    if pid == 0 {
        let ended = std::panic::catch_unwind(f);
        // SAFETY: ends the child at once, running nothing of the parent's.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable, and the child is this process's.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if libc::WIFEXITED(status) {
        Ok(libc::WEXITSTATUS(status))
    } else {
        Err(libc::WTERMSIG(status))
    }
}

#[test]
fn where_it_is_refused_from_the_start_nobody_has_a_seat() {
    let ended = child(|| {
        refuse_membarrier();
        assert_eq!(seat(), None);
        fence_heavy();
        assert_eq!(seat(), None, "and nobody gets one");
    });
    assert_eq!(ended, Ok(0));
}

#[test]
fn where_it_is_refused_after_a_thread_has_a_seat_the_process_aborts() {
    let ended = child(|| {
        if seat().is_none() {
            // This system refuses it by itself: nothing to show.
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(7) };
        }
        refuse_membarrier();
        fence_heavy();
    });
    match ended {
        Ok(7) => println!("skipped: the system has no membarrier(2)"),
        ended => assert_eq!(ended, Err(libc::SIGABRT)),
    }
}
