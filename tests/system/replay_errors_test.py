#!/usr/bin/env python3
"""What `khelp replay` and `khelp check` say when something is wrong: a sentence and an exit code."""

import json
import os
import resource
import shutil
import struct
import subprocess
import unittest

import make_pcap
from program import DELACK, HELPERS, KHELP, WRAP, SystemTest, replay_json, run

FAILED, USAGE, CHECK_FAILED, NOT_PERMITTED, NOT_FOUND, PARTLY = 1, 2, 3, 5, 6, 8


class Usage(SystemTest):
    def test_wrong_options_are_usage(self):
        for words in ([], ["replay"], ["dance"], ["replay", "--json", "--csv", WRAP],
                      ["replay", "--nonsense", WRAP], ["replay", "--unload-after", "x", WRAP],
                      ["replay", "--unload-after", "-1", WRAP],
                      ["replay", "--load", "ertt:novalue", WRAP], ["check"]):
            with self.subTest(words=words):
                done = run(*words)
                self.assert_refused(done, USAGE, "--help")
                self.assertEqual(done.stdout, "")

    def test_a_parameter_the_helper_does_not_know_is_usage(self):
        self.assert_refused(run("replay", "--load", "ertt:nonsense=1", WRAP), USAGE, "ertt",
                            "nonsense")

    def test_a_value_the_helper_does_not_take_is_usage(self):
        self.assert_refused(run("replay", "--load", "ertt:delack_filter=maybe", WRAP), USAGE,
                            "ertt", "delack_filter")


class Captures(SystemTest):
    def test_a_missing_file_is_not_found(self):
        done = run("replay", self.folder / "none.pcap")
        self.assert_refused(done, NOT_FOUND, self.folder / "none.pcap", "No such file")
        self.assertEqual(done.stdout, "")

    def test_what_is_no_capture_failed_its_check(self):
        file = self.folder / "text.pcap"
        file.write_text("this is not a capture, whatever its name says\n")
        self.assert_refused(run("replay", file), CHECK_FAILED, file)

    def test_an_empty_file_failed_its_check(self):
        file = self.folder / "empty.pcap"
        file.touch()
        self.assert_refused(run("replay", file), CHECK_FAILED, file)

    def test_a_link_type_that_cannot_be_decoded_failed_its_check(self):
        file = self.folder / "odd.pcap"
        file.write_bytes(make_pcap.file_header()[:-4] + struct.pack("<I", 9999))
        self.assert_refused(run("replay", file), CHECK_FAILED, file, "9999")

    def test_a_cut_file_is_told_with_its_position_and_what_was_read_is_reported(self):
        file = self.folder / "cut.pcap"
        file.write_bytes(WRAP.read_bytes()[:5000])
        document, done = replay_json("--load", "ertt", file)
        self.assert_refused(done, FAILED, file, "packet ")
        self.assertIn("packet", document["captures"][0]["error"])
        self.assertGreater(document["captures"][0]["packets"], 5)
        self.assertGreater(
            document["connections"][0]["directions"][0]["helpers"]["ertt"]["samples"], 1)

    def test_no_permission_is_told(self):
        file = self.folder / "secret.pcap"
        shutil.copy(WRAP, file)
        file.chmod(0)
        self.folder.chmod(0o755)
        nobody = {"user": 65534} if os.geteuid() == 0 else {}  # root may read everything
        try:
            done = run("replay", file, **nobody)
        except PermissionError:
            self.skipTest("nobody may not run the program where it lies")
        self.assert_refused(done, NOT_PERMITTED, file)

    def test_of_several_captures_the_good_ones_are_reported(self):
        document, done = replay_json(self.folder / "none.pcap", WRAP)
        self.assert_refused(done, PARTLY, "none.pcap")
        self.assertIn("No such file", document["captures"][0]["error"])
        self.assertEqual(document["captures"][1]["packets"], 43)
        self.assertEqual(len(document["connections"]), 1)

    def test_if_all_captures_are_missing_that_is_not_found(self):
        self.assert_refused(run("replay", "/none/a", "/none/b"), NOT_FOUND, "/none/a", "/none/b")

    def test_a_capture_without_packets_is_no_error(self):
        file = self.folder / "quiet.pcap"
        file.write_bytes(make_pcap.file_header())
        document, done = replay_json(file)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(document["captures"][0]["packets"], 0)
        self.assertIsNone(document["captures"][0]["first"])


