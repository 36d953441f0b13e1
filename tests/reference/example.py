"""An example of a call, as the pages show it and the tests make it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """One call. The first example of an rpc is the one that its page shows; the others prepare what it needs."""

    rpc: str
    """Service and method, such as RunService/GetRun."""
    request: dict | list[dict]
    """The message as JSON has it; a list of them where the client streams."""
    keeps: dict[str | int, str] = field(default_factory=dict)
    """What stands in the examples for something that the server makes, such as an id: where the answer has the real one."""
    caller: str = ""
    """Whose token is used: a secret that was kept; the admin's if empty."""
    fails: str = ""
    """The code that it ends with on a server that was just started, and why that cannot be helped."""
