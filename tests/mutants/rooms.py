"""What is changed in each room, and the tests that should notice it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """A folder of a package, and its share of the test binary."""

    folder: str
    # The package of the folder first, then those that its tests use, and what all of them use.
    packages: tuple
    # Files and folders of tests/, as modules are named there; what they use of tests/support/ comes with them.
    tests: tuple
    # Packages that have tests inside.
    tested_inside: tuple = ()


ROOMS = {
    "resilience": Room(
        folder="src/base/resilience",
        packages=("base", "text"),
        tests=("unit/resilience",),
    ),
    "auth": Room(
        folder="src/auth",
        packages=("auth", "base", "text", "outbound", "api", "chat", "streaming"),
        tests=("unit/auth",),
    ),
    "repeat": Room(
        folder="src/chat/repeat",
        packages=("chat", "base", "text", "api", "store", "streaming"),
        tests=(
            "unit/chat/digest",
            "unit/chat/repetitions",
            "integration/house/again",
            "integration/house/journal",
            "integration/house/repeats",
            "integration/house/replays",
            "integration/house/replicas",
        ),
        tested_inside=("orchestrator-chat",),
    ),
}
