//! Ranked full-text search over a catalog, for questions in an agent's own words.
//!
//! BM25F (Robertson and Zaragoza, 2009): a word counts by the field it stands in (a tool's name most, what is said
//! of its arguments least) and by its rarity. A word of the question also reaches its synonyms, at less weight,
//! and, when the catalog has none of them, the words that it begins or that a typing error leads to.
//!
//! # Layout
//!
//! - `words`: text to stems. `synonyms`: words that agents and servers use for one thing.
//! - `index`: which tool has which words. - this file: questions and answers.

mod index;
mod synonyms;
mod words;

use crate::text::head;
use index::{Posting, Terms};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tollgate_core::Tool;

/// The most words of a question that are looked up.
pub const QUERY_WORDS_MAX: usize = 32;
/// How much of a question is read, in characters.
pub const QUERY_CHARS_MAX: usize = 1_000;
/// How many words of a question are taken for mistyped ones.
const MISTYPED_MAX: usize = 4;
/// How many words of the catalog are compared with a mistyped one.
const CANDIDATES_MAX: usize = 5_000;

// The weights were set on the questions in tests/data that are not held out; they lie on a plateau.

/// BM25's saturation: how soon a further occurrence stops to count.
const K1: f32 = 2.0;
/// What a synonym counts against the word itself.
const SYNONYM_WEIGHT: f32 = 0.7;
/// What a word that is one typing error away counts.
const TYPO_WEIGHT: f32 = 0.6;
/// What the weaker ones of several variants in one tool count.
const FURTHER_WEIGHT: f32 = 0.25;
/// What the tools of a server that a question names count more.
const NAMED_SERVER: f32 = 1.5;
/// What is left of the score of a tool that has none of what was asked; one that has all keeps all.
const UNCOVERED: f32 = 0.5;

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

/// An index over a catalog: built once, asked often.
pub struct Index {
    /// By server and name.
    tools: Vec<Arc<Tool>>,
    terms: Terms,
    /// A word that names a server → the server.
    servers: HashMap<String, String>,
}

/// Something that a question asks for.
struct Concept<'a> {
    /// The places of each term that may be meant, and what that term counts.
    variants: Vec<Variant<'a>>,
    worth: f32,
}

type Variant<'a> = (&'a [Posting], f32);

impl Index {
    /// Reads the tools. Their order does not matter.
    pub fn new(tools: &[Arc<Tool>]) -> Self {
        let mut tools = tools.to_vec();
        tools.sort_by(|a, b| (&a.server, &a.name).cmp(&(&b.server, &b.name)));
        Self { servers: index::servers(&tools), terms: Terms::new(&tools), tools }
    }

    /// The tools that fit, the best first; those that fit alike by server and name.
    pub fn search(&self, query: &Query<'_>) -> Vec<Hit> {
        let words = asked(query.text);
        let concepts = self.concepts(&words);
        let named: HashSet<&str> = words.iter().filter_map(|word| self.servers.get(word)).map(String::as_str).collect();
        let all = query.text.trim().is_empty();
        let whole = concepts.iter().map(|concept| concept.worth).sum::<f32>().max(f32::MIN_POSITIVE);
        let mut found: Vec<(f32, &Arc<Tool>)> = self
            .scores(&concepts)
            .into_iter()
            .zip(&self.tools)
            .filter(|((score, _), tool)| {
                (all || *score > 0.0) && query.server.is_none_or(|server| server == tool.server)
            })
            .map(|((score, covered), tool)| {
                let coverage = UNCOVERED + (1.0 - UNCOVERED) * covered / whole;
                let named = if named.contains(tool.server.as_str()) { NAMED_SERVER } else { 1.0 };
                (score * coverage * named, tool)
            })
            .collect();
        // The sort is stable, and the tools stand by server and name.
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.into_iter().take(query.limit).map(|(score, tool)| Hit { tool: tool.clone(), score }).collect()
    }

