"""The routes: each asks, shapes and answers in a handful of lines."""

from starlette.convertors import Convertor, register_url_convertor


class Text(Convertor[str]):
    """A part of a path that fits a pattern, as text: what does not fit is another address."""

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class Digits(Text):
    """A number."""

    regex = "-?[0-9]{1,30}"


class Name(Text):
    """Whatever a name holds, a slash too: a route that ends in it comes behind longer ones."""

    regex = "(?s:.*[^/])"


register_url_convertor("digits", Digits())
register_url_convertor("object", Name())
