//! Names as providers take them.

use crate::tool;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use tollgate_core::ToolName;
use tollgate_surface::names::{EXPOSED_NAME_MAX_BYTES, NamingError, is_valid};
use tollgate_surface::{Exposed, Naming, Strategy as Naming_};

fn named(names: &[&str]) -> Vec<ToolName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// `server:tool → name` of each tool, and the collisions, one a line.
fn shown(exposed: &Exposed) -> String {
    let mut lines: Vec<String> = exposed.iter().map(|(name, tool)| format!("{tool} → {name}")).collect();
    lines.sort();
    for collision in exposed.collisions() {
        let kept = collision.kept_by.as_ref().map_or("nobody".to_owned(), ToString::to_string);
        let ask = if collision.ask { ", to be asked" } else { "" };
        lines.push(format!("`{}` wanted by {}: kept by {kept}{ask}", collision.name, collision.tools.len()));
    }
    lines.join("\n")
}

const TOOLS: [&str; 4] = ["github:search", "slack:search", "slack:post_message", "time:now"];

#[test]
fn each_strategy_names_as_it_says() {
    let mut out = String::new();
    for strategy in [Naming_::Prefix, Naming_::Priority, Naming_::Label, Naming_::Ask, Naming_::None] {
        let naming = Naming::new(strategy).priorities([("slack".to_owned(), 1), ("github".to_owned(), 2)]);
        out += &format!("{strategy:?}\n{}\n\n", shown(&naming.expose(named(&TOOLS))));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn equal_priorities_have_no_winner() {
    for priorities in [vec![], vec![("slack".to_owned(), 1), ("github".to_owned(), 1)]] {
        let exposed = Naming::new(Naming_::Priority).priorities(priorities).expose(named(&TOOLS));
        assert_eq!(exposed.tool_of("search"), None);
        assert_eq!(exposed.name_of(&"slack:search".parse().unwrap()), Some("slack__search"));
    }
}

#[test]
fn a_server_with_a_priority_goes_before_one_without() {
    let exposed = Naming::new(Naming_::Priority).priorities([("slack".to_owned(), 900)]).expose(named(&TOOLS));
    assert_eq!(exposed.tool_of("search"), Some(&"slack:search".parse().unwrap()));
}

#[test]
fn a_label_names_the_server() {
    let tool = tool("github", "search", "Finds.", json!({}));
    let labelled = Naming::new(Naming_::Label).expose([]);
    assert_eq!(labelled.description(&tool), "[github] Finds.");
    assert_eq!(Naming::default().expose([]).description(&tool), "Finds.");
}

#[test]
fn bad_and_long_names_are_mapped_alike_whoever_else_is_there() {
    let long = format!("{}:{}", "s".repeat(64), "t".repeat(200));
    let tools = ["a:files.read", "a:files_read", "a.b:x", "a:日本", &long];
    let all = Naming::default().expose(named(&tools));
    for tool in named(&tools) {
        let alone = Naming::default().expose([tool.clone()]);
        assert_eq!(alone.name_of(&tool), all.name_of(&tool));
        assert!(all.name_of(&tool).is_some_and(is_valid), "{tool}");
    }
    assert!(all.collisions().is_empty());
    let name = all.name_of(&long.parse().unwrap()).unwrap();
    assert!(name.len() == EXPOSED_NAME_MAX_BYTES && name.starts_with(&format!("{}__ttt", "s".repeat(24))), "{name}");
}

#[test]
fn nobody_takes_a_prefixed_name_by_calling_a_tool_so() {
    let tools = named(&["github:search", "slack:search", "evil:github__search"]);
    let exposed = Naming::new(Naming_::None).expose(tools);
    assert_eq!(exposed.tool_of("github__search"), Some(&"github:search".parse().unwrap()));
    assert_eq!(exposed.tool_of("evil__github__search"), Some(&"evil:github__search".parse().unwrap()));
}

#[test]
fn a_separator_within_names_makes_no_two_tools_one() {
    let tools = named(&["a__b:c", "a:b__c"]);
    let exposed = Naming::default().expose(tools.clone());
    assert_eq!(exposed.tool_of("a__b__c"), None);
    assert!(tools.iter().all(|tool| exposed.name_of(tool).unwrap().starts_with("a__b__c_")));
    assert_eq!(exposed.collisions().len(), 1);
}

#[test]
fn a_rename_goes_before_everything_and_keeps_its_name_free() {
    let renames = [("github:search".parse().unwrap(), "slack__search".to_owned())];
    let naming = Naming::default().renames(renames).unwrap();
    let both = naming.expose(named(&TOOLS));
    assert_eq!(both.tool_of("slack__search"), Some(&"github:search".parse().unwrap()));
    let slack = both.name_of(&"slack:search".parse().unwrap()).unwrap().to_owned();
    assert!(slack.starts_with("slack__search_"), "{slack}");
    let without = naming.expose(named(&["slack:search"]));
    assert_eq!(without.name_of(&"slack:search".parse().unwrap()), Some(slack.as_str()));
    assert_eq!(without.iter().count(), 1);
}

#[test]
fn what_cannot_be_said_so_is_refused() {
    for separator in ["", ":", "a.b", "123456789"] {
        let error = Naming::default().separator(separator).unwrap_err();
        assert!(error.to_string().contains("use 1 to 8 letters"), "{error}");
    }
    assert_eq!(Naming::default().separator("-").unwrap().expose(named(&["a:b"])).iter().next().unwrap().0, "a-b");
    let (one, other): (ToolName, ToolName) = ("a:x".parse().unwrap(), "b:x".parse().unwrap());
    let error = Naming::default().renames([(one.clone(), "no good".to_owned())]).unwrap_err();
    assert!(matches!(&error, NamingError::Rename { tool, .. } if *tool == one), "{error}");
    let error = Naming::default().renames([(one, "x".to_owned()), (other, "x".to_owned())]).unwrap_err();
    assert_eq!(error.to_string(), "`a:x` and `b:x` are both renamed to `x`: give one of them another name");
}

#[test]
fn a_chain_of_names_made_to_collide_is_settled_soon() {
    let mut tools = named(&["a:x", "b:x"]);
    for _ in 0..2_000 {
        // Each one is called as the one before would be when it gives way.
        let last = tools.last().unwrap().clone();
        let pair = Naming::default().expose([last.clone(), ToolName { server: "z".into(), tool: "_".into() }]);
        tools.push(ToolName { server: "a".into(), tool: pair.name_of(&last).unwrap().to_owned() });
    }
    for strategy in [Naming_::Prefix, Naming_::None] {
        let exposed = Naming::new(strategy).expose(tools.clone());
        assert_eq!(exposed.iter().count(), tools.iter().collect::<BTreeSet<_>>().len());
    }
}

fn strategies() -> impl Strategy<Value = Naming_> {
    prop::sample::select(vec![Naming_::Prefix, Naming_::Priority, Naming_::Label, Naming_::Ask, Naming_::None])
}

fn tools() -> impl Strategy<Value = Vec<ToolName>> {
    let server = "[ab](__|[.-])?[ab]?";
    let name = prop_oneof!["[ab](_{1,2}|[.: -])?[abc]?", "\\PC{1,80}"];
    prop::collection::vec((server, name).prop_map(|(server, tool)| ToolName { server, tool }), 0..30)
}

proptest! {
    #[test]
    fn names_are_valid_differ_read_back_and_do_not_depend_on_order(
        tools in tools(), strategy in strategies(), numbers in prop::collection::vec(0i64..3, 3), turn in any::<prop::sample::Index>(),
    ) {
        let servers = ["a", "b", "ab"].map(str::to_owned);
        let naming = Naming::new(strategy).priorities(servers.into_iter().zip(numbers));
        let exposed = naming.expose(tools.clone());
        let distinct: BTreeSet<&ToolName> = tools.iter().collect();
        prop_assert_eq!(exposed.iter().count(), distinct.len());
        for tool in distinct {
            let name = exposed.name_of(tool).unwrap();
            prop_assert!(is_valid(name), "{}", name);
            prop_assert_eq!(exposed.tool_of(name), Some(tool));
        }
        let mut turned = tools.clone();
        turned.rotate_left(if tools.is_empty() { 0 } else { turn.index(tools.len()) });
        prop_assert_eq!(shown(&naming.expose(turned)), shown(&exposed));
    }

    #[test]
    fn a_name_that_nobody_else_wants_stays_whoever_comes(tools in tools(), strategy in strategies(), more in tools()) {
        let before = Naming::new(strategy).expose(tools.clone());
        let after = Naming::new(strategy).expose(tools.iter().chain(&more).cloned());
        let contested: BTreeSet<&ToolName> = after.collisions().iter().flat_map(|c| &c.tools).map(|(tool, _)| tool).collect();
        for tool in tools.iter().filter(|tool| !contested.contains(tool)) {
            prop_assert_eq!(before.name_of(tool), after.name_of(tool));
        }
    }
}
