//! The help of the whole program: its commands in groups, by what people want to do. clap lists them in one row.

use crate::args::Args;
use clap::builder::styling::Style;
use clap::{Command, CommandFactory as _, FromArgMatches as _};
use std::fmt::Write as _;

/// Every command once, as the README and the reference have them too.
pub(crate) const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["demo", "run", "exec", "call", "ask"]),
    ("Connect servers", &["servers", "tools", "add", "import", "login", "logout", "approve", "secrets"]),
    ("Serve agents", &["serve", "status", "cache"]),
    ("Write policies and adapters", &["new", "build", "check", "bindings", "lock"]),
    ("Operate", &["config", "trust", "state", "interpreters", "completions"]),
];

/// Reads the command line. Ends the process where it asks for help or is wrong.
pub(crate) fn parse() -> Args {
    let matches = command().get_matches();
    Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The program, with its own help.
pub(crate) fn command() -> Command {
    let command = Args::command();
    let groups = groups(&command);
    let heading = heading("Global options:");
    command
        .help_template(format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n{heading}\n{{options}}"))
}

fn heading(text: &str) -> String {
    let style = Style::new().bold().underline();
    format!("{style}{text}{style:#}")
}

fn groups(command: &Command) -> String {
    let name = Style::new().bold();
    let mut out = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(out, "\n{}", heading(&format!("{title}:")));
        for &it in names {
            let about = command.find_subcommand(it).and_then(Command::get_about).map(ToString::to_string);
            let _ = writeln!(out, "  {name}{it:12}{name:#}  {}", about.unwrap_or_default());
        }
    }
    let _ = write!(out, "\nHelp on one of them: tollgate {name}COMMAND{name:#} --help\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = Args::command();
        let mut known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        known.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(known, grouped);
    }
}
