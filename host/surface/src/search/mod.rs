//! Ranked full-text search over a catalog, for questions in an agent's own words.
//!
//! BM25F (Robertson and Zaragoza, 2009): a word counts by the field it stands in (a tool's name most, the
//! descriptions of its arguments least) and by its rarity. A word of the question also reaches its synonyms, at
//! less weight, and, when the catalog has none of them, the words that a typing error leads to.
//!
//! # Layout
//!
//! - `words`: text to stems. `synonyms`: words that agents and servers use for one thing.
//! - this file: the index and its answers.

mod synonyms;
mod words;

use crate::text::head;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tollgate_core::Tool;

/// The most words of a question that are looked up.
pub const QUERY_WORDS_MAX: usize = 32;
/// How much of a question is read, in characters.
pub const QUERY_CHARS_MAX: usize = 1_000;
/// How much of one text of a tool is read, in characters.
const TEXT_CHARS_MAX: usize = 4_000;
/// How many arguments of a tool are read, nested ones included.
const ARGUMENTS_MAX: usize = 128;
/// How deep arguments are read.
const ARGUMENTS_DEPTH_MAX: usize = 4;
/// How many words of the catalog are compared with a mistyped one.
const TYPO_CANDIDATES_MAX: usize = 50_000;

/// BM25's saturation: how soon a further occurrence stops to count.
const K1: f32 = 2.0;
/// What a synonym counts against the word itself.
const SYNONYM_WEIGHT: f32 = 0.7;
/// What the tools of a server that a question names count more.
const NAMED_SERVER: f32 = 1.5;
/// What the weaker ones of several variants in one tool count.
const FURTHER_WEIGHT: f32 = 0.25;
/// What a word that is one typing error away counts.
const TYPO_WEIGHT: f32 = 0.6;

/// What is left of the score of a tool that has none of what was asked; one that has all keeps all.
const UNCOVERED: f32 = 0.5;

/// A field of a tool: what a word in it counts, and how much a long one is discounted (BM25's b).
struct Field {
    weight: f32,
    discount: f32,
}

const FIELDS: [Field; 6] = [
    Field { weight: 3.0, discount: 0.5 },  // name
    Field { weight: 1.0, discount: 0.5 },  // title
    Field { weight: 2.0, discount: 0.2 },  // server
    Field { weight: 2.0, discount: 0.6 },  // description
    Field { weight: 0.4, discount: 0.75 }, // names of arguments
    Field { weight: 0.25, discount: 0.75 }, // descriptions and values of arguments
];

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The question. An empty one finds every tool.
    pub text: &'a str,
    /// Only tools of this server.
    pub server: Option<&'a str>,
    /// How many tools at most.
    pub limit: usize,
}

impl<'a> Query<'a> {
    /// Asks all servers for up to ten tools.
    pub fn new(text: &'a str) -> Self {
        Self { text, server: None, limit: 10 }
    }
}

/// A tool that was found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The tool.
    pub tool: Arc<Tool>,
    /// How well it fits; comparable within one answer only.
    pub score: f32,
}

/// A place of a term: the tool, by index, and the term's weighted and discounted frequency there.
struct Posting {
    tool: usize,
    frequency: f32,
}

/// An index over a catalog: built once, asked often.
pub struct Index {
    /// By server and name.
    tools: Vec<Arc<Tool>>,
    /// A word that names a server → the server.
    servers: HashMap<String, String>,
    terms: HashMap<String, Vec<Posting>>,
    /// The terms by their length in characters, for typing errors; sorted.
    by_length: BTreeMap<usize, Vec<String>>,
}

