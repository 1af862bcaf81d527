"""Pages and pictures for people: pure functions from results to HTML and SVG."""
