"""The pages: one a file of the contract, with its calls, messages and enums."""

import json
from collections.abc import Iterable
from pathlib import PurePosixPath

from contract import Described, File
from example import Example
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, MethodDescriptorProto
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.symbol_database import Default
from python_code import expression

from google.protobuf import json_format

ADDRESS = "127.0.0.1:5757"
SCALARS = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
REPEATED = FieldDescriptorProto.LABEL_REPEATED


def page_of(name: str) -> str:
    """The page of a file such as herdbook/tracking/v1/run.proto: tracking/run.md."""
    _, domain, _, file = PurePosixPath(name).parts
    return f"{domain}/{file.removesuffix('.proto')}.md"


def messages(example: Example, method: MethodDescriptorProto) -> list[Message]:
    """The request of an example, or the requests where the client streams; fails if they are not what the call takes."""
    kind = GetMessageClass(Default().pool.FindMessageTypeByName(method.input_type.removeprefix(".")))
    requests = example.request if isinstance(example.request, list) else [example.request]
    return [json_format.ParseDict(request, kind()) for request in requests]


class Pages:
    """All pages by their paths."""

    def __init__(self, files: Iterable[File], examples: dict[str, Example]) -> None:
        self._files = sorted(files, key=lambda file: file.name)
        self._examples = examples
        self._homes = {
            f".{file.package}.{described.part.name}": page_of(file.name)
            for file in self._files
            for described in [*file.messages(), *file.enums()]
        }

    def write(self) -> dict[str, str]:
        pages = {page_of(file.name): self._page(file) for file in self._files}
        return {"README.md": self._index()} | pages

    def _index(self) -> str:
        lines = [
            "# Reference",
            "",
            "Every call of the contract, with an example: made from `proto/` by `./dev generate`, and the examples made for",
            "real by `./dev test`. Examples in Python use the code that `grpc_tools.protoc` generates, and a `channel` that",
            "carries the token; `grpcurl` learns the contract from the server.",
            "",
        ]
        domain = ""
        for file in self._files:
            here = page_of(file.name)
            if not here.startswith(f"{domain}/"):
                domain = here.split("/")[0]
                lines += [f"## {domain}", ""]
            for service in file.services():
                calls = [method.part.name for method in file.methods(service)]
                links = ", ".join(f"[{call}]({here}#{_anchor(call)})" for call in calls)
                lines += [f"**[{service.part.name}]({here})** {_line(service.comment)}", "", links, ""]
            if not file.file.service:
                names = [part.part.name for part in [*file.messages(), *file.enums()]]
                lines += [f"[{here.split('/')[1].removesuffix('.md')}]({here}): {', '.join(names)}", ""]
        return "\n".join(lines)

    def _page(self, file: File) -> str:
        here = page_of(file.name)
        lines = [f"# {here.removesuffix('.md')}", "", f"`{file.name}`, package `{file.package}`.", ""]
        told = set()
        for service in file.services():
            lines += [f"## {service.part.name}", "", service.comment, ""]
            for method in file.methods(service):
                lines += self._call(file, service.part.name, method)
                told |= {method.part.input_type, method.part.output_type}
        for message in file.messages():
            if f".{file.package}.{message.part.name}" not in told:
                lines += [f"## {message.part.name}", "", message.comment, "", *self._fields(file, message)]
        for enum in file.enums():
            lines += [f"## {enum.part.name}", "", enum.comment, ""]
            lines += _table(["value", "number", "meaning"], [[f"`{v.part.name}`", str(v.part.number), v.comment] for v in file.values(enum)])
        return "\n".join(lines).rstrip() + "\n"

    def _call(self, file: File, service: str, method: Described[MethodDescriptorProto]) -> list[str]:
        part, name = method.part, f"{service}/{method.part.name}"
        lines = [f"### {part.name}", "", method.comment, ""]
        if role := _role(part):
            lines += [f"Takes the role {role}.", ""]
        example = self._examples[name]
        requests = messages(example, part)
        data = "\n".join(json.dumps(request, indent=2, ensure_ascii=False) for request in _requests(example))
        quoted = data.replace("'", "'\\''")
        lines += [
            "```sh",
            f"grpcurl -plaintext -H \"authorization: Bearer $HERDBOOK_TOKEN\" -d '{quoted}' \\",
            f"  {ADDRESS} {file.package}.{name}",
            "```",
            "",
            "```python",
            *_python(service, part, requests),
            "```",
            "",
        ]
        if example.fails:
            code, _, why = example.fails.partition(": ")
            lines += [f"This example ends with {code} on a Herdbook as it comes: {why}.", ""]
        for title, kind in (("Request", part.input_type), ("Answer", part.output_type)):
            streamed = part.client_streaming if title == "Request" else part.server_streaming
            described = next((m for m in file.messages() if f".{file.package}.{m.part.name}" == kind), None)
            short = kind.split(".")[-1]
            named = f"`{short}`" if described else self._reference(file, kind)
            lines += [f"**{title}** {named}{', a stream of them' if streamed else ''}", ""]
            lines += self._fields(file, described) if described else []
        return lines

    def _fields(self, file: File, message: Described) -> list[str]:
        rows = [[f"`{f.part.name}`", self._type(file, message, f.part), f.comment] for f in file.fields(message)]
        return _table(["field", "type", "meaning"], rows) if rows else ["Nothing.", ""]

    def _type(self, file: File, message: Described, field: FieldDescriptorProto) -> str:
        if not field.type_name:
            name = f"`{SCALARS[field.type]}`"
        else:
            name = self._reference(file, field.type_name)
        for nested in message.part.nested_type:
            if nested.options.map_entry and field.type_name.endswith(f".{message.part.name}.{nested.name}"):
                key, value = nested.field
                return f"map of `{SCALARS[key.type]}` to {self._type(file, message, value)}"
        if field.label == REPEATED:
            return f"list of {name}"
        if field.HasField("oneof_index") and not field.proto3_optional:
            return f"{name}, one of `{message.part.oneof_decl[field.oneof_index].name}`"
        return f"{name}, optional" if field.proto3_optional else name

    def _reference(self, file: File, name: str) -> str:
        """A message or enum, with the place where it is described."""
        home, short = self._homes.get(name), name.split(".")[-1]
        return f"[{short}]({_link(page_of(file.name), home)}#{_anchor(short)})" if home else f"`{name.removeprefix('.')}`"


