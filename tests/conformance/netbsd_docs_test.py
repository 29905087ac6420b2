#!/usr/bin/env python3
"""docs/netbsd.md says what is true of the tree.

usage: netbsd_docs_test.py REPOSITORY [--write]     (--write brings the shown file up to date)
"""

import unittest

import coverage_page

REPOSITORY, WRITE = coverage_page.arguments()
PAGE = coverage_page.Page(REPOSITORY, "docs/netbsd.md", "Not provided")
ROOT = REPOSITORY / "src/personality/netbsd/include"


class Docs(coverage_page.CoverageTests, unittest.TestCase):
    page = PAGE
    known = {path.stem[len("netbsd_"):-len("_test")]: coverage_page.tests_in(path)
             for path in (REPOSITORY / "tests/conformance").glob("netbsd_*_test.c")}
    known["core"] = coverage_page.tests_in(REPOSITORY / "src/core/lists/hook_list_test.cpp")

    def test_one_file_is_shown(self):
        self.assertEqual(len(PAGE.shown()), 1)

    def test_every_function_of_the_include_root_has_a_row(self):
        functions = {name for header in ROOT.rglob("*.h")
                     for name in coverage_page.functions_in(header)
                     if not name.startswith("khelp_netbsd_")}
        self.assertGreater(len(functions), 30)
        self.assertLessEqual(functions, PAGE.names())


if __name__ == "__main__":
    if WRITE:
        PAGE.write()
    unittest.main(verbosity=2)
