"""What a debugger sees of a program that has a helper loaded, from its sealed copy in memory.

gdb opens every file that the dynamic linker names, in gdb's own process. It must find the helper's
file there, or nothing; never something that it reads from for ever.
"""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ["KHELP_DEBUGGED"]
HELPER = os.environ["KHELP_DEBUGGED_HELPER"]
SANITIZE = os.environ.get("KHELP_SANITIZE", "")
GDB = shutil.which("gdb")
FRAMES = ("function_of_the_helper", "hook_of_the_helper", "main")


def may_trace():
    """Whether one process of this user may look into another."""
    sleeper = subprocess.Popen(["sleep", "60"])
    done = gdb("-p", str(sleeper.pid))
    sleeper.kill()
    sleeper.wait()
    return "ptrace" not in done


def gdb(*arguments):
    """Its backtrace and all else it says. A gdb that hangs hears nothing but SIGKILL."""
    command = [GDB, "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "backtrace", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        try:
            return process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return "gdb hangs\n" + process.communicate()[0]


class Debugger(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="khelp-debugger-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.helper = self.folder / "debugged.so"
        shutil.copy(HELPER, self.helper)

    def start(self, *mode, **options):
        program = subprocess.Popen([PROGRAM, str(self.helper), *mode], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, cwd=self.folder, **options)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.stderr.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        self.assertIn("inside", program.stdout.readline(), "the hook does not run")
        return program

    def assert_goes_through_the_helper(self, said):
        at = 0
        for frame in FRAMES:
            found = said.find(frame + " (", at)
            self.assertNotEqual(found, -1, f"no {frame} in\n{said}")
            at = found

    def test_gdb_attaches_and_shows_the_helpers_functions(self):
        program = self.start()
        self.assert_goes_through_the_helper(gdb("-p", str(program.pid)))

    def test_a_program_that_closed_all_descriptors_can_be_attached_to(self):
        program = self.start("closed")
        self.assert_goes_through_the_helper(gdb("-p", str(program.pid)))

    def test_gdb_shows_the_helpers_functions_in_a_core_that_gcore_wrote(self):
        program = self.start()
        core = self.folder / "core.gcore"
        said = gdb("-ex", f"gcore {core}", "-p", str(program.pid))
        program.kill()
        program.wait()
        self.assertTrue(core.exists(), said)
        self.assert_goes_through_the_helper(gdb(PROGRAM, str(core)))

    def test_gdb_shows_the_helpers_functions_in_the_core_of_a_crash(self):
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
        if "/" in pattern or pattern.startswith("|"):
            self.skipTest(f"cores go elsewhere here ({pattern})")
        if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            self.skipTest("no cores are written here (ulimit -Hc is 0)")
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        program = self.start(
            "crash", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)))
        self.assertEqual(program.wait(), -signal.SIGABRT)
        cores = list(self.folder.glob("*core*"))
        if not cores:
            self.skipTest("the kernel wrote no core here")
        self.assert_goes_through_the_helper(gdb(PROGRAM, str(cores[0])))

    def test_a_helper_whose_file_has_gone_stops_nobody(self):
        program = self.start()
        self.helper.unlink()
        said = gdb("-p", str(program.pid))
        self.assertNotIn("hangs", said)
        self.assertIn(str(self.folder), said, "nothing says which file is missing")


def main():
    if GDB is None:
        print("skipped: there is no gdb here (tools/setup.sh base)")
        return 77
    if SANITIZE:
        print("skipped: a sanitizer's shadow memory makes cores of terabytes")
        return 77
    if not may_trace():
        print("skipped: this system forbids one process to look into another (ptrace)")
        return 77
    unittest.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
