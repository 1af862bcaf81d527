"""Reads an HTML page the way a careful browser would, and says what is in it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img"}
HARMLESS = {
    "a", "article", "body", "caption", "code", "dd", "details", "div", "dl", "dt", "footer", "h1", "h2", "h3", "head",
    "header", "html", "li", "line", "main", "meta", "nav", "ol", "p", "path", "pre", "rect", "section", "small", "span",
    "strong", "style", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "title", "tr", "ul",
}  # fmt: skip


class ReadPage(HTMLParser):
    """Elements, links and text of a page; reading fails where elements are not nested as they should be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    @property
    def text(self) -> str:
        """What a reader sees."""
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.words.append(data)

    def check_harmless(self) -> None:
        """Nothing runs, nothing is loaded, and no link leads out."""
        assert self.elements <= HARMLESS, self.elements - HARMLESS
        assert not {name for name in self.attributes if name.startswith("on") or name in {"style", "src", "srcdoc"}}
        for link in self.links:
            assert not link.startswith(("//", "/")), link
            assert ":" not in link, link
