"""Random searches, asked at both servers over the same things: filters, orders and pages of all that can be searched.

What is found to differ is made smaller, by hand, until nothing can be left out.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import populated
from populated import KINDS, Kind
from server import Server

PAGES = 12  # of a search, at most


@dataclass(frozen=True)
class Search:
    """A question; its parts can be left out one by one."""

    kind: Kind
    conditions: tuple[str, ...]
    order: tuple[object, ...]
    page: int | None
    """How many a page holds; all come at once without it."""

    def smaller(self) -> Iterator["Search"]:
        """The same with one part less."""
        for number in range(len(self.conditions)):
            yield replace(self, conditions=self.conditions[:number] + self.conditions[number + 1 :])
        for number in range(len(self.order)):
            yield replace(self, order=self.order[:number] + self.order[number + 1 :])
        if self.page is not None:
            yield replace(self, page=None)

    def answer(self, server: Server, within: dict) -> object:
        """The names that are found, page by page; or the code of the refusal."""
        question = self.kind.question(within, self.conditions) | ({"order_by": list(self.order)} if self.order else {})
        paged = self.page is not None and self.kind.ordered(self.order)
        question |= {"max_results": self.page if paged else self.kind.most}
        pages = []
        while len(pages) < PAGES:
            told = self.kind.ask(server, question)
            if told["status"] != 200:
                return told
            pages.append([self.kind.shown(found).replace(server.mark, "") for found in told["body"].get(self.kind.field, [])])
            token = told["body"].get("next_page_token")
            if not token or not paged:
                break
            question["page_token"] = token
        # Without an order that tells all apart, only what is found is the same everywhere.
        return pages if self.kind.ordered(self.order) else sorted(sum(pages, []))


def random_search(dice: random.Random, kind: Kind) -> Search:
    conditions = tuple(populated.condition(dice, kind) for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3))))
    order = tuple(dice.choice(kind.orders) for _ in range(dice.choice((0, 1, 1, 2))))
    if dice.random() < 0.8:
        order += kind.last_order
    return Search(kind, conditions, order, dice.choice((None, 1, 3, 7)))


def differs(search: Search, sides: list[tuple[Server, dict]]) -> tuple | None:
    theirs, ours = (search.answer(server, within) for server, within in sides)
    return (theirs, ours) if theirs != ours else None


def smallest(search: Search, still: Callable[[Search], object]) -> Search:
    """A search for which it is `still` so, and for none that is smaller by a part."""
    while (less := next(filter(still, search.smaller()), None)) is not None:
        search = less
    return search


def searched(theirs: str, ours: str, seed: int | None, seconds: float) -> list[str]:
    """Complaints, after as many searches as fit into so many seconds."""
    seed = random.randrange(2**32) if seed is None else seed
    sides = []
    for uri in (theirs, ours):
        server = Server(uri)
        sides.append((server, populated.fill(server, random.Random(seed))))
    dice, asked, found = random.Random(seed), 0, {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        search = random_search(dice, KINDS[asked % len(KINDS)])
        asked += 1
        if differs(search, sides):
            search = smallest(search, lambda less: differs(less, sides))
            shown = f"{search.kind.name} {' AND '.join(search.conditions)!r} order {list(search.order)} page {search.page}"
            found[shown] = differs(search, sides)
    print(f"{asked} random searches, seed {seed}")
    return [f"--seed {seed}: {shown}\n    MLflow:   {pair[0]}\n    Herdbook: {pair[1]}" for shown, pair in found.items() if pair]
