"""Install into a prefix, move it, and build against what is there: package_test.py CMAKE BUILD SOURCE"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD, SOURCE = sys.argv[1:4]
HERE = pathlib.Path(__file__).resolve().parent


def run(*command, **kwargs):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **kwargs)
    if done.returncode != 0:
        raise AssertionError(f"{command} → {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        run(CMAKE, "--install", BUILD, "--prefix", cls.folder / "staged")
        cls.prefix = (cls.folder / "staged").rename(cls.folder / "prefix")
        cls.lib = next(cls.prefix.rglob("libkhelp.so")).parent

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_cmake_users_build_programs_helpers_and_the_examples(self):
        build = self.folder / "consumer"
        run(CMAKE, "-S", HERE / "consumer", "-B", build, "-G", "Ninja",
            f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DSOURCE={SOURCE}")
        run(CMAKE, "--build", build)
        run(build / "host")
        self.assertTrue((build / "native.so").exists())
        self.assertTrue((build / "stock.so").exists())

    def test_pkg_config_users_build_programs(self):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}
        flags = run(os.environ["PKG_CONFIG"], "--cflags", "--libs", "khelp", env=environment).split()
        program = self.folder / "host"
        run(os.environ["CXX"], "-std=c++20", HERE / "consumer" / "host.cpp", *flags, "-o", program)
        run(program, env={**environment, "LD_LIBRARY_PATH": str(self.lib)})
        moduledir = run(os.environ["PKG_CONFIG"], "--variable=moduledir", "khelp", env=environment)
        self.assertTrue((pathlib.Path(moduledir.strip()) / "count.so").exists())

    def test_compile_lines_in_the_documentation_do_as_they_stand(self):
        """Those with an ellipsis are not to be typed as they stand."""
        source = pathlib.Path(SOURCE)
        pages = [source / "README.md", *sorted((source / "docs").glob("*.md"))]
        text = "\n".join(page.read_text() for page in pages)
        text = text.replace("…/sys/netinet/khelp/h_ertt.c", "count.c")  # FreeBSD's, of which we have no copy
        lines = [line for line in re.findall(r"^    (g(?:cc|\+\+) .*)$", text, re.MULTILINE) if "…" not in line]
        self.assertGreaterEqual(len(lines), 5)
        folder = self.folder / "lines"
        folder.mkdir()
        for name in set(re.findall(r"\S+\.c(?:pp)?\b", " ".join(lines))):
            shutil.copy(next(path for part in ("helpers", "examples") for path in (source / part).rglob(name)), folder)
        environment = {**os.environ, "khelp": str(self.prefix), "LIBRARY_PATH": str(self.lib)}
        for line in lines:
            compiler = os.environ["CC" if line.startswith("gcc") else "CXX"]
            with self.subTest(line=line):
                run("sh", "-c", re.sub(r"^\S+", compiler, line), cwd=folder, env=environment)

    def test_every_manual_page_is_installed(self):
        for page in (pathlib.Path(SOURCE) / "man").iterdir():
            self.assertTrue((self.prefix / "share/man" / f"man{page.suffix[1:]}" / page.name).exists())

    def test_the_installed_program_finds_its_library_and_helpers(self):
        self.assertIn("count", run(self.prefix / "bin" / "khelp", "check", self.lib / "khelp" / "count.so"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