def _requests(example: Example) -> list[dict]:
    return example.request if isinstance(example.request, list) else [example.request]


def _python(service: str, method: MethodDescriptorProto, requests: list[Message]) -> list[str]:
    stub = f"{service}Stub(channel).{method.name}"
    if method.client_streaming:
        argument = "iter([\n" + "".join(f"    {expression(request, 4)},\n" for request in requests) + "])"
    else:
        argument = expression(requests[0])
    if method.server_streaming:
        return [f"for answer in {stub}({argument}):", "    print(answer)"]
    return [f"answer = {stub}({argument})"]


def _role(method: MethodDescriptorProto) -> str:
    role = Default().pool.FindExtensionByName("herdbook.common.v1.required_role")
    options = type(method.options)()
    options.ParseFromString(method.options.SerializeToString())
    number = next((value for field, value in options.ListFields() if field.number == role.number), 0)
    return role.enum_type.values_by_number[number].name.removeprefix("ROLE_").lower() if number else ""


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    cells = [[_line(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in [head, ["---"] * len(head), *cells]]
    return [*lines, ""]


def _line(text: str) -> str:
    return " ".join(text.split())


def _anchor(title: str) -> str:
    return title.lower()


def _link(here: str, there: str) -> str:
    """A page as another one names it."""
    if here == there:
        return ""
    same = here.split("/")[0] == there.split("/")[0]
    return there.split("/")[1] if same else f"../{there}"
