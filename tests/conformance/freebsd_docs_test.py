#!/usr/bin/env python3
"""README.md, docs/freebsd.md and docs/write-a-helper.md say what is true of the tree.

usage: freebsd_docs_test.py REPOSITORY [--write]     (--write brings the shown files up to date)
"""

import re
import unittest

import coverage_page

REPOSITORY, WRITE = coverage_page.arguments()
PAGES = [coverage_page.Page(REPOSITORY, name, "Where the manual")
         for name in ("docs/freebsd.md", "docs/write-a-helper.md", "README.md")]
ROOT = REPOSITORY / "src/personality/freebsd/include"
HEADERS = ("sys/hhook.h", "sys/linker.h", "sys/malloc.h", "sys/module.h", "sys/osd.h", "vm/uma.h",
           "net/vnet.h")


class Docs(coverage_page.CoverageTests, unittest.TestCase):
    page = PAGES[0]
    # {"hhook": {"a_point_…", …}, …}: the tests of this folder.
    known = {path.stem[len("freebsd_"):-len("_test")]: coverage_page.tests_in(path)
             for path in (REPOSITORY / "tests/conformance").glob("freebsd_*_test.*")}
    elsewhere = "[a-z]+: `|freebsd_module_load_test|tests/upstream"

    def test_the_other_pages_show_the_files_too(self):
        shown = [one for page in PAGES for one in page.shown()]
        self.assertEqual(len(shown), 6)
        for name, on_page, in_tree in shown:
            with self.subTest(file=name):
                self.assertEqual(on_page, in_tree)

    def test_the_tutorials_helper_includes_in_the_kernels_order(self):
        text = (REPOSITORY / "helpers/count/count.c").read_text()
        headers = re.findall(r"^#include <([^>]+)>", text, re.MULTILINE)
        self.assertEqual(headers[0], "sys/param.h")
        folders = [header.split("/")[0] for header in headers]
        self.assertEqual(folders, sorted(folders, key=["sys", "netinet", "vm"].index))

    def test_every_function_of_the_include_root_has_a_row(self):
        rows = " ".join(cells[0] for cells in PAGES[0].rows())
        rows = re.sub(r"`(\w+)`, `…(_\w+)`", r"`\1` `\1\2`", rows)
        for header in HEADERS:
            for name in coverage_page.functions_in(ROOT / header):
                with self.subTest(header=header, function=name):
                    self.assertIn(f"`{name}`", rows)
        contract = (REPOSITORY / "include/khelp/khelp.h").read_text()
        for name in ("khelp_modevent", "khelp_register_helper", "khelp_deregister_helper",
                     "khelp_init_osd", "khelp_destroy_osd", "khelp_get_osd", "khelp_get_id",
                     "khelp_add_hhook", "khelp_remove_hhook", "khelp_class_has_osd"):
            self.assertIn(f" {name}(", contract.replace("*", " "))
            self.assertIn(f"`{name}`", rows)


if __name__ == "__main__":
    if WRITE:
        for page in PAGES:
            page.write()
    unittest.main(verbosity=2)
