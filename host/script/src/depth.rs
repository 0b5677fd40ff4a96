//! How deep a TypeScript source can nest, told before anything recursive reads it.
//!
//! The parser, its visitors and the end of its tree recurse, so depth is what they must not be given. This is an upper
//! bound from one pass without recursion: open brackets, plus every token since the last sure end of a statement or
//! an element that can nest what follows it or stand above what comes before (operators, keywords, calls, indexes).
//!
//! The pass must never take for text what the parser takes for code. A `/` is the hard part: where it could be a
//! division as well as a regular expression, and at other rare doubts, the rest of the source counts as if each of its
//! tokens nested.

mod words;

use words::{goes_on, is_keyword, is_word};

/// The most that a source may nest.
pub(crate) const DEPTH_MAX: usize = 1_500;
/// How much an open bracket counts: a parser goes through all its levels of precedence for one.
const BRACKET: usize = 4;
/// How much an open bracket counts that a parser may read more than once: an arrow function's parameters look like a
/// value in parentheses, its type arguments like comparisons.
const READ_TWICE: usize = 4;

/// How many tokens the parser may read again, each as often as there are `<` open before it: it tries each as the begin of type
/// arguments, and reads on to where they cannot go on. A thousand `a<` in a row, 2 kB, take it half a second.
const READ_AGAIN_MAX: usize = 1_000_000;

/// How many arrow functions may stand within each other's `a ? (b) : c => …`. The parser tries `(b): c => …` as a function
/// first, and reads all that follows once more for each.
const AMBIGUOUS_MAX: usize = 8;

/// Where a source nests too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooDeep {
    /// The line, from 1.
    pub(crate) line: u32,
    /// Whether it only may nest so deep: the reading is in doubt from there on.
    pub(crate) in_doubt: bool,
}

/// Checks that a source nests no deeper than [`DEPTH_MAX`].
///
/// # Errors
/// Where it does, or may.
pub(crate) fn check(code: &str) -> Result<(), TooDeep> {
    let mut scanner = Scanner {
        code: code.as_bytes(),
        at: 0,
        line: 1,
        depth: 0,
        ambiguous: 0,
        angles: 0,
        read_again: 0,
        outside: Level::default(),
        levels: Vec::new(),
        last: Last::Start,
        newline: true,
        ended: None,
    };
    scanner.run()
}

/// A bracket that is open, and what counts within it.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Within `${…}` of a template.
    in_template: bool,
    /// The parentheses after `if`, `for` and their like: an operand may follow them.
    is_head: bool,
    /// Tokens since the last end of an element.
    tokens: usize,
    /// `<` that no `>` followed.
    angles: usize,
    /// `if`, `else`, loops and labels since the last end of a statement.
    statements: usize,
    /// `?` since the last end of an element, and the `=>` after them.
    conditions: usize,
    ambiguous: usize,
}

impl Level {
    fn weight(self) -> usize {
        self.tokens + self.statements
    }
}

/// What the token before was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// Nothing yet, or an operator: an operand follows.
    Start,
    /// A name, a literal, or a bracket that ends one.
    Operand,
    /// A closing brace or a `>`: of a value or not.
    Unclear,
    /// A word that an operand follows, which may itself be a name.
    Word,
    /// `if` and its like: their parentheses follow.
    Head,
    /// A dot: a name follows, whatever it is.
    Dot,
}

struct Scanner<'a> {
    code: &'a [u8],
    at: usize,
    line: u32,
    /// What all levels weigh, brackets included.
    depth: usize,
    /// What all levels have of `ambiguous`.
    ambiguous: usize,
    /// What all levels have of `angles`.
    angles: usize,
    /// How many tokens stood after a `<`, each counted for each.
    read_again: usize,
    /// Outside of all brackets.
    outside: Level,
    levels: Vec<Level>,
    last: Last,
    /// Whether a line ended since the last token.
    newline: bool,
    /// A statement that ended, unless an `else` follows: its `statements`.
    ended: Option<usize>,
}