    /// For each tool: the sum over the concepts, and how much of what was asked it has.
    fn scores(&self, concepts: &[Concept<'_>]) -> Vec<(f32, f32)> {
        let mut scores = vec![(0.0, 0.0); self.tools.len()];
        let mut best = vec![0_f32; self.tools.len()];
        for concept in concepts {
            best.fill(0.0);
            for (places, weight) in &concept.variants {
                for place in *places {
                    if let Some(best) = best.get_mut(place.tool) {
                        let part = weight * place.frequency * (K1 + 1.0) / (place.frequency + K1);
                        *best = best.max(part) + FURTHER_WEIGHT * best.min(part);
                    }
                }
            }
            for ((score, covered), best) in scores.iter_mut().zip(&best) {
                *score += best * concept.worth;
                *covered += best.min(1.0) * concept.worth;
            }
        }
        scores
    }

    /// What a question asks for: each word and each known phrase, with everything that may be meant by it.
    fn concepts(&self, words: &[String]) -> Vec<Concept<'_>> {
        let only_stop_words = words.iter().all(|word| words::is_stop(word));
        let mut concepts = Vec::new();
        let mut seen = HashSet::new();
        let mut mistyped = 0;
        for at in 0..words.len() {
            for length in 1..=synonyms::PHRASE_WORDS_MAX {
                let Some(phrase @ [first, ..]) = words.get(at..at + length) else { break };
                let alike = synonyms::of(phrase);
                let mut variants = Vec::new();
                if length == 1 {
                    let stem = words::stem(first);
                    if (words::is_stop(first) && !only_stop_words) || !seen.insert(stem.clone()) {
                        continue;
                    }
                    match self.terms.places(&stem) {
                        Some(places) => variants.push((places, 1.0)),
                        None if alike.is_empty() && mistyped < MISTYPED_MAX => {
                            mistyped += 1;
                            variants.extend(self.mistyped(&stem));
                        }
                        None => {}
                    }
                }
                let own = variants.len();
                variants.extend(self.synonyms(alike));
                concepts.push(Concept { worth: self.worth(&variants, own), variants });
            }
        }
        let implied = words.first().map(|first| synonyms::implied_by(first)).unwrap_or_default();
        let implied: Vec<Variant<'_>> = self.synonyms(implied).collect();
        concepts.push(Concept { worth: self.worth(&implied, 0), variants: implied });
        concepts.retain(|concept| !concept.variants.is_empty());
        concepts
    }

    fn synonyms<'a>(&'a self, stems: &'a [String]) -> impl Iterator<Item = Variant<'a>> {
        stems.iter().filter_map(|stem| Some((self.terms.places(stem)?, SYNONYM_WEIGHT)))
    }

    /// The terms that an unknown word may have been meant as. Short words are near to too many others.
    fn mistyped(&self, stem: &str) -> Vec<Variant<'_>> {
        let errors = match stem.chars().count() {
            0..=2 => return Vec::new(),
            3..=4 => 0,
            5..=7 => 1,
            _ => 2,
        };
        let near = self.terms.near(stem, errors, CANDIDATES_MAX);
        near.iter()
            .filter_map(|(term, errors)| Some((self.terms.places(term)?, TYPO_WEIGHT / *errors as f32)))
            .collect()
    }

    /// How much it says that a tool has one of the variants (BM25's inverse document frequency): by the rarity of
    /// all together, so that a rare synonym of a common word does not count as rare, and by that of the `own` first
    /// ones, the word itself.
    fn worth(&self, variants: &[Variant<'_>], own: usize) -> f32 {
        let rarity = |variants: &[Variant<'_>]| {
            let with: HashSet<usize> =
                variants.iter().flat_map(|(places, _)| *places).map(|place| place.tool).collect();
            (1.0 + (self.tools.len() as f32 - with.len() as f32 + 0.5) / (with.len() as f32 + 0.5)).ln()
        };
        let all = rarity(variants);
        variants.get(..own).filter(|own| !own.is_empty()).map_or(all, |own| (rarity(own) + all) / 2.0)
    }
}

/// The words of a question that are looked up.
fn asked(text: &str) -> Vec<String> {
    let mut words = words::words(head(text, QUERY_CHARS_MAX));
    words.truncate(QUERY_WORDS_MAX);
    words
}
