//! Contenders that do the same work, in turns.
use crate::Sample;
use std::fmt::Write;

/// How much to measure, by the command line: `cargo bench` passes `--bench`, and `--quick` where it
/// is asked for; without either everything runs once, as a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    rounds: usize,
    /// Divides the operations of a sample.
    share: u64,
}

impl Load {
    /// Reads the arguments of this process.
    pub fn from_args() -> Self {
        Self::from(std::env::args().skip(1))
    }

    /// Whether this is a check that everything works, and its figures mean nothing.
    pub fn is_check(self) -> bool {
        self.rounds == 1
    }

    /// How many rounds count.
    pub fn rounds(self) -> usize {
        self.rounds
    }

    /// How many operations a sample has which in full has `full`; ten at least.
    pub fn operations(self, full: u64) -> u64 {
        (full / self.share).max(10)
    }

    fn from(args: impl Iterator<Item = String>) -> Self {
        let args: Vec<_> = args.collect();
        let has = |flag: &str| args.iter().any(|arg| arg == flag);
        match (has("--bench"), has("--quick")) {
            (true, false) => Self {
                rounds: 21,
                share: 1,
            },
            (true, true) => Self {
                rounds: 5,
                share: 4,
            },
            (false, _) => Self {
                rounds: 1,
                share: 1_000,
            },
        }
    }
}

/// Does `operations` operations, checks that they were done, and says what they took.
type Run<'a> = Box<dyn FnMut(u64) -> Sample + 'a>;

/// One table.
///
/// # Examples
/// ```
/// use hyperia_bench::{Comparison, Load, measure};
///
/// let table = Comparison::new("adding", "addition", 1_000)
///     .checked("the sum")
///     .not_shown("anything else")
///     .contender("plus", |n| measure(|| assert_eq!((0..n).sum::<u64>(), n * (n - 1) / 2)))
///     .run(Load::from_args());
/// assert!(table.contains("plus"));
/// ```
#[must_use = "nothing is measured until `run`"]
pub struct Comparison<'a> {
    title: String,
    unit: &'static str,
    operations: u64,
    checked: &'static str,
    not_shown: &'static str,
    contenders: Vec<(String, Run<'a>)>,
}

impl<'a> Comparison<'a> {
    /// A comparison of `operations` operations a sample; `unit` is the name of one.
    pub fn new(title: impl Into<String>, unit: &'static str, operations: u64) -> Self {
        let contenders = Vec::new();
        Self {
            title: title.into(),
            unit,
            operations,
            checked: "",
            not_shown: "",
            contenders,
        }
    }

    /// What each sample asserts about its results.
    pub fn checked(mut self, what: &'static str) -> Self {
        self.checked = what;
        self
    }

    /// What a reader must not conclude.
    pub fn not_shown(mut self, what: &'static str) -> Self {
        self.not_shown = what;
        self
    }

    /// Adds a contender; the first one is what the others' ratio refers to.
    pub fn contender(
        mut self,
        name: impl Into<String>,
        run: impl FnMut(u64) -> Sample + 'a,
    ) -> Self {
        self.contenders.push((name.into(), Box::new(run)));
        self
    }

    /// Measures: a round to warm up, then in every round each contender once, the order rotating.
    pub fn run(mut self, load: Load) -> String {
        let operations = load.operations(self.operations);
        let count = self.contenders.len();
        let mut samples = vec![Vec::new(); count];
        for round in 0..=load.rounds {
            for turn in 0..count {
                let index = (round + turn) % count;
                let (name, run) = &mut self.contenders[index];
                let named = NameOnPanic(&self.title, name);
                let sample = run(operations);
                drop(named);
                if round > 0 {
                    samples[index].push(sample);
                }
            }
        }
        let names = self.contenders.iter().map(|(name, _)| name.as_str());
        let rows: Vec<_> = names.zip(samples).collect();
        let unit = self.unit;
        let mut text = format!(
            "\n{} (ns per {unit}; {} rounds of {operations}, interleaved)\n",
            self.title, load.rounds
        );
        text += &render(&rows, operations);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  checked in every sample: {}", self.checked);
        let _ = writeln!(text, "  does not show: {}", self.not_shown);
        print!("{text}");
        text
    }
}

impl std::fmt::Debug for Comparison<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Comparison")
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}

fn render(rows: &[(&str, Vec<Sample>)], operations: u64) -> String {
    let mut text = format!(
        "{:<56} {:>9} {:>9} {:>9} {:>7} {:>9} {:>7}\n",
        "", "median", "low", "high", "ratio", "cpu", "ratio"
    );
    let mut first = None;
    for (name, samples) in rows {
        let each = |time: fn(&Sample) -> std::time::Duration| {
            let mut all: Vec<_> = samples
                .iter()
                .map(|sample| time(sample).as_nanos() as f64 / operations as f64)
                .collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let (wall, cpu) = (each(|sample| sample.wall), each(|sample| sample.cpu));
        let middle = wall.len() / 2;
        let (low, high) = (wall[0], wall[wall.len() - 1]);
        let (wall, cpu) = (wall[middle], cpu[middle]);
        let (first_wall, first_cpu) = *first.get_or_insert((wall, cpu));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{name:<56} {wall:>9.1} {low:>9.1} {high:>9.1} {:>7.2} {cpu:>9.1} {:>7.2}",
            wall / first_wall,
            cpu / first_cpu
        );
    }
    text
}

/// Says whose check has failed.
struct NameOnPanic<'a>(&'a str, &'a str);

impl Drop for NameOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in {:?}, contender {:?}", self.0, self.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::time::Duration;

    fn sample(wall: u64) -> Sample {
        Sample {
            wall: Duration::from_nanos(wall),
            cpu: Duration::from_nanos(2 * wall),
        }
    }

    #[test]
    fn a_row_has_median_bounds_cpu_and_ratio() {
        let rows = [
            ("ours", vec![sample(100), sample(300), sample(200)]),
            ("theirs", vec![sample(400), sample(400), sample(400)]),
        ];
        let text = render(&rows, 10);
        let numbers: Vec<Vec<&str>> = text
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            numbers[0],
            ["ours", "20.0", "10.0", "30.0", "1.00", "40.0", "1.00"]
        );
        assert_eq!(
            numbers[1],
            ["theirs", "40.0", "40.0", "40.0", "2.00", "80.0", "2.00"]
        );
    }

    #[test]
    fn contenders_take_turns_and_the_order_rotates() {
        let order = RefCell::new(String::new());
        let run = |name: char| {
            let order = &order;
            move |_| {
                order.borrow_mut().push(name);
                sample(1)
            }
        };
        let comparison = Comparison::new("t", "x", 10)
            .contender("a", run('a'))
            .contender("b", run('b'));
        comparison.run(Load {
            rounds: 3,
            share: 1,
        });
        assert_eq!(order.into_inner(), "abbaabba");
    }

    #[test]
    fn the_load_is_chosen_by_the_command_line() {
        let load = |args: &[&str]| Load::from(args.iter().map(|&arg| arg.to_owned()));
        assert_eq!(load(&[]).rounds, 1);
        assert!(load(&[]).is_check() && !load(&["--bench", "--quick"]).is_check());
        assert_eq!(load(&["--bench"]).operations(1_000), 1_000);
        assert_eq!(load(&[]).operations(1_000), 10);
        assert!(load(&["--bench", "--quick"]).rounds < load(&["--bench"]).rounds);
    }
}
