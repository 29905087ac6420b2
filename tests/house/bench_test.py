"""How figures become verdicts and a picture: bench_test.py ROOT"""
import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(sys.argv.pop())
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "bench"))
import draw  # noqa: E402
import measure  # noqa: E402
import promises  # noqa: E402

loader = importlib.machinery.SourceFileLoader("bench_run", str(ROOT / "bench" / "run"))
bench_run = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
loader.exec_module(bench_run)

LISTED = [
    ("1 hook", "bare array", "limit", "", "ns"),
    ("1 hook", "libkhelp", "ours", "", "ns"),
    ("1 hook", "Boost.Signals2", "peer", "", "ns"),
    ("64 B, any of 1000", "libkhelp", "ours", "", "ns"),
    ("64 B, any of 1000", "malloc", "peer", "", "ns"),
]


def hook_run(limit, ours):
    return {("1 hook", "bare array"): (limit, 1.0), ("1 hook", "libkhelp"): (ours, ours / limit),
            ("1 hook", "Boost.Signals2"): (60.0, 60.0 / limit)}


class a_table(unittest.TestCase):
    def setUp(self):
        self.table = bench_run.table(LISTED, {"glibc": None, "jemalloc": "libjemalloc.so.2"})

    def verdict(self, section, figure):
        row = self.table.rows[section, "libkhelp"]
        return next((value, holds) for promise, value, holds in row.verdicts()
                    if promise.figure == figure)

    def test_judges_the_median_of_each_runs_ratio(self):
        # The machine was slow in the second run: both were.
        for limit, ours in ((2.0, 2.4), (4.0, 4.8), (2.0, 9.0)):
            self.table.put_run(["1 hook"], [hook_run(limit, ours)])
        value, holds = self.verdict("1 hook", "of limit")
        self.assertAlmostEqual(value, 1.2)
        self.assertTrue(holds)

    def test_says_what_is_over(self):
        self.table.put_run(["1 hook"], [hook_run(2.0, 2.8)])
        self.assertEqual(self.verdict("1 hook", "of limit"), (1.4, False))

    def test_compares_with_the_best_malloc_in_its_process(self):
        section = "64 B, any of 1000"
        runs = [{(section, "libkhelp"): (3.0, None), (section, "glibc"): (12.0, None)},
                {(section, "libkhelp"): (6.0, None), (section, "jemalloc"): (8.0, None)}]
        self.table.put_run([section], runs)
        self.assertEqual(self.verdict(section, "of best peer"), (0.75, True))

    def test_says_what_the_limit_itself_reaches(self):
        section = "64 B, any of 1000"
        self.table.rows[section, "a list"] = bench_run.contender(section, "a list", "limit", "", "ns")
        self.table.put_run([section], [{(section, "libkhelp"): (9.5, 1.1), (section, "a list"): (9.0, 1.0),
                                        (section, "glibc"): (10.0, 1.2)}])
        promise, = [each for each in promises.of_section(section) if each.figure == "of best peer"]
        self.assertEqual(self.table.bound(promise), " (a list, the limit, reaches 0.90)")

    def test_a_limit_of_nothing_has_no_ratios(self):
        times = {("1 hook", name): (0.0, measure.as_ratio("-nan")) for name in
                 ("bare array", "libkhelp", "Boost.Signals2")}
        self.table.put_run(["1 hook"], [times])
        self.assertEqual(self.table.rows["1 hook", "libkhelp"].of_limit, [])

    def test_counts_are_judged_without_times(self):
        self.table.put_counts({("1 hook", "libkhelp"): 53.0})
        self.assertEqual(self.verdict("1 hook", "instructions"), (53.0, False))

    def test_what_was_not_measured_is_not_judged(self):
        self.assertEqual(self.table.rows["1 hook", "libkhelp"].verdicts(), [])

    def test_peers_are_not_judged(self):
        self.table.put_run(["1 hook"], [hook_run(2.0, 2.4)])
        self.assertEqual(self.table.rows["1 hook", "Boost.Signals2"].verdicts(), [])


class a_row_that_ends_the_program(unittest.TestCase):
    # Sections of two rows; "bad" ends the program wherever it comes.
    PROGRAM = """#!/bin/sh
shift
for row in a:one a:bad b:two; do
  for word in "$@"; do
    [ "$word" != "$(echo $row | tr : '\\t')" ] || continue 2
  done
  [ $row != a:bad ] || { printf 'a\\tbad\\t\\t\\n'; echo "bench: no memory" >&2; exit 1; }
  printf '%s\\t2.5\\t\\n' "$(echo $row | tr : '\\t')"
done
"""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.program = pathlib.Path(folder.name) / "program"
        self.program.write_text(self.PROGRAM)
        self.program.chmod(0o755)

    def test_is_left_out_and_the_others_are_measured(self):
        times, failed = measure.times(self.program, "a", "b")
        self.assertEqual(times, {("a", "one"): (2.5, None), ("b", "two"): (2.5, None)})
        self.assertEqual(failed, {("a", "bad"): "bench: no memory"})

    def test_says_so_at_the_end(self):
        table = bench_run.table(LISTED, {"glibc": None})
        table.put_failures({("1 hook", "libkhelp"): "bench: no memory"})
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.assertEqual(bench_run.print_failures(table), 1)
        self.assertIn("1 hook · libkhelp, 1 times: bench: no memory", said.getvalue())

    def test_is_named_by_its_signal_where_it_says_nothing(self):
        self.program.write_text("#!/bin/sh\nprintf 'a\\tone\\t2\\t\\n'; kill -SEGV $$\n")
        with self.assertRaisesRegex(measure.not_measured, "SIGSEGV"):
            measure.times(self.program, "a")

    def test_does_not_take_the_lines_of_a_program_of_its_own(self):
        self.program.write_text("#!/bin/sh\nprintf 'load\\t2\\t<=3\\tus\\n'; exit 1\n")
        table = bench_run.table(LISTED, {"glibc": None})
        self.assertFalse(table.run_program("scale", [self.program]))
        self.assertEqual(table.rows["scale", "load"].figures, [2.0])
        self.assertEqual(table.ended_early, [("scale", "exit status 1")])


class a_stated_limit(unittest.TestCase):
    def test_is_an_upper_or_a_lower_one(self):
        upper, = promises.of_limit("scale", "<=1.30")
        lower, = promises.of_limit("scale", ">=5")
        self.assertTrue(upper.holds(1.3) and not upper.holds(1.31))
        self.assertTrue(lower.holds(5) and not lower.holds(4.9))

    def test_may_be_missing(self):
        self.assertEqual(promises.of_limit("scale", ""), [])


class a_picture(unittest.TestCase):
    def test_shows_every_contender_and_cuts_long_bars(self):
        table = bench_run.table(LISTED, {"glibc": None})
        table.put_run(["1 hook"], [hook_run(2.0, 2.4)])
        drawn = draw.picture({"rows": [row.as_json() for row in table.rows.values()]})
        texts = [text.text for text in xml.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
        for shown in ("bare array (limit)", "libkhelp", "2.4", "Boost.Signals2", "60"):
            self.assertIn(shown, texts)
        self.assertEqual(drawn.count('class="cut"'), 1)


if __name__ == "__main__":
    unittest.main()
