//! Known kinds of bugs, put in one at a time in a copy of the workspace: a model, a schedule or a test of the crate must
//! notice. What `mutate` does to orderings, this does to what the code does.
use super::trial::{Trial, copy_of, words_of};
use crate::arguments::Arguments;
use crate::report::Tally;
use crate::workspace::Workspace;

/// A bug: the text `from`, which stands once in the file, becomes `to`.
struct Seed {
    kind: &'static str,
    package: &'static str,
    /// In the package's src.
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const SEEDS: &[Seed] = &[
    Seed {
        kind: "a value is published without an order (spsc)",
        package: "hyperia-queue",
        file: "spsc/producer.rs",
        from: "self.shared.tail.store(self.tail, Release);",
        to: "self.shared.tail.store(self.tail, Relaxed);",
    },
    Seed {
        kind: "full is found one too late (spsc)",
        package: "hyperia-queue",
        file: "spsc/producer.rs",
        from: "self.head.load(Acquire).wrapping_add(self.capacity)",
        to: "self.head.load(Acquire).wrapping_add(self.capacity + 1)",
    },
    Seed {
        kind: "full is found one too late (mpsc)",
        package: "hyperia-queue",
        file: "mpsc/ring.rs",
        from: "let limit = self.head.load(Acquire).wrapping_add(self.capacity);",
        to: "let limit = self.head.load(Acquire).wrapping_add(self.capacity + ONE);",
    },
    Seed {
        kind: "a value comes out twice (mpsc)",
        package: "hyperia-queue",
        file: "mpsc/ring.rs",
        from: "self.vacate(head.wrapping_add(ONE));",
        to: "self.vacate(head);",
    },
    Seed {
        kind: "a free list gives one block to two (mpsc)",
        package: "hyperia-queue",
        file: "mpsc/block.rs",
        from: "let block = place.swap(ptr::null_mut(), Acquire);",
        to: "let block = place.load(Acquire);\n            place.store(ptr::null_mut(), Relaxed);",
    },
    Seed {
        kind: "memory is used again while others look at it (unbounded mpmc)",
        package: "hyperia-queue",
        file: "mpmc/unbounded/pop.rs",
        from: "let strays = position::lookers(head) as usize - 1;",
        to: "let strays = 0 * position::lookers(head) as usize;",
    },
    Seed {
        kind: "a slot forgets its lap, so that an old claim fits again (mpmc)",
        package: "hyperia-queue",
        file: "mpmc.rs",
        from: "let value = unsafe { slot.vacate(self.next_lap(head)) };",
        to: "let value = unsafe { slot.vacate(head) };",
    },
    Seed {
        kind: "a waker is registered without an order",
        package: "hyperia-wait",
        file: "waker_cell.rs",
        from: ".compare_exchange(from, REGISTERING, Acquire, Acquire)",
        to: ".compare_exchange(from, REGISTERING, Relaxed, Relaxed)",
    },
    Seed {
        kind: "a wait that gives up swallows its notification",
        package: "hyperia-wait",
        file: "wait_queue/wait.rs",
        from: "if status == NOTIFIED_ONE {",
        to: "if false && status == NOTIFIED_ONE {",
    },
    Seed {
        kind: "an acquisition that gives up keeps its permit",
        package: "hyperia-sync",
        file: "semaphore/waiter.rs",
        from: "            semaphore.release(self.need);\n            return;",
        to: "            return;",
    },
    Seed {
        kind: "a wake-up is lost: look, then register, and do not look again (spsc, mpsc)",
        package: "hyperia-sync",
        file: "channel/alone.rs",
        from: "    }\n    match attempt(end) {",
        to: "    }\n    match Attempt::<R>::Wait {",
    },
    Seed {
        kind: "a wake-up is lost: look, then join, and do not look again (channels)",
        package: "hyperia-sync",
        file: "channel/line.rs",
        from: "let poll = match attempt() {",
        to: "let poll = match Attempt::<R>::Wait {",
    },
    Seed {
        kind: "a receiver sleeps on a value that is being sent (mpsc)",
        package: "hyperia-sync",
        file: "mpsc/receiver.rs",
        from: "        if self.is_empty() {\n            Attempt::Wait",
        to: "        if true {\n            Attempt::Wait",
    },
    Seed {
        kind: "a younger value overtakes an older one (spsc)",
        package: "hyperia-sync",
        file: "spsc/receiver.rs",
        from: "        match self.consumer.pop() {\n            Err(PopError::Empty) => {}\n            popped => return popped,\n        }\n",
        to: "",
    },
    Seed {
        kind: "a value is dropped with its future and received (spsc)",
        package: "hyperia-sync",
        file: "channel/mailbox.rs",
        from: "            .compare_exchange(word, with_state(word, EMPTY), Relaxed, Acquire)\n            .ok()?;",
        to: "            .swap(with_state(word, EMPTY), Relaxed);",
    },
];

/// Puts in those of the crates that were asked for.
pub(super) fn seeds(workspace: &Workspace, arguments: &Arguments, tally: &mut Tally<'_>) {
    let copy = match copy_of(workspace) {
        Ok(copy) => copy,
        Err(why) => return tally.fail(why),
    };
    let (mut caught, mut all) = (0, 0);
    for seed in SEEDS {
        if !arguments.wants_crate(seed.package) {
            continue;
        }
        let Some(package) = workspace.crates().find(|one| one.name == seed.package) else {
            tally.fail(format!("no package {}", seed.package));
            continue;
        };
        all += 1;
        let path = copy
            .root
            .join("crates")
            .join(seed.package)
            .join("src")
            .join(seed.file);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                tally.fail(format!("{}: {error}", path.display()));
                continue;
            }
        };
        if text.matches(seed.from).count() != 1 {
            let Seed { from, file, .. } = seed;
            tally.fail(format!("`{from}` does not stand once in {file}"));
            continue;
        }
        let caught_by = std::fs::write(&path, text.replace(seed.from, seed.to))
            .map_err(|error| error.to_string())
            .and_then(|()| Trial::build(&copy, package))
            .map(|trial| trial.first_failure(&words_of(seed.file), &[]));
        if let Err(error) = std::fs::write(&path, text) {
            return tally.fail(format!("cannot restore {}: {error}", path.display()));
        }
        match caught_by {
            Ok(Some(by)) => {
                caught += 1;
                tally.pass(1);
                tally.say(format!("caught   {} (by {by})", seed.kind));
            }
            Ok(None) => tally.fail(format!("not caught: {}", seed.kind)),
            Err(why) => tally.fail(format!("not built: {}: {why}", seed.kind)),
        }
    }
    tally.say(format!("caught {caught} of {all}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_fits_its_file() {
        let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");
        for seed in SEEDS {
            let path = format!("{crates}/{}/src/{}", seed.package, seed.file);
            let text = std::fs::read_to_string(&path).expect(&path);
            assert_eq!(text.matches(seed.from).count(), 1, "{}", seed.kind);
            assert_ne!(seed.from, seed.to);
        }
    }
}
