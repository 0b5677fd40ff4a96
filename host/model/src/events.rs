//! Server-Sent Events (WHATWG HTML, section 9.2), from pieces of any size.
//!
//! The crates for it were looked at: sse-stream refuses lines that the standard says to pass over, and loses the events
//! before them when they come in one piece; eventsource-stream keeps no bound. How much comes is bounded by whoever reads.

/// One event. Its id and retry time mean nothing for an answer that is asked for once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its type; empty is `message`.
    pub(crate) name: String,
    /// Its lines of data.
    pub(crate) data: String,
}

/// What was read so far.
#[derive(Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    after_cr: bool,
    is_begun: bool,
    name: String,
    data: Option<String>,
}

impl Reader {
    /// Reads on, and gives the events that are whole with that.
    ///
    /// # Errors
    /// A line is not UTF-8. The events before it are lost: there is no sense in them.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<Event>, std::string::FromUtf8Error> {
        let mut events = Vec::new();
        for &byte in piece {
            let is_second = std::mem::replace(&mut self.after_cr, byte == b'\r') && byte == b'\n';
            match byte {
                _ if is_second => {}
                b'\r' | b'\n' => {
                    let line = String::from_utf8(std::mem::take(&mut self.line))?;
                    let is_first = !std::mem::replace(&mut self.is_begun, true);
                    let line = line.strip_prefix('\u{feff}').filter(|_| is_first).unwrap_or(&line);
                    events.extend(self.take(line));
                }
                byte => self.line.push(byte),
            }
        }
        Ok(events)
    }

    fn take(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            return self.data.take().map(|data| Event { name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut self.data) {
            ("event", _) => self.name = value.to_owned(),
            ("data", Some(data)) => {
                data.push('\n');
                data.push_str(value);
            }
            ("data", none) => *none = Some(value.to_owned()),
            // Comments, ids, retry times, and what nobody knows.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.into(), data: data.into() }
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        let text = "\u{feff}event: a\ndata: one\ndata:two\ndata\n\n: comment\nid: 7\nretry: x\nodd\nevent: lost\n\n\
                    data:  kept\r\rdata: €\r\n\r\ndata: unfinished\n";
        let events = Reader::default().push(text.as_bytes()).unwrap();
        assert_eq!(events, [event("a", "one\ntwo\n"), event("", " kept"), event("", "€")]);
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        assert!(Reader::default().push(b"data: \xff\xfe\n").is_err());
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(
            lines in prop::collection::vec("(data|event|id|:|x)?:? ?[a€\u{feff}]{0,4}(\n|\r|\r\n)+", 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let bytes = lines.concat().into_bytes();
            let whole = Reader::default().push(&bytes).unwrap();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut reader = Reader::default();
            let pieces = cuts.windows(2).flat_map(|cut| reader.push(&bytes[cut[0]..cut[1]]).unwrap());
            prop_assert_eq!(pieces.collect::<Vec<_>>(), whole);
        }
    }
}
