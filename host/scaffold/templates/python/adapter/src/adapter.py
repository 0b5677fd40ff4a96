from dataclasses import dataclass

from tollgate import PolicyError, tool


@dataclass
class Counts:
    words: int
    characters: int


@tool(read_only=True, open_world=False)
def count_words(text: str) -> Counts:
    """Counts the words and characters of a text."""
    words = text.split()
    if not words:
        raise PolicyError("the text has no words")
    return Counts(words=len(words), characters=len(text))