impl Index {
    /// Reads the tools. Their order does not matter.
    pub fn new(tools: &[Arc<Tool>]) -> Self {
        let mut tools = tools.to_vec();
        tools.sort_by(|a, b| (&a.server, &a.name).cmp(&(&b.server, &b.name)));
        let read: Vec<[Vec<String>; FIELDS.len()]> = tools.iter().map(|tool| fields(tool)).collect();
        let mut totals = [0_usize; FIELDS.len()];
        for (total, words) in read.iter().flat_map(|texts| std::iter::zip(0.., texts)).map(|(at, w)| (at, w.len())) {
            if let Some(sum) = totals.get_mut::<usize>(total) {
                *sum += words;
            }
        }
        let mut terms: HashMap<String, Vec<Posting>> = HashMap::new();
        for (at, texts) in read.into_iter().enumerate() {
            let mut frequencies: BTreeMap<String, f32> = BTreeMap::new();
            for ((field, words), total) in FIELDS.iter().zip(texts).zip(totals) {
                let average = (total as f32 / tools.len() as f32).max(1.0);
                let share = field.weight / (1.0 - field.discount + field.discount * words.len() as f32 / average);
                for word in words {
                    *frequencies.entry(word).or_default() += share;
                }
            }
            for (term, frequency) in frequencies {
                terms.entry(term).or_default().push(Posting { tool: at, frequency });
            }
        }
        let mut by_length: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for term in terms.keys() {
            by_length.entry(term.chars().count()).or_default().push(term.clone());
        }
        by_length.values_mut().for_each(|terms| terms.sort_unstable());
        Self { servers: servers(&tools), tools, terms, by_length }
    }

    /// The tools that fit, the best first; those that fit alike by server and name.
    pub fn search(&self, query: &Query<'_>) -> Vec<Hit> {
        let concepts = self.concepts(query.text);
        let named = self.named_servers(query.text);
        let all = query.text.trim().is_empty();
        let mut scores = vec![0_f32; self.tools.len()];
        let whole: f32 = concepts.iter().map(|concept| concept.worth).sum();
        let mut covered = vec![0_f32; self.tools.len()];
        let mut best = vec![0_f32; self.tools.len()];
        for concept in &concepts {
            best.fill(0.0);
            for (postings, weight) in &concept.variants {
                for posting in *postings {
                    if let Some(best) = best.get_mut(posting.tool) {
                        let part = weight * posting.frequency * (K1 + 1.0) / (posting.frequency + K1);
                        *best = best.max(part) + FURTHER_WEIGHT * best.min(part);
                    }
                }
            }
            for ((score, covered), best) in scores.iter_mut().zip(&mut covered).zip(&best) {
                *score += best * concept.worth;
                *covered += best.min(1.0) * concept.worth;
            }
        }
        let mut found: Vec<(f32, &Arc<Tool>)> = self
            .tools
            .iter()
            .zip(scores.iter().zip(&covered))
            .map(|(tool, (score, covered))| {
                let coverage = UNCOVERED + (1.0 - UNCOVERED) * covered / whole.max(f32::MIN_POSITIVE);
                let named = if named.contains(tool.server.as_str()) { NAMED_SERVER } else { 1.0 };
                (score * coverage * named, tool)
            })
            .filter(|(score, tool)| (all || *score > 0.0) && query.server.is_none_or(|server| server == tool.server))
            .collect();
        // The sort is stable, and the tools stand by server and name.
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.into_iter().take(query.limit).map(|(score, tool)| Hit { tool: tool.clone(), score }).collect()
    }

    /// The servers that a question names.
    fn named_servers(&self, text: &str) -> HashSet<&str> {
        let words = asked(text);
        let named = |server: &&String| words.iter().any(|word| self.servers.get(word) == Some(*server));
        self.servers.values().filter(named).map(String::as_str).collect()
    }

