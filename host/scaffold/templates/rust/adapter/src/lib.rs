use tollgate_sdk::prelude::*;

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Counts {
    words: usize,
    characters: usize,
}

struct Adapter;

#[adapter]
impl Adapter {
    /// Counts the words and characters of a text.
    #[tool(read_only, open_world = false)]
    async fn count_words(text: String) -> Result<Counts> {
        let words = text.split_whitespace().count();
        if words == 0 {
            bail!("the text has no words");
        }
        Ok(Counts { words, characters: text.chars().count() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_sdk::testing::block_on;

    #[test]
    fn counts_words_and_characters() {
        let counts = block_on(Adapter::count_words("to be or not".into())).unwrap();
        assert_eq!(counts, Counts { words: 4, characters: 12 });
    }

    #[test]
    fn a_text_without_words_is_refused() {
        let error = block_on(Adapter::count_words("  ".into())).unwrap_err();
        assert_eq!(error.to_string(), "the text has no words");
    }
}
