"""A page of the admin as a test sees it: its text, its links and forms, and what the security policy would refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Form:
    """One form: where it goes, and the values it has when nobody touches it."""

    action: str
    method: str
    values: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """``Page(text)`` parses the text. Elements are found by id, and ids are unique."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.refused: list[str] = []
        self.headings: list[int] = []
        self.controls_without_label: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._texts: dict[str, list[str]] = {"": []}
        self._labels: set[str] = set()
        self.feed(text)
        self.close()

    def text(self, id_: str = "") -> str:
        """The visible text of the element with that id, or of all, its white space collapsed."""
        return " ".join("".join(self._texts.get(id_, [])).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self._refuse_inline(tag, values)
        if "id" in values:
            self.ids.append(values["id"])
            self._texts[values["id"]] = []
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get")))
        if tag in ("input", "select", "button"):
            self._control(tag, values)
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append((tag, values.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open[-1][0] != tag:
            self._open.pop()
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if any(tag in ("script", "style", "title") for tag, _ in self._open):
            if any(tag in ("script", "style") for tag, _ in self._open) and data.strip():
                self.refused.append(f"inline: {data.strip()[:40]}")
            return
        for id_ in {"", *(id_ for _, id_ in self._open)}:
            self._texts[id_].append(data)
            self._texts[id_].append(" ")

    def _control(self, tag: str, values: dict[str, str]) -> None:
        is_unchecked = values.get("type") == "checkbox" and "checked" not in values
        if self.forms and values.get("name") and tag != "button" and not is_unchecked:
            self.forms[-1].values.append((values["name"], values.get("value", "")))
        is_hidden = values.get("type") == "hidden"
        is_labelled = "aria-label" in values or any(opened == "label" for opened, _ in self._open)
        if tag != "button" and not is_hidden and not is_labelled:
            self.controls_without_label.append(values.get("name", tag))

    def _refuse_inline(self, tag: str, values: dict[str, str]) -> None:
        self.refused += [f"{tag} {name}" for name in values if name == "style" or name.startswith(("on", "hx-on"))]
        if tag == "script" and not values.get("src", "").startswith("/static/"):
            self.refused.append("script without a file of ours")
        is_code = [name for name, value in values.items() if value.lower().startswith(("javascript:", "js:"))]
        self.refused += [f"{tag} {name}={values[name]}" for name in is_code]
        if tag in ("link", "img", "script", "iframe"):
            address = values.get("href") or values.get("src") or ""
            if not address.startswith("/static/"):
                self.refused.append(f"{tag} of {address}")
