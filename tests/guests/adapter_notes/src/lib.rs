//! An adapter that has resources and prompts beside its tools: notes, kept in its state.

use tollgate_sdk::offers::{Contents, Messages};
use tollgate_sdk::prelude::*;
use tollgate_sdk::state;

#[derive(Serialize, JsonSchema)]
struct Kept {
    uri: String,
}

struct Notes;

#[adapter]
impl Notes {
    /// Keeps a note.
    #[tool(idempotent)]
    async fn keep(id: String, text: String) -> Result<Kept> {
        state::set(&key(&id), &text).await?;
        Ok(Kept { uri: format!("notes://note/{id}") })
    }

    /// What notes are.
    #[resource(uri = "notes://about", title = "About", mime_type = "text/plain")]
    fn about() -> Result<&'static str> {
        Ok("Notes are short texts.")
    }

    /// A point, as an image.
    #[resource(uri = "notes://point", mime_type = "image/png")]
    async fn point() -> Result<Contents> {
        Ok(Contents::bytes([0x89, b'P', b'N', b'G']))
    }

    /// How many notes of some ids there are, by asking for each.
    #[resource(uri = "notes://count/{+ids}")]
    async fn count(ids: String) -> Result<Value> {
        let mut count = 0;
        for id in ids.split('/') {
            count += u32::from(state::get::<String>(&key(id)).await?.is_some());
        }
        Ok(json!({"count": count}))
    }

    /// One note.
    #[resource(uri = "notes://note/{id}", mime_type = "text/markdown")]
    async fn note(
        /// Its id.
        id: String,
    ) -> Result<String> {
        match state::get::<String>(&key(&id)).await? {
            Some(entry) => Ok(entry.value),
            None => bail!("there is no note {id}"),
        }
    }

    /// What another server answers, which this adapter may not call.
    #[resource(uri = "notes://denied")]
    async fn denied() -> Result<Value> {
        call_as("other:tool", json!({})).await
    }

    /// Burns what fuel there is.
    #[resource(uri = "notes://spin")]
    fn spin() -> Result<u64> {
        let mut n = 0_u64;
        loop {
            n = std::hint::black_box(n.wrapping_add(1));
            if n == u64::MAX {
                return Ok(n);
            }
        }
    }

    /// Has a note put shortly.
    #[prompt(title = "Summary")]
    async fn summary(
        /// The note's id.
        id: String,
        /// In which language.
        language: Option<String>,
    ) -> Result<Messages> {
        let Some(entry) = state::get::<String>(&key(&id)).await? else { bail!("there is no note {id}") };
        let language = language.map(|language| format!(" in {language}")).unwrap_or_default();
        let messages = Messages::new().description("A note and what to do with it.");
        Ok(messages.user(format!("Summarise this{language}: {}", entry.value)).assistant("In short:"))
    }

    /// Says hello.
    #[prompt]
    fn hello() -> Result<&'static str> {
        Ok("Say hello.")
    }
}

fn key(id: &str) -> String {
    format!("note/{id}")
}
