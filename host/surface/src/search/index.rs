//! The words of a catalog: which tool has which, in which field.

use super::synonyms;
use super::words::{self, WORD_CHARS_MAX};
use crate::text::head;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tollgate_core::Tool;

/// How much of a tool's texts is read in all, in characters: the first fields first.
const TOOL_CHARS_MAX: usize = 12_000;
/// How much of one text is read, in characters.
const TEXT_CHARS_MAX: usize = 4_000;
/// How many arguments of a tool are read, nested ones included.
const ARGUMENTS_MAX: usize = 128;
/// How deep arguments are read.
const ARGUMENTS_DEPTH_MAX: usize = 4;
/// How many values of an argument are read.
const VALUES_MAX: usize = 32;

/// A field of a tool: what a word in it counts, and how much a long one is discounted (BM25's b).
struct Field {
    weight: f32,
    discount: f32,
}

/// Name, title, server, description, names of arguments, what is said of arguments.
const FIELDS: [Field; 6] = [
    Field { weight: 3.0, discount: 0.5 },
    Field { weight: 1.0, discount: 0.5 },
    Field { weight: 2.0, discount: 0.2 },
    Field { weight: 2.0, discount: 0.6 },
    Field { weight: 0.4, discount: 0.75 },
    Field { weight: 0.25, discount: 0.75 },
];

/// A place of a term: the tool, by index, and the term's weighted and discounted frequency there.
pub(super) struct Posting {
    pub(super) tool: usize,
    pub(super) frequency: f32,
}

/// The terms of a catalog (stems), each with its places in the tools' order.
pub(super) struct Terms {
    places: HashMap<String, Vec<Posting>>,
    /// The terms by first character and length, for typing errors; sorted.
    by_shape: BTreeMap<(char, usize), Vec<String>>,
}

impl Terms {
    /// Reads the tools.
    pub(super) fn new(tools: &[Arc<Tool>]) -> Self {
        let mut reader = Reader::default();
        let read: Vec<[Vec<usize>; FIELDS.len()]> = tools.iter().map(|tool| reader.fields(tool)).collect();
        let mut lengths = [0_usize; FIELDS.len()];
        for fields in &read {
            lengths.iter_mut().zip(fields).for_each(|(length, words)| *length += words.len());
        }
        let mut places: Vec<Vec<Posting>> = reader.stems.iter().map(|_| Vec::new()).collect();
        for (tool, fields) in read.into_iter().enumerate() {
            let mut frequencies: BTreeMap<usize, f32> = BTreeMap::new();
            for ((field, words), length) in FIELDS.iter().zip(fields).zip(lengths) {
                let average = (length as f32 / tools.len() as f32).max(1.0);
                let share = field.weight / (1.0 - field.discount + field.discount * words.len() as f32 / average);
                words.into_iter().for_each(|word| *frequencies.entry(word).or_default() += share);
            }
            for (term, frequency) in frequencies {
                if let Some(places) = places.get_mut(term) {
                    places.push(Posting { tool, frequency });
                }
            }
        }
        let mut by_shape: BTreeMap<(char, usize), Vec<String>> = BTreeMap::new();
        for stem in &reader.stems {
            if let Some(first) = stem.chars().next() {
                by_shape.entry((first, stem.chars().count())).or_default().push(stem.clone());
            }
        }
        by_shape.values_mut().for_each(|terms| terms.sort_unstable());
        Self { places: reader.stems.into_iter().zip(places).collect(), by_shape }
    }

    /// The places of a term.
    pub(super) fn places(&self, stem: &str) -> Option<&[Posting]> {
        self.places.get(stem).map(Vec::as_slice)
    }