class Helpers(SystemTest):
    def test_an_unknown_helper_is_not_found(self):
        done = run("replay", "--load", "nonsense", WRAP)
        self.assert_refused(done, NOT_FOUND, "nonsense", "--module-path")
        self.assertEqual(done.stdout, "")

    def test_a_missing_helper_file_is_not_found(self):
        self.assert_refused(run("replay", "--load", "./none.so", WRAP), NOT_FOUND, "./none.so")

    def test_a_file_that_is_no_module_is_refused_with_the_reason(self):
        file = self.folder / "text.so"
        file.write_text("not an ELF file")
        self.assert_refused(run("replay", "--load", file, WRAP), CHECK_FAILED, "ELF")

    def test_a_truncated_module_is_refused(self):
        file = self.folder / "cut.so"
        file.write_bytes((HELPERS / "ertt.so").read_bytes()[:3000])
        done = run("replay", "--load", file, WRAP)
        self.assert_refused(done, CHECK_FAILED, file)
        self.assertGreater(len(done.stderr.splitlines()), 1, "every reason has its line")

    def test_a_helper_loaded_twice_is_told(self):
        done = run("replay", "--load", "ertt", "--load", "ertt", WRAP)
        self.assert_refused(done, CHECK_FAILED, "ertt", "loaded already")

    def test_what_is_no_file_is_refused_by_check_and_by_replay(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for file in ("/dev/null", pipe, self.folder):
            with self.subTest(file=file):
                for words in (["check", file], ["replay", "--load", file, WRAP]):
                    self.assert_refused(run(*words), CHECK_FAILED, file, "not a regular file")


class Outputs(SystemTest):
    def test_a_full_disk_is_told_for_standard_output(self):
        for form in ([], ["--json"], ["--csv"]):
            with self.subTest(form=form), open("/dev/full", "w") as full:
                self.assert_refused(run("replay", *form, WRAP, stdout=full), FAILED,
                                    "standard output", "No space left")

    def test_a_full_disk_is_told_for_help_and_version(self):
        for words in (["--help"], ["replay", "--help"], ["version"]):
            with self.subTest(words=words), open("/dev/full", "w") as full:
                self.assert_refused(run(*words, stdout=full), FAILED, "standard output",
                                    "No space left")

    def test_a_full_disk_is_told_for_samples_and_plot_and_the_report_still_comes(self):
        for option in ("--samples", "--plot"):
            with self.subTest(option=option):
                done = run("replay", "--load", "ertt", option, "/dev/full", WRAP)
                self.assert_refused(done, FAILED, "/dev/full", "No space left")
                self.assertIn("10.0.0.1:1000", done.stdout)

    def test_a_full_temporary_folder_is_told_and_no_half_document_is_printed(self):
        capture = self.capture(connections=2000, exchanges=1)

        def small_files_only():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        done = run("replay", "--json", capture, preexec_fn=small_files_only)
        self.assert_refused(done, FAILED, "temporary file", "TMPDIR")
        self.assertEqual(done.stdout, "")

    def test_a_temporary_folder_that_is_missing_is_told(self):
        done = run("replay", "--json", WRAP, env={**os.environ, "TMPDIR": "/none"})
        self.assert_refused(done, FAILED, "/none", "TMPDIR")

    def test_a_file_that_cannot_be_made_is_told_before_anything_is_read(self):
        done = run("replay", "--samples", "/none/x.csv", WRAP)
        self.assert_refused(done, FAILED, "/none/x.csv")
        self.assertEqual(done.stdout, "")

    def test_a_reader_that_goes_away_is_met_with_silence(self):
        capture = self.capture(connections=3000, exchanges=1)
        with subprocess.Popen([KHELP, "replay", "--csv", str(capture)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as child:
            child.stdout.readline()
            child.stdout.close()
            words = child.stderr.read()
        self.assertEqual(words, b"")
        self.assertEqual(child.returncode, FAILED)


class Precious(SystemTest):
    """Outputs never destroy what the user has."""

    def setUp(self):
        super().setUp()
        self.results = self.folder / "results.csv"
        self.results.write_text("last week's results\n")

    def assert_kept(self, file, before):
        self.assertEqual(file.read_bytes(), before)

    def test_an_output_is_never_a_capture_whatever_it_is_called(self):
        capture = self.folder / "in.pcap"
        shutil.copy(WRAP, capture)
        (self.folder / "hard").hardlink_to(capture)
        (self.folder / "soft").symlink_to(capture)
        for option in ("--samples", "--plot"):
            for name in ("in.pcap", "hard", "soft"):
                with self.subTest(option=option, name=name):
                    done = run("replay", "--load", "ertt", option, self.folder / name, WRAP,
                               capture)
                    self.assert_refused(done, USAGE, f"{option} {self.folder / name}", capture)
                    self.assertEqual(done.stdout, "")
                    self.assert_kept(capture, WRAP.read_bytes())

    def test_nor_the_capture_on_standard_input(self):
        capture = self.folder / "in.pcap"
        shutil.copy(WRAP, capture)
        with capture.open("rb") as stdin:
            self.assert_refused(run("replay", "--samples", capture, "-", stdin=stdin), USAGE,
                                capture)
        self.assert_kept(capture, WRAP.read_bytes())

    def test_standard_output_does_not_append_to_the_capture(self):
        capture = self.folder / "in.pcap"
        shutil.copy(WRAP, capture)
        with capture.open("ab") as stdout:
            self.assert_refused(run("replay", capture, stdout=stdout), USAGE, "standard output",
                                capture)
        self.assert_kept(capture, WRAP.read_bytes())

    def test_an_output_is_never_a_helper(self):
        helper = self.folder / "ertt.so"
        shutil.copy(HELPERS / "ertt.so", helper)
        for how in ([helper], ["ertt", "--module-path", self.folder]):
            with self.subTest(how=how):
                self.assert_refused(run("replay", "--load", *how, "--samples", helper, WRAP),
                                    USAGE, "--samples", helper)
                self.assert_kept(helper, (HELPERS / "ertt.so").read_bytes())

    def test_two_outputs_are_two_files(self):
        done = run("replay", "--load", "ertt", "--samples", self.results, "--plot", self.results,
                   WRAP)
        self.assert_refused(done, USAGE, "--plot", "--samples", self.results)
        self.assert_kept(self.results, b"last week's results\n")
        with self.results.open("a") as stdout:
            self.assert_refused(run("replay", "--samples", self.results, WRAP, stdout=stdout),
                                USAGE, "--samples", "standard output")
        self.assert_kept(self.results, b"last week's results\n")

    def test_two_outputs_may_be_the_same_device(self):
        done = run("replay", "--load", "ertt", "--samples", "/dev/null", "--plot", "/dev/null",
                   WRAP)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_replay_that_cannot_begin_leaves_older_results_alone(self):
        new = self.folder / "new.csv"
        for mistake in (["--load", "nosuch", WRAP], ["--load", "ertt", self.folder / "nosuch.pcap"]):
            for file in (self.results, new):
                with self.subTest(mistake=mistake, file=file):
                    self.assert_refused(run("replay", "--samples", file, *mistake), NOT_FOUND,
                                        "nosuch")
                    self.assert_kept(self.results, b"last week's results\n")
                    self.assertFalse(new.exists())

    def test_a_replay_that_begins_replaces_older_results(self):
        self.results.write_text("last week's results\n" * 1000)
        done = run("replay", "--load", "ertt", "--samples", self.results, WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.results.read_text().startswith("time,"))
        self.assertNotIn("last week", self.results.read_text())


class Terminal(SystemTest):
    """Strangers' bytes do not command the user's terminal."""

    def test_control_characters_of_a_files_name_are_escaped(self):
        name = "\x1b[31mred"
        for words in (["replay", f"{name}.pcap"], ["replay", "--load", f"./{name}.so", WRAP],
                      ["check", f"{name}.so"], ["replay", f"--{name}", WRAP],
                      ["replay", "--samples", f"/none/{name}", WRAP]):
            with self.subTest(words=words):
                done = run(*words, cwd=self.folder)
                self.assertNotEqual(done.returncode, 0)
                self.assertNotIn("\x1b", done.stderr + done.stdout)
                self.assertIn("\\x1b[31mred", done.stderr)

    def test_check_escapes_what_a_file_is_called(self):
        file = self.folder / "\x1b[31mred.so"
        shutil.copy(HELPERS / "ertt.so", file)
        done = run("check", file)
        self.assertEqual(done.returncode, 0)
        self.assertIn("\\x1b[31mred.so: fits", done.stdout)
        self.assertEqual(json.loads(run("check", "--json", file).stdout)["files"][0]["file"],
                         str(file))

    def test_a_name_that_is_no_utf8_is_escaped_for_people(self):
        done = subprocess.run([KHELP, "replay", b"caf\xe9.pcap"], capture_output=True, check=False)
        self.assertEqual(done.returncode, NOT_FOUND)
        self.assertIn(b"caf\\xe9.pcap", done.stderr)


class Check(SystemTest):
    def test_a_good_helper_is_described(self):
        done = run("check", HELPERS / "ertt.so")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith(f"{HELPERS / 'ertt.so'}: fits"), done.stdout)
        self.assertIn("ertt", done.stdout.splitlines()[1] + done.stdout)

    def test_all_files_are_checked_and_one_refusal_decides(self):
        bad = self.folder / "cut.so"
        bad.write_bytes((HELPERS / "ertt.so").read_bytes()[:3000])
        done = run("check", bad, HELPERS / "ertt.so")
        self.assertEqual(done.returncode, CHECK_FAILED)
        self.assertIn(f"{bad}: refused", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^  refused: .+")
        self.assertIn(f"{HELPERS / 'ertt.so'}: fits", done.stdout)

    def test_a_missing_file_is_not_found(self):
        self.assert_refused(run("check", "/none/x.so"), NOT_FOUND, "/none/x.so")

    def test_a_folder_failed_its_check(self):
        self.assert_refused(run("check", self.folder), CHECK_FAILED, self.folder)

    def test_json_has_the_same_in_one_document(self):
        bad = self.folder / "cut.so"
        bad.write_bytes((HELPERS / "ertt.so").read_bytes()[:3000])
        done = run("check", "--json", bad, HELPERS / "ertt.so")
        document = json.loads(done.stdout)
        self.assertEqual(document["schema"], 1)
        refused, good = document["files"]
        self.assertFalse(refused["fits"])
        self.assertTrue(refused["problems"])
        self.assertTrue(good["fits"])
        self.assertTrue(good["description"])
        self.assertEqual(good["problems"], [])


if __name__ == "__main__":
    unittest.main()
