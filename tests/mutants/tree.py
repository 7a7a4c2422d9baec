"""A copy of the repository with no more than one room and its tests need, so that a change is built in seconds."""

import re
import shutil
import subprocess

# A folder of tests/ lists its modules in one of these.
LISTS = ("main.rs", "mod.rs")
# A package of the repository in a manifest.
OURS = re.compile(r'(\w+) = \{ path = "src/')
# What a test uses of tests/support/, or a part of that of another.
SUPPORT = re.compile(r"(?:crate::support|super)::(\w+)")


def write(path, text):
    """Leaves a file alone that is already so: what is newer is built again."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def files_of(root):
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in listed if (root / name).is_file()]


def sections(manifest):
    """The tables of a manifest, each with its lines."""
    for part in re.split(r"^(?=\[)", manifest, flags=re.M):
        yield part.partition("\n")[0].strip(), part


def manifest_of(room, manifest):
    """The package `orchestrator` as its tests see it, without what the room does not need."""
    kept = []
    for name, text in sections(manifest):
        if name == "[workspace]":
            members = ", ".join(f'"src/{package}"' for package in room.packages)
            text = f"[workspace]\nmembers = [{members}]\n\n"
        elif name == "[dependencies]":
            lines = text.splitlines(keepends=True)
            text = "".join(line for line in lines if not (found := OURS.match(line)) or found[1] in room.packages)
        elif name == "[dev-dependencies]":
            text = re.sub(r"^orchestrator = .*\n", "", text, flags=re.M)
        elif name == "[package]":
            text = re.sub(r"^default-run = .*\n", "", text, flags=re.M)
        elif name in ("[features]", "[[bin]]", "[[bench]]"):
            continue
        kept.append(text)
    return "".join(kept)


def lib_of(room):
    """The names under which the tests know the packages."""
    others = [package for package in room.packages if package not in ("base", "text")]
    base = "pub use base::{agents, cores, domain, observability, resilience};"
    names = [f"pub use {package};" for package in others]
    return "\n".join(["//! What the tests of a room use.", base, *names, ""])


def tests_of(root, room):
    """The tests of the room, and what they use of tests/support/, directly or through it."""
    tests, todo = set(room.tests), list(room.tests)
    while todo:
        place = root / "tests" / todo.pop()
        for file in place.rglob("*.rs") if place.is_dir() else [place.with_suffix(".rs")]:
            for name in SUPPORT.findall(file.read_text(encoding="utf-8")):
                used = f"support/{name}"
                if used not in tests and (root / "tests" / f"{used}.rs").exists():
                    tests.add(used)
                    todo.append(used)
    return tests


def modules_of(tests, folder, text):
    """Those modules of a folder that have some of these tests."""

    def is_wanted(line):
        found = re.fullmatch(r"(?:pub\(crate\) )?mod (\w+);", line)
        if not found:
            return True
        path = f"{folder}/{found[1]}".lstrip("/")
        return any((path + "/").startswith(test + "/") or test.startswith(path + "/") for test in tests)

    return "\n".join(line for line in text.splitlines() if is_wanted(line)) + "\n"


def make(root, tree, room):
    """Makes the copy, or brings it up to date."""
    names, tests = files_of(root), tests_of(root, room)
    kept = ("Cargo.lock", *(f"src/{package}/" for package in room.packages), "src/web/", "tests/")
    kept = [name for name in names if name.startswith(kept)]
    for old in tree.rglob("*.rs"):
        if str(old.relative_to(tree)) not in (*kept, "src/lib.rs"):
            old.unlink()
    for name in kept:
        folder, _, file = name.rpartition("/")
        if folder.startswith("tests") and file in LISTS:
            text = (root / name).read_text(encoding="utf-8")
            write(tree / name, modules_of(tests, folder.removeprefix("tests").lstrip("/"), text))
        elif name.endswith((".rs", ".toml", ".lock")):
            write(tree / name, (root / name).read_text(encoding="utf-8"))
        else:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, tree / name)
    write(tree / "Cargo.toml", manifest_of(room, (root / "Cargo.toml").read_text(encoding="utf-8")))
    write(tree / "src/lib.rs", lib_of(room))
