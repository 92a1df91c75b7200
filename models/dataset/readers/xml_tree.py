"""A small XML reader that knows line numbers and refuses everything a label file has no use for.

The standard library's tree drops line numbers and expands entities; here a document type declaration is refused, so
there are no entities, internal or external, to expand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from models.dataset.readers.text_file import read_bytes
from models.errors import DatasetError

_DEEPEST = 32


@dataclass
class Node:
    """One element: its tag, attributes, text, children, and the line it starts on."""

    tag: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def child(self, tag: str) -> Node | None:
        """The first child of that tag."""
        return next(self.all(tag), None)

    def all(self, tag: str) -> Iterator[Node]:
        """The children of that tag."""
        return (child for child in self.children if child.tag == tag)

    def value(self, *path: str) -> str | None:
        """Text at the end of a path of tags, stripped; None when a step is missing."""
        node: Node | None = self
        for tag in path:
            node = node.child(tag) if node is not None else None
        return node.text.strip() if node is not None else None


def read_xml(path: Path, limit_bytes: int) -> Node:
    """The root element of a file.

    Raises:
        DatasetError: it cannot be read, is too large, is not well formed, is nested too deeply, or declares a
            document type.
    """
    root = Node("", {}, 0)
    stack = [root]
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) > _DEEPEST:
            raise DatasetError(f"{path.name}:{parser.CurrentLineNumber}: elements are nested too deeply")
        node = Node(tag, attributes, parser.CurrentLineNumber)
        stack[-1].children.append(node)
        stack.append(node)

    def end(_: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].text += data

    def refuse(*_: object) -> None:
        raise DatasetError(f"{path.name}:{parser.CurrentLineNumber}: document type declarations are not accepted")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(read_bytes(path, limit_bytes), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path.name} is not XML: {error}") from error
    return root.children[0]
