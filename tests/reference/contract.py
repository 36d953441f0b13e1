"""The contract with its comments, as protoc describes it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

# Numbers of fields in descriptor.proto, of which the paths of comments are made.
MESSAGE, ENUM, SERVICE = 4, 5, 6
FIELD = VALUE = METHOD = 2

Place = tuple[int, ...]
Part = TypeVar("Part")


@dataclass(frozen=True)
class Described(Generic[Part]):
    """A part of a file, with its comment."""

    part: Part
    comment: str
    place: Place


class File:
    """A file of the contract."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self.file = file
        self.name = file.name
        self.package = file.package
        self._comments = {tuple(l.path): _prose(l.leading_comments) for l in file.source_code_info.location}

    def services(self) -> Iterator[Described[ServiceDescriptorProto]]:
        yield from self._parts(self.file.service, (), SERVICE)

    def methods(self, service: Described[ServiceDescriptorProto]) -> Iterator[Described[MethodDescriptorProto]]:
        yield from self._parts(service.part.method, service.place, METHOD)

    def messages(self) -> Iterator[Described[DescriptorProto]]:
        yield from self._parts(self.file.message_type, (), MESSAGE)

    def enums(self) -> Iterator[Described[EnumDescriptorProto]]:
        yield from self._parts(self.file.enum_type, (), ENUM)

    def fields(self, message: Described[DescriptorProto]) -> Iterator[Described[FieldDescriptorProto]]:
        yield from self._parts(message.part.field, message.place, FIELD)

    def values(self, enum: Described[EnumDescriptorProto]) -> Iterator[Described]:
        yield from self._parts(enum.part.value, enum.place, VALUE)

    def _parts(self, parts, within: Place, number: int) -> Iterator[Described]:
        for index, part in enumerate(parts):
            place = (*within, number, index)
            yield Described(part, self._comments.get(place, ""), place)


def _prose(comment: str) -> str:
    """A comment without the blank that each line begins with."""
    return "\n".join(line.removeprefix(" ") for line in comment.strip("\n").splitlines()).strip()


def read(root: Path) -> list[File]:
    """The files below a folder, by name."""
    names = sorted(str(path.relative_to(root)) for path in (root / "herdbook").rglob("*.proto"))
    with tempfile.NamedTemporaryFile() as out:
        protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{root}", "--include_imports", "--include_source_info"]
        subprocess.run([*protoc, f"--descriptor_set_out={out.name}", *names], check=True)
        described = FileDescriptorSet.FromString(Path(out.name).read_bytes())
    return [File(file) for file in described.file if file.name in names]
