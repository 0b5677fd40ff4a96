//! What goes to an interpreter and what comes back: the JSON of world `interpreter` of `tollgate:worlds`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_core::json;

/// A script with what it gets. JSON is text here, and passed on as it is.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The prepared source.
    pub code: &'a str,
    /// The script's name in messages.
    pub file: &'a str,
    /// The script's `input`: a JSON document.
    pub input: &'a str,
    /// The session's variables, a JSON object; none for a script outside of sessions.
    pub session: Option<&'a str>,
}

/// What a script leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its value: a JSON document.
    pub output: String,
    /// The session's variables, a JSON object; none where it ran outside of sessions.
    pub session: Option<String>,
}

/// Why JSON for or from an interpreter is not what it must be.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The caller's input is no JSON, or nests deeper than 128.
    #[error("the script's input is not JSON: {0}")]
    Input(serde_json::Error),
    /// The session's variables are no JSON.
    #[error("the session's variables are not JSON: {0}")]
    Session(serde_json::Error),
    /// The interpreter's answer is none.
    #[error("the interpreter's answer is not `{{\"output\", \"session\"}}`: {0}")]
    Answer(serde_json::Error),
    /// The interpreter's answer has a `session` that is neither an object nor null.
    #[error("the interpreter's answer has a `session` that is no object")]
    AnswerSession,
}

#[derive(Serialize)]
struct Sent<'a> {
    code: &'a str,
    file: &'a str,
    input: &'a RawValue,
    session: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    session: Option<&'a RawValue>,
}

impl Input<'_> {
    /// The interpreter's input.
    ///
    /// # Errors
    /// [`EnvelopeError::Input`] and [`EnvelopeError::Session`].
    pub fn to_json(&self) -> Result<String, EnvelopeError> {
        let raw = |text| json::check(text).and_then(|()| serde_json::from_str::<&RawValue>(text));
        let input = raw(self.input).map_err(EnvelopeError::Input)?;
        let session = self.session.map(raw).transpose().map_err(EnvelopeError::Session)?;
        serde_json::to_string(&Sent { code: self.code, file: self.file, input, session }).map_err(EnvelopeError::Input)
    }
}

impl Output {
    /// Reads what an interpreter answered. The host's limit on a run's output bounds it. Members that are not known
    /// are passed over; no `output` is null.
    ///
    /// # Errors
    /// [`EnvelopeError::Answer`] and [`EnvelopeError::AnswerSession`].
    pub fn read(answer: &str) -> Result<Self, EnvelopeError> {
        json::check(answer).map_err(EnvelopeError::Answer)?;
        // A list would do for serde: its items in the order of the members.
        if !answer.trim_start().starts_with('{') {
            return Err(EnvelopeError::Answer(serde::de::Error::custom("it is no object")));
        }
        let answered: Answered<'_> = serde_json::from_str(answer).map_err(EnvelopeError::Answer)?;
        let session = answered.session.map(RawValue::get);
        if session.is_some_and(|session| !session.starts_with('{')) {
            return Err(EnvelopeError::AnswerSession);
        }
        let output = answered.output.map_or("null", RawValue::get).to_owned();
        Ok(Self { output, session: session.map(str::to_owned) })
    }
}