    /// What a question asks for: each word and each known phrase, with everything that may be meant by it.
    fn concepts(&self, text: &str) -> Vec<Concept<'_>> {
        let words = asked(text);
        let only_stop_words = words.iter().all(|word| words::is_stop(word));
        let mut concepts = Vec::new();
        let mut seen = HashSet::new();
        for at in 0..words.len() {
            for length in 1..=synonyms::PHRASE_WORDS_MAX {
                let Some(phrase @ [first, ..]) = words.get(at..at + length) else { break };
                let alike = synonyms::of(phrase);
                let mut variants = Vec::new();
                if length == 1 {
                    if words::is_stop(first) && !only_stop_words {
                        continue;
                    }
                    let stem = words::stem(first);
                    if !seen.insert(stem.clone()) {
                        continue;
                    }
                    match self.terms.get(&stem) {
                        Some(postings) => variants.push((postings.as_slice(), 1.0)),
                        None if alike.is_empty() => variants.extend(self.mistyped(&stem)),
                        None => {}
                    }
                }
                let own = variants.len();
                variants.extend(self.synonyms(alike));
                concepts.push(Concept { worth: self.worth(&variants, own), variants });
            }
        }
        let implied: Vec<_> = self.synonyms(words.first().map(|first| synonyms::implied_by(first)).unwrap_or_default()).collect();
        concepts.push(Concept { worth: self.worth(&implied, 0), variants: implied });
        concepts.retain(|concept| !concept.variants.is_empty());
        concepts
    }

    fn synonyms<'a>(&'a self, stems: &'a [String]) -> impl Iterator<Item = (&'a [Posting], f32)> {
        stems.iter().filter_map(|stem| Some((self.terms.get(stem)?.as_slice(), SYNONYM_WEIGHT)))
    }

    /// How much it says that a tool has one of the variants (BM25's inverse document frequency): by the rarity of
    /// all together, so that a rare synonym of a common word does not count as rare.
    fn worth(&self, variants: &[(&[Posting], f32)], own: usize) -> f32 {
        let rarity = |variants: &[(&[Posting], f32)]| {
            let with: HashSet<usize> = variants.iter().flat_map(|v| v.0).map(|posting| posting.tool).collect();
            (1.0 + (self.tools.len() as f32 - with.len() as f32 + 0.5) / (with.len() as f32 + 0.5)).ln()
        };
        let all = rarity(variants);
        variants.get(..own).filter(|own| !own.is_empty()).map_or(all, |own| (rarity(own) + all) / 2.0)
    }

    /// The terms that a mistyped word may have been meant as.
    fn mistyped(&self, word: &str) -> Vec<(&[Posting], f32)> {
        let length = word.chars().count();
        let errors = match length {
            0..=4 => return Vec::new(),
            5..=7 => 1,
            _ => 2,
        };
        let near = self.by_length.range(length.saturating_sub(errors)..=length + errors).flat_map(|(_, terms)| terms);
        near.take(TYPO_CANDIDATES_MAX)
            .filter_map(|term| {
                let distance = strsim::osa_distance(word, term);
                let weight = TYPO_WEIGHT / distance.max(1) as f32;
                (distance <= errors).then_some((self.terms.get(term)?.as_slice(), weight))
            })
            .collect()
    }
}

/// The words of a question that are looked up.
fn asked(text: &str) -> Vec<String> {
    let mut words = words::words(head(text, QUERY_CHARS_MAX));
    words.truncate(QUERY_WORDS_MAX);
    words
}

/// The words that only one server has in its name, and that are no words for what is done (`fetch`).
fn servers(tools: &[Arc<Tool>]) -> HashMap<String, String> {
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

/// Something that a question asks for.
struct Concept<'a> {
    /// The places of each word that may be meant, and what that word counts.
    variants: Vec<(&'a [Posting], f32)>,
    worth: f32,
}

/// The stems in each of [`FIELDS`].
fn fields(tool: &Tool) -> [Vec<String>; FIELDS.len()] {
    let stems = |text: &str| words::stems(head(text, TEXT_CHARS_MAX));
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    let mut left = ARGUMENTS_MAX;
    arguments(&tool.input_schema, 0, &mut left, &mut names, &mut texts);
    let title = tool.title.as_deref().map(stems).unwrap_or_default();
    [stems(&tool.name), title, stems(&tool.server), stems(&tool.description), names, texts]
}

/// Collects the names of arguments, and what is said of them.
fn arguments(schema: &Value, depth: usize, left: &mut usize, names: &mut Vec<String>, texts: &mut Vec<String>) {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, property) in properties {
        if *left == 0 || depth == ARGUMENTS_DEPTH_MAX {
            return;
        }
        *left -= 1;
        names.extend(words::stems(head(name, TEXT_CHARS_MAX)));
        if let Some(text) = property.get("description").and_then(Value::as_str) {
            texts.extend(words::stems(head(text, TEXT_CHARS_MAX)));
        }
        for value in property.get("enum").and_then(Value::as_array).into_iter().flatten().take(ARGUMENTS_MAX) {
            texts.extend(words::stems(head(value.as_str().unwrap_or_default(), 100)));
        }
        arguments(property, depth + 1, left, names, texts);
        if let Some(items) = property.get("items") {
            arguments(items, depth + 1, left, names, texts);
        }
    }
}
