"""python -m tests.bench [name ...]"""

import sys

from tests.bench import archive, loris, posts, webhooks

BENCHES = {
    "posts": posts.main,
    "archive": archive.main,
    "loris": loris.main,
    "webhooks": webhooks.main,
}


def main() -> int:
    unknown = set(sys.argv[1:]) - set(BENCHES)
    if unknown:
        print(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
        return 2
    for name in sys.argv[1:] or BENCHES:
        BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
