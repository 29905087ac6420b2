#!/usr/bin/env python3
"""The FreeBSD include root compiles: each header alone, in any order, with every compiler and dialect.

usage: freebsd_headers_test.py REPOSITORY     (a compiler that is not installed is skipped, and said)
"""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
ROOT = REPOSITORY / "src/personality/freebsd/include"
CONTRACT = REPOSITORY / "include"
DIALECTS = ["gnu11", "gnu17", "gnu2x", "c11"]
HEADERS = sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob("*.h"))
# Headers of the host that a module may include beside FreeBSD's, before or after.
HOST_HEADERS = ["arpa/inet.h", "errno.h", "netdb.h", "netinet/in.h", "pthread.h", "resolv.h",
                "signal.h", "stdio.h", "stdlib.h", "string.h", "sys/socket.h", "sys/stat.h",
                "sys/types.h", "time.h", "unistd.h"]


def includes(headers):
    return "".join(f"#include <{header}>\n" for header in headers) + "extern int one_declaration;\n"


class Compiler(unittest.TestCase):
    """One compiler; the tests are in the class, the compiler's name in a subclass."""

    compiler = None

    @classmethod
    def setUpClass(cls):
        if cls.compiler is None or shutil.which(cls.compiler) is None:
            raise unittest.SkipTest(f"{cls.compiler} is not installed")

    def compile(self, text, *options, suffix=".c"):
        with tempfile.NamedTemporaryFile("w", suffix=suffix) as source:
            source.write(text)
            source.flush()
            command = [self.compiler, f"-I{ROOT}", f"-I{CONTRACT}", "-fsyntax-only", *options]
            return subprocess.run([*command, source.name], capture_output=True, text=True)

    def accepts(self, text, *options):
        done = self.compile(text, "-Wall", "-Wextra", "-Werror", *options)
        self.assertEqual(done.returncode, 0, done.stderr)

    def refuses(self, text, words, *options, suffix=".c"):
        done = self.compile(text, *options, suffix=suffix)
        self.assertNotEqual(done.returncode, 0, "accepted")
        self.assertIn(words, done.stderr)

    def test_each_header_compiles_alone_and_twice_in_every_dialect(self):
        for dialect in DIALECTS:
            for header in HEADERS:
                with self.subTest(dialect=dialect, header=header):
                    self.accepts(includes([header, header]), f"-std={dialect}", "-Wpedantic")
                    self.accepts(includes([header]), f"-std={dialect}", "-DINVARIANTS")

    def test_any_header_may_come_first(self):
        for header in HEADERS:
            with self.subTest(first=header):
                self.accepts(includes([header, *HEADERS]))
        self.accepts(includes(reversed(HEADERS)))

    def test_the_hosts_headers_may_come_before_and_after(self):
        self.accepts(includes(HOST_HEADERS + HEADERS))
        self.accepts(includes(HEADERS + HOST_HEADERS))
        for header in HEADERS:
            with self.subTest(header=header):
                self.accepts(includes([*HOST_HEADERS, header, *reversed(HOST_HEADERS)]))

    def test_strict_c_has_tcp_seq(self):
        self.accepts(includes(["netinet/tcp_var.h"]) + "tcp_seq one;\n", "-std=c11")

    def helper(self, declaration):
        return (includes(["sys/param.h", "sys/module_khelp.h"]) + "struct helper h;\n"
                + "struct hookinfo hooks[2];\nstruct hookinfo *pointer = hooks;\n" + declaration)

    def test_a_helpers_name_has_at_most_15_characters(self):  # K-13
        self.accepts(self.helper("KHELP_DECLARE_MOD(fifteenletters1, &h, hooks, 1);\n"))
        self.refuses(self.helper("KHELP_DECLARE_MOD(sixteenletters12, &h, hooks, 1);\n"),
                     "at most 15 characters")

    def test_hooks_are_an_array_or_none(self):  # K-31
        self.accepts(self.helper("KHELP_DECLARE_MOD(x, &h, NULL, 1);\n"))
        self.refuses(self.helper("KHELP_DECLARE_MOD(x, &h, pointer, 1);\n"), "not a pointer to one")

    def test_a_helpers_data_fits_an_int(self):  # K-33
        self.refuses(self.helper("KHELP_DECLARE_MOD_UMA(x, &h, hooks, 1, 1ul << 31, NULL, NULL);\n"),
                     "fits an int")

    def test_a_modules_name_has_at_most_31_characters(self):
        name = "m" * 32
        self.refuses(includes(["sys/module.h"]) + f"MODULE_VERSION({name}, 1);\n",
                     "at most 31 characters")

    def test_start_up_functions_that_would_never_run_are_refused(self):
        for macro in ("SYSINIT", "SYSUNINIT", "VNET_SYSINIT", "VNET_SYSUNINIT"):
            with self.subTest(macro=macro):
                text = includes(["sys/kernel.h", "net/vnet.h"]) + "void f(void *);\n"
                self.refuses(text + f"{macro}(x, SI_SUB_KLD, SI_ORDER_ANY, f, NULL);\n",
                             f"{macro}(x): not run here")

    def test_variables_per_instance_are_refused(self):
        self.refuses(includes(["net/vnet.h"]) + "VNET_DEFINE(int, x);\n", "VNET_DEFINE(x)")

    def test_the_contract_before_the_names_is_refused(self):
        self.refuses(includes(["khelp/hhook.h", "sys/hhook.h"]), "before any <khelp/...> header")

    def test_cpp_is_refused(self):
        self.refuses(includes(["sys/hhook.h"]), "FreeBSD modules are C", "-std=c++20", "-xc++",
                     suffix=".cpp")

    def test_a_failed_assertion_says_its_words_and_aborts(self):
        text = includes(["sys/param.h"]) + """
            int main(int argc, char **argv) {
              (void)argv;
              KASSERT(argc == 1, ("%s: %d arguments", __func__, argc - 1));
              MPASS(argc != 3);
              return 0;
            }\n"""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a.c").write_text(text)
            for options, code, words in ((["-DINVARIANTS"], -6, "panic: main: 1 arguments"),
                                         ([], 0, "")):
                subprocess.run([self.compiler, f"-I{ROOT}", f"-I{CONTRACT}", *options, "-o",
                                f"{folder}/a", f"{folder}/a.c"], check=True)
                ran = subprocess.run([f"{folder}/a", "argument"], capture_output=True, text=True)
                self.assertEqual(ran.returncode, code)
                self.assertIn(words, ran.stderr)


class Gcc(Compiler):
    compiler = "gcc"


class Clang(Compiler):
    compiler = "clang"


def load_tests(loader, _tests, _pattern):
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Gcc, Clang))


if __name__ == "__main__":
    unittest.main(verbosity=2)
