//! `cargo xtask bench`: criterion benches as a table, then the comparison with other crates, which
//! prints its own.
use crate::arguments::Arguments;
use crate::json;
use crate::workspace::{Package, Workspace};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::SystemTime;

/// Runs the command.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, String> {
    let arguments = Arguments::parse(arguments, &[], &["quick"], workspace)?;
    let start = SystemTime::now();
    let mut failed = Vec::new();
    for package in workspace.crates() {
        if arguments.wants_crate(&package.name) && package.targets("bench").next().is_some() {
            // Its output is the user's: progress, warnings, what a bench says about itself.
            let status = command(workspace, package, arguments.has_flag("quick")).status();
            if !status.is_ok_and(|status| status.success()) {
                failed.push(package.name.clone());
            }
        }
    }
    let mut rows = Vec::new();
    collect(&workspace.target.join("criterion"), start, &mut rows);
    rows.sort();
    print!("{}", table(&rows));
    println!("machine: {}", machine());
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn command(workspace: &Workspace, package: &Package, quick: bool) -> Command {
    let mut command = workspace.cargo(&["bench", "--benches", "-p", &package.name]);
    if package.features.iter().any(|feature| feature == "peers") {
        command.args(["--features", "peers"]);
    }
    if quick {
        command.args(["--", "--quick"]);
    }
    command
}

/// One line of the table: name, then nanoseconds: low, median, high.
type Row = (String, [u64; 3]);

/// Finds the results that criterion has written since `start`.
fn collect(folder: &Path, start: SystemTime, rows: &mut Vec<Row>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.ends_with("new") {
            let estimates = path.join("estimates.json");
            let is_new = estimates
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|modified| modified >= start);
            let read = |name: &str| std::fs::read_to_string(path.join(name)).ok();
            if is_new && let Some(row) = row(read("benchmark.json"), read("estimates.json")) {
                rows.push(row);
            }
        } else if path.is_dir() {
            collect(&path, start, rows);
        }
    }
}

fn row(benchmark: Option<String>, estimates: Option<String>) -> Option<Row> {
    let benchmark = json::parse(&benchmark?)?;
    let estimates = json::parse(&estimates?)?;
    let median = estimates.get("median");
    let bounds = median.get("confidence_interval");
    let picoseconds = |value: &json::Value| value.as_f64().map(|value| (value * 1000.0) as u64);
    let numbers = [
        picoseconds(bounds.get("lower_bound"))?,
        picoseconds(median.get("point_estimate"))?,
        picoseconds(bounds.get("upper_bound"))?,
    ];
    Some((benchmark.get("full_id").as_str()?.to_owned(), numbers))
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n{:<56} {:>12} {:>12} {:>12}\n",
        "bench (ns, 95 % interval)", "low", "median", "high"
    );
    for (name, numbers) in rows {
        let [low, median, high] = numbers.map(|number| number as f64 / 1000.0);
        text += &format!("{name:<56} {low:>12.1} {median:>12.1} {high:>12.1}\n");
    }
    text
}

/// Processor, cores, kernel and compiler: a number without them says little.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .unwrap_or(" unknown processor");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new("rustc")
        .arg("--version")
        .output()
        .map(|output| output.stdout);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, {cores} cores, Linux {}, {}",
        model.trim(),
        kernel.trim(),
        String::from_utf8_lossy(&rustc.unwrap_or_default()).trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_becomes_a_row() {
        let benchmark = r#"{"full_id":"queue/push"}"#.to_owned();
        let estimates = r#"{"median":{"confidence_interval":{"lower_bound":1.5,"upper_bound":2.5},
            "point_estimate":2.0}}"#;
        let row = row(Some(benchmark), Some(estimates.to_owned())).unwrap();
        assert_eq!(row, ("queue/push".to_owned(), [1500, 2000, 2500]));
        assert!(table(&[row]).contains("queue/push"));
    }
}
