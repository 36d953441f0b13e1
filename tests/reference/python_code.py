"""Messages as the Python that makes them."""

import json
from keyword import iskeyword

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

WIDTH = 100


def expression(message: Message, indent: int = 0) -> str:
    """A call of the constructor, in lines where one is too long."""
    arguments = [_argument(field.name, _value(message, field, indent + 4)) for field, _ in message.ListFields()]
    return _wrapped(f"{message.DESCRIPTOR.name}(", arguments, ")", indent)


def _argument(name: str, value: str) -> str:
    return f"**{{{name!r}: {value}}}" if iskeyword(name) else f"{name}={value}"


def _value(message: Message, field: FieldDescriptor, indent: int) -> str:
    value = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        keys, of = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        entries = [f"{_one(key, keys, indent)}: {_one(value[key], of, indent + 4)}" for key in sorted(value)]
        return _wrapped("{", entries, "}", indent)
    if field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED:
        return _wrapped("[", [_one(one, field, indent + 4) for one in value], "]", indent)
    return _one(value, field, indent)


def _one(value, field: FieldDescriptor, indent: int) -> str:
    if field.message_type:
        return expression(value, indent)
    if field.enum_type:
        return field.enum_type.values_by_number[value].name
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _wrapped(start: str, parts: list[str], end: str, indent: int) -> str:
    line = start + ", ".join(parts) + end
    if len(line) + indent <= WIDTH and "\n" not in line:
        return line
    inner = " " * (indent + 4)
    return start + "\n" + "".join(f"{inner}{part},\n" for part in parts) + " " * indent + end
