//! All that a front end can be asked for, in one list. A request names its handler where it is dispatched, and gets its view
//! there; what is not in the list has no view, and reaches nothing.

use crate::api::Route;
use crate::meta_tools::MetaTool;

macro_rules! methods {
    ($($method:ident $name:literal;)*) => {
        /// What agents ask for over MCP, and what they are told unasked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Method { $($method,)* }

        impl Method {
            const ALL: &[Self] = &[$(Self::$method,)*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$method => $name,)* }
            }
        }
    };
}

methods! {
    Introduce "initialize, server/discover";
    FindSchema "tools/call: headers held against the schema";
    ListTools "tools/list";
    CallTool "tools/call";
    ListResources "resources/list";
    ListTemplates "resources/templates/list";
    ReadResource "resources/read";
    ListPrompts "prompts/list";
    GetPrompt "prompts/get";
    Complete "completion/complete";
    Subscribe "resources/subscribe";
    Unsubscribe "resources/unsubscribe";
    Listen "subscriptions/listen";
    TellChanges "notifications of changes";
}

/// The names of all handlers: methods of MCP, `meta` tools by `call_tool`'s kind of name, routes of the HTTP API. A test has a row
/// for each.
pub fn handlers() -> Vec<String> {
    let methods = Method::ALL.iter().map(|method| method.name().to_owned());
    let meta = MetaTool::all().map(|tool| format!("tool {}", tool.name()));
    methods.chain(meta).chain(Route::ALL.iter().map(|route| route.name().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The types keep the host out of reach of whoever has none; this test keeps anybody here from asking for one.
    #[test]
    fn no_source_of_this_crate_names_the_host() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let is_host = |word: &str| matches!(word, "Host" | "HostBuilder");
        let mut seen = 0;
        for source in std::fs::read_dir(sources).unwrap() {
            let source = source.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&source) else { continue };
            let text: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            seen += 1;
            let uses = text.match_indices("tollgate::").filter_map(|(at, _)| text.get(at..)?.split(';').next());
            for used in uses {
                let words = used.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                assert!(!words.take(200).any(is_host), "{}: {used}", source.display());
            }
        }
        assert!(seen > 20, "{seen} sources");
    }
}
