//! Links between the pages of the documentation: each leads to a file that is there, and to a heading of it.

use crate::root;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let at_root = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    found.extend(at_root.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    found
}

/// The page without its blocks of code.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The targets of `[…](TARGET)` and `src="TARGET"`, outside of code.
fn targets(text: &str) -> Vec<String> {
    let text: String = text.split('`').step_by(2).collect();
    let ends = [("](", ')'), ("src=\"", '"')];
    let found = ends.into_iter().flat_map(|(start, end)| {
        text.split(start).skip(1).filter_map(move |rest| rest.split_once(end)).map(|(target, _)| target.to_owned())
    });
    found.collect()
}

/// The anchors of a page's headings, as the pages of repositories make them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchors = headings.map(|line| {
        let plain = line.trim_start_matches('#').trim().to_lowercase();
        let kept = plain.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = seen.entry(anchor.clone()).or_default();
        *times += 1;
        if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
    });
    anchors.collect()
}

fn broken(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    if !path.exists() {
        return Some(format!("{}: there is no {target}", page.display()));
    }
    let anchor = anchor?;
    let known = anchors(&prose(&fs::read_to_string(path).unwrap()));
    (!known.iter().any(|known| known == anchor)).then(|| format!("{}: no heading for {target}", page.display()))
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 10, "{pages:?}");
    let links = pages.iter().flat_map(|page| {
        let targets = targets(&prose(&fs::read_to_string(page).unwrap()));
        targets.into_iter().map(move |target| (page, target))
    });
    let links: Vec<_> = links.collect();
    assert!(links.len() > 20);
    let broken: Vec<_> = links.iter().filter_map(|(page, target)| broken(page, target)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = root().join("README.md");
    assert!(broken(&page, "docs/none.md").is_some());
    assert!(broken(&page, "docs/guide.md#no-such-heading").is_some());
    assert!(broken(&page, "docs/guide.md").is_none());
    assert_eq!(targets("a [b](c.md#d) <img src=\"e.svg\">"), ["c.md#d", "e.svg"]);
    assert_eq!(anchors("# What it does, and `why`\n## A\n## A"), ["what-it-does-and-why", "a", "a-1"]);
}
