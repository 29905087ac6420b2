"""Each contract header compiles alone and without a warning, as C11 and as C++20:
headers_test.py INCLUDE_DIR CC CXX

clang is asked as well when it is installed.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

root, cc, cxx = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]


def compile_alone(compiler, language, standard, header):
    command = [compiler, "-x", language, f"-std={standard}", "-fsyntax-only", "-I", root, *WARNINGS, "-"]
    done = subprocess.run(command, input=f"#include <{header}>\ntypedef int done;\n", capture_output=True, text=True,
                          check=False)
    return None if done.returncode == 0 else f"== {header} as {standard}, {compiler}\n{done.stderr}"


def main():
    compilers = [(cc, cxx)]
    if shutil.which("clang") and shutil.which("clang++"):
        compilers.append(("clang", "clang++"))
    jobs = []
    for path in sorted(root.rglob("khelp/*.h*")):
        header = path.relative_to(root).as_posix()
        for c, cpp in compilers:
            jobs.append((cpp, "c++", "c++20", header))
            if path.suffix == ".h":
                jobs.append((c, "c", "c11", header))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for fault in pool.map(lambda job: compile_alone(*job), jobs) if fault]
    print(*faults, sep="\n")
    print(f"{len(jobs)} compilations, {len(faults)} failed")
    return 1 if faults or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
