//! The search over 500 tools, asked in an agent's own words.

use crate::{catalog, tool};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_surface::{Index, Query};

/// A question, the tools that answer it, and whether the search was tuned without it.
#[derive(Deserialize)]
struct Question {
    question: String,
    accepted: Vec<String>,
    held_out: bool,
}

/// Written before the search, one half of them held out from its tuning.
fn questions() -> Vec<Question> {
    serde_json::from_str(include_str!("../data/questions.json")).unwrap()
}

/// Written after the tuning, and never tuned for.
fn later_questions() -> Vec<Question> {
    serde_json::from_str(include_str!("../data/later_questions.json")).unwrap()
}

/// `server:tool` of each hit.
fn names(index: &Index, query: &Query<'_>) -> Vec<String> {
    index.search(query).iter().map(|hit| format!("{}:{}", hit.tool.server, hit.tool.name)).collect()
}

/// How many of the questions find an accepted tool within the first three; and those of the tuned half that do
/// not. What others miss stays unsaid: nobody is to tune for it.
fn found(index: &Index, questions: &[&Question]) -> (usize, String) {
    let mut missed = String::new();
    let mut found = 0;
    for Question { question, accepted, held_out } in questions {
        let first = names(index, &Query { limit: 3, ..Query::new(question) });
        if first.iter().any(|name| accepted.contains(name)) {
            found += 1;
        } else if !held_out {
            missed += &format!("\n{question}\n  wants {accepted:?}\n  finds {first:?}");
        }
    }
    (found, missed)
}

#[test]
fn nine_of_ten_questions_find_their_tool_within_the_first_three() {
    let index = Index::new(&catalog());
    let questions = questions();
    let (held_out, tuned): (Vec<&Question>, Vec<&Question>) = questions.iter().partition(|question| question.held_out);
    assert_eq!((tuned.len(), held_out.len()), (25, 25));
    let ((tuned, missed), (held_out, _)) = (found(&index, &tuned), found(&index, &held_out));
    println!("within the first three: {tuned} of 25 tuned, {held_out} of 25 held out{missed}");
    assert!(tuned + held_out >= 45, "{tuned} of 25 tuned, {held_out} of 25 held out{missed}");
}

/// Asked by somebody who knew neither the tools nor the search.
#[test]
fn words_that_strangers_used_find_their_tools() {
    let tools = [
        ("everything", "get-sum", "Returns the sum of two numbers"),
        ("calc", "calculate", "Evaluates a mathematical expression"),
        ("files", "search_files", "Recursively search for files and directories matching a pattern"),
        ("files", "read_text_file", "Read the complete contents of a file from the file system as text"),
        ("files", "read_media_file", "Read an image or audio file"),
        ("files", "list_directory", "Get a detailed listing of all files and directories in a path"),
        ("git", "git_status", "Shows the working tree status"),
        ("git", "git_diff_unstaged", "Shows changes in the working directory that are not yet staged"),
        ("git", "git_commit", "Records changes to the repository"),
        ("git", "git_log", "Shows the commit logs"),
        ("time", "get_current_time", "Get current time in a specific timezone"),
        ("memory", "search_nodes", "Search for nodes in the knowledge graph based on a query"),
    ];
    let schema = json!({"type": "object"});
    let tools: Vec<_> =
        tools.map(|(server, name, description)| Arc::new(tool(server, name, description, schema.clone()))).into();
    let index = Index::new(&tools);
    for (question, wanted) in [
        ("do some arithmetic", &["calc:calculate"][..]),
        ("what's 17 percent of 340", &["calc:calculate"]),
        ("find files by name", &["files:search_files"]),
        ("which files are modified but not committed", &["git:git_status", "git:git_diff_unstaged"]),
        ("read a file", &["files:read_text_file"]),
    ] {
        let first = names(&index, &Query { limit: 3, ..Query::new(question) });
        assert!(first.iter().any(|name| wanted.contains(&name.as_str())), "{question}: {first:?}");
    }
}

