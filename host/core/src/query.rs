//! What a server is asked for beside its tools: resources, prompts, completion.

use std::fmt;

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryKind {
    /// `resources/read`.
    ReadResource,
    /// `resources/subscribe`.
    Subscribe,
    /// `resources/unsubscribe`.
    Unsubscribe,
    /// `prompts/get`.
    GetPrompt,
    /// `completion/complete`, of an argument of a resource template.
    CompleteResource,
    /// `completion/complete`, of an argument of a prompt.
    CompletePrompt,
}

impl QueryKind {
    /// The protocol's method.
    pub fn method(self) -> &'static str {
        match self {
            Self::ReadResource => "resources/read",
            Self::Subscribe => "resources/subscribe",
            Self::Unsubscribe => "resources/unsubscribe",
            Self::GetPrompt => "prompts/get",
            Self::CompleteResource | Self::CompletePrompt => "completion/complete",
        }
    }

    /// Whether it is about a resource; else it is about a prompt.
    pub fn is_resource(self) -> bool {
        !matches!(self, Self::GetPrompt | Self::CompletePrompt)
    }
}

impl fmt::Display for QueryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.method())
    }
}

/// One request to a server that is no call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The server's name.
    pub server: String,
    /// What is asked.
    pub kind: QueryKind,
    /// What grants speak of: the resource's URI or template, or the prompt's name.
    pub name: String,
    /// The request's `params`, the text of a JSON object.
    pub params: String,
}

/// Which of a server's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListKind {
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    ResourceTemplates,
    /// `prompts/list`.
    Prompts,
}

impl ListKind {
    /// The protocol's method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Resources => "resources/list",
            Self::ResourceTemplates => "resources/templates/list",
            Self::Prompts => "prompts/list",
        }
    }

    /// The member of the result that holds the items.
    pub fn member(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
            Self::Prompts => "prompts",
        }
    }

    /// The member of an item that grants speak of.
    pub fn name_of_item(self) -> &'static str {
        match self {
            Self::Resources => "uri",
            Self::ResourceTemplates => "uriTemplate",
            Self::Prompts => "name",
        }
    }
}

/// One item of a server's list, as the server sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The server's name.
    pub server: String,
    /// The item.
    pub item: serde_json::Map<String, serde_json::Value>,
}

/// What changed at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The tools of some server, or which servers there are.
    Tools,
    /// The prompts of a server.
    Prompts {
        /// The server's name.
        server: String,
    },
    /// The resources of a server.
    Resources {
        /// The server's name.
        server: String,
    },
    /// The content of one resource that was subscribed to.
    Resource {
        /// The server's name.
        server: String,
        /// The resource.
        uri: String,
    },
}
