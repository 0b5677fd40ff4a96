"""What a script sees of an answer."""

import json
import unittest

import fake_host  # noqa: F401
from tollgate_python import convert, results


class Answers(unittest.TestCase):
    def test_white_space_around_an_answer_is_no_part_of_it(self):
        for answer in ('{"content": []}', ' \n{"content": []}', '{"content": []}\r\n'):
            self.assertEqual(results.whole(answer), {"content": []})


    def test_a_value_that_is_no_object_stands_in_a_member_of_its_own(self):
        def of(text, structured):
            return results.read(json.dumps({"content": [{"type": "text", "text": text}], "structuredContent": structured}))

        self.assertEqual(of("42", {"result": 42}), 42)
        self.assertEqual(of("42", {"result": "42"}), "42")
        self.assertEqual(of("[1]", {"result": [1]}), [1])
        self.assertIsNone(results.read('{"content": [], "structuredContent": {"result": null}}'))
        # A tool whose own object has such a member.
        self.assertEqual(of('{"result": "SUCCESS"}', {"result": "SUCCESS"}), {"result": "SUCCESS"})
        self.assertEqual(of("x", {"result": 1, "more": 2}), {"result": 1, "more": 2})


class Values(unittest.TestCase):
    def test_what_holds_itself_is_an_error_that_says_so(self):
        class Changing(dict):
            asked = 0

            def items(self):
                self.asked += 1
                return [] if self.asked == 1 else [("x", self)]

        circle = []
        circle.append(circle)
        for write, value in ((convert.to_json, circle), (convert.session_json, {"a": Changing(a=1)})):
            with self.assertRaises(ValueError):
                write(value)
        self.assertEqual(convert.to_json([[1], [1]]), "[[1],[1]]")


if __name__ == "__main__":
    unittest.main()
