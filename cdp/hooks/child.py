"""A process that makes the calls of one plugin: `python -m cdp.hooks.child DESCRIPTOR KIND PLACE NAME MEMORY`.

It reads calls from the socket that it was given, one at a time, and writes what came of them: each is eight bytes of
length and a pickle. It ends when the socket does.
"""

from __future__ import annotations

import asyncio
import inspect
import pickle
import resource
import socket
import struct
import sys
from typing import Any

import pluggy

from cdp.hooks.implementation import implementation_of, stand_in
from cdp.hooks.loading import at
from cdp.hooks.specs import PROJECT, Hooks

LENGTH = struct.Struct("!Q")


def serve(channel: socket.socket, address: tuple[str, str], name: str, memory: int) -> None:
    """Load the plugin, say that it is there, and make its calls until nobody asks any more."""
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    functions = _functions(at(address, name).load(), name)
    _write(channel, ("ready", None))
    while (call := _read(channel)) is not None:
        hook, given = call
        try:
            answer: tuple[str, Any] = ("answered", _called(functions[hook], given))
            text = pickle.dumps(answer)
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, and its answer may be no value
            text = pickle.dumps(("raised", f"{type(error).__name__}: {error}"[:500]))
        channel.sendall(LENGTH.pack(len(text)) + text)


def _functions(plugin: object, name: str) -> dict[str, Any]:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(stand_in(manager, plugin, name), name=name)
    return {
        caller.name: implementation_of(one).function
        for caller in manager.get_hookcallers(manager.get_plugin(name)) or ()
        for one in caller.get_hookimpls()
    }


def _called(function: Any, given: dict[str, object]) -> object:
    answer = function(**given)
    return asyncio.run(answer) if inspect.iscoroutine(answer) else answer


def _write(channel: socket.socket, value: object) -> None:
    text = pickle.dumps(value)
    channel.sendall(LENGTH.pack(len(text)) + text)


def _read(channel: socket.socket) -> Any:
    head = _exactly(channel, LENGTH.size)
    if head is None:
        return None
    text = _exactly(channel, LENGTH.unpack(head)[0])
    return None if text is None else pickle.loads(text)  # noqa: S301 - from the process that started this one


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size > 0:
        part = channel.recv(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    descriptor, kind, place, plugin_name, most = sys.argv[1:]
    serve(socket.socket(fileno=int(descriptor)), (kind, place), plugin_name, int(most))
