"""YAML as a city writes it: nothing that unfolds without end, and nothing written twice.

A few lines of references can stand for gigabytes (``&a``, ``*a``), so what they unfold to is counted. A key given twice
would silently drop the first: a second ``permits:`` at the end of a long file takes everybody's permit away.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

MAX_UNFOLDED = 100_000
"""Values that references may stand for in one file. Programs write one for every date that is used twice."""


class _Loader(yaml.SafeLoader):
    """`yaml.SafeLoader` with bounded references, and keys that are each there once."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._unfolded = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """The next node; what a reference stands for is counted."""
        parser: Any = self  # untyped in the stubs
        event = parser.peek_event() if parser.check_event(yaml.AliasEvent) else None
        node = super().compose_node(parent, index)
        if event is None or node is None:
            return node
        if isinstance(node, CollectionNode) and node.end_mark is None:  # still open: the reference lies in it
            raise ConstructorError(None, None, f"*{event.anchor} refers to itself; write values", event.start_mark)
        self._unfolded += self._size(node)
        if self._unfolded > MAX_UNFOLDED:
            message = f"*{event.anchor} and other references stand for over {MAX_UNFOLDED} values; write them out"
            raise ConstructorError(None, None, message, event.start_mark)
        return node

    def _size(self, node: Node) -> int:
        """Number of values in a node, its own references unfolded."""
        if isinstance(node, ScalarNode):
            return 1
        if id(node) not in self._sizes:
            pairs = node.value if isinstance(node, MappingNode) else [(child,) for child in node.value]
            self._sizes[id(node)] = 1 + sum(self._size(child) for pair in pairs for child in pair)
        return self._sizes[id(node)]

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys differ."""
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                continue
            if key.value in first:
                message = f"{key.value!r} is there twice, first in line {first[key.value]}; put them into one"
                raise ConstructorError(None, None, message, key.start_mark)
            first[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """The content of a YAML text.

    Raises:
        yaml.YAMLError, ValueError, RecursionError: it is no YAML, holds a key twice, too many references, or a date
            that does not exist, or is nested too deep.
    """
    loader: Any = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
