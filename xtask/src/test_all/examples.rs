//! Programs of examples/: each runs on loopback, with a load that suits a check.
use super::Context;
use crate::process::{self, BUILD_DEADLINE};
use crate::report::Tally;
use std::process::Command;
use std::time::Duration;

/// For one program.
const DEADLINE: Duration = Duration::from_secs(120);

/// Programs that want arguments here, or whose output says whether they worked. One that is not
/// listed runs without arguments, and only its exit code counts.
const ROWS: &[Row] = &[
    Row {
        name: "event_loop",
        args: &[],
        says: &["1048576 bytes went to"],
    },
    Row {
        name: "tcp_server",
        args: &[],
        says: &["received 200000 lines", "memory   0 blocks"],
    },
    Row {
        name: "pooled_messages",
        args: &[],
        says: &[
            "received 200000 lines",
            " for 200000 messages, 64 of 64 back",
        ],
    },
    Row {
        name: "tcp_client",
        args: &["--messages", "1000000"],
        says: &[
            "received       1000000 messages",
            " agrees",
            " 0 unsent",
            " 0 unknown",
        ],
    },
];

struct Row {
    name: &'static str,
    args: &'static [&'static str],
    /// What standard output must contain.
    says: &'static [&'static str],
}

/// Builds all programs in release and runs each.
pub(super) fn examples(context: &Context<'_>, tally: &mut Tally<'_>) {
    let Some(package) = context
        .workspace
        .packages
        .iter()
        .find(|package| package.name == "hyperia-examples")
    else {
        return tally.fail("no package hyperia-examples");
    };
    if !context.arguments.wants_crate(&package.name) {
        return;
    }
    let names: Vec<_> = package.targets("example").collect();
    if names.is_empty() {
        return tally.no_cases("examples");
    }
    for row in ROWS {
        if !names.contains(&row.name) {
            tally.fail(format!(
                "xtask knows an example `{}` that does not exist",
                row.name
            ));
        }
    }
    let mut build =
        context
            .workspace
            .cargo(&["build", "--release", "--examples", "-p", &package.name]);
    let outcome = process::run(&mut build, BUILD_DEADLINE);
    if !outcome.is_success() {
        return tally.fail(outcome.explain("cargo build --examples"));
    }
    for name in names {
        let row = ROWS.iter().find(|row| row.name == name);
        let args = row.map_or(&[][..], |row| row.args);
        let mut command =
            Command::new(context.workspace.target.join("release/examples").join(name));
        let outcome = process::run_group(
            command.args(args).current_dir(&context.workspace.root),
            DEADLINE,
        );
        let missing = row
            .map_or(&[][..], |row| row.says)
            .iter()
            .find(|needle| !outcome.stdout.contains(**needle));
        let line = format!("{name} {}", args.join(" "));
        tally.say(format!(
            "{} ({:.1} s)",
            line.trim_end(),
            outcome.time.as_secs_f64()
        ));
        tally.check(match missing {
            _ if !outcome.is_success() => Err(outcome.explain(&format!("example {name}"))),
            Some(needle) => {
                Err(outcome.explain(&format!("example {name} does not say `{needle}`, but it")))
            }
            None => Ok(()),
        });
    }
}
