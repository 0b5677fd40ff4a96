//! An adapter without async that has a resource, a template and a prompt, and no tool.

use tollgate_sdk::prelude::*;

struct Notes;

#[adapter(blocking)]
impl Notes {
    /// What notes are.
    #[resource(uri = "notes://about")]
    fn about() -> Result<&'static str> {
        Ok("Notes are short texts.")
    }

    /// One note.
    #[resource(uri = "notes://{folder}/{id}.md")]
    fn note(folder: String, id: String) -> Result<Value> {
        Ok(json!({"folder": folder, "id": id}))
    }

    /// Says hello.
    #[prompt]
    fn hello(name: String) -> Result<String> {
        Ok(format!("Say hello to {name}."))
    }
}
