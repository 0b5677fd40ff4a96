import unittest

from tollgate import PolicyError
from tollgate.testing import call_adapter

import adapter  # noqa: F401: declares the tools


class CountWords(unittest.TestCase):
    def test_counts_words_and_characters(self) -> None:
        answer = call_adapter("count_words", {"text": "to be or not"})
        self.assertEqual(answer["structuredContent"], {"words": 4, "characters": 12})

    def test_a_text_without_words_is_refused(self) -> None:
        with self.assertRaisesRegex(PolicyError, "no words"):
            call_adapter("count_words", {"text": "  "})
