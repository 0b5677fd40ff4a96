//! An answer while it comes.

use crate::events::{Event, Reader};
use crate::settings::Provider;
use crate::text::shown;
use crate::{anthropic, openai};
use std::collections::BTreeMap;
use tollgate_core::Completion;
use tollgate_core::model::{Finish, Message, Role, ToolUse, Usage, tokens};

/// The most tools that one answer may want to use, also one of the past. A model that repeats itself writes thousands.
pub(crate) const MAX_TOOL_USES: usize = 256;

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

    /// Takes a provider's events in. What comes after the end of the answer is no part of it.
    ///
    /// # Errors
    /// One of them is not of this provider's protocol, or is an error.
    pub(crate) fn take_all(&mut self, provider: Provider, events: &[Event]) -> Result<(), Broken> {
        events.iter().try_for_each(|event| match provider {
            _ if self.is_over => Ok(()),
            Provider::OpenAi => openai::take(self, event),
            Provider::Anthropic => anthropic::take(self, event),
        })
    }

    /// What it cost so far, as the answer to a request of so many bytes. One that broke off has cost more than was said at
    /// its beginning.
    pub(crate) fn usage(&self, sent_bytes: usize) -> Usage {
        let bytes = self
            .uses
            .values()
            .fold(self.content.len() + self.refusal.len(), |sum, one| sum + one.name.len() + one.arguments.len());
        let output_tokens = match self.output_tokens {
            Some(said) if self.is_over => said,
            said => tokens(bytes).max(said.unwrap_or_default()),
        };
        Usage {
            input_tokens: self.input_tokens.unwrap_or_else(|| tokens(sent_bytes)).min(MAX_TOKENS),
            output_tokens: output_tokens.min(MAX_TOKENS),
        }
    }

    /// The whole answer to a request of so many bytes.
    pub(crate) fn complete(self, sent_bytes: usize, asked_model: &str) -> Completion {
        let usage = self.usage(sent_bytes);
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
        let model = if self.model.is_empty() { asked_model.to_owned() } else { shown(&self.model) };
        let message = Message { role: Role::Assistant, content, tool_uses, tool_use_id: None, is_error: false };
        Completion { message, finish, model, usage }
    }
}

/// Reads a provider's whole stream of events, in pieces of so many bytes: what is fuzzed. `None` where it is broken, or ends
/// before the answer is whole.
#[doc(hidden)]
pub fn read_stream(provider: Provider, stream: &[u8], piece_bytes: usize) -> Option<Completion> {
    let (mut reader, mut draft) = (Reader::default(), Draft::default());
    for piece in stream.chunks(piece_bytes.max(1)) {
        draft.take_all(provider, &reader.push(piece).ok()?).ok()?;
    }
    draft.is_over.then(|| draft.complete(0, "asked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHUNKS: &str = "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Grüße \"}}]}\r\n\r\n\
        : keep-alive\n\n\
        data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"another choice\"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"🎉\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"a\",\"arguments\":\"{\"}}]}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"\\\"x\\\":1}\"}}]}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"c2\",\"function\":{\"name\":\"b\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n";

    const EVENTS: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\
        \"usage\":{\"input_tokens\":1,\"cache_read_input_tokens\":2,\"output_tokens\":1}}}\n\n\
        event: ping\ndata: {\"type\":\"ping\"}\n\n\
        data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n\
        data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n\
        data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"Grüße \"}}\n\n\
        data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"🎉\"}}\r\n\r\n\
        data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"a\",\"input\":{}}}\n\n\
        data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"x\\\":1}\"}}\n\n\
        data: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"b\",\"input\":{}}}\n\n\
        data: {\"type\":\"something_new\",\"index\":9}\n\n\
        data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":5}}\n\n\
        data: {\"type\":\"message_stop\"}\n\n";

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_answer(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            type Take = fn(&mut Draft, &Event) -> Result<(), Broken>;
            let streams: [(&str, Take); 2] = [(CHUNKS, openai::take), (EVENTS, anthropic::take)];
            for (stream, take) in streams {
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
                cuts.extend([0, stream.len()]);
                cuts.sort_unstable();
                let (mut reader, mut draft) = (Reader::default(), Draft::default());
                for cut in cuts.windows(2) {
                    for event in reader.push(&stream.as_bytes()[cut[0]..cut[1]]).unwrap() {
                        prop_assert!(!draft.is_over);
                        take(&mut draft, &event).unwrap();
                    }
                }
                prop_assert!(draft.is_over);
                let tool_use = |id: &str, name: &str, arguments: &str| ToolUse {
                    id: id.into(), name: name.into(), arguments: arguments.into(),
                };
                let message = Message {
                    role: Role::Assistant,
                    content: "Grüße 🎉".into(),
                    tool_uses: vec![tool_use("c1", "a", "{\"x\":1}"), tool_use("c2", "b", "{}")],
                    tool_use_id: None,
                    is_error: false,
                };
                let usage = Usage { input_tokens: 3, output_tokens: 5 };
                let wanted = Completion { message, finish: Finish::ToolUse, model: "m".into(), usage };
                prop_assert_eq!(draft.complete(0, "asked"), wanted);
            }
        }
    }
}
