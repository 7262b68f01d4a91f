"""The routes: each asks, shapes and answers in a handful of lines."""

from starlette.convertors import Convertor, register_url_convertor

from app.addresses import unquote_object_id


class Text(Convertor[str]):
    """A part of a path that fits a pattern, as text: what does not fit is another address."""

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class Digits(Text):
    """A number."""

    regex = "-?[0-9]{1,30}"


class ObjectId(Text):
    """Whatever an id holds, a slash too: a route that ends in it comes behind longer ones."""

    regex = "(?s:.*[^/])"

    def convert(self, value: str) -> str:
        return unquote_object_id(value)


register_url_convertor("digits", Digits())
register_url_convertor("object", ObjectId())
