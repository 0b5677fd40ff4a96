import unittest

from tollgate import CallError
from tollgate.testing import CallFailure, fake_host, run_policy

import policy  # noqa: F401: declares the policy


class Hello(unittest.TestCase):
    def test_greets_and_tells_the_customers(self) -> None:
        host = fake_host({"crm:search_customers": [{"name": "Ada Lovelace"}]})
        self.assertEqual(run_policy({"name": "Ada"}), {"greeting": "Hello, Ada!", "customers": ["Ada Lovelace"]})
        self.assertEqual(host.calls, [("crm", "search_customers", {"query": "Ada"})])

    def test_a_failed_call_ends_it(self) -> None:
        def down(args: object) -> None:
            raise CallFailure("unavailable", "it is down")

        fake_host({"crm:search_customers": down})
        with self.assertRaises(CallError) as raised:
            run_policy({"name": "Ada"})
        self.assertEqual(raised.exception.kind, "unavailable")
