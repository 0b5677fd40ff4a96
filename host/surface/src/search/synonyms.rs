//! Words that agents and servers use for one thing.
//!
//! An entry of several words (`pull request`) is known as a whole in a question, and reached word by word in a tool.

use super::words::stem;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The most words in one entry.
pub(super) const PHRASE_WORDS_MAX: usize = 3;

/// Each line is one meaning.
const GROUPS: &[&[&str]] = &[
    // What is done.
    &["create", "add", "new", "make", "open", "insert", "set up", "put", "file", "raise"],
    &["delete", "remove", "erase", "drop", "destroy", "trash", "purge", "prune", "discard", "clean"],
    &[
        "list", "show", "get", "find", "search", "fetch", "retrieve", "read", "view", "see", "look", "lookup",
        "display", "query", "browse",
    ],
    &["update", "edit", "modify", "change", "set", "alter", "adjust", "replace", "patch", "rewrite", "raise"],
    &["send", "post", "publish", "submit", "announce", "announcement"],
    &["reply", "answer", "respond", "response"],
    &["run", "execute", "start", "trigger", "launch", "kick", "invoke"],
    &["stop", "cancel", "end", "abort", "terminate", "kill", "halt", "quit"],
    &["restart", "retry", "rerun", "again", "redo"],
    &["close", "resolve", "done", "finish", "complete", "transition"],
    &["copy", "duplicate", "clone", "fork"],
    &["move", "transfer", "relocate", "rename"],
    &["upload", "put", "store", "push", "save", "write"],
    &["download", "save", "fetch", "get", "pull", "export"],
    &["draft", "prepare", "compose"],
    &["forward", "pass on"],
    &["undo", "revert", "rollback", "roll back", "go back"],
    &["restore", "recover", "undelete"],
    &["enable", "activate", "turn on"],
    &["disable", "deactivate", "turn off"],
    &["star", "favorite", "bookmark"],
    &["acknowledge", "ack"],
    &["explain", "describe"],
    &["analyze", "diagnose", "investigate", "recommend"],
    &["approve", "accept", "sign off", "confirm", "yes"],
    &["decline", "reject", "refuse", "dismiss"],
    &["assign", "reassign", "delegate"],
    &["mute", "silence", "snooze", "downtime", "suppress"],
    &["schedule", "later", "plan", "timetable"],
    &["share", "permission", "access", "rights", "grant", "invite", "give"],
    &["scale", "replicas"],
    &["click", "press", "push", "tap"],
    &["navigate", "visit", "open", "go"],
    &["react", "reaction", "emoji"],
    &["merge", "combine", "join"],
    &["convert", "turn", "transform", "translate"],
    &["count", "number", "many", "aggregate", "statistics"],
    &[
        "calculate",
        "calculation",
        "arithmetic",
        "math",
        "compute",
        "sum",
        "percent",
        "percentage",
        "multiply",
        "evaluate",
    ],
    &["uncommitted", "not committed", "modified", "changed", "unstaged", "dirty", "working tree"],
    &["check", "verify", "validate", "verification", "status", "health"],
    // What it is done to.
    &["pr", "pull request", "merge request", "mr"],
    &["issue", "bug", "ticket", "problem", "defect"],
    &["email", "mail", "gmail", "inbox"],
    &["message", "chat", "conversation", "dm", "thread"],
    &["sms", "text", "phone"],
    &["comment", "note", "remark", "annotation"],
    &["meeting", "event", "appointment", "calendar"],
    &["available", "availability", "free", "busy", "freebusy"],
    &["invoice", "bill"],
    &["refund", "money back", "reimburse"],
    &["money", "balance", "funds", "payment"],
    &["customer", "client", "buyer"],
    &["price", "cost"],
    &["subscription", "monthly", "recurring"],
    &["discount", "coupon", "promo"],
    &["repository", "repo"],
    &["folder", "directory"],
    &["document", "doc", "page"],
    &["spreadsheet", "sheet"],
    &["row", "line", "record"],
    &["column", "field", "schema"],
    &["table", "database", "db"],
    &["statement", "query", "sql"],
    &["session", "connection"],
    &["log", "logs", "output", "trace"],
    &["pipeline", "ci", "workflow", "build", "actions", "job"],
    &["vulnerability", "vulnerable", "security", "hole", "cve"],
    &["dependency", "dependencies", "dependabot"],
    &["error", "crash", "exception", "failure", "fail", "broke", "broken"],
    &["alert", "alarm", "monitor", "notification", "warning"],
    &["inventory", "stock", "warehouse", "quantity"],
    &["shipment", "parcel", "delivery", "fulfill", "package"],
    &["order", "purchase"],
    &["checkout", "cart", "basket"],
    &["payment", "charge", "pay", "paid"],
    &["dispute", "chargeback"],
    &["contact", "lead", "prospect"],
    &["company", "organization", "account"],
    &["deployment", "deploy", "rollout", "release"],
    &["usage", "consumption", "used"],
    &["cpu", "memory", "resource"],
    &["shift", "rotation", "override"],
    &["author", "wrote", "blame"],
    &["filesystem", "disk", "local"],
    &["dashboard", "chart"],
    &["metric", "timeseries", "measurement"],
    &["article", "news", "headline"],
    &["help center", "knowledge base", "faq"],
    &["passcode", "otp", "code"],
    &["attendee", "participant", "guest"],
    &["due", "deadline"],
    &["temporary", "presigned", "expiring"],
    &["pollution", "polluted", "air quality"],
    &["timezone", "time zone"],
    &["incident", "outage", "emergency"],
    &["oncall", "on call", "paged", "pager"],
    &["sprint", "iteration", "cycle"],
    &["worklog", "hours", "time spent", "timesheet"],
    &["user", "person", "member", "people", "colleague"],
    &["bucket", "s3"],
    &["link", "url"],
    &["website", "url", "web page", "site", "webpage"],
    &["picture", "image", "photo", "screenshot"],
    &["vacation", "out of office", "holiday", "auto reply"],
    &["forecast", "tomorrow", "rain"],
    &["slow", "slowest", "performance"],
    &["size", "big", "large"],
    &["kubernetes", "k8s", "cluster"],
    &["configuration", "config", "settings"],
    &["environment", "env"],
    &["internal", "private"],
    &["label", "tag", "category"],
    &["history", "past", "previous", "recent"],
    &["current", "now", "today"],
    &["metadata", "info", "details", "information"],
];

/// A word's stem, or the stems of several joined by spaces → the stems it also stands for.
static SYNONYMS: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    for group in GROUPS {
        for entry in *group {
            let known = all.entry(key(entry.split(' '))).or_default();
            for word in group.iter().filter(|other| other != &entry).flat_map(|other| other.split(' ')) {
                let word = stem(word);
                if !known.contains(&word) {
                    known.push(word);
                }
            }
        }
    }
    all
});

fn key<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(stem).collect::<Vec<_>>().join(" ")
}

/// What else some words in a row (one to [`PHRASE_WORDS_MAX`], lower case, unstemmed) may be called, as stems.
pub(super) fn of(words: &[String]) -> &'static [String] {
    SYNONYMS.get(&key(words.iter().map(String::as_str))).map(Vec::as_slice).unwrap_or_default()
}

/// Words that ask for sending when a question begins with them (`mail the customer`).
const SENDING: &[&str] = &["email", "mail", "message", "notify", "ping", "sms", "tell", "text"];

/// What a question's first word asks for beyond what it says, as stems.
pub(super) fn implied_by(first: &str) -> &'static [String] {
    if SENDING.contains(&first) { of(&["announce".to_owned()]) } else { &[] }
}
