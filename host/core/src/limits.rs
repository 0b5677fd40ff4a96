//! The ceilings of one run. Each has a default, a flag, a configuration key, and an error that names all
//! three: [`LimitKind`] is the one table that the command line, the configuration and the errors read.

use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A unit that a limit is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain count.
    Count,
    /// Bytes, written as `64MiB`.
    Bytes,
    /// Milliseconds, written as `30s`.
    Millis,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $kind:ident $field:ident $key:literal $flag:literal $unit:ident $default:expr, $about:literal;)*) => {
        /// Which limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum LimitKind { $($(#[$doc])* $kind,)* }

        impl LimitKind {
            /// Every limit, in the order of the documentation.
            pub const ALL: &[LimitKind] = &[$(LimitKind::$kind,)*];

            /// The limit's name, which is also its key under `limits`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $key,)* }
            }

            /// The command-line flag that sets it.
            pub fn flag(self) -> &'static str {
                match self { $(Self::$kind => $flag,)* }
            }

            /// What it bounds, in a few words.
            pub fn about(self) -> &'static str {
                match self { $(Self::$kind => $about,)* }
            }

            /// Its unit.
            pub fn unit(self) -> Unit {
                match self { $(Self::$kind => Unit::$unit,)* }
            }
        }

        /// The ceilings of one run, each in the unit of its [`LimitKind`].
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits { $($(#[$doc])* pub $field: u64,)* }

        impl Default for Limits {
            fn default() -> Self { Self { $($field: $default,)* } }
        }

        impl Limits {
            /// The value of one limit.
            pub fn get(&self, kind: LimitKind) -> u64 {
                match kind { $(LimitKind::$kind => self.$field,)* }
            }

            /// Sets one limit.
            pub fn set(&mut self, kind: LimitKind, value: u64) {
                match kind { $(LimitKind::$kind => self.$field = value,)* }
            }
        }
    };
}

const MIB: u64 = 1 << 20;

limits! {
    /// Units of fuel: about one a Wasm instruction. The default is more than a run can use in its default time.
    Fuel fuel "fuel" "--fuel" Count 1_000_000_000_000, "Units of fuel, about one a Wasm instruction";
    /// Wall time of the whole run, in milliseconds; waiting for tools counts.
    Timeout timeout_ms "timeout" "--timeout" Millis 30_000, "Wall time of the run; waiting for tools counts";
    /// Linear memory of all instances of the run together, in bytes.
    Memory memory_bytes "memory" "--memory" Bytes 64 * MIB, "Linear memory of the run";
    /// Bytes that the run makes the host hold beside its memory: arguments and answers on their way, HTTP objects, entries of
    /// tables. Also the most that the host takes from the component's memory at once.
    HostMemory host_memory_bytes "host_memory" "--host-memory" Bytes 64 * MIB, "Host memory that the run takes beside that";
    /// Elements of all tables of the run together.
    TableElements table_elements "table_elements" "--table-elements" Count 100_000, "Elements of all tables of the run";
    /// Tool calls of the run, those of the adapters behind them included.
    Calls calls "calls" "--calls" Count 1_000, "Tool calls of the run";
    /// Calls in flight at once.
    CallsAtOnce calls_at_once "calls_at_once" "--calls-at-once" Count 256, "Calls in flight at once";
    /// Bytes of the arguments of one call.
    CallBytesIn call_bytes_in "call_bytes_in" "--call-bytes-in" Bytes 4 * MIB, "Bytes of the arguments of one call";
    /// Bytes of the answer of one call.
    CallBytesOut call_bytes_out "call_bytes_out" "--call-bytes-out" Bytes 16 * MIB, "Bytes of the answer of one call";
    /// Bytes of the run's output.
    OutputBytes output_bytes "output_bytes" "--output-bytes" Bytes 16 * MIB, "Bytes of the run's output";
    /// Bytes of log lines, stdout and stderr together; a log line or a progress costs 128 bytes beside its text. What is over
    /// it is dropped, and said.
    LogBytes log_bytes "log_bytes" "--log-bytes" Bytes MIB, "Bytes of log, stdout and stderr together; what is over it is dropped";
    /// How deep runs nest: a policy is 1, an adapter that it calls 2, a component behind that 3.
    Depth depth "depth" "--depth" Count 4, "How deep runs nest: policy, adapter, …";
    /// Core Wasm instances in one run (a component may hold several).
    Instances instances "instances" "--instances" Count 32, "Core Wasm instances of the run";
    /// HTTP requests of the run, those that are denied included.
    HttpRequests http_requests "http_requests" "--http-requests" Count 1_000, "HTTP requests of the run";
    /// HTTP requests in flight at once; one ends when its answer was read or dropped.
    HttpAtOnce http_at_once "http_at_once" "--http-at-once" Count 64, "HTTP requests in flight at once";
    /// Bytes of the bodies of all HTTP requests of the run.
    HttpSentBytes http_sent_bytes "http_sent_bytes" "--http-sent-bytes" Bytes 16 * MIB, "Bytes that the run sends over HTTP";
    /// Bytes of the bodies of all HTTP answers of the run.
    HttpReceivedBytes http_received_bytes "http_received_bytes" "--http-received-bytes" Bytes 64 * MIB, "Bytes that the run gets over HTTP";
    /// Requests to the state that components keep, those of the adapters behind them and denied ones included.
    StateRequests state_requests "state_requests" "--state-requests" Count 10_000, "Requests to the state that components keep";
    /// Requests to language models.
    ModelCalls model_calls "model_calls" "--model-calls" Count 100, "Requests to language models";
    /// Tokens that language models read and write for the run. A request that begins below the limit may end over it.
    ModelTokens model_tokens "model_tokens" "--model-tokens" Count 1_000_000, "Tokens that language models read and write for the run";
    /// Questions to the person behind the run.
    Questions questions "questions" "--questions" Count 20, "Questions to the person behind the run";
}

impl Limits {
    /// Lowers each limit to its ceiling, where that is below it.
    pub fn lower(&mut self, ceilings: &[(LimitKind, u64)]) {
        for (kind, value) in ceilings {
            self.set(*kind, self.get(*kind).min(*value));
        }
    }

    /// The wall time.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The error for a limit of this run that was reached.
    pub fn reached(&self, kind: LimitKind) -> LimitReached {
        LimitReached { kind, value: self.get(kind) }
    }

    /// Sets a limit from its written form (`30s`, `64MiB`, `1000`, `10_000`).
    ///
    /// # Errors
    /// A sentence that says what the form should be.
    pub fn parse(&mut self, kind: LimitKind, text: &str) -> Result<(), String> {
        self.set(kind, parse_value(kind.unit(), text)?);
        Ok(())
    }
}

/// Reads a limit's written form.
///
/// # Errors
/// A sentence that says what the form should be.
pub fn parse_value(unit: Unit, text: &str) -> Result<u64, String> {
    match unit {
        Unit::Count => text
            .replace('_', "")
            .parse()
            .map_err(|_| format!("`{text}` is not a count: write digits, as 1000 or 10_000")),
        Unit::Bytes => parse_bytes(text),
        Unit::Millis => parse_duration(text).map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// Reads a size: `64MiB`, `10kB`, `4096B`, `4096`.
///
/// # Errors
/// A sentence that says what the form should be.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    text.trim()
        .parse::<bytesize::ByteSize>()
        .map(|b| b.as_u64())
        .map_err(|_| format!("`{text}` is not a size: write a number with a unit, as 64MiB, 10kB or 4096B"))
}

/// Reads a duration: `30s`, `1m 30s`, `250ms`. A number without a unit is refused: nobody can tell which.
///
/// # Errors
/// A sentence that says what the form should be.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| format!("`{text}` is not a duration: write a number with a unit, as 30s, 250ms or 1m 30s"))
}

/// Writes a value in its unit, so that [`parse_value`] reads it back where it is exact.
pub fn format_value(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Count => value.to_string(),
        Unit::Bytes if value > 0 && value.is_multiple_of(MIB) => format!("{}MiB", value / MIB),
        Unit::Bytes if value > 0 && value.is_multiple_of(1024) => format!("{}KiB", value / 1024),
        Unit::Bytes => format!("{value}B"),
        Unit::Millis if value > 0 && value.is_multiple_of(1000) => format!("{}s", value / 1000),
        Unit::Millis => format!("{value}ms"),
    }
}

