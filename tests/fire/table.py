"""The table that every part fills."""

from dataclasses import dataclass, field


@dataclass
class Row:
    """One thing that was done to the program, and what came of it."""

    part: str
    injected: str
    times: int
    # Acknowledged todos, items or answers that are gone; of a stream, its outcome.
    lost: int = 0
    # Until the program did its work again; None if it never stopped doing it.
    recovery_seconds: float | None = None
    # What was measured, in a few words.
    seen: str = ""
    # What must hold and did not.
    wrong: list = field(default_factory=list)

    def must(self, holds, what):
        if not holds:
            self.wrong.append(what)

    def cells(self):
        recovery = "-" if self.recovery_seconds is None else f"{self.recovery_seconds:.1f} s"
        return (self.part, self.injected, str(self.times), str(self.lost), recovery, self.seen)


HEADS = ("part", "injected", "times", "lost", "recovery", "seen")


def show(heads, rows):
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
    for row in (heads, tuple("-" * width for width in widths), *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def judge(rows, seconds):
    """Prints the table and what was wrong; the exit code."""
    show(HEADS, [row.cells() for row in rows])
    wrong = [(row, what) for row in rows for what in row.wrong]
    wrong += [(row, f"{row.lost} lost") for row in rows if row.lost]
    for row, what in wrong:
        print(f"WRONG: {row.part}: {row.injected}: {what}")
    # In the words of unittest, so that a summary counts both alike.
    print(f"Ran {len(rows)} tests in {seconds:.0f} s")
    print(f"FAILED (failures={len(wrong)})" if wrong else "OK")
    return 1 if wrong else 0