impl Scanner<'_> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.code.get(self.at + ahead).copied()
    }

    fn starts(&self, text: &[u8]) -> bool {
        self.code.get(self.at..).is_some_and(|rest| rest.starts_with(text))
    }

    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().unwrap_or(&mut self.outside)
    }

    fn run(&mut self) -> Result<(), TooDeep> {
        while let Some(byte) = self.byte(0) {
            self.token(byte)?;
        }
        Ok(())
    }

    fn token(&mut self, byte: u8) -> Result<(), TooDeep> {
        match byte {
            b'\n' | b'\r' => {
                if byte == b'\n' || self.byte(1) != Some(b'\n') {
                    self.line += 1;
                }
                self.newline = true;
                self.at += 1;
                return Ok(());
            }
            b' ' | b'\t' | 0x0b | 0x0c => {
                self.at += 1;
                return Ok(());
            }
            // White space beyond ASCII, line ends among it.
            0xc2 if self.starts("\u{a0}".as_bytes()) => {
                self.at += 2;
                return Ok(());
            }
            0xe1..=0xe3 | 0xef => {
                if let Some(ends) = self.wide_space() {
                    self.newline |= ends;
                    self.at += 3;
                    return Ok(());
                }
            }
            b'/' if self.byte(1) == Some(b'/') => {
                while self.byte(0).is_some_and(|b| !matches!(b, b'\n' | b'\r')) && self.wide_space() != Some(true) {
                    self.at += 1;
                }
                return Ok(());
            }
            b'/' if self.byte(1) == Some(b'*') => {
                self.at += 2;
                while self.byte(0).is_some() && !self.starts(b"*/") {
                    self.text_byte();
                }
                self.at += 2;
                return Ok(());
            }
            _ => {}
        }
        self.settle(byte);
        self.read_again += self.angles;
        if self.read_again > READ_AGAIN_MAX {
            return Err(TooDeep { line: self.line, in_doubt: false });
        }
        match byte {
            b'"' | b'\'' => {
                self.boundary(true);
                self.string(byte);
                self.last = Last::Operand;
            }
            b'`' => {
                if self.last == Last::Operand || self.last == Last::Unclear {
                    self.count(1)?;
                }
                self.at += 1;
                self.template()?;
            }
            b'/' => self.slash()?,
            b'(' | b'[' | b'{' => {
                let called = matches!(self.last, Last::Operand | Last::Unclear | Last::Word);
                let is_head = byte == b'(' && self.last == Last::Head;
                self.at += 1;
                self.count(usize::from(called))?;
                self.open(Level { is_head, ..Level::default() })?;
                self.last = Last::Start;
            }
            b')' | b']' | b'}' => {
                let closed = self.close();
                self.at += 1;
                if closed.in_template && byte == b'}' {
                    return self.template();
                }
                self.last = match byte {
                    b'}' => Last::Unclear,
                    _ if closed.is_head => Last::Start,
                    _ => Last::Operand,
                };
                if byte == b'}' {
                    self.ended = Some(0);
                }
            }
            b'.' if self.byte(1).is_some_and(|b| b.is_ascii_digit()) && self.last != Last::Operand => {
                self.at += 1;
                self.word()?;
            }
            // An escape within a word may make any word; `<!--` and `-->` may be comments.
            b'\\' => self.doubt()?,
            b'<' if self.starts(b"<!--") => self.doubt()?,
            b'-' if self.starts(b"-->") => self.doubt()?,
            byte if is_word(byte) => self.word()?,
            byte => self.operator(byte)?,
        }
        self.newline = false;
        Ok(())
    }

    /// Whether white space beyond ASCII stands here, and whether it ends a line.
    fn wide_space(&self) -> Option<bool> {
        let text = self.code.get(self.at..self.at + 3).and_then(|bytes| std::str::from_utf8(bytes).ok())?;
        let c = text.chars().next()?;
        let is_space = c == '\u{feff}' || (c.is_whitespace() && c.len_utf8() == 3);
        is_space.then_some(matches!(c, '\u{2028}' | '\u{2029}'))
    }

    /// A byte of a text that may have several lines.
    fn text_byte(&mut self) {
        let byte = self.byte(0);
        if byte == Some(b'\n') || (byte == Some(b'\r') && self.byte(1) != Some(b'\n')) {
            self.line += 1;
            self.newline = true;
        }
        self.newline |= self.wide_space() == Some(true);
        self.at += 1;
    }

    /// Takes an end of a statement as one, unless an `else` goes on with it.
    fn settle(&mut self, byte: u8) {
        if let Some(kept) = self.ended.take() {
            let goes_on = byte == b'e' && self.starts(b"else") && !self.byte(4).is_some_and(is_word);
            if !goes_on {
                let level = self.level();
                let ended = level.statements.saturating_sub(kept);
                level.statements -= ended;
                self.depth = self.depth.saturating_sub(ended);
            }
        }
    }

    /// Two operands side by side: a statement ended between them.
    fn boundary(&mut self, operand: bool) {
        if operand && matches!(self.last, Last::Operand | Last::Unclear) {
            self.reset(true);
            self.ended = Some(0);
            self.settle(0);
        }
    }

    /// The end of an element (`,`), or of a statement.
    fn reset(&mut self, statement: bool) {
        if statement {
            let angles = std::mem::take(&mut self.level().angles);
            self.angles = self.angles.saturating_sub(angles);
        }
        let level = self.level();
        if level.angles == 0 {
            level.conditions = 0;
            let (tokens, ambiguous) = (std::mem::take(&mut level.tokens), std::mem::take(&mut level.ambiguous));
            self.ambiguous = self.ambiguous.saturating_sub(ambiguous);
            self.depth = self.depth.saturating_sub(tokens);
        }
    }

    fn count(&mut self, tokens: usize) -> Result<(), TooDeep> {
        self.level().tokens += tokens;
        self.deepen(tokens)
    }

    fn deepen(&mut self, by: usize) -> Result<(), TooDeep> {
        self.depth += by;
        if self.depth > DEPTH_MAX { Err(TooDeep { line: self.line, in_doubt: false }) } else { Ok(()) }
    }

    fn open(&mut self, level: Level) -> Result<(), TooDeep> {
        self.levels.push(level);
        self.deepen(BRACKET + READ_TWICE)
    }

    fn close(&mut self) -> Level {
        let Some(level) = self.levels.pop() else { return Level::default() };
        self.depth = self.depth.saturating_sub(level.weight() + BRACKET + READ_TWICE);
        self.ambiguous = self.ambiguous.saturating_sub(level.ambiguous);
        self.angles = self.angles.saturating_sub(level.angles);
        level
    }

    fn string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\n' | b'\r' => return,
                b'\\' if matches!(self.byte(1), Some(b'\r')) && self.byte(2) == Some(b'\n') => {
                    self.line += 1;
                    self.at += 3;
                }
                b'\\' => {
                    self.line += u32::from(matches!(self.byte(1), Some(b'\n' | b'\r')));
                    self.at += 2;
                }
                byte => {
                    self.at += 1;
                    if byte == quote {
                        return;
                    }
                }
            }
        }
    }

    /// The text of a template, up to its end or to its next `${`.
    fn template(&mut self) -> Result<(), TooDeep> {
        while let Some(byte) = self.byte(0) {
            match byte {
                b'`' => {
                    self.at += 1;
                    self.last = Last::Operand;
                    self.newline = false;
                    return Ok(());
                }
                b'$' if self.byte(1) == Some(b'{') => {
                    self.at += 2;
                    self.last = Last::Start;
                    self.newline = false;
                    return self.open(Level { in_template: true, ..Level::default() });
                }
                b'\\' => {
                    self.at += 1;
                    self.text_byte();
                }
                _ => self.text_byte(),
            }
        }
        Ok(())
    }

    fn slash(&mut self) -> Result<(), TooDeep> {
        match self.last {
            // After a line's end, a declaration may have ended there.
            Last::Operand if !self.newline => self.operator(b'/'),
            Last::Operand | Last::Unclear | Last::Word => self.doubt(),
            Last::Start | Last::Head | Last::Dot => {
                self.at += 1;
                let mut in_class = false;
                while let Some(byte) = self.byte(0) {
                    match byte {
                        b'\n' | b'\r' => return Ok(()),
                        b'\\' if !matches!(self.byte(1), Some(b'\n' | b'\r')) => self.at += 1,
                        b'[' => in_class = true,
                        b']' => in_class = false,
                        b'/' if !in_class => {
                            self.at += 1;
                            self.last = Last::Operand;
                            return Ok(());
                        }
                        _ if self.wide_space() == Some(true) => return Ok(()),
                        _ => {}
                    }
                    self.at += 1;
                }
                Ok(())
            }
        }
    }

    /// From here on anything may be code: every token counts, and nothing closes.
    fn doubt(&mut self) -> Result<(), TooDeep> {
        let mut words = false;
        let mut rest: usize = 0;
        for byte in self.code.get(self.at..).unwrap_or_default() {
            let word = is_word(*byte);
            rest += match byte {
                b'(' | b'[' | b'{' => BRACKET + READ_TWICE,
                byte if byte.is_ascii_whitespace() => 0,
                _ if word => usize::from(!words),
                _ => 1,
            };
            words = word;
        }
        self.at = self.code.len();
        self.deepen(rest).map_err(|error| TooDeep { in_doubt: true, ..error })
    }

    fn word(&mut self) -> Result<(), TooDeep> {
        let from = self.at;
        while self.byte(0).is_some_and(is_word) && self.wide_space().is_none() {
            self.at += 1;
        }
        let is_number = self.code.get(from).is_some_and(u8::is_ascii_digit);
        if is_number && self.byte(0) == Some(b'.') {
            self.at += 1;
            while self.byte(0).is_some_and(is_word) {
                self.at += 1;
            }
        }
        // White space of two bytes is not left out above; a byte is, so that there is an end.
        self.at = self.at.max(from + 1);
        let word = self.code.get(from..self.at).unwrap_or_default();
        if self.last == Last::Dot || !is_keyword(word) {
            if self.last != Last::Dot {
                self.boundary(true);
            }
            self.last = Last::Operand;
            return Ok(());
        }
        self.boundary(!goes_on(word));
        match word {
            b"if" | b"for" | b"while" | b"with" | b"do" | b"else" => {
                self.level().statements += 1;
                self.deepen(1)?;
            }
            _ => self.count(1)?,
        }
        self.last = match word {
            b"if" | b"for" | b"while" | b"with" | b"switch" | b"catch" => Last::Head,
            b"await" if self.last == Last::Head => Last::Head,
            b"case" | b"delete" | b"do" | b"else" | b"in" | b"instanceof" | b"new" | b"return" | b"throw"
            | b"typeof" | b"void" => Last::Start,
            _ => Last::Word,
        };
        Ok(())
    }

    fn operator(&mut self, byte: u8) -> Result<(), TooDeep> {
        let operand = matches!(self.last, Last::Operand | Last::Unclear) && !self.newline;
        let next = self.byte(1);
        self.at += 1;
        match byte {
            b',' => {
                self.reset(false);
                self.last = Last::Start;
            }
            b';' => {
                self.reset(true);
                self.ended = Some(0);
                self.last = Last::Start;
            }
            b'<' => {
                self.level().angles += 1;
                self.angles += 1;
                self.count(1)?;
                self.last = Last::Start;
            }
            b'>' => {
                let level = self.level();
                if level.angles > 0 {
                    level.angles -= 1;
                    self.angles = self.angles.saturating_sub(1);
                }
                self.count(1)?;
                self.last = Last::Unclear;
            }
            b'=' if next == Some(b'>') => {
                self.at += 1;
                let level = self.level();
                if level.ambiguous < level.conditions {
                    level.ambiguous += 1;
                    self.ambiguous += 1;
                    if self.ambiguous > AMBIGUOUS_MAX {
                        return Err(TooDeep { line: self.line, in_doubt: false });
                    }
                }
                self.count(2)?;
                self.last = Last::Start;
            }
            b'.' => {
                self.count(1)?;
                // Three are no access.
                self.last = if next == Some(b'.') || self.last == Last::Start { Last::Start } else { Last::Dot };
            }
            b'?' if next == Some(b'.') && !self.byte(1).is_some_and(|b| b.is_ascii_digit()) => {
                self.at += 1;
                self.count(1)?;
                self.last = Last::Dot;
            }
            // `x!`, `x++` and `x--` are operands as `x` is.
            b'!' if operand && next != Some(b'=') => self.count(1)?,
            b'+' | b'-' if next == Some(byte) => {
                self.at += 1;
                self.count(1)?;
                if !operand {
                    self.last = Last::Start;
                }
            }
            b'?' => {
                self.level().conditions += 1;
                self.count(1)?;
                self.last = Last::Start;
            }
            b':' => {
                self.level().statements += 1;
                self.deepen(1)?;
                self.last = Last::Start;
            }
            _ => {
                self.count(1)?;
                self.last = Last::Start;
            }
        }
        Ok(())
    }
}
