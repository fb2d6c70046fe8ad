//! Arguments of the commands: step names, flags, numbers and `-p CRATE`.
use crate::workspace::Workspace;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// In the order given; empty means all.
    pub(crate) steps: Vec<String>,
    /// Without the dashes.
    pub(crate) flags: Vec<String>,
    /// Without the dashes, each with what stood behind it.
    pub(crate) numbers: Vec<(String, u64)>,
    /// Empty means all.
    pub(crate) crates: Vec<String>,
}

impl Arguments {
    /// Reads `arguments`; an error names what is allowed. Of `flags`, `"seconds N"` takes a number.
    pub(crate) fn parse(
        arguments: &[String],
        steps: &[&str],
        flags: &[&str],
        workspace: &Workspace,
    ) -> Result<Self, String> {
        let packages: Vec<_> = workspace
            .packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        Self::parse_with(arguments, steps, flags, &packages)
    }

    fn parse_with(
        arguments: &[String],
        steps: &[&str],
        flags: &[&str],
        packages: &[&str],
    ) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            if argument == "-p" || argument == "--package" {
                let name = rest.next().ok_or_else(|| {
                    format!("{argument} needs a crate; allowed: {}", packages.join(", "))
                })?;
                if !packages.contains(&name) {
                    let allowed = packages.join(", ");
                    return Err(format!("no crate `{name}`; allowed: {allowed}"));
                }
                parsed.crates.push(name.to_owned());
            } else if let Some(flag) = argument.strip_prefix("--")
                && flags.contains(&flag)
            {
                parsed.flags.push(flag.to_owned());
            } else if let Some(name) = argument.strip_prefix("--")
                && flags.contains(&format!("{name} N").as_str())
            {
                let number = rest.next().and_then(|number| number.parse().ok());
                let number = number.ok_or_else(|| format!("{argument} needs a number"))?;
                parsed.numbers.push((name.to_owned(), number));
            } else if steps.contains(&argument) {
                parsed.steps.push(argument.to_owned());
            } else {
                let flags = flags.iter().map(|flag| format!("--{flag}"));
                let allowed = steps.iter().map(|step| (*step).to_owned()).chain(flags);
                let allowed: Vec<_> = allowed.chain(["-p CRATE".to_owned()]).collect();
                return Err(format!(
                    "cannot use `{argument}`; allowed: {}",
                    allowed.join(", ")
                ));
            }
        }
        Ok(parsed)
    }

    /// Whether `step` is to run.
    pub(crate) fn wants_step(&self, step: &str) -> bool {
        self.steps.is_empty() || self.steps.iter().any(|name| name == step)
    }

    /// Whether the package `name` is meant.
    pub(crate) fn wants_crate(&self, name: &str) -> bool {
        self.crates.is_empty() || self.crates.iter().any(|wanted| wanted == name)
    }

    pub(crate) fn has_flag(&self, flag: &str) -> bool {
        self.flags.iter().any(|name| name == flag)
    }

    /// What stood behind the flag `name`, the last time.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let mut numbers = self.numbers.iter().rev();
        numbers.find_map(|(flag, number)| (flag == name).then_some(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        let arguments: Vec<_> = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        let flags = ["quick", "seconds N"];
        Arguments::parse_with(&arguments, &["loom", "docs"], &flags, &["hyperia-wait"])
    }

    #[test]
    fn steps_flags_and_crates_are_told_apart() {
        let parsed = parse(&["loom", "--quick", "-p", "hyperia-wait"]).unwrap();
        assert!(parsed.wants_step("loom") && !parsed.wants_step("docs"));
        assert!(parsed.has_flag("quick"));
        assert!(parsed.wants_crate("hyperia-wait") && !parsed.wants_crate("xtask"));
        let all = parse(&[]).unwrap();
        assert!(all.wants_step("docs") && all.wants_crate("xtask") && !all.has_flag("quick"));
    }

    #[test]
    fn a_number_stands_behind_its_flag() {
        let parsed = parse(&["--seconds", "5", "docs", "--seconds", "7"]).unwrap();
        assert_eq!(
            (parsed.number("seconds"), parsed.number("rounds")),
            (Some(7), None)
        );
        assert!(parsed.wants_step("docs") && parsed.flags.is_empty());
        for wrong in [&["--seconds"][..], &["--seconds", "x"]] {
            assert_eq!(parse(wrong).unwrap_err(), "--seconds needs a number");
        }
    }

    #[test]
    fn an_error_names_what_is_allowed() {
        let error = parse(&["lom"]).unwrap_err();
        assert_eq!(
            error,
            "cannot use `lom`; allowed: loom, docs, --quick, --seconds N, -p CRATE"
        );
        assert_eq!(
            parse(&["-p", "x"]).unwrap_err(),
            "no crate `x`; allowed: hyperia-wait"
        );
        assert_eq!(
            parse(&["-p"]).unwrap_err(),
            "-p needs a crate; allowed: hyperia-wait"
        );
    }
}