    /// The terms that an unknown one may have been meant as, each with the number of errors: those that it begins
    /// (one error), and those that typing errors lead to. The first character is taken to be right.
    pub(super) fn near(&self, stem: &str, errors_max: usize, candidates_max: usize) -> Vec<(&str, usize)> {
        let Some(first) = stem.chars().next() else { return Vec::new() };
        let length = stem.chars().count();
        let lengths = (first, length.saturating_sub(errors_max))..=(first, usize::MAX);
        let candidates =
            self.by_shape.range(lengths).flat_map(|(shape, terms)| terms.iter().map(|term| (shape.1, term)));
        let errors = |(chars, term): (usize, &'_ String)| {
            if term.starts_with(stem) {
                Some(1)
            } else if chars <= length + errors_max {
                Some(strsim::osa_distance(stem, term)).filter(|errors| *errors <= errors_max)
            } else {
                None
            }
        };
        candidates.take(candidates_max).filter_map(|at| Some((at.1.as_str(), errors(at)?))).collect()
    }
}

/// Reads tools, and gives each stem a number.
#[derive(Default)]
struct Reader {
    /// Word → the number of its stem; `None` for words that say nothing.
    words: HashMap<String, Option<usize>>,
    numbers: HashMap<String, usize>,
    stems: Vec<String>,
}

/// What may still be read of a tool.
struct Left {
    chars: usize,
    arguments: usize,
}

impl Reader {
    /// The stems in each of [`FIELDS`].
    fn fields(&mut self, tool: &Tool) -> [Vec<usize>; FIELDS.len()] {
        let mut left = Left { chars: TOOL_CHARS_MAX, arguments: ARGUMENTS_MAX };
        let name = self.text(&tool.name, &mut left);
        let title = self.text(tool.title.as_deref().unwrap_or_default(), &mut left);
        let server = self.text(&tool.server, &mut left);
        let description = self.text(&tool.description, &mut left);
        let (mut names, mut said) = (Vec::new(), Vec::new());
        self.arguments(&tool.input_schema, 0, &mut left, &mut names, &mut said);
        [name, title, server, description, names, said]
    }

    fn text(&mut self, text: &str, left: &mut Left) -> Vec<usize> {
        let text = head(text, TEXT_CHARS_MAX.min(left.chars));
        left.chars = left.chars.saturating_sub(text.chars().count());
        words::words(text).into_iter().filter_map(|word| self.number(word)).collect()
    }

    fn number(&mut self, word: String) -> Option<usize> {
        if let Some(number) = self.words.get(&word) {
            return *number;
        }
        let number = (!words::is_stop(&word)).then(|| {
            let stem = words::stem(&word);
            *self.numbers.entry(stem).or_insert_with_key(|stem| {
                self.stems.push(stem.clone());
                self.stems.len() - 1
            })
        });
        self.words.insert(word, number);
        number
    }

    /// Collects the names of arguments, and what is said of them.
    fn arguments(
        &mut self,
        schema: &Value,
        depth: usize,
        left: &mut Left,
        names: &mut Vec<usize>,
        said: &mut Vec<usize>,
    ) {
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if left.arguments == 0 || left.chars == 0 || depth == ARGUMENTS_DEPTH_MAX {
                return;
            }
            left.arguments -= 1;
            names.extend(self.text(name, left));
            said.extend(self.text(property.get("description").and_then(Value::as_str).unwrap_or_default(), left));
            let values = property.get("enum").and_then(Value::as_array).into_iter().flatten().take(VALUES_MAX);
            for value in values.filter_map(Value::as_str) {
                said.extend(self.text(head(value, WORD_CHARS_MAX), left));
            }
            self.arguments(property, depth + 1, left, names, said);
            if let Some(items) = property.get("items") {
                self.arguments(items, depth + 1, left, names, said);
            }
        }
    }
}

/// The words that only one server has in its name → the server; without words for what is done (`fetch`).
pub(super) fn servers(tools: &[Arc<Tool>]) -> HashMap<String, String> {
    let names: BTreeSet<&str> = tools.iter().map(|tool| tool.server.as_str()).collect();
    let mut servers: HashMap<String, Option<String>> = HashMap::new();
    for name in names {
        let words: HashSet<String> = words::words(name).into_iter().collect();
        for word in words.into_iter().filter(|word| synonyms::of(std::slice::from_ref(word)).is_empty()) {
            servers.entry(word).and_modify(|server| *server = None).or_insert_with(|| Some(name.to_owned()));
        }
    }
    servers.into_iter().filter_map(|(word, server)| Some((word, server?))).collect()
}