/// A limit that was reached. Its text says which, its value, and how to raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LimitReached {
    /// Which limit.
    pub kind: LimitKind,
    /// Its value, in its unit.
    pub value: u64,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, value } = *self;
        let what = match kind {
            LimitKind::Fuel => "used up its fuel",
            LimitKind::Timeout => "ran out of time",
            LimitKind::Memory => "asked for more memory than it may have",
            LimitKind::HostMemory => "made the host hold more than it may",
            LimitKind::TableElements => "asked for more table elements than it may have",
            LimitKind::Calls => "made all the calls it may make",
            LimitKind::CallsAtOnce => "has as many calls in flight as it may",
            LimitKind::CallBytesIn => "sent larger arguments than one call may have",
            LimitKind::CallBytesOut => "got a larger answer than one call may have",
            LimitKind::OutputBytes => "returned a larger output than it may",
            LimitKind::LogBytes => "logged more than it may",
            LimitKind::Depth => "nests deeper than it may",
            LimitKind::Instances => "holds more core instances than it may",
            LimitKind::HttpRequests => "made all the HTTP requests it may make",
            LimitKind::HttpAtOnce => "has as many HTTP requests in flight as it may",
            LimitKind::HttpSentBytes => "sent more over HTTP than it may",
            LimitKind::HttpReceivedBytes => "got more over HTTP than it may",
            LimitKind::StateRequests => "made all the requests to its state that it may make",
            LimitKind::ModelCalls => "made all the requests to language models that it may make",
            LimitKind::ModelTokens => "used up its tokens of language models",
            LimitKind::Questions => "asked all the questions that it may ask",
        };
        write!(
            f,
            "limit `{}` reached: the run {what} ({}); raise it with {} on the command line, or `limits.{}` in the host's configuration",
            kind.name(),
            format_value(kind.unit(), value),
            kind.flag(),
            kind.name(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_limit_has_its_own_name_flag_and_error() {
        let limits = Limits::default();
        let mut texts = std::collections::HashSet::new();
        for &kind in LimitKind::ALL {
            let text = limits.reached(kind).to_string();
            assert!(text.contains(kind.name()) && text.contains(kind.flag()), "{text}");
            assert!(limits.get(kind) > 0, "{kind:?} has no default");
            assert!(texts.insert(text));
        }
    }

    #[test]
    fn written_forms() {
        assert_eq!(parse_value(Unit::Millis, "30s"), Ok(30_000));
        assert_eq!(parse_value(Unit::Millis, "1m 30s"), Ok(90_000));
        assert_eq!(parse_value(Unit::Bytes, "64MiB"), Ok(64 * MIB));
        assert_eq!(parse_value(Unit::Bytes, "10kB"), Ok(10_000));
        assert_eq!(parse_value(Unit::Count, "10_000"), Ok(10_000));
        for (unit, text) in [(Unit::Millis, "30"), (Unit::Bytes, "lots"), (Unit::Count, "-1"), (Unit::Millis, "")] {
            assert!(parse_value(unit, text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in 0u64..1 << 43, pick in 0usize..3) {
            let unit = [Unit::Count, Unit::Bytes, Unit::Millis][pick];
            prop_assert_eq!(parse_value(unit, &format_value(unit, value)), Ok(value));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            for unit in [Unit::Count, Unit::Bytes, Unit::Millis] {
                let _ = parse_value(unit, &text);
            }
        }
    }
}
