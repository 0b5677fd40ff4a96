//! An answer while it comes.

use crate::text::{shown, tokens};
use std::collections::BTreeMap;
use tollgate_core::Completion;
use tollgate_core::model::{Finish, Message, Role, ToolUse, Usage};

/// The most tools that one answer may want to use. A model that repeats itself writes thousands.
const MAX_TOOL_USES: usize = 256;

/// What nobody spends on one answer. What a provider counts beyond it would only upset the sums.
const MAX_TOKENS: u64 = 1 << 32;

/// Why an answer is none.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It is not what the interface says.
    Invalid(String),
    /// The provider gave up on it, and says why.
    Said(ProviderError),
}

/// An error as both providers write it.
#[derive(Debug, Default)]
pub(crate) struct ProviderError {
    /// Its type or code, as `overloaded_error`.
    pub(crate) kind: String,
    /// Its text, fit to be shown.
    pub(crate) message: String,
}

impl ProviderError {
    /// What an `error` member says; OpenAI-compatible servers also write plain texts there.
    pub(crate) fn of(error: &serde_json::Value) -> Self {
        let text = |key: &str| error.get(key).and_then(serde_json::Value::as_str);
        let message = error.as_str().or_else(|| text("message")).unwrap_or_default();
        let kind = text("code").or_else(|| text("type")).unwrap_or_default();
        Self { kind: shown(kind), message: shown(message) }
    }
}

/// What came so far.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) content: String,
    pub(crate) refusal: String,
    pub(crate) finish: Option<Finish>,
    pub(crate) model: String,
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    /// The answer's own beginning was seen.
    pub(crate) is_begun: bool,
    /// Its end was.
    pub(crate) is_over: bool,
    uses: BTreeMap<u64, ToolUse>,
}

impl Draft {
    /// The tool use at a place in the answer, made if it is not there.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn tool_use(&mut self, place: u64) -> Result<&mut ToolUse, Broken> {
        if self.uses.len() >= MAX_TOOL_USES && !self.uses.contains_key(&place) {
            return Err(Broken::Invalid(format!("it uses more than {MAX_TOOL_USES} tools")));
        }
        let none = || ToolUse { id: String::new(), name: String::new(), arguments: String::new() };
        Ok(self.uses.entry(place).or_insert_with(none))
    }

    /// The one at a place, if there is one.
    pub(crate) fn known_use(&mut self, place: u64) -> Option<&mut ToolUse> {
        self.uses.get_mut(&place)
    }

    /// The last place of a tool use.
    pub(crate) fn last_place(&self) -> Option<u64> {
        self.uses.keys().next_back().copied()
    }

    /// The whole answer to a request of so many bytes.
    pub(crate) fn complete(self, sent_bytes: usize, asked_model: &str) -> Completion {
        let mut tool_uses: Vec<ToolUse> = self.uses.into_values().collect();
        for (number, one) in tool_uses.iter_mut().enumerate() {
            // Both may be left out by compatible servers; without arguments, a tool is used with none.
            if one.id.is_empty() {
                one.id = format!("use_{number}");
            }
            if one.arguments.trim().is_empty() {
                "{}".clone_into(&mut one.arguments);
            }
        }
        let finish = match self.finish {
            _ if !self.refusal.is_empty() => Finish::Refusal,
            // A named tool that had to be used is told as a plain stop by OpenAI.
            None | Some(Finish::Stop | Finish::ToolUse) if !tool_uses.is_empty() => Finish::ToolUse,
            None | Some(Finish::ToolUse) => Finish::Stop,
            Some(finish) => finish,
        };
        let content = if self.refusal.is_empty() { self.content } else { self.refusal };
        let bytes = tool_uses.iter().fold(content.len(), |sum, one| sum + one.name.len() + one.arguments.len());
        let usage = Usage {
            input_tokens: self.input_tokens.unwrap_or_else(|| tokens(sent_bytes)).min(MAX_TOKENS),
            output_tokens: self.output_tokens.unwrap_or_else(|| tokens(bytes)).min(MAX_TOKENS),
        };
        let model = if self.model.is_empty() { asked_model.to_owned() } else { shown(&self.model) };
        let message = Message { role: Role::Assistant, content, tool_uses, tool_use_id: None, is_error: false };
        Completion { message, finish, model, usage }
    }
}
