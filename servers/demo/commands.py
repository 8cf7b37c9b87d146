"""The commands of the page: each is a call of a method of the controller, with the method's name as its `type`.

So these names, and those of the parameters, are the protocol with the page. Teaches that a signature can validate: a
number beyond its bounds, an unknown argument or an unknown command is refused by the decoder. The response to a command
that returns nothing is null.
"""

from collections.abc import Callable
from functools import reduce
from inspect import signature
from operator import or_
from typing import Any

from msgspec import Struct, defstruct
from msgspec.structs import asdict

from servers.core.wire import decode
from servers.demo.controller import DemoController as Demo


def message_of(method: Callable[..., Any]) -> type[Struct]:
    """Return the type of the messages that call a method: its fields are the method's parameters."""
    name = method.__name__
    _, *parameters = signature(method).parameters.values()
    fields = [(each.name, each.annotation) for each in parameters]
    return defstruct(name, fields, tag_field="type", tag=name, forbid_unknown_fields=True)


OF_A_WINDOW = [message_of(each) for each in (Demo.open_window, Demo.connect_lane, Demo.set_network, Demo.reset_counts)]
OF_ALL_WINDOWS = [message_of(each) for each in (Demo.restart, Demo.enable_lane, Demo.set_crowd, Demo.set_host)]
ANY_COMMAND: Any = reduce(or_, OF_A_WINDOW + OF_ALL_WINDOWS)


async def execute(demo: Demo, body: bytes) -> object:
    """Carry out the command in a request's body, and return its response; raises Undecodable, and as the methods do."""
    command: Struct = decode(body, type=ANY_COMMAND)
    return await getattr(demo, type(command).__name__)(**asdict(command))
