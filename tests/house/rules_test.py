"""Each rule's check refuses a planted violation and accepts a sound tree: rules_test.py ROOT"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop())


class planted(unittest.TestCase):
    def check(self, tool, files):
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            for name, text in {"src/layers.txt": "base:\nsync: base\ncore: sync base\n", **files}.items():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                (tree / name).write_text(text)
            command = [sys.executable, ROOT / "tools" / f"check_{tool}.py", tree]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout

    def refused(self, tool, files, words):
        status, said = self.check(tool, files)
        self.assertEqual(status, 1)
        self.assertIn(words, said)

    def test_a_sound_tree_passes(self):
        files = {
            "src/core/a.cpp": '#include "core/a.hpp"\n#include "sync/b.hpp"\n#include <khelp/c.h>\n',
            "helpers/x/x.c": '#include "x.h"\n#include <khelp/c.h>\n',
            "include/khelp/c.h": "#include <stdint.h>\n#include <khelp/d.h>\n",
        }
        self.assertEqual(self.check("layers", files), (0, ""))
        self.assertEqual(self.check("memory_order", files), (0, ""))

    def test_a_layer_may_not_include_one_above_it(self):
        self.refused("layers", {"src/sync/epoch.hpp": '\n\n#include "core/hhook.hpp"\n'},
                     "src/sync/epoch.hpp:3: sync may not include core")

    def test_the_table_may_not_have_a_cycle(self):
        self.refused("layers", {"src/layers.txt": "base: core\ncore: base\n"},
                     "base may not use core")

    def test_an_include_root_uses_no_layer(self):
        table = "base:\nsync: base\npersonality/x: sync base\n"
        root = {"src/personality/x/include/sys/a.h": "#include <khelp/a.h>\n"}
        self.refused("layers", {"src/layers.txt": table, **root}, "personality/x is headers for others")
        self.assertEqual(self.check("layers", {"src/layers.txt": table.replace(": sync base", ":"),
                                               **root}), (0, ""))

    def test_a_folder_must_be_in_the_table(self):
        self.refused("layers", {"src/attic/a.cpp": ""}, "src/attic/a.cpp")

    def test_outside_src_nobody_looks_inside(self):
        self.refused("layers", {"examples/a.cpp": '#include "core/hhook.hpp"\n'}, "examples/a.cpp:1")
        self.refused("layers", {"tests/system/a.cpp": '#include "../../src/core/a.hpp"\n'},
                     "tests/system/a.cpp:1")

    def test_the_contract_includes_only_itself_and_the_standard(self):
        self.refused("layers", {"include/khelp/a.h": "#include <pcap/pcap.h>\n"},
                     "the contract may not include pcap/pcap.h")
        self.refused("layers", {"include/khelp/a.h": '#include "core/a.hpp"\n'},
                     "the contract may not include core/a.hpp")

    def test_the_program_reads_what_is_loaded_through_the_snapshot(self):
        reading = "void f() { khelp_modules(show, nullptr); }\n"
        table = "base:\nsnapshot: base\napp: snapshot base\n"
        self.refused("layers", {"src/layers.txt": table, "src/app/a.cpp": reading},
                     "src/app/a.cpp:1: khelp_modules is for src/snapshot")
        self.assertEqual(self.check("layers", {"src/layers.txt": table, "src/snapshot/a.cpp": reading}),
                         (0, ""))

    def test_the_map_names_every_unit_in_the_row_of_its_folder(self):
        page = "# Map\n\n## Room by room\n\n| folder | units |\n|---|---|\n| `src/sync/` | `gate`, `word` (one) |\n"
        there = {"src/sync/gate.cpp": "", "src/sync/gate.hpp": "", "src/sync/word.hpp": "",
                 "src/sync/gate_test.cpp": ""}
        self.assertEqual(self.check("map", {"docs/map.md": page, **there}), (0, ""))
        self.refused("map", {"docs/map.md": page, **there, "src/sync/turn.hpp": ""},
                     "the row of src/sync/ does not name turn")
        self.refused("map", {"docs/map.md": page, "src/sync/gate.cpp": ""},
                     "the row of src/sync/ names word, which is not there")
        self.refused("map", {"docs/map.md": page, **there, "src/core/a.cpp": ""},
                     "the row of src/core/ does not name a")

    def test_links_lead_somewhere(self):
        self.refused("links", {"README.md": "\nsee [the map](docs/map.md)\n"},
                     "README.md:2: leads nowhere: docs/map.md")
        self.refused("links", {"docs/map.md": "| a hook | `src/core/hook.cpp` |\n"},
                     "docs/map.md:1: leads nowhere: src/core/hook.cpp")
        self.assertEqual(self.check("links", {"docs/map.md": "| a table | `src/layers.txt` |\n"}),
                         (0, ""))

    def test_memory_orders_stay_in_sync(self):
        order = "x.load(std::memory_order_relaxed);\n"
        self.refused("memory_order", {"src/core/a.cpp": order}, "src/core/a.cpp:1")
        self.refused("memory_order", {"src/core/a.cpp": 'asm volatile("" ::: "memory");\n'},
                     "src/core/a.cpp:1")
        self.assertEqual(self.check("memory_order", {"src/sync/a.cpp": order}), (0, ""))

    def test_every_promised_line_has_a_test(self):
        page = {"docs/conformance.md": "# Lines\n\n1. One.\n2. Two (H-1).\n"}
        one = {"src/core/a_test.cpp": "TEST(a, conformance_1_one) {}\n"}
        two = {"tests/b_test.py": "def test_conformance_2_two(self):\n"}
        self.refused("conformance", {**page, **one}, "docs/conformance.md: line 2 has no test")
        self.assertEqual(self.check("conformance", {**page, **one, **two}), (0, ""))

    def test_a_defects_test_is_there(self):
        page = {"docs/defects.md": "| H-1 | two at once | `one_of_two_wins`, see [x](x.md) |\n"}
        test = {"src/core/a_test.cpp": "TEST(a, one_of_two_wins) {}\n"}
        self.refused("conformance", page, "docs/defects.md: H-1: there is no test one_of_two_wins")
        self.assertEqual(self.check("conformance", {**page, **test}), (0, ""))


if __name__ == "__main__":
    unittest.main()
