"""The runner of test scripts: the functions test_* of a file that ends with run_tests(globals()).

`FILE [-k TEXT]` runs those with TEXT in their names. The last line is "N passed, N failed", which script/test adds up.
"""
import pathlib
import sys
import tempfile
import time
import traceback


def run_tests(tests, *given):
    """Each function test_* in the order of the file, with a scratch folder of its own and `given`. Ends the program."""
    wanted = sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] == "-k" else ""
    passed = failed = 0
    for name, test in list(tests.items()):
        if not name.startswith("test_") or wanted not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            try:
                test(pathlib.Path(folder).resolve(), *given)
                passed += 1
                print(f"ok {name}, {time.monotonic() - begun:.1f} s", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED {name}", flush=True)
                traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
