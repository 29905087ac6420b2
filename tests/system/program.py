"""What every system test needs: the program, captures, and a folder that goes away."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import make_pcap

KHELP = os.environ["KHELP"]
DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
HELPERS = pathlib.Path(os.environ["KHELP_HELPERS"])
WRAP = DATA / "made-seq-ts-wrap.pcap"  # one connection, 20 samples of exactly 10 ms
DELACK = DATA / "gt-30ms-delack-ns.snd.pcap"
BULK = DATA / "gt-20ms-bulk.snd.pcap"


def run(*arguments, **options):
    """The finished program, with its output as text."""
    options.setdefault("timeout", 120)
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([KHELP, *map(str, arguments)], stderr=subprocess.PIPE, text=True,
                          check=False, **options)


def replay_json(*arguments):
    done = run("replay", "--json", *arguments)
    return json.loads(done.stdout), done


class SystemTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="khelp-system-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def capture(self, name="made.pcap", **shape):
        file = self.folder / name
        with file.open("wb") as out:
            for piece in make_pcap.capture(**shape):
                out.write(piece)
        return file

    def assert_refused(self, done, code, *words):
        """One sentence on standard error with these words, and this exit code."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertTrue(done.stderr.startswith("khelp: "), done.stderr)
        for word in words:
            self.assertIn(str(word), done.stderr)
