//! All automation of the workspace: `cargo xtask help`.
mod arguments;
mod bench;
mod json;
mod process;
mod report;
mod sanitizer;
mod suite;
mod test_all;
mod tidy;
mod verify;
mod workspace;

use std::process::ExitCode;
use workspace::Workspace;

const HELP: &str = "\
cargo xtask COMMAND

  test-all [STEP...] [-p CRATE...]   everything that must pass; without steps, all of them:
                                     STEPS
  tidy                               rules that no compiler checks (seconds)
  bench [--quick] [-p CRATE...]      criterion benches and the comparison with other crates
  verify [STEP...] [-p CRATE...]     the long checks; without steps, all of them:
                                     LONG
                                     (sanitize: the steps of the sanitizers, asan and tsan;
                                     fuzz [TARGET...] [--seconds N]: all targets, 60 s each)
  help                               this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}\n\n{}", help());
            ExitCode::from(2)
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode, String> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err("no command; allowed: test-all, tidy, bench, verify, help".into());
    };
    match command.as_str() {
        "test-all" => test_all::run(&Workspace::load()?, rest),
        "tidy" => tidy::run(&Workspace::load()?, rest),
        "bench" => bench::run(&Workspace::load()?, rest),
        "verify" => verify::run(&Workspace::load()?, rest),
        "help" | "--help" | "-h" => {
            print!("{}", help());
            Ok(ExitCode::SUCCESS)
        }
        other => Err(format!(
            "no command `{other}`; allowed: test-all, tidy, bench, verify, help"
        )),
    }
}

fn help() -> String {
    HELP.replace("STEPS", &test_all::names().join(" "))
        .replace("LONG", &verify::names().join(" "))
}
