"""The comparison of instruction counts notices growth, and only growth: baseline_test.py ROOT"""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(sys.argv.pop())
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "bench"))
import baseline  # noqa: E402

BUILD = "GNU 12.2.0 x86_64 -O2"
BEFORE = {"1 hook · libkhelp": 52.0, "idle point · libkhelp": 6.0}


class compared(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "baseline.json"
        self.path.write_text(json.dumps({BUILD: BEFORE}))

    def run_with(self, verb, counts, build=BUILD, valgrind="/usr/bin/valgrind"):
        counts = {tuple(row.split(" · ")): i for row, i in counts.items()}
        said = io.StringIO()
        with mock.patch("measure.build_of", return_value=build), \
                mock.patch("measure.instructions", return_value=(counts, {})), \
                mock.patch("shutil.which", return_value=valgrind), contextlib.redirect_stdout(said):
            return verb("khelp_bench", self.path), said.getvalue()

    def check(self, counts, **around):
        return self.run_with(baseline.check, counts, **around)

    def test_four_percent_more_passes(self):
        status, _ = self.check({**BEFORE, "1 hook · libkhelp": 52.0 * 1.04})
        self.assertEqual(status, 0)

    def test_six_percent_more_fails_and_says_where(self):
        status, said = self.check({**BEFORE, "1 hook · libkhelp": 52.0 * 1.06})
        self.assertEqual(status, 1)
        self.assertIn("1 hook · libkhelp: 55.1 instructions, 52.0 in the baseline", said)
        self.assertNotIn("idle point", said)

    def test_less_passes(self):
        self.assertEqual(self.check({**BEFORE, "1 hook · libkhelp": 40.0})[0], 0)

    def test_a_row_that_vanished_fails(self):
        status, said = self.check({"1 hook · libkhelp": 52.0})
        self.assertEqual(status, 1)
        self.assertIn("idle point · libkhelp: is in the baseline, but not measured", said)

    def test_a_row_that_nobody_counted_before_fails(self):
        status, said = self.check({**BEFORE, "4 hooks · libkhelp": 154.0})
        self.assertEqual(status, 1)
        self.assertIn("4 hooks · libkhelp: 154.0 instructions, but not in the baseline", said)

    def test_another_compiler_is_skipped_and_says_so(self):
        status, said = self.check({"1 hook · libkhelp": 900.0}, build="Clang 14 x86_64 -O2")
        self.assertEqual(status, 77)
        self.assertIn("no counts for Clang 14 x86_64 -O2", said)

    def test_without_valgrind_it_is_skipped_and_says_so(self):
        status, said = self.check(BEFORE, valgrind=None)
        self.assertEqual(status, 77)
        self.assertIn("no valgrind", said)

    def test_rewriting_changes_this_builds_counts_only(self):
        self.run_with(baseline.rewrite, {"1 hook · libkhelp": 60.0}, build="Clang 14 x86_64 -O2")
        known = json.loads(self.path.read_text())
        self.assertEqual(known, {BUILD: BEFORE, "Clang 14 x86_64 -O2": {"1 hook · libkhelp": 60.0}})

    def test_the_baseline_holds_hot_paths(self):
        for build, rows in json.loads((ROOT / "bench" / "baseline.json").read_text()).items():
            self.assertIn("1 hook · libkhelp", rows, build)


class a_dump(unittest.TestCase):
    def test_tells_its_row_and_sum(self):
        text = "desc: Trigger: Client Request: 1 hook\tlibkhelp\nsummary: 520000\n"
        self.assertEqual(baseline.measure.dump(text), (("1 hook", "libkhelp"), 520000))

    def test_of_the_end_is_of_no_row(self):
        self.assertEqual(baseline.measure.dump("desc: Trigger: Program termination\nsummary: 7\n"),
                         (None, 7))


if __name__ == "__main__":
    unittest.main()