#[test]
fn questions_that_came_later_do_as_well_as_was_measured() {
    let index = Index::new(&catalog());
    let questions = later_questions();
    let (held_out, tuned): (Vec<&Question>, Vec<&Question>) = questions.iter().partition(|question| question.held_out);
    let ((tuned, missed), (held_out, _)) = (found(&index, &tuned), found(&index, &held_out));
    println!("later ones within the first three: {tuned} of 18 tuned, {held_out} of 17 held out{missed}");
    assert!(tuned + held_out >= LATER_FOUND, "{tuned} of 18 tuned, {held_out} of 17 held out{missed}");
}

/// What was measured.
const LATER_FOUND: usize = 28;

#[test]
fn a_query_over_500_tools_takes_less_than_five_milliseconds() {
    let tools = catalog();
    let began = Instant::now();
    let index = Index::new(&tools);
    let built = began.elapsed();
    let questions = questions();
    let mut times: Vec<Duration> = Vec::new();
    for question in questions.iter().chain(&questions) {
        let began = Instant::now();
        assert!(!index.search(&Query::new(&question.question)).is_empty());
        times.push(began.elapsed());
    }
    times.sort();
    println!("built in {built:?}; queries p50 {:?}, p95 {:?}", times[50], times[95]);
    // Half of them, as the machine may be busy with something else.
    assert!(times[50] < Duration::from_millis(5), "{:?}", times[50]);
}

#[test]
fn answers_do_not_depend_on_the_order_of_the_catalog() {
    let tools = catalog();
    let mut turned = tools.clone();
    turned.reverse();
    let (one, other) = (Index::new(&tools), Index::new(&turned));
    for question in questions() {
        let query = Query::new(&question.question);
        assert_eq!(names(&one, &query), names(&other, &query), "{}", question.question);
    }
}

#[test]
fn a_server_and_a_limit_narrow_the_answer() {
    let index = Index::new(&catalog());
    let of_linear = names(&index, &Query { server: Some("linear"), limit: 3, ..Query::new("create issue") });
    assert_eq!(of_linear[0], "linear:create_issue");
    assert!(of_linear.len() == 3 && of_linear.iter().all(|name| name.starts_with("linear:")), "{of_linear:?}");
    assert_eq!(names(&index, &Query { limit: 1_000, ..Query::new(" ") }).len(), 500);
    assert!(names(&index, &Query { limit: 0, ..Query::new("issue") }).is_empty());
    assert!(names(&index, &Query { server: Some("nobody"), ..Query::new("issue") }).is_empty());
}

#[test]
fn a_name_is_found_however_it_is_written() {
    let index = Index::new(&catalog());
    for (text, want) in [
        ("salesforce queryRecords", "salesforce:queryRecords"),
        ("slack_post_message", "slack:slack_post_message"),
        ("browser take screenshot", "playwright:browser_take_screenshot"),
        ("ListBuckets", "aws-s3:ListBuckets"),
        ("presinged url", "aws-s3:GeneratePresignedUrl"),
        ("kubernets drain", "kubernetes:drain_node"),
        ("sentry orgs", "sentry:find_organizations"),
    ] {
        assert_eq!(names(&index, &Query::new(text))[0], want, "{text}");
    }
}

#[test]
fn a_hostile_catalog_takes_bounded_work() {
    let many = "word ".repeat(200_000);
    let mut nested = json!({"description": many});
    for _ in 0..60 {
        nested = json!({"type": "object", "properties": {"a": nested.clone(), "b": nested}});
        if nested.to_string().len() > 4_000_000 {
            break;
        }
    }
    let tools: Vec<_> = (0..20).map(|n| Arc::new(tool("evil", &format!("t{n}"), &many, nested.clone()))).collect();
    let began = Instant::now();
    let index = Index::new(&tools);
    assert_eq!(index.search(&Query { limit: 50, ..Query::new(&many) }).len(), 20);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

proptest! {
    #[test]
    fn any_text_is_indexed_and_asked(name in "\\PC{1,40}", text in "\\PC{0,200}", query in "\\PC{0,200}") {
        let index = Index::new(&[Arc::new(tool("s", &name, &text, json!({"properties": {name.clone(): {"description": text.clone()}}})))]);
        for query in [&query, &name, &text] {
            for hit in index.search(&Query::new(query)) {
                prop_assert!(hit.score.is_finite());
            }
        }
    }
}
