//! The flags of a run's limits.

use clap::{Arg, ArgMatches, Args as ClapArgs, Command, FromArgMatches};
use tollgate::LimitKind;
use tollgate::limits::{Limits, Unit, format_value, parse_value};

/// What a limit's flag is for, and what holds without it.
pub(crate) fn help(kind: LimitKind, default: u64) -> String {
    format!("{} [default: {}]", kind.about(), format_value(kind.unit(), default))
}

/// One flag a limit, made from the table of limits.
#[derive(Debug, Default)]
pub(crate) struct LimitFlags(pub(crate) Vec<(LimitKind, u64)>);

impl FromArgMatches for LimitFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let set = |&kind: &LimitKind| Some((kind, *matches.get_one::<u64>(kind.name())?));
        self.0 = LimitKind::ALL.iter().filter_map(set).collect();
        Ok(())
    }
}

impl ClapArgs for LimitFlags {
    fn augment_args(command: Command) -> Command {
        let defaults = Limits::default();
        LimitKind::ALL.iter().fold(
            command.next_help_heading("Limits (the configuration may set others)"),
            |command, &kind| {
                let unit = kind.unit();
                let flag = kind.flag().trim_start_matches('-');
                command.arg(
                    Arg::new(kind.name())
                        .long(flag)
                        .value_name(match unit {
                            Unit::Count => "N",
                            Unit::Bytes => "SIZE",
                            Unit::Millis => "DURATION",
                        })
                        .value_parser(move |text: &str| parse_value(unit, text))
                        .help(help(kind, defaults.get(kind))),
                )
            },
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
